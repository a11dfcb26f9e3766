"""What classical methods forecast of a history, and how large their errors within it were."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int

from forecast.pretrained.known import mean, median, total
from forecast.pretrained.season import Histories, column, lagged
from forecast.pretrained.smoothing import smoothed_level, smoothed_season, smoothed_trend

RATES = np.array([0.1, 0.3, 0.6, 0.95])
HOLT = np.array([(a, b, d) for a in (0.3, 0.6, 0.95) for b in (0.05, 0.25) for d in (0.85, 0.97)])
WINTERS = np.array([(0.1, 0.3), (0.4, 0.15)])
METHODS = 26
MOST_GROWTH, GROWTH_STEPS = 0.2, 30
"""Logarithmic growth a step, and the steps after which it is not carried on."""

Column = Float[np.ndarray, " B"]
Ahead = Float[np.ndarray, "B H"]
Method = tuple[Ahead, Column]
"""What a method forecasts, and the mean absolute error of its one-step forecasts."""


def method_forecasts(
    history: Histories, horizon: int, deviation: Column
) -> tuple[Float[np.ndarray, "B H M"], Float[np.ndarray, "B M"]]:
    """Forecasts and mean absolute one-step errors of all methods, in the histories' units.

    Args:
        history: with their seasons.
        horizon: steps.
        deviation: of the last rows: the error of a mean.

    Returns:
        Methods in the order in which the network has learned them: it must not change.
    """
    values, season = history.values, history.season
    last = _seasons_ago(values, season, horizon, 1)
    season_error = mean(np.abs(values - lagged(values, season)), axis=1)
    found: list[Method] = [
        (last, season_error),
        *_smoothed(history, horizon),
        *_winters(history, np.arange(horizon) % season),
        *_unsmoothed(history, horizon, deviation, season_error),
        _long_season(history, last, season_error, horizon),
    ]
    assert len(found) == METHODS
    forecasts, errors = zip(*found, strict=True)
    fallback = np.where(np.isnan(last), column(values[:, -1]), last)
    stacked = np.stack(forecasts, axis=-1)
    return np.where(np.isnan(stacked), fallback[..., None], stacked), np.stack(errors, axis=-1)


def _smoothed(history: Histories, horizon: int) -> list[Method]:
    """Smoothed levels, and trends that start from them, with seasons that are added or multiply."""
    flat, even = history.without_difference, history.without_ratio
    steps, phase = np.arange(1, horizon + 1), np.arange(horizon) % history.season
    add, times = history.additive[:, phase], history.ratio[:, phase]  # (B, H) of the steps ahead
    level, level_error = smoothed_level(flat, RATES)
    even_level, even_error = smoothed_level(even, RATES)
    found: list[Method] = []
    for number in range(len(RATES)):
        found.append((column(level[number]) + add, level_error[number]))
        found.append((column(even_level[number]) * times, even_error[number]))
    # Theta: the line through all rows and a smoothed level, half each (Assimakopoulos 2000).
    slope, even_slope = _slope(flat), _slope(even)
    found.append((column(level[1]) + column(slope) * steps / 2 + add, level_error[1]))
    found.append(((column(even_level[1]) + column(even_slope) * steps / 2) * times, even_error[1]))
    found.append((column(level[3]) + column(slope) * steps / 2 + add, level_error[3]))
    # Trends: damped, going on, and the mean change.
    differences = np.diff(flat, axis=1)
    trend, trend_error = smoothed_level(differences, RATES[:2])
    damped, drift = np.cumsum(0.9**steps), mean(differences, axis=1)
    found.append((column(level[2]) + column(trend[1]) * damped + add, trend_error[1]))
    found.append((column(level[2]) + column(trend[0]) * steps + add, trend_error[0]))
    found.append((column(level[3]) + column(drift) * steps + add, level_error[3]))
    # Growth in percent, of what is positive throughout.
    grown = column(even_level[2]) * _growth(even, history.is_positive, steps) * times
    is_positive = column(history.is_positive)
    found.append((np.where(is_positive, grown, column(level[2]) + add), even_error[2]))
    found.append(_best_holt(flat, steps, lambda ahead: ahead + add))
    found.append(_best_holt(even, steps, lambda ahead: ahead * times))
    return found


def _growth(
    even: Float[np.ndarray, "B L"],
    is_positive: Bool[np.ndarray, " B"],
    steps: Int[np.ndarray, " H"],
) -> Ahead:
    """The factor by which each history grows until each step; 1 of those with values below zero."""
    logs = np.where(even > 0, np.log(np.where(even > 0, even, 1.0)), np.nan)
    growth = np.where(is_positive, _slope(logs), 0.0).clip(-MOST_GROWTH, MOST_GROWTH)
    factor: Ahead = np.exp(column(growth) * np.minimum(steps, GROWTH_STEPS))
    return factor


def _unsmoothed(
    history: Histories, horizon: int, deviation: Column, season_error: Column
) -> list[Method]:
    """Medians and means of rows and of seasons: for counts, and series that swing about a mean."""
    values, season = history.values, history.season
    recent = values[:, -max(3 * season, 24) :]
    middle = median(recent, axis=1)
    aside = mean(np.abs(recent - column(middle)), axis=1)
    ago = [_seasons_ago(values, season, horizon, number) for number in range(1, 5)]
    nothing = np.zeros_like(ago[0])
    return [
        (column(middle) + nothing, aside),
        (column(mean(recent, axis=1)) + nothing, deviation),
        (mean(np.stack(ago), axis=0), season_error),
        (median(np.stack(ago[:3]), axis=0), season_error),
    ]


def _best_holt(
    values: Float[np.ndarray, "B L"],
    steps: Int[np.ndarray, " H"],
    with_season: Callable[[Ahead], Ahead],
) -> Method:
    """Damped trend with the settings that had the smallest error within the history."""
    level, trend, error = smoothed_trend(values, HOLT)
    best = np.argmin(error, axis=0)[None]

    def chosen(settings: Float[np.ndarray, "A B"]) -> Column:
        found: Column = np.take_along_axis(settings, best, axis=0)[0]
        return found

    damping = chosen(np.zeros_like(error) + HOLT[:, 2:])
    damped = np.cumsum(column(damping) ** steps, axis=1)  # (B, H)
    ahead = column(chosen(level)) + column(chosen(trend)) * damped
    return with_season(ahead), chosen(error)


def _winters(history: Histories, phase: Int[np.ndarray, " H"]) -> list[Method]:
    """Adapting seasons of the values, and of their logarithms where these exist."""
    values, index = history.values, history.additive
    level, season, errors = smoothed_season(values, index, WINTERS)
    found = [(column(level[n]) + season[n][:, phase], errors[n]) for n in range(len(WINTERS))]
    is_positive = history.is_positive
    safe = np.where(column(is_positive) | np.isnan(values), values, 1.0)
    logs, ratio = np.log(safe), np.log(np.maximum(history.ratio, 1e-3))
    level, season, errors = smoothed_season(logs, ratio, WINTERS[:1])
    ahead = np.exp((column(level[0]) + season[0][:, phase]).clip(-300, 300))
    typical = np.exp(mean(logs, axis=1).clip(-300, 300))
    plain, plain_error = found[0]
    found.append(
        (
            np.where(column(is_positive), ahead, plain),
            np.where(is_positive, errors[0] * typical, plain_error),
        )
    )
    return found


def _long_season(history: Histories, last: Ahead, error: Column, horizon: int) -> Method:
    """The values a long season ago, half-way shifted to the level of now; else the last season."""
    values, lag = history.values, history.long_season
    if not 0 < lag < values.shape[1]:
        return last, error
    ago = _seasons_ago(values, lag, horizon, 1)
    season = history.season
    then = mean(values[:, max(0, values.shape[1] - lag - season) : -lag], axis=1)
    shifted = ago + column(np.nan_to_num(mean(values[:, -season:], axis=1) - then)) / 2
    long_error = mean(np.abs(values - lagged(values, lag)), axis=1)
    is_known = history.is_long & ~np.isnan(shifted)
    is_lagged = history.is_long[:, 0] & ~np.isnan(long_error)
    return np.where(is_known, shifted, last), np.where(is_lagged, long_error, error)


def _seasons_ago(values: Float[np.ndarray, "B L"], season: int, horizon: int, number: int) -> Ahead:
    """The last season but `number - 1`, repeated over the horizon; NaN where it is unknown."""
    rows = values.shape[1] - number * season + np.arange(horizon) % season
    found = values[:, np.maximum(rows, 0)]
    return np.where(rows >= 0, found, np.nan)


def _slope(values: Float[np.ndarray, "B L"]) -> Column:
    """Change a row, by least squares over the known rows; 0 of a single one."""
    rows = np.where(np.isnan(values), np.nan, np.arange(values.shape[1]))
    centred = rows - column(mean(rows, axis=1))
    product = total(centred * (values - column(mean(values, axis=1))))
    found: Column = product / np.maximum(total(centred**2), 1.0)
    return found
