"""Averages of the weights along training, which forecast better than the last ones."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from forecast.config.training import AveragingOption
from forecast.models.forecaster import Forecaster
from forecast.training.schedules import Position

AVERAGING: Mapping[str, Callable[[Position, Any], float]] = {
    "none": lambda position, option: 1.0,  # noqa: ARG005
    "ema": lambda position, option: (
        1 - min(option.decay, (1 + position.step) / (10 + position.step))
    ),
    "swa": lambda position, option: (
        1 / (1 + max(0, position.step - _first_averaged(position, option)))
    ),
}
"""Name: weight of the newest weights in the average after a step, as a function of the position."""


def _first_averaged(position: Position, option: Any) -> int:
    """The step whose weights are the first of a stochastic weight average."""
    return int(option.start * position.total_steps)


def averaged_copy(model: Forecaster, option: AveragingOption) -> Forecaster | None:
    """A copy to hold the average; None where nothing is averaged."""
    if option.key() == "none":
        return None
    device = next(model.parameters()).device
    return copy.deepcopy(model).eval().to(device)  # `to` lays weights end to end, as cuDNN wants


@torch.no_grad()
def update_average(
    average: nn.Module, model: nn.Module, option: AveragingOption, position: Position
) -> None:
    """Mix a model's weights into the average; running statistics are copied.

    Args:
        average: changed in place.
        model: after the step.
        option: how to average.
        position: of the step just taken.
    """
    weight = AVERAGING[option.key()](position, option)
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), weight)
    for mean, value in zip(average.buffers(), model.buffers(), strict=True):
        mean.copy_(value)
