"""Filling of missing values, within a series and never across the edge of a part."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from forecast.config.data import MissingPolicy
from forecast.data.checks import local_time_remedy
from forecast.data.panel import Offsets, Panel
from forecast.errors import DataError, shown


def forward_fill(values: Float[np.ndarray, "N C"], offsets: Offsets) -> Float[np.ndarray, "N C"]:
    """Replace NaN by the last known value of the same series and column.

    Args:
        values: (N, C); NaN before the first known value stays.
        offsets: (S + 1,) first row of each series, and N.
    """
    previous = _previous_known(values, np.repeat(offsets[:-1], np.diff(offsets)))
    filled = np.take_along_axis(values, np.maximum(previous, 0), axis=0)
    return np.where(previous >= 0, filled, np.nan)


def interpolate(values: Float[np.ndarray, "N C"], offsets: Offsets) -> Float[np.ndarray, "N C"]:
    """Replace NaN by the straight line between the known neighbours of the same part.

    Args:
        values: (N, C); NaN before the first and after the last known value stays.
        offsets: first row of each series, or part of a series, and N; none sees another one.
    """
    first = np.repeat(offsets[:-1], np.diff(offsets))
    last = np.repeat(offsets[1:] - 1, np.diff(offsets))
    previous = _previous_known(values, first)
    following = (
        len(values) - 1 - _previous_known(values[::-1], (len(values) - 1 - last)[::-1])[::-1]
    )
    inside = (previous >= 0) & (following < len(values))
    left = np.maximum(previous, 0)
    right = np.minimum(following, len(values) - 1)
    share = (np.arange(len(values))[:, None] - left) / np.maximum(right - left, 1)
    before = np.take_along_axis(values, left, axis=0)
    after = np.take_along_axis(values, right, axis=0)
    return np.where(inside, before + share * (after - before), np.nan)


def fill(
    values: Float[np.ndarray, "N C"], offsets: Offsets, parts: Offsets, missing: MissingPolicy
) -> Float[np.ndarray, "N C"]:
    """Fill as configured; what cannot be filled stays NaN.

    Args:
        values: (N, C).
        offsets: (S + 1,) series.
        parts: offsets of the parts of series: a straight line between a training row and a
            validation row would carry the future into training, so it never crosses a part.
        missing: `interpolate` falls back to the last known value at the end of a part.
    """
    if not np.isnan(values).any():
        return values
    if missing == "interpolate":
        values = interpolate(values, parts)
    return forward_fill(values, offsets)


def _previous_known(
    values: Float[np.ndarray, "N C"], first: Int[np.ndarray, " N"]
) -> Int[np.ndarray, "N C"]:
    """(N, C) row of the last known value at or before each row, -1 if its part has none."""
    rows = np.where(np.isnan(values), -1, np.arange(len(values))[:, None])
    np.maximum.accumulate(rows, axis=0, out=rows)
    return np.where(rows >= first[:, None], rows, -1)


def require_complete(panel: Panel) -> None:
    """Raise a DataError that names the first missing row, number or label; the category of a
    covariate may be empty."""
    missing = np.isnan(panel.values) & ~panel.is_category
    if not missing.any():
        return
    row, column = (int(index) for index in np.argwhere(missing)[0])
    remedy = "set data.missing: interpolate, forward_fill or mask"
    if not panel.in_table[row]:
        count = int((~panel.in_table).sum())
        time = panel.axis.column(panel.positions(np.array([row])))[0]
        raise DataError(
            f"{panel.place(row - 1)}: after this row the row of {time} is missing ({count} missing"
            f" rows in all, frequency {panel.axis.frequency}); {remedy}"
            f"{local_time_remedy(panel.axis)}"
        )
    count = int(missing[:, column].sum())
    raise DataError(
        f"{panel.place(row)}: column {shown(panel.columns[column])} is empty ({count} empty cells"
        f" in all); {remedy}"
    )
