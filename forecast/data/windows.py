"""Windows as integers: all series lie end to end in one flat tensor, a window is its first row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from forecast.data.panel import ragged_ranges


@dataclass(frozen=True)
class Batch:
    """Some windows, gathered."""

    past: Float[Tensor, "B L C"]
    """Targets and covariates over the lookback."""
    future: Float[Tensor, "B H F"]
    """Future-known covariates over the horizon."""
    static: Float[Tensor, "B D"]
    target: Float[Tensor, "B H K"]
    """What is to be forecast; NaN where it is masked."""


@dataclass(frozen=True)
class Windows:
    """Windows over a panel; nothing is copied until a batch is gathered."""

    inputs: Float[Tensor, "N C"]
    """What the model sees: targets, past covariates, future covariates; no NaN inside a window."""
    targets: Float[Tensor, "N K"]
    """What it is scored on; may hold NaN."""
    static: Float[Tensor, "S D"]
    series: Int[Tensor, " W"]
    """Series of each window."""
    starts: Int[Tensor, " W"]
    """First row of each window's lookback."""
    lookback: int
    horizon: int
    num_future: int
    """Number of last columns of `inputs` that are known over the horizon."""

    def __len__(self) -> int:
        return len(self.starts)

    def gather(self, index: Int[Tensor, " B"]) -> Batch:
        """The windows of the given numbers, by one indexed read."""
        starts = self.starts[index]
        steps = torch.arange(self.lookback + self.horizon, device=starts.device)
        rows = starts[:, None] + steps
        window = self.inputs[rows]  # (B, L + H, C)
        first_future = window.shape[2] - self.num_future
        return Batch(
            past=window[:, : self.lookback],
            future=window[:, self.lookback :, first_future:],
            static=self.static[self.series[index]],
            target=self.targets[rows[:, self.lookback :]],
        )

    def origins(self) -> np.ndarray:
        """(W,) last known row of each window."""
        return self.starts.cpu().numpy() + self.lookback - 1

    def subset(self, index: Int[Tensor, " B"]) -> Windows:
        """Only some windows, by number."""
        return replace(self, starts=self.starts[index], series=self.series[index])

    def to(self, device: torch.device) -> Windows:
        """The same windows with all tensors on a device."""
        return replace(
            self,
            inputs=self.inputs.to(device),
            targets=self.targets.to(device),
            static=self.static.to(device),
            series=self.series.to(device),
            starts=self.starts.to(device),
        )


def on_device(parts: Mapping[str, Windows], device: torch.device) -> dict[str, Windows]:
    """Parts on a device; tensors that they share are moved once and shared there."""
    moved: dict[int, Tensor] = {}

    def move(tensor: Tensor) -> Tensor:
        if id(tensor) not in moved:
            moved[id(tensor)] = tensor.to(device)
        return moved[id(tensor)]

    return {
        part: replace(
            windows,
            inputs=move(windows.inputs),
            targets=move(windows.targets),
            static=move(windows.static),
            series=move(windows.series),
            starts=move(windows.starts),
        )
        for part, windows in parts.items()
    }


def window_starts(
    offsets: np.ndarray,
    part: np.ndarray,
    usable_input: np.ndarray,
    usable_target: np.ndarray,
    lookback: int,
    horizon: int,
    stride: int = 1,
    whole_targets: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Starts of the windows whose targets all lie in a part; lookbacks may reach into earlier rows.

    Args:
        offsets: (S + 1,) first row of each series, and N.
        part: (S, 2) first row of the part in each series, and the row after its last.
        usable_input: (N,) rows that a lookback may hold.
        usable_target: (N,) rows that may be targets.
        lookback, horizon, stride: in rows; every series begins with its first usable row.
        whole_targets: False keeps a window if just one of its target rows is usable.

    Returns:
        (W,) first rows and (W,) series.
    """
    first = _next(usable_input)[np.maximum(part[:, 0] - lookback, offsets[:-1])]
    last = part[:, 1] - horizon - lookback
    counts = np.maximum((last - first) // stride + 1, 0)
    starts = ragged_ranges(np.zeros_like(first), counts) * stride + np.repeat(first, counts)
    series = np.repeat(np.arange(len(first)), counts)
    missing_inputs = running_count(~usable_input)
    usable_targets = running_count(usable_target)
    middle = starts + lookback
    known = usable_targets[middle + horizon] - usable_targets[middle]
    wanted = horizon if whole_targets else 1
    kept = (missing_inputs[middle] == missing_inputs[starts]) & (known >= wanted)
    return starts[kept], series[kept]


def running_count(flags: np.ndarray) -> np.ndarray:
    """(N + 1,) number of flags before each row."""
    return np.concatenate([[0], np.cumsum(flags)])


def _next(flags: np.ndarray) -> np.ndarray:
    """(N + 1,) the first flagged row at or after each row, N if there is none."""
    rows = np.where(flags, np.arange(len(flags)), len(flags))
    return np.append(np.minimum.accumulate(rows[::-1])[::-1], len(flags))
