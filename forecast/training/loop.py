"""The training loop: one step, one evaluation, and a generator of epochs.

`fit` yields a record after each epoch; the caller logs, saves and stops with ordinary `if` and
`break`. When to stop and what to warn of are pure functions of the records.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn, optim

from forecast.data.windows import Batch, Windows
from forecast.models.forecaster import Forecaster, hidden_sizes
from forecast.training.config import TrainingConfig
from forecast.training.device import mixed_seed, seeded, threads_for
from forecast.training.losses import Loss, penalty
from forecast.training.optimizers import build_optimizer, is_full_batch
from forecast.training.schedules import Position, rate_factor

EVALUATION_BATCH = 1024
WORRYING_RISE = 1.5
"""A training loss that rises for three epochs to this many times its lowest is warned of."""


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training windows came to."""

    number: int
    """From 1."""
    step: int
    """Optimiser steps taken so far."""
    train_loss: float
    """Mean over the steps of the epoch, penalties included."""
    validation_loss: float | None
    learning_rate: float
    """At the last step."""
    seconds: float
    """Since training began, pauses between runs excluded."""
    gradient_norms: dict[str, float] = field(default_factory=dict)
    """Of each weight, at the last step, before clipping."""

    @property
    def monitored(self) -> float:
        """The loss that decides: validation, or training where there is no validation."""
        return self.train_loss if self.validation_loss is None else self.validation_loss


@dataclass(frozen=True)
class Learner:
    """A model and what is needed to train it; the model and the optimiser change."""

    model: Forecaster
    optimizer: optim.Optimizer
    loss: Loss
    config: TrainingConfig
    learning_rate: float
    seed: int

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    @property
    def work(self) -> int:
        """Rows of a batch times units of the widest layer."""
        channels = self.model.shape.num_targets if self.model.is_independent else 1
        return self.config.batch_size * channels * max(hidden_sizes(self.model.config, 0))


def build_learner(
    model: Forecaster, config: TrainingConfig, learning_rate: float, seed: int
) -> Learner:
    """A learner at its beginning; the model must be on its device."""
    device = next(model.parameters()).device
    return Learner(
        model=model,
        optimizer=build_optimizer(config.optimizer, model.parameters(), learning_rate),
        loss=Loss(config.loss, config.step_weights).to(device),
        config=config,
        learning_rate=learning_rate,
        seed=seed,
    )


def fit(
    learner: Learner,
    train: Windows,
    validation: Windows | None,
    history: Sequence[Epoch] = (),
) -> Iterator[Epoch]:
    """Train, one epoch at a time.

    The order of windows and the dropout of an epoch follow from (seed, epoch) alone, so that a
    resumed training goes on as if it had never stopped.

    Args:
        learner: changed in place.
        train, validation: on the learner's device; validation None or empty: none.
        history: epochs done before, of a resumed training.
    """
    config = learner.config
    steps_per_epoch = batches_per_epoch(len(train), config)
    total = config.epochs * steps_per_epoch
    total = min(total, config.max_steps or total)
    records = list(history)
    step = records[-1].step if records else 0
    before = records[-1].seconds if records else 0.0
    began = time.perf_counter()
    while step < total:
        number = len(records) + 1
        losses = [record.monitored for record in records]
        position = Position(step, steps_per_epoch, total, losses)
        with threads_for(learner.device, learner.work):
            with seeded(learner.device, learner.seed, number):
                train_loss, rate, norms = _train_epoch(learner, train, position, number)
            scored = evaluate(learner, validation) if validation else None
        step = min(step + steps_per_epoch, total)
        seconds = before + time.perf_counter() - began
        records.append(Epoch(number, step, train_loss, scored, rate, seconds, norms))
        yield records[-1]


def batches_per_epoch(num_windows: int, config: TrainingConfig) -> int:
    """Optimiser steps in one pass over the windows."""
    return 1 if is_full_batch(config.optimizer) else math.ceil(num_windows / config.batch_size)


def evaluate(learner: Learner, windows: Windows) -> float:
    """The loss over all windows, whatever the size of a batch."""
    learner.model.eval()
    total = torch.zeros((), device=learner.device)
    weight = torch.zeros((), device=learner.device)
    with torch.no_grad():
        for index in batch_order(windows, EVALUATION_BATCH):
            batch = windows.gather(index)
            forecast = learner.model(batch.past, batch.future, batch.static)
            part, part_weight = learner.loss.sums(forecast, batch.target)
            total, weight = total + part, weight + part_weight
    return float(total / weight)


def batch_order(
    windows: Windows, batch_size: int, generator: torch.Generator | None = None
) -> tuple[Tensor, ...]:
    """Window numbers in batches: in order, or as a generator shuffles them."""
    device = windows.starts.device
    count = len(windows)
    order = (
        torch.arange(count, device=device)
        if generator is None
        else torch.randperm(count, generator=generator, device=device)
    )
    batches: tuple[Tensor, ...] = order.split(batch_size)
    return batches


def _train_epoch(
    learner: Learner, windows: Windows, position: Position, number: int
) -> tuple[float, float, dict[str, float]]:
    """Mean loss, last rate, and gradient norms at the last step; one synchronisation in all."""
    generator = torch.Generator(learner.device).manual_seed(mixed_seed(learner.seed, number))
    batches = batch_order(windows, learner.config.batch_size, generator)
    learner.model.train()
    learner.optimizer.zero_grad(set_to_none=True)
    run = _full_batch if is_full_batch(learner.config.optimizer) else _mini_batches
    loss, norms, rate = run(learner, windows, batches, position)
    names = [name for name, _ in learner.model.named_parameters()]
    mean_loss, *values = torch.cat([loss[None], norms.to(loss)]).tolist()
    return mean_loss, rate, dict(zip(names, values, strict=True))


def _mini_batches(
    learner: Learner, windows: Windows, batches: Sequence[Tensor], position: Position
) -> tuple[Tensor, Tensor, float]:
    """A step on the gradient of each batch; mean loss, last gradient norms, last rate."""
    batches = batches[: position.total_steps - position.step]
    total = torch.zeros((), device=learner.device)
    norms, rate = total.new_zeros(0), learner.learning_rate
    for count, index in enumerate(batches):
        loss = batch_loss(learner, windows.gather(index))
        loss.backward()
        total += loss.detach() * len(index)
        if count == len(batches) - 1:
            norms = gradient_norms(learner.model)
        rate = scheduled_rate(learner, replace(position, step=position.step + count))
        take_step(learner, rate)
    return total / sum(len(index) for index in batches), norms, rate


def _full_batch(
    learner: Learner, windows: Windows, batches: Sequence[Tensor], position: Position
) -> tuple[Tensor, Tensor, float]:
    """One step on the gradient of all windows, added up batch by batch to bound the memory."""
    total = torch.zeros((), device=learner.device)
    shares = learner.loss.shares(windows.gather(index).target for index in batches)
    for index, share in zip(batches, shares, strict=True):
        loss = batch_loss(learner, windows.gather(index)) * share
        loss.backward()
        total += loss.detach()
    norms = gradient_norms(learner.model)
    rate = scheduled_rate(learner, position)
    take_step(learner, rate)
    return total, norms, rate


def batch_loss(learner: Learner, batch: Batch) -> Tensor:
    """The loss of a batch with its penalties, ready for `backward`."""
    forecast = learner.model(batch.past, batch.future, batch.static, batch.target)
    config = learner.config
    loss: Tensor = learner.loss(forecast, batch.target)
    return loss + penalty(learner.model.named_parameters(), config.l1, config.l2)


def scheduled_rate(learner: Learner, position: Position) -> float:
    """The learning rate of the next step."""
    config = learner.config
    return learner.learning_rate * rate_factor(config.schedule, position, config.warmup)


def take_step(learner: Learner, rate: float) -> None:
    """Clip the gradient, take one step at a rate, clear the gradient."""
    config = learner.config
    if config.clip_value is not None:
        nn.utils.clip_grad_value_(learner.model.parameters(), config.clip_value)
    if config.clip_norm is not None:
        nn.utils.clip_grad_norm_(learner.model.parameters(), config.clip_norm)
    for group in learner.optimizer.param_groups:
        group["lr"] = rate
    learner.optimizer.step()
    learner.optimizer.zero_grad(set_to_none=True)


def gradient_norms(model: nn.Module) -> Tensor:
    """Norm of each parameter's gradient, in the order of `named_parameters`."""
    zero = torch.zeros((), device=next(model.parameters()).device)
    return torch.stack([zero if p.grad is None else p.grad.norm() for p in model.parameters()])


def best_epoch(history: Sequence[Epoch], min_delta: float = 0.0) -> Epoch:
    """The epoch whose monitored loss is lowest; a fall of `min_delta` or less does not count."""
    best = history[0]
    for epoch in history[1:]:
        if epoch.monitored < best.monitored - min_delta or math.isnan(best.monitored):
            best = epoch
    return best


def stop_reason(history: Sequence[Epoch], config: TrainingConfig) -> str | None:
    """Why training should stop after the last epoch; None: go on."""
    last = history[-1]
    for part, loss in (("training", last.train_loss), ("validation", last.monitored)):
        if not math.isfinite(loss):
            return (
                f"the {part} loss is {loss} in epoch {last.number}: the learning rate is too high"
            )
    stopping = config.early_stopping
    if stopping and last.validation_loss is not None:
        best = best_epoch(history, stopping.min_delta)
        if last.number - best.number >= stopping.patience:
            return f"no lower validation loss since epoch {best.number}"
    if config.tolerance and len(history) > 1:
        change = abs(last.train_loss - history[-2].train_loss)
        if change < config.tolerance:
            return f"converged: the training loss changed by {change:.2g}"
    if config.max_minutes and last.seconds >= 60 * config.max_minutes:
        return f"{config.max_minutes:g} minutes are over"
    return None


def symptoms(history: Sequence[Epoch]) -> list[str]:
    """Warnings of the last epoch: a rising loss, vanishing or exploding gradients."""
    found = []
    losses = [epoch.train_loss for epoch in history[-4:]]
    rising = len(losses) == 4 and all(a < b for a, b in itertools.pairwise(losses))
    lowest = min(epoch.train_loss for epoch in history)
    if rising and losses[-1] > WORRYING_RISE * lowest:
        found.append("the training loss has risen for 3 epochs: learning rate too high?")
    norms = {
        name: math.inf if math.isnan(norm) else norm
        for name, norm in history[-1].gradient_norms.items()
        if name.startswith("stack") and "weight" in name
    }
    if norms:
        smallest, largest = min(norms, key=norms.__getitem__), max(norms, key=norms.__getitem__)
        if norms[largest] > 1e3:
            found.append(
                f"the gradient of {largest} explodes (norm {norms[largest]:.2g}): set"
                " training.clip_norm: 1"
            )
        if math.isfinite(norms[largest]) and norms[smallest] < 1e-6 * norms[largest]:
            found.append(
                f"the gradient of {smallest} vanishes (norm {norms[smallest]:.2g}): a lower"
                " learning rate, model.residual or model.layer_norm may help"
            )
    return found
