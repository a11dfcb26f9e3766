"""The losses: what may be configured of each, and its formula.

Every loss has the method `step_loss(forecast, target, given)`, the loss of each entry:

- forecast: (B, H, K, Q) on the model's scale.
- target: (B, H, K, 1).
- given: on the device, (Q,) the levels, which only the pinball loss reads; for cross_entropy (K, Q)
  the weight of each class, 0 for one that a target does not have.
- returns (B, H, K, Q); cross_entropy, and the losses of counts (see counts.py), (B, H, K, 1).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveFloat, field_validator

from forecast.config.counts import NegativeBinomial, Poisson, Tweedie
from forecast.config.options import Choice, Fraction, Option
from forecast.errors import shown

if TYPE_CHECKING:
    from torch import Tensor


class MeanSquared(Option):
    """Squared error."""

    name: Literal["mse"] = "mse"

    def step_loss(self, forecast: Tensor, target: Tensor, _: Tensor) -> Tensor:
        """The loss of each entry, see above."""
        return (forecast - target).square()


class MeanAbsolute(Option):
    """Absolute error."""

    name: Literal["mae"] = "mae"

    def step_loss(self, forecast: Tensor, target: Tensor, _: Tensor) -> Tensor:
        """The loss of each entry, see above."""
        return (forecast - target).abs()


class Huber(Option):
    """Half the squared error within delta, linear beyond (Huber 1964)."""

    name: Literal["huber"] = "huber"
    delta: PositiveFloat = 1.0
    """Error, on the model's scale, at which squared turns into absolute."""

    def step_loss(self, forecast: Tensor, target: Tensor, _: Tensor) -> Tensor:
        """The loss of each entry, see above."""
        from torch.nn.functional import huber_loss

        target = target.expand_as(forecast)
        return huber_loss(forecast, target, reduction="none", delta=self.delta)


class LogCosh(Option):
    """log(cosh(error)): smooth everywhere, absolute far away."""

    name: Literal["log_cosh"] = "log_cosh"

    def step_loss(self, forecast: Tensor, target: Tensor, _: Tensor) -> Tensor:
        """The loss of each entry: |e| + log(1 + exp(-2|e|)) - log 2, which never overflows."""
        from torch.nn.functional import softplus

        error = (forecast - target).abs()
        return error + softplus(-2 * error) - math.log(2)


class Quantile(Option):
    """Pinball loss at each level (Koenker and Bassett 1978)."""

    name: Literal["quantile"] = "quantile"
    levels: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.025, 0.1, 0.5, 0.9, 0.975)
    """Increasing, with 0.5, the point forecast; pairs such as 0.1 and 0.9 give intervals."""

    @field_validator("levels")
    @classmethod
    def _hold_the_median(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        increase = list(levels) == sorted(set(levels))
        if not increase or not levels or levels[len(levels) // 2] != 0.5:
            raise ValueError(
                f"{shown(levels)} must increase, with 0.5, the point forecast, in the middle; write"
                " e.g. [0.1, 0.5, 0.9]"
            )
        return levels

    def step_loss(self, forecast: Tensor, target: Tensor, quantiles: Tensor) -> Tensor:
        """The loss of each entry, see above."""
        import torch

        error = target - forecast
        return torch.maximum(quantiles * error, (quantiles - 1) * error)


class CrossEntropy(Option):
    """Minus the logarithm of the probability of the label that came."""

    name: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: Fraction = 0.0
    """Share of the loss that asks for every label alike, against probabilities of 0 and 1."""
    class_weights: Literal["none", "balanced"] = "none"
    """none; balanced: a label counts by one over its share of the training rows, 1 on average."""

    def step_loss(self, forecast: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """The loss of each entry; targets are numbers of classes, below 0 for none of them.

        Source of the smoothing: Szegedy et al. 2016.
        """
        index = target.long().clamp_min(0)
        log_shares = forecast.float().log_softmax(dim=-1)
        loss = -log_shares.gather(-1, index)
        if self.label_smoothing:
            is_class = weights > 0
            mean = (log_shares * is_class).sum(-1, keepdim=True) / is_class.sum(-1, keepdim=True)
            loss = (1 - self.label_smoothing) * loss - self.label_smoothing * mean
        return loss * weights.expand_as(forecast).gather(-1, index)


LossOption = Annotated[
    MeanSquared
    | MeanAbsolute
    | Huber
    | LogCosh
    | Quantile
    | Poisson
    | NegativeBinomial
    | Tweedie
    | CrossEntropy,
    Choice(),
]
