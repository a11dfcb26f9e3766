"""Integer times that are codes: years without a century, and digits that never pass 59, 12 or 4.

Counts of rows go through all digits; of 2352, 2401, ... or 1359, 1400, ... the last two do not.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from forecast.errors import DataError

MOST = {10: 4, 100: 59, 1000: 366}
"""The largest quarter; minute, week, month or day of a month; and day of a year."""
CENTURY = 100
"""Years that two digits tell apart."""
FEWEST_TURNS = 2
"""Changes of the digits before, at each of which the last ones must jump."""


def refuse_turns(values: Int[np.ndarray, " N"], cell: str) -> None:
    """Refuse times whose last digits begin anew before they are full, as 2352, 2401 do.

    Args:
        values: distinct and rising.
        cell: the first of them, as messages name it.

    Raises:
        DataError: that says how such times can be written.
    """
    steps = np.diff(values)
    if not len(steps) or values[0] < 0:
        return
    sizes, counts = np.unique(steps, return_counts=True)
    usual = sizes[np.argmax(counts)]
    for base, most in MOST.items():
        is_turn = np.diff(values // base) > 0
        turns = np.count_nonzero(is_turn)
        if turns < FEWEST_TURNS or len(values) < 2 * (turns + 1):
            continue
        if (values % base).max() <= most and (steps[is_turn] > usual).all():
            before = values[int(np.argmax(is_turn))]
            after = values[int(np.argmax(is_turn)) + 1]
            raise DataError(
                f"{cell}, a code rather than a count, for {after} comes after {before}; write"
                " 2024-W05, 2024-Q1 or 2024-01-31 13:59, or number the rows (1, 2, 3, ...)"
            )


def refuse_centuries(
    values: Int[np.ndarray, " N"], series: Int[np.ndarray, " N"], cell: str
) -> None:
    """Refuse years of two digits that go from 99 on to 00, or back, within a series.

    Args:
        values: in the order of the table.
        series: number of the series of each row.
        cell: the first of the times, as messages name it.

    Raises:
        DataError: if they do.
    """
    if values.min() != 0 or values.max() != CENTURY - 1:
        return
    order = np.argsort(series, kind="stable")
    steps = np.abs(np.diff(values[order]))
    if (steps[np.diff(series[order]) == 0] == CENTURY - 1).any():
        raise DataError(f"{cell}, and 0 beside 99: years without their century; write all digits")
