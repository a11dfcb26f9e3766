"""What classical methods say of a history: forecasts to mix, how well each did, and the inputs.

The network reads no raw values. It is told, on a scale of the series' own, the last rows of the
history (with and without the season), what twenty-odd methods forecast, and their errors within
the history. So it need not learn arithmetic, only judgement, which carries over to any series.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from forecast.pretrained.known import least, mean, median, variance
from forecast.pretrained.smoothing import (
    WARM_UP,
    first_known,
    smoothed_level,
    smoothed_season,
    smoothed_trend,
)

ENCODED = 64
"""Rows that the encoder reads; the methods read the whole history."""
RATES = np.array([0.1, 0.3, 0.6, 0.95])
HOLT = np.array([(a, b, d) for a in (0.3, 0.6, 0.95) for b in (0.05, 0.25) for d in (0.85, 0.97)])
WINTERS = np.array([(0.1, 0.3), (0.4, 0.15)])
METHODS = 26
ENCODER_INPUTS, DECODER_INPUTS = 9, 2 * METHODS + 9
FURTHEST = 10_000.0
"""Forecasts are cut off at so many changes from the last level."""
DOUBT = 1.0
"""Rows whose error is taken to be 1 beside those of the history, for `width`."""
MOST_GROWTH, GROWTH_STEPS = 0.2, 30
"""Logarithmic growth a step, and the steps after which it is not carried on."""

Column = Float[np.ndarray, " B"]
Ahead = Float[np.ndarray, "B H"]


@dataclass(frozen=True)
class Features:
    """All that the network is told of some histories, and the way back to the user's units."""

    encoder: Float[np.ndarray, "B E I"]
    decoder: Float[np.ndarray, "B H J"]
    methods: Float[np.ndarray, "B H M"]
    """What each method forecasts, less `location`, in units of `scale`."""
    errors: Float[np.ndarray, "B M"]
    """Logarithm of each method's error within the history over that of the best one."""
    spread: Column
    """Error of the best method within the history, in units of `scale`."""
    width: Column
    """The same, nearer to 1 where the history is short: among many methods one fits few rows."""
    location: Column
    """Mean of the last season, in the user's units."""
    scale: Column
    """Mean absolute change of the deseasonalised history, in the user's units."""


LONGER = {7: 365, 24: 168, 48: 336, 96: 672}
"""A season that goes with a shorter one: the year of days, the week of hours and their parts."""


def longer_season(season: int) -> int:
    """Rows of the season that goes with a shorter one; 0: none."""
    return LONGER.get(season, 0)


def most_rows(season: int, long_season: int = 0) -> int:
    """Rows of a history that are read: fourteen seasons if they are short, at least three."""
    short = min(70 + 14 * season, 400)
    return max(short, 3 * season, 3 * long_season)


@dataclass(frozen=True)
class _History:
    """Histories, their seasons and what is left without them."""

    values: Float[np.ndarray, "B L"]
    known: Bool[np.ndarray, "B L"]
    """What was observed; the rest is filled, or lies before the history."""
    season: int
    long_season: int
    counts: Int[np.ndarray, " B"]
    """Rows of each history."""
    additive: Float[np.ndarray, "B m"]
    ratio: Float[np.ndarray, "B m"]
    is_positive: Bool[np.ndarray, " B"]
    phases: Int[np.ndarray, " L"]
    """Place of each row in its season; 0 is that of the first step ahead."""

    @property
    def is_long(self) -> Bool[np.ndarray, "B 1"]:
        """Whether a history holds two of the longer seasons: one alone tells of no season."""
        return _column((self.long_season > 0) & (self.counts >= 2 * self.long_season))

    @property
    def without_difference(self) -> Float[np.ndarray, "B L"]:
        """Values less the additive season."""
        return np.asarray(self.values - self.additive[:, self.phases])

    @property
    def without_ratio(self) -> Float[np.ndarray, "B L"]:
        """Values over the multiplicative season."""
        return np.asarray(self.values / self.ratio[:, self.phases])


def features(
    values: Float[np.ndarray, "B L"], season: int, horizon: int, long_season: int = 0
) -> Features:
    """Describe histories to the network.

    Args:
        values: in the user's units, each with one known value at least; NaN before a history
            begins, and where a value is missing.
        season: rows; 1: none.
        horizon: steps.
        long_season: rows of a second, longer season; 0: none.
    """
    with np.errstate(all="ignore"):  # logarithms of nothing become NaN, and are replaced at the end
        return _features(values, season, horizon, long_season)


def _features(
    values: Float[np.ndarray, "B L"], season: int, horizon: int, long_season: int
) -> Features:
    missing = max(ENCODED - values.shape[1], 0)  # so that a history is told the same in any batch
    values = np.pad(values, ((0, 0), (missing, 0)), constant_values=np.nan)
    history = _decomposed(values, season, long_season)
    past, flat = history.values, history.without_difference
    location = mean(past[:, -season:] if season > 1 else past[:, -3:], axis=1)
    deviation = np.sqrt(variance(past[:, -max(3 * season, 24) :]))
    change = mean(np.abs(np.diff(past, axis=1)), axis=1)
    spread = np.fmax(np.fmax(deviation, change), 1e-6 * np.abs(location))
    flat_change = mean(np.abs(np.diff(flat, axis=1)), axis=1)
    scale = np.fmax(np.where(np.isfinite(flat_change), flat_change, spread), 1e-3 * spread)
    scale = np.where(scale > 0, scale, 1.0)  # all zeros

    methods, errors = _methods(history, horizon, deviation)
    methods = (methods - location[:, None, None]) / scale[:, None, None]
    methods = np.nan_to_num(methods, nan=0.0, posinf=0.0, neginf=0.0).clip(-FURTHEST, FURTHEST)
    relative = np.maximum(errors, 1e-3 * scale[:, None]) / scale[:, None]  # (B, M)
    relative = np.nan_to_num(relative, nan=1.0, posinf=1e6)
    best = relative.min(axis=1)
    errors = np.log(relative / best[:, None]).clip(0, 6)
    judged = np.maximum(history.counts - WARM_UP, 1)

    seasonal_change = mean(np.abs(past[:, season:] - past[:, :-season]), axis=1)
    of_changes = np.nan_to_num(seasonal_change / scale, nan=1.0, posinf=1.0)
    steps = np.arange(1, horizon + 1)
    about: list[Any] = [
        np.log(steps) / 3,
        steps / max(season, 8),
        math.log(season) / 3,
        _column(np.log(history.counts) / 5),
        _column(history.is_positive * 1.0),
        _column((location / scale).clip(-20, 20) / 10),
        _column(of_changes.clip(0, 5)),
        _column(np.log(best + 0.01)),
        _column(np.log(np.nan_to_num(deviation / scale) + 0.1).clip(-3, 6)),
    ]
    wide = np.stack([np.broadcast_to(each, methods.shape[:2]) for each in about], axis=-1)
    repeated = np.broadcast_to(errors[:, None], methods.shape)
    return Features(
        encoder=_single(_encoder(history, location, scale)),
        decoder=_single(np.concatenate([np.arcsinh(methods), repeated, wide], axis=-1)),
        methods=_single(methods),
        errors=_single(errors),
        spread=_single(best),
        width=_single((judged * best + DOUBT) / (judged + DOUBT)),
        location=location,
        scale=scale,
    )


def _encoder(history: _History, location: Column, scale: Column) -> Float[np.ndarray, "B E I"]:
    """The last rows: values with and without their season, those a season ago, changes, marks."""

    def scaled(values: Float[np.ndarray, "B L"]) -> Float[np.ndarray, "B L"]:
        return np.asarray((values - _column(location)) / _column(scale))

    values, flat = scaled(history.values), scaled(history.without_difference)

    def last(columns: Float[np.ndarray, "B L"]) -> Float[np.ndarray, "B E"]:
        return np.asarray(np.nan_to_num(columns[:, -ENCODED:], nan=0.0, posinf=0.0, neginf=0.0))

    season = np.broadcast_to(math.log(history.season) / 3, values.shape)
    columns = [
        np.arcsinh(last(values)),
        np.arcsinh(last(flat)),
        np.arcsinh(last(scaled(history.without_ratio))),
        np.arcsinh(last(_lagged(values, history.season))),
        np.arcsinh(last(np.where(history.is_long, _lagged(values, history.long_season), np.nan))),
        last(np.diff(flat, axis=1, prepend=np.nan)).clip(-4, 4),
        last(history.known * 1.0),
        last(season),
        last((history.additive / _column(scale))[:, history.phases]).clip(-100, 100),
    ]
    return np.stack(columns, axis=-1)


def _lagged(values: Float[np.ndarray, "B L"], lag: int) -> Float[np.ndarray, "B L"]:
    """Values a lag earlier; NaN where there is none, and everywhere for a lag of 0."""
    lagged = np.full_like(values, np.nan)
    if 0 < lag < values.shape[1]:
        lagged[:, lag:] = values[:, :-lag]
    return lagged


# What every method forecasts, and its error within the history.


def _methods(
    history: _History, horizon: int, deviation: Column
) -> tuple[Float[np.ndarray, "B H M"], Float[np.ndarray, "B M"]]:
    """Forecasts in the user's units, and mean absolute one-step errors, of all methods."""
    values, flat, even = history.values, history.without_difference, history.without_ratio
    season = history.season
    steps, phase = np.arange(1, horizon + 1), np.arange(horizon) % season
    add, times = history.additive[:, phase], history.ratio[:, phase]  # (B, H) of the steps ahead
    level, level_error = smoothed_level(flat, RATES)
    even_level, even_error = smoothed_level(even, RATES)
    differences = np.diff(flat, axis=1)
    trend, trend_error = smoothed_level(differences, RATES[:2])
    slope, even_slope = _slope(flat), _slope(even)
    logs = np.where(even > 0, np.log(np.where(even > 0, even, 1.0)), np.nan)
    growth = np.where(history.is_positive, _slope(logs), 0.0).clip(-MOST_GROWTH, MOST_GROWTH)
    last = _seasons_ago(values, season, horizon, 1)
    season_error = mean(np.abs(values - _lagged(values, season)), axis=1)

    found: list[tuple[Ahead, Column]] = [(last, season_error)]
    for number in range(len(RATES)):
        found.append((_column(level[number]) + add, level_error[number]))
        found.append((_column(even_level[number]) * times, even_error[number]))
    # Theta: the line through all rows and a smoothed level, half each (Assimakopoulos 2000).
    found.append((_column(level[1]) + _column(slope) * steps / 2 + add, level_error[1]))
    found.append(
        ((_column(even_level[1]) + _column(even_slope) * steps / 2) * times, even_error[1])
    )
    found.append((_column(level[3]) + _column(slope) * steps / 2 + add, level_error[3]))
    # Trends: damped, going on, the mean change, and growth in percent.
    damped = np.cumsum(0.9**steps)
    drift = mean(differences, axis=1)
    found.append((_column(level[2]) + _column(trend[1]) * damped + add, trend_error[1]))
    found.append((_column(level[2]) + _column(trend[0]) * steps + add, trend_error[0]))
    found.append((_column(level[3]) + _column(drift) * steps + add, level_error[3]))
    grown = _column(even_level[2]) * np.exp(_column(growth) * np.minimum(steps, GROWTH_STEPS))
    is_positive = _column(history.is_positive)
    found.append((np.where(is_positive, grown * times, _column(level[2]) + add), even_error[2]))
    found.append(_best_holt(flat, steps, lambda ahead: ahead + add))
    found.append(_best_holt(even, steps, lambda ahead: ahead * times))
    found += _winters(history, phase)
    # Levels without any smoothing: for counts, and for series that swing about a mean.
    recent = values[:, -max(3 * season, 24) :]
    middle = median(recent, axis=1)
    aside = mean(np.abs(recent - _column(middle)), axis=1)
    found.append((np.broadcast_to(_column(middle), add.shape), aside))
    found.append((np.broadcast_to(_column(mean(recent, axis=1)), add.shape), deviation))
    ago = [_seasons_ago(values, season, horizon, number) for number in range(1, 5)]
    found.append((mean(np.stack(ago), axis=0), season_error))
    found.append((median(np.stack(ago[:3]), axis=0), season_error))
    found.append(_long_season(history, last, season_error, horizon))
    assert len(found) == METHODS
    forecasts, errors = zip(*found, strict=True)
    fallback = np.where(np.isnan(last), _column(values[:, -1]), last)
    stacked = np.stack(forecasts, axis=-1)
    return np.where(np.isnan(stacked), fallback[..., None], stacked), np.stack(errors, axis=-1)


def _best_holt(
    values: Float[np.ndarray, "B L"],
    steps: Int[np.ndarray, " H"],
    with_season: Callable[[Ahead], Ahead],
) -> tuple[Ahead, Column]:
    """Damped trend with the settings that had the smallest error within the history."""
    level, trend, error = smoothed_trend(values, HOLT)
    best, series = np.argmin(error, axis=0), np.arange(len(values))
    damped = np.cumsum(HOLT[best, 2][:, None] ** steps, axis=1)  # (B, H)
    ahead = _column(level[best, series]) + _column(trend[best, series]) * damped
    return with_season(ahead), error[best, series]


def _winters(history: _History, phase: Int[np.ndarray, " H"]) -> list[tuple[Ahead, Column]]:
    """Adapting seasons of the values, and of their logarithms where these exist."""
    values, index = history.values, history.additive
    level, season, errors = smoothed_season(values, index, WINTERS)
    found = [(_column(level[n]) + season[n][:, phase], errors[n]) for n in range(len(WINTERS))]
    is_positive = history.is_positive
    safe = np.where(_column(is_positive) | np.isnan(values), values, 1.0)
    logs, ratio = np.log(safe), np.log(np.maximum(history.ratio, 1e-3))
    level, season, errors = smoothed_season(logs, ratio, WINTERS[:1])
    ahead = np.exp((_column(level[0]) + season[0][:, phase]).clip(-300, 300))
    typical = np.exp(mean(logs, axis=1).clip(-300, 300))
    plain, plain_error = found[0]
    found.append(
        (
            np.where(_column(is_positive), ahead, plain),
            np.where(is_positive, errors[0] * typical, plain_error),
        )
    )
    return found


def _long_season(
    history: _History, last: Ahead, error: Column, horizon: int
) -> tuple[Ahead, Column]:
    """The values a long season ago, half-way shifted to the level of now; else the last season."""
    values, lag = history.values, history.long_season
    if not 0 < lag < values.shape[1]:
        return last, error
    ago = _seasons_ago(values, lag, horizon, 1)
    season = history.season
    then = mean(values[:, max(0, values.shape[1] - lag - season) : -lag], axis=1)
    shifted = ago + _column(np.nan_to_num(mean(values[:, -season:], axis=1) - then)) / 2
    lagged = mean(np.abs(values - _lagged(values, lag)), axis=1)
    is_known = history.is_long & ~np.isnan(shifted)
    is_lagged = history.is_long[:, 0] & ~np.isnan(lagged)
    return np.where(is_known, shifted, last), np.where(is_lagged, lagged, error)


def _seasons_ago(values: Float[np.ndarray, "B L"], season: int, horizon: int, number: int) -> Ahead:
    """The last season but `number - 1`, repeated over the horizon; NaN where it is unknown."""
    rows = values.shape[1] - number * season + np.arange(horizon) % season
    found = values[:, np.maximum(rows, 0)]
    return np.where(rows >= 0, found, np.nan)


def _slope(values: Float[np.ndarray, "B L"]) -> Column:
    """Change a row, by least squares over the known rows; 0 of a single one."""
    rows = np.where(np.isnan(values), np.nan, np.arange(values.shape[1]))
    centred = rows - _column(mean(rows, axis=1))
    product = np.nansum(centred * (values - _column(mean(values, axis=1))), axis=1)
    return np.asarray(product / np.maximum(np.nansum(centred**2, axis=1), 1.0))


# The season.


def _decomposed(values: Float[np.ndarray, "B L"], season: int, long_season: int) -> _History:
    """Fill gaps, and find the additive and the multiplicative season."""
    known, length = ~np.isnan(values), values.shape[1]
    counts = length - first_known(values)
    phases = (np.arange(length) - length) % season
    values = _filled_by_season(values, season, phases, counts)
    is_positive = least(values, axis=1) > 0
    additive, ratio = np.zeros((len(values), season)), np.ones((len(values), season))
    if season > 1 and length > season:
        additive, ratio = _indices(values, season, phases, counts)
    ratio = np.where(_column(is_positive), ratio, 1.0)
    return _History(
        values, known, season, long_season, counts, additive, ratio, is_positive, phases
    )


def _filled_by_season(
    values: Float[np.ndarray, "B L"],
    season: int,
    phases: Int[np.ndarray, " L"],
    counts: Int[np.ndarray, " B"],
) -> Float[np.ndarray, "B L"]:
    """Missing values on the line between their neighbours, once the season is taken away."""
    straight = filled(values)
    gaps = (np.isnan(values) & ~np.isnan(straight)).any(axis=1)
    if season == 1 or values.shape[1] <= season or not gaps.any():
        return straight
    additive, _ = _indices(straight[gaps], season, phases, counts[gaps])
    wave = additive[:, phases]
    straight[gaps] = filled(values[gaps] - wave) + wave
    return straight


def filled(values: Float[np.ndarray, "B L"]) -> Float[np.ndarray, "B L"]:
    """Missing values on the line between their neighbours, the last known one after them.

    What lies before the first known value stays NaN.
    """
    gaps = np.isnan(values)
    gaps &= np.arange(values.shape[1]) > first_known(values)[:, None]
    if not gaps.any():
        return values
    values, rows = values.copy(), np.arange(values.shape[1])
    for series in np.flatnonzero(gaps.any(axis=1)):
        known, gap = np.flatnonzero(~np.isnan(values[series])), gaps[series]
        values[series, gap] = np.interp(rows[gap], known, values[series, known])
    return values


def _indices(
    values: Float[np.ndarray, "B L"],
    season: int,
    phases: Int[np.ndarray, " L"],
    counts: Int[np.ndarray, " B"],
) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
    """Additive and multiplicative season of the classical decomposition, by phase.

    Both are shrunk towards none by the share of variance that the season does not explain, so that
    noise makes no season. Two seasons and a row are needed.

    Source: Persons 1919; shrinkage after Miller and Williams 2003.
    """
    average = _moving_average(values, season)
    difference = values - average
    quotient = np.where(average > 0, values / average, np.nan)
    additive = np.stack([mean(difference[:, phases == p], axis=1) for p in range(season)], 1)
    ratio = np.stack([mean(quotient[:, phases == p], axis=1) for p in range(season)], 1)
    enough = counts >= 2 * season + 1
    additive[np.isnan(additive).any(axis=1) | ~enough] = 0
    ratio[np.isnan(ratio).any(axis=1) | ~enough] = 1
    additive -= additive.mean(axis=1, keepdims=True)
    ratio /= ratio.mean(axis=1, keepdims=True)
    noise = variance(difference - additive[:, phases]) / np.maximum(counts / season - 1, 1)
    share = 1 - noise / np.maximum((additive**2).mean(axis=1), 1e-300)
    share = _column(np.nan_to_num(share.clip(0, 1)))
    return additive * share, 1 + (ratio - 1) * share


def _moving_average(values: Float[np.ndarray, "B L"], season: int) -> Float[np.ndarray, "B L"]:
    """Centred, over a season; NaN within half a season of both ends."""
    kernel = np.ones(season + (season % 2 == 0))
    kernel[[0, -1]] = 1.0 if season % 2 else 0.5
    half, average = len(kernel) // 2, np.full_like(values, np.nan)
    if values.shape[1] > 2 * half:
        windows = np.lib.stride_tricks.sliding_window_view(values, len(kernel), axis=1)
        average[:, half : values.shape[1] - half] = windows @ (kernel / season)
    return average


def _column(values: Shaped[np.ndarray, " B"]) -> Shaped[np.ndarray, "B 1"]:
    return values[:, None]


def _single(values: Float[np.ndarray, ...]) -> Float[np.ndarray, ...]:
    return np.ascontiguousarray(values, dtype=np.float32)
