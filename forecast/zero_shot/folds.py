"""The origins at which methods that have seen no row are judged."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from forecast.data.panel import evenly_spaced

FEWEST_ROWS = 3
"""Known rows that a history keeps at any origin."""
USUAL, MOST = 3, 12
"""Origins of a series: a horizon apart, and where windows are few, closer together."""
ENOUGH = 1_000
"""Windows from which on a series needs no more than the usual origins."""
MOST_SERIES = 1_000
"""Series that are looked at; of more, evenly spaced ones."""


def fold_origins(
    offsets: Int[np.ndarray, " _"], horizon: int, folds: int | None = None
) -> Int[np.ndarray, " B"]:
    """Last known rows of the windows on which methods are judged, by series.

    The last origin of a series lies a horizon before its end, the others before it, as long as half
    of its rows remain. Where a horizon leaves fewer, there is one origin with fewer steps.

    Args:
        offsets: (S + 1,) first row of each series, and N.
        horizon: steps.
        folds: origins of a series at most, a horizon apart; None: by the size of the table.
    """
    chosen = evenly_spaced(len(offsets) - 1, MOST_SERIES)
    begins, lengths = offsets[:-1][chosen], np.diff(offsets)[chosen]
    most = lengths - np.maximum(FEWEST_ROWS, (lengths + 1) // 2)  # rows that may follow an origin
    spare = np.maximum(most - horizon, 0)
    count = folds
    if count is None:
        count = int(np.clip(ENOUGH // max(len(chosen), 1), USUAL, MOST))
    # Closer together where rows are few, or where few series give few windows.
    stride = np.full(len(chosen), horizon)
    if folds is None:
        stride = np.clip(spare // max(count - 1, 1), 1, horizon)
    after = np.minimum(horizon, most)[:, None] + stride[:, None] * np.arange(count)  # (S, F)
    kept = (after <= most[:, None]) & (after >= 1)
    origins = begins[:, None] + lengths[:, None] - 1 - after
    return np.asarray(origins[kept])


def actual_after(
    values: Float[np.ndarray, "N K"],
    offsets: Int[np.ndarray, " _"],
    origins: Int[np.ndarray, " B"],
    horizon: int,
) -> Float[np.ndarray, "B H K"]:
    """What came after some origins; NaN beyond the end of a series.

    Args:
        values: of all series.
        offsets: (S + 1,) first row of each series, and N.
        origins: last known row of each window.
        horizon: steps.
    """
    ends = offsets[np.searchsorted(offsets, origins, side="right")]
    rows = origins[:, None] + 1 + np.arange(horizon)
    inside = rows < ends[:, None]
    return np.where(inside[..., None], values[np.where(inside, rows, 0)], np.nan)
