"""Means, medians and the like of the known values along an axis; NaN of none.

NumPy's own warn of rows without a known value, and warnings cannot be silenced in one thread alone.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

Values = Float[np.ndarray, "..."]


def mean(values: Values, axis: int = 1) -> Values:
    """Mean of the known values."""
    count = _count(values, axis)
    found: Values = total(values, axis) / np.where(count > 0, count, np.nan)
    return found


def total(values: Values, axis: int = 1) -> Values:
    """Sum of the known values; 0 of none."""
    found: Values = np.where(np.isnan(values), 0.0, values).sum(axis=axis)
    return found


def variance(values: Values, axis: int = 1) -> Values:
    """Population variance of the known values."""
    return mean((values - np.expand_dims(mean(values, axis), axis)) ** 2, axis)


def median(values: Values, axis: int = 1) -> Values:
    """Median of the known values."""
    count = _count(values, axis)
    known_first = np.sort(np.where(np.isnan(values), np.inf, values), axis=axis)
    ordered = np.moveaxis(known_first, axis, -1)
    last = ordered.shape[-1] - 1
    middle = [np.clip(place, 0, last)[..., None] for place in ((count - 1) // 2, count // 2)]
    both = [np.take_along_axis(ordered, place, axis=-1)[..., 0] for place in middle]
    return np.where(count > 0, (both[0] + both[1]) / 2, np.nan)


def least(values: Values, axis: int = 1) -> Values:
    """The least of the known values."""
    found = np.where(np.isnan(values), np.inf, values).min(axis=axis)
    return np.where(_count(values, axis) > 0, found, np.nan)


def _count(values: Values, axis: int) -> Int[np.ndarray, "*rest"]:
    found: Int[np.ndarray, "*rest"] = (~np.isnan(values)).sum(axis=axis)
    return found
