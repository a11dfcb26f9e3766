"""Values that are mostly zero: intermittent demand, and counts of it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

LEAST_INTERVAL = 1.32
"""Mean rows between two demands from which on they are intermittent (Syntetos, Boylan and Croston
2005)."""


def is_intermittent(values: Float[np.ndarray, "N K"]) -> bool:
    """Whether zeros abound among values that are never negative, on the average of all series."""
    demands = (values > 0).sum()
    known = (~np.isnan(values)).sum()
    return bool(not (values < 0).any() and 0 < LEAST_INTERVAL * demands < known)


def are_counts(values: Float[np.ndarray, "N K"]) -> bool:
    """Whether values that are known are whole numbers from 0 on."""
    return not bool(((values < 0) | (values % 1 > 0)).any())
