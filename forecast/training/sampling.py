"""Which windows an epoch reads, and in which order; it follows from a generator alone."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Int
from torch import Tensor

from forecast.config.training import TrainingConfig
from forecast.data.windows import Windows


def windows_in_epoch(num_windows: int, config: TrainingConfig) -> int:
    """Windows that one pass reads."""
    return config.epoch_windows or num_windows


def epoch_order(
    windows: Windows, config: TrainingConfig, generator: torch.Generator
) -> Int[Tensor, " M"]:
    """Window numbers of one epoch.

    Args:
        windows: in the order of their series.
        config: `sampling` (all: shuffled, each once before any twice; uniform: a series at random,
            then one of its windows) and `epoch_windows`.
        generator: on the windows' device.
    """
    count = windows_in_epoch(len(windows), config)
    if config.sampling == "uniform":
        return _by_series(windows, count, generator)
    device, kind = windows.starts.device, windows.starts.dtype
    rounds = [
        torch.randperm(len(windows), generator=generator, device=device, dtype=kind)
        for _ in range(-(-count // len(windows)))
    ]
    return (torch.cat(rounds) if rounds[1:] else rounds[0])[:count]


def _by_series(windows: Windows, count: int, generator: torch.Generator) -> Int[Tensor, " M"]:
    _, lengths = torch.unique_consecutive(windows.series, return_counts=True)
    firsts = lengths.cumsum(0) - lengths
    device = lengths.device
    chosen = torch.randint(len(lengths), (count,), generator=generator, device=device)
    draws = torch.randint(2**31, (count,), generator=generator, device=device)  # mps has no float64
    order: Tensor = firsts[chosen] + draws % lengths[chosen]
    return order


def in_order(windows: Windows, batch_size: int) -> Iterator[Int[Tensor, " B"]]:
    """Numbers of all windows as they stand, in batches."""
    for first in range(0, len(windows), batch_size):
        last = min(first + batch_size, len(windows))
        yield torch.arange(first, last, device=windows.starts.device)
