"""The loss of a batch: one weighted mean, over all targets that are known, of a step loss."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecast.config.counts import Distribution
from forecast.config.losses import LossOption


def quantiles_of(option: LossOption) -> tuple[float, ...]:
    """Levels that are forecast, the point forecast in the middle.

    (0.5,) for a point loss. Of a distribution the mean, NaN, is in the middle.
    """
    if isinstance(option, Distribution):
        return option.quantiles
    return tuple(getattr(option, "levels", (0.5,)))


def outputs_of(option: LossOption) -> int:
    """Numbers that a network gives for each step and target: quantiles, or parameters."""
    if isinstance(option, Distribution):
        return option.num_parameters
    return len(quantiles_of(option))


class Loss(nn.Module):
    """Weighted mean of a step loss over the targets that are not NaN.

    Args:
        option: name and options of the step loss.
        step_weights: weight of each horizon step; None weighs them alike.
        class_weights: (K, Q) of labels: weight of each class of each target, 0 for none of its
            own; None: targets are numbers.
    """

    weights: Float[Tensor, "H 1 1"]
    """Of each horizon step; a single one where all weigh alike."""
    given: Float[Tensor, "*K Q"]
    """Levels, or weights of classes. A buffer: made anew in each batch, they would cost a
    synchronisation with the GPU each."""

    def __init__(
        self,
        option: LossOption,
        step_weights: tuple[float, ...] | None = None,
        class_weights: Float[Tensor, "K Q"] | None = None,
    ) -> None:
        super().__init__()
        self.option = option
        self.weighs_alike = step_weights is None
        weights = torch.tensor(step_weights or (1.0,), dtype=torch.float32)
        self.register_buffer("weights", weights[:, None, None])
        self.is_of_labels = class_weights is not None
        levels = torch.tensor(quantiles_of(option), dtype=torch.float32)
        self.register_buffer("given", levels if class_weights is None else class_weights)

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
            losses = self._entry_losses(forecast, target)
            if weight is not None:
                losses = losses * weight[:, None, :, None]
            return losses.sum(), losses.new_full((), losses.numel())
        weights = self._weights(target)
        # A masked target becomes 0, so that its loss and gradient are numbers; then they count 0.
        losses = self._entry_losses(forecast, target.nan_to_num())
        weighted = torch.where(weights > 0, losses * weights, 0.0)
        if weight is not None:
            weighted = weighted * weight[:, None, :, None]
        return weighted.sum(), weights.sum() * losses.shape[3]

    def _entry_losses(
        self, forecast: Float[Tensor, "B H K Q"], target: Float[Tensor, "B H K"]
    ) -> Float[Tensor, "B H K P"]:
        return self.option.step_loss(forecast, target[..., None], self.given)

    def _weights(self, target: Float[Tensor, "B H K"]) -> Float[Tensor, "B H K 1"]:
        """Weight of each target in the mean, 0 where it is masked, or a label never seen."""
        known = target >= 0 if self.is_of_labels else ~target.isnan()
        return known[..., None] * self.weights


def penalty(parameters: Iterable[tuple[str, Tensor]], l1: float, l2: float) -> Float[Tensor, ""]:
    """The elastic net: l1 times the sum of |w| plus l2 times the sum of w^2; biases excluded.

    Args:
        parameters: names and weights of a model.
        l1, l2: weights of the two sums.
    """
    total = torch.zeros((), dtype=torch.float32)
    for name, weight in parameters:
        if "bias" not in name:
            total = total + l1 * weight.abs().sum() + l2 * weight.square().sum()
    return total
