"""Exponential smoothing of many histories at once: kinds of trend and season, weighed by AICc."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from forecast.data.traced import is_all_false
from forecast.evaluation.baselines import Forecast, History
from forecast.partners.histories import Fitted, Histories, Method, forecast_by
from forecast.partners.seasonality import Season, additive, multiplicative, unseasonal
from forecast.partners.smoothing import Settings, Smoothed, continued, smooth

ALPHAS = (0.05, 0.2, 0.45, 0.7, 0.95)
BETA_SHARES = (0.05, 0.3)
"""Of alpha; a trend's weight is their product."""
PHIS = (0.85, 0.95)
LARGEST_PHI = 0.98
"""A weaker damping cannot be told from none."""
SIZES = (0.8,)
"""Of the moves away from the best of the grid, in logits: one round for each."""
TEMPERATURE = 4.0
"""AICc differences are divided by it, so that only clear ones decide. With 1, the usual weights,
errors are 1 % larger, with the best kind alone 3 %: benchmarks/RESULTS.md."""


@dataclass(frozen=True)
class Trend:
    """A kind of trend."""

    parameters: int
    """Weights and first states that are estimated, the variance of the errors among them."""
    has_slope: bool
    is_damped: bool


LEVEL = Trend(parameters=3, has_slope=False, is_damped=False)
LINEAR = Trend(parameters=5, has_slope=True, is_damped=False)
DAMPED = Trend(parameters=6, has_slope=True, is_damped=True)


def ets(history: History, origins: Int[np.ndarray, " B"], horizon: int) -> Forecast:
    """Forecast by exponential smoothing; see `naive` of the baselines for arguments and result.

    The forecast is the mean over kinds of trend (none, linear, damped) and season (none, additive,
    multiplicative), with weights that follow AICc. A straight trend is tried only where a season is
    one row: over a horizon of seasons it leads too far.

    Source: Hyndman et al. 2008, "Forecasting with exponential smoothing"; Kolassa 2011, "Combining
    exponential smoothing forecasts using Akaike weights".
    """
    return forecast_by(ETS, history, origins, horizon)


def _fit(histories: Histories) -> Fitted:
    """(kinds, 4, B): alpha, beta, phi and weight of each kind."""
    nothing = np.zeros_like(histories.values[0])
    fitted, criteria = [], []
    for season, trend in _kinds(histories):
        parameters, criterion = np.stack([nothing + 1] * 3), nothing + np.inf
        if not is_all_false(season.applies):
            adjusted = season.removed_from(histories)
            settings, smoothed = _searched(adjusted, trend, season.squared_scale)
            parameters = np.stack([each[:, 0] for each in vars(settings).values()])
            found = _aicc(histories, smoothed, trend.parameters + season.parameters)
            criterion = np.where(season.applies, found, np.inf)
        fitted.append(parameters)
        criteria.append(criterion)
    excess = np.stack(criteria) - np.stack(criteria).min(axis=0)
    weights = np.exp(-excess / (2 * TEMPERATURE))  # (kinds, B)
    weights = weights / weights.sum(axis=0)
    return np.concatenate([np.stack(fitted), weights[:, None]], axis=1)


def _forecast(histories: Histories, fitted: Fitted, horizon: int) -> Float[np.ndarray, "H B"]:
    """The weighted mean over all kinds."""
    total: Float[np.ndarray, "H B"] = np.zeros((horizon, 1)) + np.zeros_like(histories.values[0])
    for (season, _), (alpha, beta, phi, weight) in zip(_kinds(histories), fitted, strict=True):
        if is_all_false(weight > 0):
            continue
        settings = Settings(alpha[:, None], beta[:, None], phi[:, None])
        smoothed = smooth(season.removed_from(histories), settings, season.squared_scale)
        forecast = season.put_on(continued(smoothed, settings, horizon)[..., 0])
        total = total + np.where(weight > 0, weight * forecast, 0.0)
    return total


ETS = Method(_fit, _forecast)


def _kinds(histories: Histories) -> list[tuple[Season, Trend]]:
    """Every season with every trend that is tried."""
    seasons = (unseasonal(histories), additive(histories), multiplicative(histories))
    if histories.season == 1:
        return [(seasons[0], trend) for trend in (LEVEL, LINEAR, DAMPED)]
    return [(season, trend) for season in seasons for trend in (LEVEL, DAMPED)]


def _aicc(histories: Histories, smoothed: Smoothed, parameters: int) -> Float[np.ndarray, " B"]:
    """Akaike's criterion, corrected for few values; huge where these are too few for it."""
    count = histories.known.sum(axis=0)
    squares = np.maximum(smoothed.squares[:, 0], 1e-30 * count)  # of values of at most 1
    left = count - parameters - 1
    correction = 2 * parameters * (parameters + 1) / np.maximum(left, 1)
    criterion = count * np.log(squares / count) + 2 * parameters
    found: Float[np.ndarray, " B"] = criterion + np.where(left > 0, correction, 1e6 * parameters)
    return found


def _searched(
    histories: Histories, trend: Trend, weights: Float[np.ndarray, "T B"]
) -> tuple[Settings, Smoothed]:
    """The settings with the least sum of squares: the best of a grid, then of moves from it."""
    settings, smoothed = _best(histories, _grid(trend), weights)
    for size in SIZES:
        settings, smoothed = _best(histories, _moves(settings, trend, size), weights)
    return settings, smoothed


def _best(
    histories: Histories, settings: Settings, weights: Float[np.ndarray, "T B"]
) -> tuple[Settings, Smoothed]:
    """The best of some settings for each history, and what the pass with it leaves."""
    smoothed = smooth(histories, settings, weights)
    nothing, best = np.zeros_like(smoothed.squares), smoothed.squares.argmin(axis=1)[:, None]

    def chosen(values: Float[np.ndarray, "_ G"]) -> Float[np.ndarray, "B 1"]:
        return np.take_along_axis(values + nothing, best, axis=1)

    return (
        Settings(*(chosen(each) for each in vars(settings).values())),
        Smoothed(*(chosen(each) for each in vars(smoothed).values())),
    )


def _grid(trend: Trend) -> Settings:
    """Settings to begin with, the same for all histories."""
    if not trend.has_slope:
        alpha = np.array([ALPHAS])
        return Settings(alpha, np.zeros_like(alpha), np.zeros_like(alpha))
    phis = PHIS if trend.is_damped else (1.0,)
    alpha, share, phi = (each.reshape(1, -1) for each in np.meshgrid(ALPHAS, BETA_SHARES, phis))
    return Settings(alpha, alpha * share, phi)


def _moves(settings: Settings, trend: Trend, size: float) -> Settings:
    """Some settings, and those with one of the parameters a little lower or higher.

    Args:
        settings: one for each history.
        trend: which parameters it has.
        size: of a move of alpha in logits.
    """
    alpha = _logit_moved(settings.alpha, np.array([0.0, -size, size]))  # (B, 3)
    if not trend.has_slope:
        return Settings(alpha, np.zeros_like(alpha), np.zeros_like(alpha))
    share = _logit_moved(settings.beta / settings.alpha, np.array([0.0, -1.5, 1.5]) * size)
    damping = (1 - settings.phi) * np.exp(np.array([0.0, -0.6, 0.6]) * size)
    phi = np.minimum(1 - damping, LARGEST_PHI) if trend.is_damped else np.ones_like(damping)
    # Each parameter alone is moved; the others keep their first column, where nothing moved.
    alphas = alpha[:, [0, 1, 2, 0, 0, 0, 0]]
    shares = share[:, [0, 0, 0, 1, 2, 0, 0]]
    return Settings(alphas, alphas * shares, phi[:, [0, 0, 0, 0, 0, 1, 2]])


def _logit_moved(
    share: Float[np.ndarray, "B 1"], moves: Float[np.ndarray, " M"]
) -> Float[np.ndarray, "B M"]:
    """Shares with moves added to their logits, kept off 0 and 1."""
    found: Float[np.ndarray, "B M"] = np.clip(
        1 / (1 + (1 / share - 1) * np.exp(-moves)), 1e-3, 0.999
    )
    return found
