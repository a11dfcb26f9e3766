"""The theta method, many histories at once: exponential smoothing with part of the line's slope."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from forecast.evaluation.baselines import Forecast, History
from forecast.partners.histories import Fitted, Histories, Method, forecast_by
from forecast.partners.seasonality import Season, additive, is_seasonal, multiplicative

ALPHAS = np.array([0.02, *np.linspace(0.1, 0.9, 9), 0.98])
"""Weights of the newest value that are tried first; then finer ones about the best."""
WIDTHS = (0.1,)
"""Within which the finer ones lie."""
HALF = 0.5
"""Share of the line in the standard method: theta 2."""
LARGEST_SHARE = 0.99

Share = float | Float[np.ndarray, "B 1"] | None


def theta(history: History, origins: Int[np.ndarray, " B"], horizon: int) -> Forecast:
    """Forecast by the theta method; see `naive` of the baselines for arguments and result.

    The forecast is the mean of the standard and the optimised method: the one keeps half of the
    slope of the line through a history, the other the share that fits best.

    Source: Assimakopoulos and Nikolopoulos 2000, "The theta model"; Fiorucci et al. 2016, "Models
    for optimising the theta method and their relationship to state space models", eq. 7 to 12.
    """
    return forecast_by(THETA, history, origins, horizon)


def _fit(histories: Histories) -> Fitted:
    """(2, 2, B): weight of the newest value and share of the line, standard and optimised."""
    adjusted = _without_season(histories)[0]
    line = Line.through(adjusted)
    found = [_best(adjusted, line, share) for share in (HALF, None)]
    return np.stack([[each.alpha[:, 0], each.share[:, 0]] for each in found])


def _forecast(histories: Histories, fitted: Fitted, horizon: int) -> Float[np.ndarray, "H B"]:
    """The mean of the standard and the optimised method."""
    adjusted, seasons = _without_season(histories)
    line = Line.through(adjusted)
    passes = [_pass(adjusted, line, alpha[:, None], share[:, None]) for alpha, share in fitted]
    forecast = np.mean([each.forecast(line, horizon) for each in passes], axis=0)
    for season in seasons:
        forecast = season.put_on(forecast)
    return np.asarray(forecast)


THETA = Method(_fit, _forecast)


def _without_season(histories: Histories) -> tuple[Histories, tuple[Season, ...]]:
    """Histories without the season that a test finds, a multiplicative one if possible, and it."""
    seasonal = is_seasonal(histories)
    factors = multiplicative(histories).only(seasonal)
    summands = additive(histories).only(seasonal & ~factors.applies)
    return summands.removed_from(factors.removed_from(histories)), (summands, factors)


@dataclass(frozen=True)
class Line:
    """The least-squares line over ages 1, 2, ... of each history."""

    intercept: Float[np.ndarray, " B"]
    slope: Float[np.ndarray, " B"]

    @staticmethod
    def through(histories: Histories) -> Line:
        """The line through what is known."""
        known, age = histories.known, histories.age
        count = known.sum(axis=0)
        values = np.where(known, histories.values, 0.0)
        mean, middle = values.sum(axis=0) / count, (age * known).sum(axis=0) / count
        away = np.where(known, age - middle, 0.0)
        slope = (away * values).sum(axis=0) / (away**2).sum(axis=0)
        return Line(mean - slope * middle, slope)

    def pull(
        self, alpha: Float[np.ndarray, "B G"], faded: Float[np.ndarray, "B G"]
    ) -> Float[np.ndarray, "B G"]:
        """What a share of the whole line adds to the level a step ahead.

        Args:
            alpha: weight of the newest value, of the first histories or of all.
            faded: (1 - alpha) to the power of the rows before.
        """
        intercept, slope = (each[: len(alpha), None] for each in (self.intercept, self.slope))
        return np.asarray(faded * intercept + slope * (1 - faded * (1 - alpha)) / alpha)


@dataclass(frozen=True)
class Smoothed:
    """What a pass leaves of each history and weight."""

    alpha: Float[np.ndarray, "B G"]
    faded: Float[np.ndarray, "B G"]
    """(1 - alpha) to the power of the rows of the history."""
    squares: Float[np.ndarray, "B G"]
    """Sum of squared errors a step ahead."""
    share: Float[np.ndarray, "B G"]
    """Of the line: 1 - 1 / theta."""
    level: Float[np.ndarray, "B G"]
    """After the last row."""

    def best(self) -> Smoothed:
        """The weight with the least sum of squares."""
        place = self.squares.argmin(axis=1)[:, None]
        return Smoothed(*(np.take_along_axis(each, place, axis=1) for each in vars(self).values()))

    def forecast(self, line: Line, horizon: int) -> Float[np.ndarray, "H B"]:
        """The steps after the last row, of the one weight that is left."""
        steps = np.arange(horizon)[:, None]
        ahead = line.pull(self.alpha, self.faded)[:, 0] + steps * line.slope
        return np.asarray(self.level[:, 0] + self.share[:, 0] * ahead)


def _best(histories: Histories, line: Line, share: float | None) -> Smoothed:
    """The pass with the best weight: of a grid, then of finer ones about it."""
    alphas = np.broadcast_to(ALPHAS, (len(histories.lengths), len(ALPHAS)))
    best = _pass(histories, line, alphas, share).best()
    for width in WIDTHS:
        alphas = np.clip(best.alpha + np.linspace(-0.8, 0.8, 9) * width, 0.01, 0.99)
        best = _pass(histories, line, alphas, share).best()
    return best


def _pass(
    histories: Histories, line: Line, alphas: Float[np.ndarray, "B G"], share: Share
) -> Smoothed:
    """Smooth with several weights, from the first level that fits best.

    Errors are linear in the first level and in the share of the line: one pass from zero, beside
    what is left of a first level of one and of the whole line, tells both in closed form.

    Args:
        histories: without a season.
        line: through them.
        alphas: weights of the newest value.
        share: of the line, the same or one for each history; None: that which fits best.
    """
    level = np.zeros((3, *alphas.shape))  # with the data, from a level of one, from the line
    level[1] = 1.0
    products = np.zeros((6, *alphas.shape))  # 00 01 02 11 12 22 of the three errors
    faded = np.ones_like(alphas)
    values, known = np.nan_to_num(histories.values)[..., None], histories.known[..., None]
    for value, is_known, active in zip(values, known, histories.active, strict=True):
        begun = np.s_[:, :active]  # the longer histories stand first
        alpha = alphas[:active]
        ahead = level[begun].copy()
        ahead[2] += line.pull(alpha, faded[:active])
        error = -ahead
        error[0] += value[:active]
        error *= is_known[:active]
        newer = (1 - alpha) * level[begun]
        newer[0] += alpha * value[:active]
        level[begun] = np.where(is_known[:active], newer, ahead)  # what is missing is as forecast
        products[:3, :active] += error * error[0]
        products[3:5, :active] += error[1:] * error[1]
        products[5, :active] += error[2] ** 2
        faded[:active] *= 1 - alpha
    shares = _best_share(products) if share is None else np.broadcast_to(share, alphas.shape)
    squares, with_level, with_line, level_level, level_line, line_line = products
    first = -(with_level + shares * level_line) / np.maximum(level_level, np.finfo(float).tiny)
    squares = squares + first * (2 * with_level + first * level_level)
    squares += shares * (2 * with_line + 2 * first * level_line + shares * line_line)
    last = level[0] + first * level[1] + shares * level[2]
    return Smoothed(alphas, faded, squares, shares, last)


def _best_share(products: Float[np.ndarray, "6 B G"]) -> Float[np.ndarray, "B G"]:
    """The share of the line with the least sum of squares, beside the best first level."""
    _, with_level, with_line, level_level, level_line, line_line = products
    determinant = level_level * line_line - level_line**2
    is_told = determinant > 1e-10 * level_level * line_line
    share = level_line * with_level - level_level * with_line
    share = np.where(is_told, share / np.where(is_told, determinant, 1.0), HALF)
    return np.clip(share, 0.0, LARGEST_SHARE)
