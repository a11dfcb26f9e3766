"""Short series: how their windows are padded, and which are too short to hold any."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from forecast.config.windows import WindowConfig
from forecast.data.panel import Offsets, Ranges
from forecast.data.windows import Windows, first_usable, running_count


def padding_rows(
    inputs: Float[torch.Tensor, "N C"], offsets: Offsets, window: WindowConfig, dtype: np.dtype[Any]
) -> Int[torch.Tensor, " S"] | None:
    """The row of each series that stands for what its windows lack; None if they are not padded.

    Args:
        inputs: what the model reads, NaN where nothing is known.
        offsets: first row of each series, and N.
        window: whether they are padded.
        dtype: of the windows' starts.
    """
    if window.least_history is None:
        return None
    usable = ~np.isnan(inputs.numpy()).any(axis=1)
    return torch.from_numpy(first_usable(usable, offsets).astype(dtype))


def short_series(windows: Windows, train: Ranges, window: WindowConfig) -> Int[np.ndarray, " R"]:
    """Numbers of the series whose training rows are too few for a single window.

    Rows without a value on the model's scale do not count: the first rows of a difference, and
    empty cells before the first known value.

    Args:
        windows: of any part; their inputs are those of all rows.
        train: (S, 2) first training row of each series, and the row after the last.
        window: the rows that one reads.
    """
    usable = ~np.isnan(windows.inputs.numpy()).any(axis=1)
    counts = train[:, 1] - train[:, 0]
    if not usable.all():
        known = running_count(usable)
        counts = known[train[:, 1]] - known[train[:, 0]]
    return np.flatnonzero(counts < window.rows_read + window.horizon)
