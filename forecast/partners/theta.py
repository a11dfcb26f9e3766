"""The theta method, many histories at once: exponential smoothing with part of the line's slope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from forecast.evaluation.baselines import Forecast, History
from forecast.partners.histories import (
    Carried,
    Fitted,
    Histories,
    Method,
    forecast_by,
    scan_histories,
)
from forecast.partners.seasonality import Season, additive, is_seasonal, multiplicative

ALPHAS = np.array([0.02, *np.linspace(0.1, 0.9, 9), 0.98])
"""Weights of the newest value that are tried first; then finer ones about the best."""
WIDTHS = (0.1,)
"""Within which the finer ones lie."""
HALF = 0.5
"""Share of the line in the standard method: theta 2."""
LARGEST_SHARE = 0.99
DATA_LEVEL_LINE = np.eye(3)[:, :, None, None]
"""Three passes at once, and what each begins with: the data, a level of one, the line."""

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
    ahead = np.stack([each.forecast(line, horizon) for each in passes])
    forecast: Float[np.ndarray, "H B"] = ahead.mean(axis=0)
    summands, factors = seasons
    return factors.put_on(summands.put_on(forecast))


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
            alpha: weight of the newest value.
            faded: (1 - alpha) to the power of the rows before.
        """
        return _pull(alpha, faded, self.intercept[:, None], self.slope[:, None])


def _pull(alpha: Any, faded: Any, intercept: Any, slope: Any) -> Float[np.ndarray, "B G"]:
    found: Float[np.ndarray, "B G"] = faded * intercept + slope * (1 - faded * (1 - alpha)) / alpha
    return found


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
        found: Float[np.ndarray, "H B"] = self.level[:, 0] + self.share[:, 0] * ahead
        return found


def _best(histories: Histories, line: Line, share: float | None) -> Smoothed:
    """The pass with the best weight: of a grid, then of finer ones about it."""
    alphas = ALPHAS + np.zeros_like(histories.values[0])[:, None]
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
    nothing = np.zeros_like(alphas)
    level = DATA_LEVEL_LINE[1] + nothing
    # The products of the three errors with the first, the second and the third one.
    products = tuple(DATA_LEVEL_LINE[0, :count] * 0 + nothing for count in (3, 2))
    state = (level, *products, nothing + 0, nothing + 1)
    values = np.nan_to_num(histories.values)[:, None, :, None] * DATA_LEVEL_LINE[0]  # (T, 3, B, 1)
    numbers = (alphas, line.intercept[:, None], line.slope[:, None])
    rows = (histories.known[..., None],)
    state = scan_histories(values, histories, _step, state, rows, numbers)
    level, with_data, with_level, with_line, faded = state
    products = (with_data, with_level, with_line)
    shares = _best_share(products) if share is None else share + nothing
    (squares, with_level, with_line), (level_level, level_line), line_line = products
    first = -(with_level + shares * level_line) / np.maximum(level_level, np.finfo(float).tiny)
    squares = squares + first * (2 * with_level + first * level_level)
    squares = squares + shares * (2 * with_line + 2 * first * level_line + shares * line_line)
    last = level[0] + first * level[1] + shares * level[2]
    return Smoothed(alphas, faded, squares, shares, last)


def _step(state: Carried, row: Carried, numbers: Carried) -> Carried:
    """From a row to the next, in place; see `_pass`."""
    level, with_data, with_level, with_line, faded = state
    (value, is_known), (alpha, intercept, slope) = row, numbers
    ahead = level + DATA_LEVEL_LINE[2] * _pull(alpha, faded, intercept, slope)
    error = value - ahead
    error *= is_known
    level += np.where(is_known, alpha * (value - level), ahead - level)  # else as forecast
    with_data += error * error[0]
    with_level += error[1:] * error[1]
    with_line += error[2] * error[2]
    faded *= 1 - alpha
    return level, with_data, with_level, with_line, faded


def _best_share(products: Sequence[Float[np.ndarray, "*_ B G"]]) -> Float[np.ndarray, "B G"]:
    """The share of the line with the least sum of squares, beside the best first level."""
    (_, with_level, with_line), (level_level, level_line), line_line = products
    determinant = level_level * line_line - level_line**2
    is_told = determinant > 1e-10 * level_level * line_line
    share = level_line * with_level - level_level * with_line
    share = np.where(is_told, share / np.where(is_told, determinant, 1.0), HALF)
    return np.clip(share, 0.0, LARGEST_SHARE)
