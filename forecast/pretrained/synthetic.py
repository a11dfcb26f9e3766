"""Synthetic series to learn from: a wide prior over what series of any field look like.

A series is a slow part (trend, cycle or walk), a season, and noise, with now and then a step or an
outlier; most are then exponentiated, so that swings grow with the level, and some of these drawn as
counts. The shares and ranges below were not searched one by one: they are a first guess at what is
usual, judged as a whole by forecasts of public series (benchmarks/RESULTS.md), of which none was
trained on. All randomness comes from one generator.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

Series = Float[np.ndarray, "B T"]
Random = np.random.Generator

PACES = {1: 1.0, 4: 0.7, 7: 0.25, 12: 0.4, 24: 0.15, 52: 0.15}
"""How much a row drifts by its season: a day less than a year."""
HARMONICS = 6
BURN_IN = 60
"""Rows that a cycle is given to forget its start."""
FOURIER_WAVES = 24


def synthetic(random: Random, count: int, rows: int, season: int, long_season: int = 0) -> Series:
    """Draw series.

    Args:
        random: where all randomness comes from.
        count: series.
        rows: of each.
        season: rows; 1: none.
        long_season: rows of a second, longer season; 0: none.

    Returns:
        Finite values whose mean absolute value is 1, but for series of zeros.
    """
    pace = pace_of(season)
    slow, is_momentum = _slow(random, count, rows, season, pace)
    values = slow + _noise(random, count, rows, is_momentum)
    values += _season(random, count, rows, season)
    if long_season:
        values += 0.7 * _season(random, count, rows, long_season)
    _add_steps(random, values)
    _add_outliers(random, values)
    values = _on_a_scale(random, values)
    size = np.abs(values).mean(axis=1, keepdims=True)
    return values / np.where(size > 0, size, 1.0)


def pace_of(season: int) -> float:
    """How much a row drifts, in units of a year: seasons in between are interpolated."""
    known = np.array(sorted(PACES))
    paces = np.array([PACES[each] for each in known])
    return float(np.exp(np.interp(np.log(season), np.log(known), np.log(paces))))


# The slow part: six kinds, of which every series is one.


def _slow(
    random: Random, count: int, rows: int, season: int, pace: float
) -> tuple[Series, np.ndarray]:
    """Slow parts, and which of them are growth with momentum."""
    kinds: list[tuple[Callable[[Random, int, int, float], Series], float]] = [
        (local_trend, 0.40 if season == 1 else 0.50),
        (smooth_process, 0.12),
        (cycle, 0.09),
        (broken_line, 0.14),
        (momentum, 0.18 if season == 1 else 0.09),
        (mean_reversion, 0.07 if season == 1 else 0.06),
    ]
    draw = random.choice(len(kinds), count, p=[share for _, share in kinds])
    values = np.empty((count, rows))
    for number, (kind, _) in enumerate(kinds):
        chosen = np.flatnonzero(draw == number)
        if len(chosen):
            values[chosen] = kind(random, len(chosen), rows, pace)
    return values, draw == 4


def local_trend(random: Random, count: int, rows: int, pace: float) -> Series:
    """A level that walks, with a trend that changes and may be damped towards a drift or zero."""
    level_noise = _either(
        random, 0.5, random.gamma(0.7, 0.25, count), random.gamma(0.7, 0.05, count)
    )
    trend_noise = _either(random, 0.4, 0.0, random.gamma(0.5, 0.015, count))
    damping = _either(random, 0.3, 1.0, random.uniform(0.75, 0.99, count))
    strength = random.gamma(1, 1.2, count) * (random.random(count) < 0.85) * pace
    usual, strong = random.normal(0, 0.03, count), random.normal(0.03, 0.1, count)
    trend = _either(random, 0.3, strong, usual) * strength
    drift = trend * _either(random, 0.5, 0.0, np.full(count, 0.6))
    to_level = random.standard_normal((rows, count)) * level_noise * 0.5 * pace
    to_trend = random.standard_normal((rows, count)) * trend_noise * pace
    level, values = np.zeros(count), np.empty((rows, count))
    for row in range(rows):
        level = level + trend + to_level[row]
        trend = damping * trend + (1 - damping) * drift + to_trend[row]
        values[row] = level
    return values.T


def smooth_process(random: Random, count: int, rows: int, _: float) -> Series:
    """A Gaussian process with a squared-exponential kernel, by random Fourier features."""
    length = np.exp(random.uniform(np.log(4), np.log(3 * rows), (count, 1)))
    frequency = random.standard_normal((count, FOURIER_WAVES)) / length
    phase = random.uniform(0, 2 * np.pi, (count, FOURIER_WAVES))
    waves = np.cos(frequency[:, :, None] * np.arange(rows) + phase[:, :, None]).sum(axis=1)
    size = 1.5 * np.sqrt(2 / FOURIER_WAVES) * random.gamma(2, 0.5, (count, 1))
    return np.asarray(waves * size)


def cycle(random: Random, count: int, rows: int, pace: float) -> Series:
    """Cycles of 3 to 40 rows that come and go: an AR(2) process; beside it a weak local trend."""
    radius = random.uniform(0.8, 0.995, count)
    angle = 2 * np.pi / np.exp(random.uniform(np.log(3), np.log(40), count))
    near, far = 2 * radius * np.cos(angle), -(radius**2)
    shock = random.standard_normal((BURN_IN + rows, count))
    path = np.zeros((BURN_IN + rows, count))
    for row in range(2, len(path)):
        path[row] = near * path[row - 1] + far * path[row - 2] + shock[row]
    values = path[BURN_IN:].T
    size = np.maximum(values.std(axis=1, keepdims=True), 1e-6)
    trend = local_trend(random, count, rows, pace)
    return np.asarray(values / size * random.gamma(2, 0.5, (count, 1)) + 0.3 * trend)


def broken_line(random: Random, count: int, rows: int, pace: float) -> Series:
    """A line that bends at a few random rows."""
    bends = random.random((count, rows)) < random.uniform(0.3, 4, (count, 1)) / rows
    bends[:, 0] = True
    slopes = random.normal(0, 0.12, (count, rows)) * pace
    since = np.maximum.accumulate(np.where(bends, np.arange(rows), 0), axis=1)
    return np.cumsum(np.take_along_axis(slopes, since, axis=1), axis=1)


def momentum(random: Random, count: int, rows: int, pace: float) -> Series:
    """Growth that carries on for a while: ARIMA(1,1,0) with a drift, some with heavy tails."""
    persistence = _either(random, 0.3, 0.0, random.uniform(-0.2, 0.9, count))
    mean = random.normal(0.08, 0.3, count) * pace
    deviation = random.gamma(2, 0.25, count) * np.sqrt(pace)
    shock = random.standard_normal((rows, count))
    heavy = random.random(count) < 0.3
    shock[:, heavy] *= np.sqrt(3 / random.chisquare(3, (rows, 1)))
    growth, values = mean.copy(), np.empty((rows, count))
    for row in range(rows):
        growth = mean + persistence * (growth - mean) + deviation * shock[row]
        values[row] = growth
    return np.cumsum(values, axis=0).T * random.gamma(2, 0.3, (count, 1))


def mean_reversion(random: Random, count: int, rows: int, _: float) -> Series:
    """A level that is pulled back to its mean: AR(1)."""
    persistence = random.uniform(0.3, 0.98, count)
    shock = random.standard_normal((rows, count)) * random.gamma(2, 0.3, count)
    value, values = shock[0] / np.sqrt(1 - persistence**2), np.empty((rows, count))
    for row in range(rows):
        value = persistence * value + shock[row] * np.sqrt(1 - persistence**2)
        values[row] = value
    return values.T


# What is added to it.


def _noise(random: Random, count: int, rows: int, is_momentum: np.ndarray) -> Series:
    """Short-lived deviations, half of them correlated in time, a fifth with heavy tails."""
    persistence = _either(random, 0.5, 0.0, random.uniform(-0.3, 0.9, count))
    deviation = _either(random, 0.3, random.gamma(0.8, 0.06, count), random.gamma(0.8, 0.35, count))
    is_calm = random.random(count) < np.where(is_momentum, 0.6, 0.05)
    deviation = np.where(is_calm, 0.0, deviation * np.where(is_momentum, 0.5, 1.0))
    shock = random.standard_normal((rows, count)) * deviation
    heavy = random.random(count) < 0.2
    shock[:, heavy] *= np.sqrt(3 / random.chisquare(3, (rows, heavy.sum()))) * 0.6
    value, values = np.zeros(count), np.empty((rows, count))
    for row in range(rows):
        value = persistence * value + shock[row]
        values[row] = value
    return values.T


def _season(random: Random, count: int, rows: int, season: int) -> Series:
    """A season: drifting harmonics, or a free profile that is often flat but for a few peaks."""
    if season == 1:
        return np.zeros((count, rows))
    time, waves = np.arange(rows), np.zeros((count, rows))
    decay = random.uniform(0.3, 1.8, count)
    wander = random.gamma(0.3, 0.01, count) * (random.random(count) < 0.6)
    for number in range(1, max(2, min(season // 2, HARMONICS) + 1)):
        for wave in (np.cos, np.sin):
            size = random.standard_normal(count) / number**decay
            drift = np.cumsum(random.standard_normal((count, rows)) * wander[:, None], axis=1)
            waves += (size[:, None] + drift) * wave(2 * np.pi * number * time / season)
    is_free = random.random(count) < 0.45
    free = int(is_free.sum())
    profile = random.standard_normal((free, season))
    profile *= random.random((free, season)) < random.uniform(0.15, 1, (free, 1))
    waves[is_free] = profile[:, time % season]
    amplitude = _either(random, 0.3, random.gamma(2.0, 1.0, count), random.gamma(1.0, 0.7, count))
    return np.asarray(waves * (amplitude * (random.random(count) < 0.85))[:, None])


def _add_steps(random: Random, values: Series) -> None:
    for series in np.flatnonzero(random.random(len(values)) < 0.12):
        values[series, random.integers(values.shape[1]) :] += random.normal(0, 2)


def _add_outliers(random: Random, values: Series) -> None:
    for series in np.flatnonzero(random.random(len(values)) < 0.15):
        rows = random.integers(0, values.shape[1], random.integers(1, 4))
        values[series, rows] += random.normal(0, 4)


# On a scale.


def _on_a_scale(random: Random, values: Series) -> Series:
    """60 % are exponentiated, some of these drawn as counts; most others are lifted from zero."""
    count = len(values)
    grows = random.random(count) < 0.6
    rate = random.uniform(0.03, 0.45, count)[:, None]
    is_lifted = (random.random(count) < 0.7) & ~grows
    values = np.where(grows[:, None], np.exp((values * rate).clip(-15, 15)), values)
    values[is_lifted] += random.gamma(2, 5, (int(is_lifted.sum()), 1))
    counted = np.flatnonzero(grows & (random.random(count) < 0.18))
    values[counted] = counts(random, values[counted])
    return values


def counts(random: Random, values: Series) -> Series:
    """Counts whose expectation follows positive values: Poisson or negative binomial.

    The mean of a series is between 0.15 and 20, so that many have more zeros than not.
    """
    number = len(values)
    mean = np.exp(random.uniform(np.log(0.15), np.log(20), (number, 1)))
    expected = values / values.mean(axis=1, keepdims=True) * mean
    shape = np.where(random.random((number, 1)) < 0.4, 1e6, random.uniform(0.4, 6, (number, 1)))
    mixed = expected * random.gamma(shape, 1 / shape, expected.shape)
    return np.asarray(random.poisson(np.minimum(mixed, 1e6)), dtype=np.float64)


def _either(
    random: Random, share: float, one: np.ndarray | float, other: np.ndarray
) -> Float[np.ndarray, " B"]:
    """The first of two for a share of the series, the second for the others."""
    return np.where(random.random(len(other)) < share, one, other)
