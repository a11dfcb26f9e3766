"""Series that come too late to be trained on are scaled by the first rows of their own."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from forecast.config.windows import WindowConfig
from forecast.data.panel import Offsets, Ranges
from forecast.data.windows import first_usable, running_count


def scaling_rows(
    values: Float[np.ndarray, "N K"],
    offsets: Offsets,
    train: Ranges,
    window: WindowConfig,
    rows_lost: int,
) -> Ranges:
    """The rows that the scale of each series is learned from.

    They are its training rows. Where these hold no window, as in a series that begins after the
    date of the split, they go on to the end of its first whole lookback; `after` keeps the targets
    of validation and test out of them.

    Args:
        values: targets in the user's units, NaN where nothing is known.
        offsets: first row of each series, and N.
        train: training rows of each series.
        window: the rows that one reads.
        rows_lost: rows that differences take.
    """
    known = ~np.isnan(values).any(axis=1)
    counts = running_count(known)
    count = counts[train[:, 1]] - counts[train[:, 0]]  # (S,) known training rows
    is_late = count < window.rows_read + window.horizon + rows_lost
    read = first_usable(known, offsets) + window.reach + rows_lost
    end = np.maximum(train[:, 1], np.minimum(read, offsets[1:]))
    return np.column_stack([train[:, 0], np.where(is_late, end, train[:, 1])])


def after(part: Ranges, rows: Ranges) -> Ranges:
    """A part of each series without what lies before the end of some rows of it."""
    begin = np.minimum(np.maximum(part[:, 0], rows[:, 1]), part[:, 1])
    return np.column_stack([begin, part[:, 1]])
