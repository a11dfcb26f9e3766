"""Values that are mostly zero: how large demands are, how long they are waited for, how frequent.

Croston's method and its kin smooth these by an exponential mean. All series of a table go through
it at once, as every step of it is linear: m -> a * m + b.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

SMOOTHING = 0.1
"""Weight of what came last in each of the means."""


@dataclass(frozen=True)
class Demand:
    """The means after each row of all series; NaN before the first demand, or the first value."""

    size: Float[np.ndarray, "N K"]
    """Of a demand."""
    interval: Float[np.ndarray, "N K"]
    """Rows from one demand to the next."""
    share: Float[np.ndarray, "N K"]
    """Of the rows that have a demand."""


def smoothed(values: Float[np.ndarray, "N K"], offsets: Int[np.ndarray, " _"]) -> Demand:
    """The means of Croston's method, and the share of TSB's; each begins as what comes first.

    Args:
        values: of all series, end to end; NaN is passed over.
        offsets: first row of each series, and N.
    """
    is_demand, is_known = values > 0, ~np.isnan(values)
    number = np.cumsum(is_known, axis=0)
    before = np.pad(number, ((1, 0), (0, 0)))[offsets[:-1]]  # known rows of the earlier series
    first = np.repeat(before, np.diff(offsets), axis=0)
    # The known row of the last demand before each row, or of the beginning of its series.
    last = np.maximum.accumulate(np.where(is_demand, number, 0), axis=0)
    last = np.maximum(np.pad(last, ((1, 0), (0, 0)))[:-1], first)
    interval = (number - last).astype(np.float64)
    return Demand(
        _mean(values, is_demand, offsets),
        _mean(interval, is_demand, offsets),
        _mean(is_demand.astype(np.float64), is_known, offsets),
    )


def _mean(
    values: Float[np.ndarray, "N K"],
    counts: Bool[np.ndarray, "N K"],
    offsets: Int[np.ndarray, " _"],
) -> Float[np.ndarray, "N K"]:
    """The exponential mean of the values that count, after each row; NaN before the first one.

    Steps are joined two by two: what 1, 2, 4, ... of them come to (Hillis and Steele 1986).
    """
    lengths = np.diff(offsets)
    begin = np.repeat(offsets[:-1], lengths)
    seen = np.cumsum(counts, axis=0)
    before = seen - counts
    is_first = counts & (before == before[begin])
    weight = np.where(counts, np.where(is_first, 0.0, 1 - SMOOTHING), 1.0)
    mean = np.where(counts, np.where(is_first, 1.0, SMOOTHING) * np.nan_to_num(values), 0.0)
    weight[offsets[:-1][lengths > 0]] = 0.0  # nothing of the series before
    step = 1
    while step < lengths.max(initial=0):
        mean[step:] += weight[step:] * mean[:-step]
        weight[step:] *= weight[:-step].copy()
        step *= 2
    return np.where(seen > before[begin], mean, np.nan)
