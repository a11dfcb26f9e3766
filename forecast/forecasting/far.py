"""Rows so far from those of training that a forecast from them means little."""

from __future__ import annotations

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
    numbers = {name: number for number, name in enumerate(tail.ids)}
    known = np.array([numbers.get(name, -1) for name in panel.ids])
    usual = _largest(tail)
    others = np.fmax.reduce(usual, axis=0)
    usual = np.where(usual > 0, usual, others)[known]
    sizes = np.fmax(_largest(panel), np.fmax.reduce(np.abs(ahead), axis=1, initial=0.0))
    is_far = (usual > 0) & (sizes > FAR * usual) & (known >= 0)[:, None]
    return [
        f"{sizes[series, column]:.3g} is {sizes[series, column] / usual[series, column]:.3g} times"
        f" the largest {panel.columns[column]}{f' of {panel.ids[series]}' if panel.has_ids else ''}"
        for series, column in np.argwhere(is_far & ~_is_named(panel))
    ]


def _largest(panel: Panel) -> Float[np.ndarray, "S C"]:
    """The largest size of each series and column."""
    return np.asarray(np.fmax.reduceat(np.abs(panel.values), panel.offsets[:-1], axis=0))


def _is_named(panel: Panel) -> np.ndarray:
    """(C,) columns that hold numbers of categories or of labels."""
    return np.array([name in panel.categories for name in panel.columns], dtype=bool)
