"""Averages of the weights along training, which forecast better than the last ones."""

from __future__ import annotations

import copy

import torch
from torch import nn

from forecast.config.schedules import AveragingOption, NoAveraging
from forecast.models.forecaster import Model


def averaged_copy(model: Model, option: AveragingOption) -> Model | None:
    """A copy of a model to hold the average; None where nothing is averaged."""
    if isinstance(option, NoAveraging):
        return None
    device = next(model.parameters()).device
    return copy.deepcopy(model).eval().to(device)  # `to` lays weights end to end, as cuDNN wants


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, weight: float) -> None:
    """Mix a model's weights into the average; running statistics are copied.

    Args:
        average: changed in place.
        model: after the step.
        weight: of the model in the average, from 0 to 1.
    """
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), weight)
    for mean, value in zip(average.buffers(), model.buffers(), strict=True):
        mean.copy_(value)
