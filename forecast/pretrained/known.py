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
    total = np.where(np.isnan(values), 0.0, values).sum(axis=axis)
    return np.asarray(total / np.where(count > 0, count, np.nan))


def variance(values: Values, axis: int = 1) -> Values:
    """Population variance of the known values."""
    return mean((values - np.expand_dims(mean(values, axis), axis)) ** 2, axis)


def median(values: Values, axis: int = 1) -> Values:
    """Median of the known values."""
    count = _count(values, axis)
    ordered = np.moveaxis(np.sort(values, axis=axis), axis, -1)  # NaN come last
    last = ordered.shape[-1] - 1
    middle = [np.clip(place, 0, last)[..., None] for place in ((count - 1) // 2, count // 2)]
    both = [np.take_along_axis(ordered, place, axis=-1)[..., 0] for place in middle]
    return np.asarray(np.where(count > 0, (both[0] + both[1]) / 2, np.nan))


def least(values: Values, axis: int = 1) -> Values:
    """The least of the known values."""
    found = np.where(np.isnan(values), np.inf, values).min(axis=axis, initial=np.inf)
    return np.where(_count(values, axis) > 0, found, np.nan)


def _count(values: Values, axis: int) -> Int[np.ndarray, "*rest"]:
    return np.asarray((~np.isnan(values)).sum(axis=axis))
