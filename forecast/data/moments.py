"""Location and scale of columns without their NaN, part by part: long columns need little room.

scikit-learn's scalers give the same, but importing them takes longer than to fit most tables.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from forecast.data.compact import blocks


def standard(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation, by two corrected passes (Chan, Golub and LeVeque 1983).

    Args:
        columns: (N, C) float64; NaN is left out.

    Returns:
        Two numbers a column; the scale of a column that is constant up to rounding is 1, and a
        column of NaN has location 0 and scale 1.
    """
    count = np.maximum(_sums(columns, lambda part: ~np.isnan(part)), 1)
    mean = _sums(columns, lambda part: part) / count
    rest = _sums(columns, lambda part: part - mean)
    squares = _sums(columns, lambda part: (part - mean) ** 2)
    variance = (squares - rest**2 / count) / count
    rounding = count * np.finfo(np.float64).eps
    is_constant = variance <= rounding * variance + (rounding * mean) ** 2
    return mean + rest / count, np.where(is_constant, 1.0, np.sqrt(np.maximum(variance, 0)))


def min_max(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least value, and the range of the values; else as `standard`."""
    least, most = (bound.reduce(columns, axis=0) for bound in (np.fmin, np.fmax))
    return _known(least, most - least)


def robust(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Median, and the range between the quartiles; else as `standard`."""
    # NumPy takes the quantiles of all columns at once, but those beside NaN one by one.
    quantiles = np.nanquantile if np.isnan(columns).any() else np.quantile
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="All-NaN", category=RuntimeWarning)
        lower, median, upper = quantiles(columns, (0.25, 0.5, 0.75), axis=0)
    return _known(median, upper - lower)


def _sums(columns: np.ndarray, of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Sum of each column of what is made of the parts."""
    sums = [np.nansum(of(columns[first:last]), axis=0) for first, last in blocks(len(columns))]
    return np.asarray(np.sum(sums, axis=0))


def _known(location: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Location 0 and scale 1 for a column of NaN, scale 1 for a constant."""
    return np.nan_to_num(location, nan=0.0), np.where(scale > 0, scale, 1.0)
