"""A model and what is needed to train it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import nn, optim

from forecast.config.training import TrainingConfig
from forecast.models.forecaster import Forecaster, hidden_sizes
from forecast.training.averaging import averaged_copy
from forecast.training.losses import Loss
from forecast.training.profile import Profile

CHUNK = 2**18
"""Most units times steps times layers times rows of a chunk: what it keeps for its gradient is
reused while it is in the cache (measured in benchmarks/RESULTS.md, "Chunks")."""
WORTH_SHARING = 2**17
"""From so many on a batch has two chunks at least, so that two cores have something to do."""


@dataclass(frozen=True)
class Learner:
    """A model and what is needed to train it; the model and the optimiser change."""

    model: Forecaster
    optimizer: optim.Optimizer
    loss: Loss
    config: TrainingConfig
    learning_rate: float
    seed: int
    average: Forecaster | None = None
    """Average of the weights along training, if there is one."""
    profile: Profile = field(default_factory=Profile)

    @property
    def eval_model(self) -> Forecaster:
        """The model that validation judges and training is for."""
        return self.model if self.average is None else self.average

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.weights[0].device

    @cached_property
    def weights(self) -> tuple[nn.Parameter, ...]:
        """Of the model, in the order of `named_parameters`; to look for them takes a while."""
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
    model: Forecaster,
    config: TrainingConfig,
    learning_rate: float,
    seed: int,
    profile: Profile | None = None,
) -> Learner:
    """A learner at its beginning; the model must be on its device."""
    device = next(model.parameters()).device
    return Learner(
        model=model,
        optimizer=config.optimizer.build(list(model.parameters()), learning_rate),
        loss=Loss(config.loss, config.step_weights).to(device),
        config=config,
        learning_rate=learning_rate,
        seed=seed,
        average=averaged_copy(model, config.averaging),
        profile=profile or Profile(),
    )


def has_batch_norm(model: nn.Module) -> bool:
    """Whether a model looks at all windows of a batch at once."""
    return any(isinstance(part, nn.BatchNorm1d) for part in model.modules())


def forecast_windows(model: Forecaster, most: int) -> int:
    """Windows that a thread forecasts at a time: without a gradient they need less room."""
    return min(most, 16 * chunk_windows(model, most))


def chunk_windows(model: Forecaster, batch_size: int) -> int:
    """Windows in a chunk of a batch.

    The size follows from the configuration alone, not from the machine: so do the bytes of a
    result, whatever the number of threads.

    Args:
        model: on the CPU, it is given chunks that fit the cache; on a GPU whole batches, and
            where batch normalisation looks at all windows of a batch at once.
        batch_size: windows in a batch.
    """
    if has_batch_norm(model) or next(model.parameters()).device.type != "cpu":
        return batch_size
    shape, sizes = model.shape, hidden_sizes(model.config, 0)
    rows = shape.num_targets if model.is_independent else 1
    work = batch_size * rows * (shape.lookback // model.config.segment) * sum(sizes)
    chunks = 2 if work >= WORTH_SHARING else 1
    while work > chunks * CHUNK:
        chunks *= 2
    return max(1, -(-batch_size // chunks))
