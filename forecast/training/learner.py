"""A model and what is needed to train it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor, nn, optim

from forecast.config.training import TrainingConfig
from forecast.models.forecaster import Model
from forecast.training.averaging import averaged_copy
from forecast.training.losses import Loss
from forecast.training.profile import Profile

MOST_WORK_OF_A_CHUNK = 2**19
"""Units x steps x layers x windows. With half as much a batch takes 10 % longer, as the kernel of a
layer is slow on few windows; twice as much gains 3 %, and leaves half as many chunks for threads
and processes to share (measured in benchmarks/RESULTS.md, "Closer to the kernel")."""
LEAST_WORK_TO_SHARE = 2**17
"""A batch with at least so much work has two chunks or more, so that two cores can share it."""


@dataclass(frozen=True)
class Learner:
    """A model and what is needed to train it; the model and the optimiser change."""

    model: Model
    optimizer: optim.Optimizer
    loss: Loss
    config: TrainingConfig
    learning_rate: float
    seed: int
    average: Model | None
    """Average of the weights along training, if there is one."""
    profile: Profile
    is_trained: bool = False
    """Whether the weights are good before the first step."""

    @property
    def eval_model(self) -> Model:
        """The model that validation judges and training is for."""
        return self.model if self.average is None else self.average

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.weights[0].device

    @cached_property
    def weights(self) -> tuple[nn.Parameter, ...]:
        """Of the model, in the order of `named_parameters`; looked up once, which takes time."""
        return tuple(self.model.parameters())

    @cached_property
    def has_batch_norm(self) -> bool:
        """See `has_batch_norm`."""
        return has_batch_norm(self.model)

    @cached_property
    def chunk(self) -> int:
        """Windows in a chunk of a batch."""
        return chunk_windows(self.model, self.config.batch_size)


def build_learner(
    model: Model,
    config: TrainingConfig,
    learning_rate: float,
    seed: int,
    profile: Profile | None = None,
    class_weights: Float[Tensor, "K Q"] | None = None,
) -> Learner:
    """A learner at its beginning.

    Args:
        model: fresh, on the device where it is trained.
        config: loss, optimiser, average and the like.
        learning_rate: before the schedule.
        seed: order of windows and dropout follow from it.
        profile: counts where the time goes; None: it is not kept.
        class_weights: of labels, see `Loss`; None: targets are numbers.
    """
    device = next(model.parameters()).device
    return Learner(
        model=model,
        optimizer=config.optimizer.build(list(model.parameters()), learning_rate),
        loss=Loss(config.loss, config.step_weights, class_weights).to(device),
        config=config,
        learning_rate=learning_rate,
        seed=seed,
        average=averaged_copy(model, config.averaging),
        profile=profile or Profile(),
    )


def has_batch_norm(model: nn.Module) -> bool:
    """Whether a model looks at all windows of a batch at once."""
    return any(isinstance(part, nn.BatchNorm1d) for part in model.modules())


def forecast_windows(model: Model, most: int) -> int:
    """Windows that a thread forecasts at a time: without a gradient they need less room, but what a
    layer hands to the next one should stay in the cache."""
    return min(most, 4 * chunk_windows(model, most))


def chunk_windows(model: Model, batch_size: int) -> int:
    """Windows in a chunk of a batch, which is cut into a power of two of them.

    The size follows from the configuration alone, not from the machine: so do the bytes of a
    result, whatever the number of threads.

    Args:
        model: on the CPU its chunks fit the cache. On a GPU, and with batch normalisation, which
            looks at all windows of a batch at once, a chunk is the whole batch.
        batch_size: windows in a batch.
    """
    if has_batch_norm(model) or next(model.parameters()).device.type != "cpu":
        return batch_size
    work = batch_size * model.work
    chunks = 2 if work >= LEAST_WORK_TO_SHARE else 1
    while work > chunks * MOST_WORK_OF_A_CHUNK:
        chunks *= 2
    return max(1, -(-batch_size // chunks))
