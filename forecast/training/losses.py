"""Losses: the error of each forecast step, then one weighted mean over what is not masked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecast.config.training import LossOption

StepLoss = Callable[[Tensor, Tensor], Tensor]
"""(forecast (B, H, K, Q), target (B, H, K, 1)) -> loss of each entry (B, H, K, Q)."""


def _mean_squared(_: Any) -> StepLoss:
    return lambda forecast, target: (forecast - target).square()


def _mean_absolute(_: Any) -> StepLoss:
    return lambda forecast, target: (forecast - target).abs()


def _huber(option: Any) -> StepLoss:
    return lambda forecast, target: nn.functional.huber_loss(
        forecast, target.expand_as(forecast), reduction="none", delta=option.delta
    )


def _log_cosh(_: Any) -> StepLoss:
    def loss(forecast: Tensor, target: Tensor) -> Tensor:
        error = (forecast - target).abs()  # log cosh e = |e| + log(1 + exp(-2|e|)) - log 2
        return error + nn.functional.softplus(-2 * error) - math.log(2)

    return loss


class _Quantile(nn.Module):
    """Levels are a buffer: made anew in each batch they would cost one synchronisation each."""

    levels: Tensor

    def __init__(self, option: Any) -> None:
        super().__init__()
        self.register_buffer("levels", torch.tensor(option.levels))

    def forward(self, forecast: Tensor, target: Tensor) -> Tensor:
        error = target - forecast
        return torch.maximum(self.levels * error, (self.levels - 1) * error)


LOSSES: Mapping[str, Callable[[Any], StepLoss]] = {
    "mse": _mean_squared,
    "mae": _mean_absolute,
    "huber": _huber,
    "log_cosh": _log_cosh,
    "quantile": _Quantile,
}


def quantiles_of(option: LossOption) -> tuple[float, ...]:
    """Levels that the model forecasts; (0.5,) for a point loss."""
    return tuple(getattr(option, "levels", (0.5,)))


class Loss(nn.Module):
    """Weighted mean of a step loss over the targets that are not NaN.

    Args:
        option: name and options of the step loss.
        step_weights: weight of each horizon step; None weighs them alike.
    """

    weights: Tensor

    def __init__(self, option: LossOption, step_weights: tuple[float, ...] | None = None) -> None:
        super().__init__()
        self.step_loss = LOSSES[option.key()](option)
        self.weighs_alike = step_weights is None
        weights = torch.tensor(step_weights if step_weights is not None else (1.0,))
        self.register_buffer("weights", weights[:, None, None])  # (H or 1, 1, 1)

    def forward(
        self,
        forecast: Float[Tensor, "B H K Q"],
        target: Float[Tensor, "B H K"],
        weight: Float[Tensor, "B K"] | None = None,
    ) -> Float[Tensor, ""]:
        """The loss of a batch; 0 if all its targets are masked.

        Args:
            forecast, target: on the model's scale; NaN targets are masked.
            weight: of each window's series, 1 on the average; None weighs them alike. The loss is
                not divided by it, so that it counts in a batch of one series too.
        """
        total, count = self.sums(forecast, target, weight)
        return total / count.clamp_min(torch.finfo(count.dtype).tiny)

    def sums(
        self,
        forecast: Float[Tensor, "B H K Q"],
        target: Float[Tensor, "B H K"],
        weight: Float[Tensor, "B K"] | None = None,
        has_no_gaps: bool = False,
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Weighted sum of the losses and sum of the step weights, to be added up over batches.

        Args:
            forecast, target, weight: as for `forward`.
            has_no_gaps: no target is NaN, so that none is looked for.
        """
        if has_no_gaps and self.weighs_alike:
            losses = self.step_loss(forecast, target[..., None])
            if weight is not None:
                losses = losses * weight[:, None, :, None]
            return losses.sum(), losses.new_full((), losses.numel())
        weights = self._weights(target)
        losses = self.step_loss(forecast, target.nan_to_num()[..., None])
        weighted = torch.where(weights > 0, losses * weights, 0.0)
        if weight is not None:
            weighted = weighted * weight[:, None, :, None]
        return weighted.sum(), weights.sum() * losses.shape[3]

    def shares(self, targets: Iterable[Float[Tensor, "_ H K"]]) -> Float[Tensor, " M"]:
        """Share of each batch in the weight of all; what a mean over all windows is made of."""
        weights = torch.stack([self._weights(target).sum() for target in targets])
        return weights / weights.sum().clamp_min(torch.finfo(weights.dtype).tiny)

    def _weights(self, target: Tensor) -> Float[Tensor, "B H K 1"]:
        return ~target.isnan()[..., None] * self.weights


def penalty(parameters: Iterable[tuple[str, Tensor]], l1: float, l2: float) -> Tensor | float:
    """l1 times the sum of |w| plus l2 times the sum of w^2 over the weights; biases excluded."""
    total: Tensor | float = 0.0
    if not l1 and not l2:
        return total
    for name, weight in parameters:
        if "bias" not in name:
            total = total + l1 * weight.abs().sum() + l2 * weight.square().sum()
    return total
