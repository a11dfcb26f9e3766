"""Learning-rate schedules: pure functions of the position, so that resuming needs no state."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forecast.config.training import ScheduleOption


@dataclass(frozen=True)
class Position:
    """Where training stands."""

    step: int
    """Steps taken."""
    steps_per_epoch: int
    total_steps: int
    losses: Sequence[float] = ()
    """Validation loss of each finished epoch (training loss where there is no validation)."""

    @property
    def epoch(self) -> int:
        """Finished epochs."""
        return self.step // self.steps_per_epoch

    @property
    def share(self) -> float:
        """Share of all steps taken; 1 at the last step."""
        return min(1.0, self.step / max(1, self.total_steps - 1))


def _one_cycle(position: Position, option: Any) -> float:
    peak = option.rise * position.total_steps - 1
    first: float = 1 / option.divide
    if position.step == 0:
        return first
    if position.step <= peak:
        return _between(first, 1.0, position.step / peak)
    rest = position.total_steps - 1 - peak
    return _between(1.0, first / 1e4, (position.step - peak) / rest)


def _plateau(position: Position, option: Any) -> float:
    best, waited, factor = math.inf, 0, 1.0
    for loss in position.losses:
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited > option.patience:
            factor, waited = factor * option.factor, 0
    return factor


def _between(start: float, end: float, share: float) -> float:
    """Half a cosine from start to end."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


SCHEDULES: Mapping[str, Callable[[Position, Any], float]] = {
    "constant": lambda position, option: 1.0,  # noqa: ARG005
    "step": lambda position, option: option.gamma ** (position.epoch // option.every),
    "exponential": lambda position, option: option.gamma**position.epoch,
    "cosine": lambda position, option: _between(1.0, option.final, position.share),
    "one_cycle": _one_cycle,
    "plateau": _plateau,
}


def rate_factor(option: ScheduleOption, position: Position, warmup: int) -> float:
    """Factor on the learning rate at the next step.

    Args:
        option: the schedule.
        position: where training stands.
        warmup: epochs of a linear rise; its first step already has a share of the rate.
    """
    rise = warmup * position.steps_per_epoch
    share = min(1.0, (position.step + 1) / rise) if rise else 1.0
    return share * SCHEDULES[option.key()](position, option)
