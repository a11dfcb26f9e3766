"""What changes along a training: schedules of the learning rate, and averages of the weights.

Both are pure functions of the position, so that a resumed training needs no state of theirs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from forecast.config.options import Choice, Count, Fraction, Option


@dataclass(frozen=True)
class Position:
    """Where training stands."""

    step: int
    """Steps taken."""
    steps_per_epoch: int
    total_steps: int
    losses: Sequence[float] = ()
    """Validation loss of each finished epoch (training loss where there is no validation)."""
    time: float = 0.0
    """Share of `max_minutes` that is over; 0 where there is no such limit."""

    @property
    def epoch(self) -> int:
        """Finished epochs."""
        return self.step // self.steps_per_epoch

    @property
    def progress(self) -> float:
        """Steps taken, or as many as the time that is over stands for, if they are more."""
        return max(float(self.step), self.time * (self.total_steps - 1))

    @property
    def share(self) -> float:
        """Share of all steps taken, or of the time that is over; 1 at the last step."""
        return min(1.0, self.progress / max(1, self.total_steps - 1))

    @property
    def expected_steps(self) -> int:
        """All steps, or as many as there is time for at the pace so far."""
        if self.progress <= self.step:
            return self.total_steps
        return round(self.total_steps * self.step / self.progress)


class Constant(Option):
    """The same rate throughout."""

    name: Literal["constant"] = "constant"

    def rate_factor(self, _: Position) -> float:
        """Factor on the rate at the next step."""
        return 1.0


class StepDecay(Option):
    """Multiply by gamma every `every` epochs."""

    name: Literal["step"] = "step"
    every: Count = 30
    """Epochs between two falls."""
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Factor of each fall."""

    def rate_factor(self, position: Position) -> float:
        """Factor on the rate at the next step."""
        return self.gamma ** (position.epoch // self.every)


class Exponential(Option):
    """Multiply by gamma every epoch."""

    name: Literal["exponential"] = "exponential"
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Factor of each epoch."""

    def rate_factor(self, position: Position) -> float:
        """Factor on the rate at the next step."""
        return self.gamma**position.epoch


class Cosine(Option):
    """Half a cosine from the rate down to `final` times the rate (Loshchilov and Hutter 2017)."""

    name: Literal["cosine"] = "cosine"
    final: Fraction = 0.0
    """Share of the rate at the last step."""

    def rate_factor(self, position: Position) -> float:
        """Factor on the rate at the next step."""
        return _half_cosine(1.0, self.final, position.share)


class OneCycle(Option):
    """Cosine up from rate / divide, then down to rate / divide / 10,000 (Smith 2018)."""

    name: Literal["one_cycle"] = "one_cycle"
    rise: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Share of all steps in which the rate rises."""
    divide: Annotated[float, Field(gt=1)] = 25.0
    """The rate begins at its peak divided by this."""

    def rate_factor(self, position: Position) -> float:
        """Factor on the rate at the next step."""
        peak, first = self.rise * position.total_steps - 1, 1 / self.divide
        if position.step == 0:
            return first
        if position.progress <= peak:
            return _half_cosine(first, 1.0, position.progress / peak)
        rest = position.total_steps - 1 - peak
        return _half_cosine(1.0, first / 1e4, min(1.0, (position.progress - peak) / rest))


class Plateau(Option):
    """Multiply by factor after `patience` epochs without a lower validation loss."""

    name: Literal["plateau"] = "plateau"
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Factor of each fall."""
    patience: Count = 5
    """Epochs without a lower loss before a fall."""

    def rate_factor(self, position: Position) -> float:
        """Factor on the rate at the next step."""
        best, waited, factor = math.inf, 0, 1.0
        for loss in position.losses:
            waited = 0 if loss < best else waited + 1
            best = min(best, loss)
            if waited > self.patience:
                factor, waited = factor * self.factor, 0
        return factor


ScheduleOption = Annotated[
    Constant | StepDecay | Exponential | Cosine | OneCycle | Plateau, Choice()
]


def _half_cosine(start: float, end: float, share: float) -> float:
    """From start, at share 0, to end, at share 1."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


class NoAveraging(Option):
    """The weights as the optimiser left them."""

    name: Literal["none"] = "none"

    def weight(self, _: Position) -> float:
        """Weight of the newest weights in the average after a step."""
        return 1.0


class ExponentialAverage(Option):
    """Exponential moving average of the weights (Polyak and Juditsky 1992)."""

    name: Literal["ema"] = "ema"
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.995
    """Weight of the past at each step; lower in the first steps: (1 + step) / (10 + step)."""

    def weight(self, position: Position) -> float:
        """Weight of the newest weights in the average after a step."""
        return 1 - min(self.decay, (1 + position.step) / (10 + position.step))


class StochasticWeightAverage(Option):
    """Plain mean of the weights of the last steps (Izmailov et al. 2018)."""

    name: Literal["swa"] = "swa"
    start: Fraction = 0.5
    """Share of all steps after which averaging begins."""

    def weight(self, position: Position) -> float:
        """Weight of the newest weights in the average after a step."""
        first = int(self.start * position.expected_steps)  # whose weights are the first to count
        return 1 / (1 + max(0, position.step - first))


AveragingOption = Annotated[NoAveraging | ExponentialAverage | StochasticWeightAverage, Choice()]
