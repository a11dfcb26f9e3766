"""Random states made of numbers, which leave the caller's own alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch

from forecast.runs.host import one_drawing


@contextlib.contextmanager
def seeded(device: torch.device, *numbers: int) -> Iterator[None]:
    """Run a block from a random state made of some numbers; the caller's state comes back after.

    `torch.manual_seed` would not do: it seeds every device, also those that are not given back.
    """
    seed = mixed_seed(*numbers)
    devices = [] if device.type == "cpu" else [device]
    with one_drawing(), torch.random.fork_rng(devices, device_type=device.type):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif device.type == "mps":
            torch.mps.manual_seed(seed)
        yield


def mixed_seed(*numbers: int) -> int:
    """One 32-bit seed of several numbers; near numbers give unrelated seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
