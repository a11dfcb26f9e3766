"""Where the time of a training goes, part by part."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch

from forecast.training.device import wait_for

PROFILE_PARTS = {
    "data": "reading, transforms, windows",
    "kernel": "gathering batches, forward and backward passes",
    "optimizer": "clipping, steps, averages",
    "evaluation": "validation and test windows, opponents, intervals",
    "writing": "checkpoints, tables, pictures",
    "overhead": "everything else",
}
"""Name: what is counted; the last one is what is left of the whole."""


@dataclass
class Profile:
    """Seconds of wall time by part; adds up as it goes."""

    device: torch.device | None = None
    """Waited for at the end of every part; None: nobody asked for the profile, so that nothing is
    waited for."""
    seconds: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.perf_counter)

    @property
    def is_wanted(self) -> bool:
        """Whether somebody asked for it."""
        return self.device is not None

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count a block as a part; blocks do not hold one another."""
        began = time.perf_counter()
        try:
            yield
            if self.device is not None:
                wait_for(self.device)
        finally:
            passed = time.perf_counter() - began
            self.seconds[name] = self.seconds.get(name, 0.0) + passed

    def table(self) -> dict[str, float]:
        """Seconds of every part until now, in the order of `PROFILE_PARTS`."""
        whole = time.perf_counter() - self.began
        known = {name: self.seconds.get(name, 0.0) for name in PROFILE_PARTS if name != "overhead"}
        return {**known, "overhead": max(0.0, whole - sum(known.values()))}


def profile_rows(seconds: Mapping[str, float]) -> list[tuple[str, str, str, str]]:
    """Part, seconds, share and what is counted, as a person reads it; the whole comes last."""
    whole = sum(seconds.values())
    parts = [
        (name, f"{passed:.2f} s", f"{100 * passed / (whole or 1):.1f} %", PROFILE_PARTS[name])
        for name, passed in seconds.items()
    ]
    return [*parts, ("all", f"{whole:.2f} s", "100.0 %", "from the first look at the table on")]
