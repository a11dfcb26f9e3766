"""The season of series whose times do not give it, found from what repeats in their values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from forecast.data.panel import evenly_spaced

MOST_SERIES = 50
"""Series that are looked at, evenly chosen."""
LONGEST = 400
"""Longest season that is looked for, in rows."""
WEAKEST = 0.35
"""Smallest correlation with the season before that makes a season."""
NOISE = 4.0
"""The same, times the root of the number of rows: noise alone comes to 1/6 at a lag of 2."""
WALK = 1.8
"""The same, times the root of the number of seasons: 4 of 600 walks and noises passed."""
TINY = 1e-9
"""Swings below this share of the values are rounding."""
DEEP = 0.5
"""How far the correlation must be lower at some lag to twice the season, as a share of it: a smooth
bend agrees with itself at every lag."""
ALIKE = 0.9
"""A shorter season is preferred if its correlation is this share of the highest."""


def seen_season(series: Sequence[np.ndarray]) -> int:
    """Rows after which the swings of the series come again.

    Args:
        series: values of each, in order, without NaN.

    Returns:
        The first lag with a high peak in the mean of `recurrence`, from 2 to 400 and at most a
        third of the rows; 1 if there is none.
    """
    chosen = [series[number] for number in evenly_spaced(len(series), MOST_SERIES)]
    rows = int(np.median([len(values) for values in chosen]))
    longest = min(LONGEST, rows // 3)
    found = [recurrence(values, longest + 1) for values in chosen if len(values) > 2]
    if longest < 2 or not found:
        return 1
    mean = np.mean(found, axis=0)  # (longest + 2,)
    inner, lags = mean[2:-1], np.arange(2, longest + 1)
    is_peak = (inner > mean[1:-2]) & (inner >= mean[3:])
    least = np.maximum(max(WEAKEST, NOISE / np.sqrt(rows)), WALK / np.sqrt(rows / lags))
    valleys = np.array([mean[2 : 2 * lag].min() for lag in lags])
    is_deep = valleys <= (1 - DEEP) * inner
    peaks = np.where(is_peak & is_deep & (inner >= least), inner, 0.0)
    highest = peaks.max()
    return 2 + int(np.argmax(peaks >= ALIKE * highest)) if highest else 1


def recurrence(values: Float[np.ndarray, " rows"], longest: int) -> Float[np.ndarray, " lags"]:
    """Correlation of the swings with those a lag before, for every lag from 0 to the longest.

    What swings are is seen from the lag itself: what is left without the moving mean over as many
    rows, which takes trends and walks away and averages noise out. Differences of neighbours would
    drown a long season in noise.

    Args:
        values: of one series, without NaN.
        longest: lag in rows.
    """
    swings = [_swings(values, lag) for lag in range(2, longest + 1)]
    found = [_correlation(left[lag:], left[:-lag]) for lag, left in enumerate(swings, 2)]
    return np.array([0.0, 0.0, *found])


def _swings(values: Float[np.ndarray, " rows"], length: int) -> Float[np.ndarray, " inner"]:
    """Values less their centred moving mean, where there is one."""
    centred = values - values.mean()
    sums = np.cumsum([0.0, *centred])
    means = (sums[length:] - sums[:-length]) / length
    if length % 2 == 0:  # centred between two rows: the mean of both neighbours
        means = (means[1:] + means[:-1]) / 2
    left = centred[length // 2 :][: len(means)] - means
    is_rounding = np.abs(left).max(initial=0.0) < TINY * np.abs(values).max(initial=0.0)
    return np.zeros_like(left) if is_rounding else left


def _correlation(now: Float[np.ndarray, " pairs"], then: Float[np.ndarray, " pairs"]) -> float:
    """Around zero; 0 where nothing changes."""
    size = float(np.sqrt((now * now).sum() * (then * then).sum()))
    return float(now @ then) / size if size > 0 else 0.0
