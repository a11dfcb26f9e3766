"""The season of series whose times do not tell it, read off their autocorrelation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST_SERIES = 50
"""Series that are looked at, evenly chosen."""
LONGEST = 400
"""Longest season that is looked for, in rows."""
WEAKEST = 0.25
"""Smallest autocorrelation of the changes that makes a season."""
ALIKE = 0.9
"""A shorter season is preferred if its autocorrelation is this share of the highest."""


def seen_season(series: Sequence[np.ndarray]) -> int:
    """Rows after which the changes of the series come again; 1 if they do not.

    Args:
        series: values of each, in order, without NaN.

    Returns:
        The lag of the first high peak in the mean autocorrelation of the differenced series,
        2 to 400 and at most a third of the rows.
    """
    chosen = [series[number] for number in _evenly(len(series), MOST_SERIES)]
    rows = int(np.median([len(values) for values in chosen]))
    longest = min(LONGEST, rows // 3)
    found = [autocorrelation(np.diff(values), longest + 1) for values in chosen if len(values) > 2]
    if longest < 2 or not found:
        return 1
    mean = np.mean(found, axis=0)
    inner = mean[2:-1]
    is_peak = (inner > mean[1:-2]) & (inner >= mean[3:])
    peaks = np.where(is_peak, inner, -1.0)
    if not len(peaks) or peaks.max() < max(WEAKEST, 3 / np.sqrt(rows)):
        return 1
    return 2 + int(np.argmax(peaks >= ALIKE * peaks.max()))


def autocorrelation(values: np.ndarray, longest: int) -> np.ndarray:
    """(longest + 1,) autocorrelation at lags 0 to longest; zeros for a constant series."""
    centered = values - values.mean()
    size = 2 * max(len(values), longest + 1)
    power = np.abs(np.fft.rfft(centered, size)) ** 2
    covariance = np.fft.irfft(power, size)[: longest + 1]
    variance = covariance[0]
    return covariance / variance if variance > 0 else np.zeros(longest + 1)


def _evenly(count: int, most: int) -> list[int]:
    """Up to `most` numbers below `count`, evenly spread."""
    return sorted(
        {number * count // most for number in range(most)} if count > most else range(count)
    )
