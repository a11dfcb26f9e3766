"""Rows so far from those of training that a forecast from them means little."""

from __future__ import annotations

from itertools import repeat

import numpy as np
from jaxtyping import Float

from forecast.data.panel import Panel

FAR = 100.0
"""Times the largest value, of either sign, among the last rows of training."""


def far_values(panel: Panel, ahead: Float[np.ndarray, "S H C"], tail: Panel) -> list[str]:
    """Values that are far from those of training, each in words.

    Args:
        panel: the rows that are read, with the columns of training.
        ahead: the rows to come.
        tail: the last rows of training; a series that it lacks has a scale of its own.
    """
    known = np.fromiter(map(tail.numbers.get, panel.ids, repeat(-1)), np.int64, len(panel.ids))
    if (known < 0).all():
        return []
    usual = tail.largest[known]
    if not (usual > 0).all():
        usual = np.where(usual > 0, usual, np.fmax.reduce(tail.largest, axis=0))
    sizes = np.fmax(panel.largest, np.fmax.reduce(np.abs(ahead), axis=1, initial=0.0))
    is_number = np.array([name not in panel.categories for name in panel.columns])
    is_far = (usual > 0) & (sizes > FAR * usual) & (known >= 0)[:, None] & is_number
    return [
        f"{sizes[series, column]:.3g} is {sizes[series, column] / usual[series, column]:.3g} times"
        f" the largest {panel.columns[column]}{f' of {panel.ids[series]}' if panel.has_ids else ''}"
        for series, column in np.argwhere(is_far)
    ]
