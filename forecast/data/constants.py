"""Series that are constant in training: which they are, and when they begin to change."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from forecast.data.moments import ROUNDING
from forecast.data.panel import Offsets, Ranges, offsets_of, ragged_ranges


def constant_values(values: Float[np.ndarray, "N K"], rows: Ranges) -> Float[np.ndarray, "S K"]:
    """The value of each series and target that is the same, up to rounding, in some rows.

    Args:
        values: NaN is left out.
        rows: of each series.

    Returns:
        NaN where values differ, or none is known.
    """
    lengths = rows[:, 1] - rows[:, 0]
    found = np.full((len(rows), values.shape[1]), np.nan)
    filled = np.flatnonzero(lengths)
    if not len(filled):
        return found
    # From the first row of each series to its last, and on to the next series, whose part is left
    # out: so the rows are not copied. The end of the table may not be named.
    edges = rows[filled].ravel()
    edges = edges[edges < len(values)]
    least, most = (bound.reduceat(values, edges, axis=0)[::2] for bound in (np.fmin, np.fmax))
    is_constant = most - least <= ROUNDING * np.maximum(np.abs(least), np.abs(most))
    found[filled] = np.where(is_constant, least, np.nan)
    return found


def first_changes(
    values: Float[np.ndarray, "N K"],
    offsets: Offsets,
    series: Int[np.ndarray, " B"],
    constants: Float[np.ndarray, "B K"],
) -> Int[np.ndarray, "B K"]:
    """First row of a series that is not its constant; N where there is none.

    Args:
        values: of all rows; NaN is no change.
        offsets: first row of each series, and N.
        series: of each window.
        constants: of each window; NaN: it has none.
    """
    distinct, first = np.unique(series, return_index=True)
    lengths = np.diff(offsets)[distinct]
    rows = ragged_ranges(offsets[distinct], lengths)
    level = np.repeat(constants[first], lengths, axis=0)  # of each row
    differs = np.abs(values[rows] - level) > ROUNDING * np.abs(level)
    changed = np.where(differs, rows[:, None], len(values))
    earliest = np.minimum.reduceat(changed, offsets_of(lengths)[:-1], axis=0)
    return np.asarray(earliest[np.searchsorted(distinct, series)])
