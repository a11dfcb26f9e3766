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
from forecast.training.averaging import averaged_copy, update_average
from forecast.training.config import EarlyStoppingConfig, TrainingConfig
from forecast.training.device import mixed_precision, mixed_seed, seeded, threads_for
from forecast.training.losses import Loss, penalty
from forecast.training.optimizers import build_optimizer, is_full_batch
from forecast.training.sampling import epoch_order, in_order, windows_in_epoch
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
    bad_step: int | None = None
    """First step whose loss, or whose weights after it, are not finite; None: all are."""

    @property
    def is_finite(self) -> bool:
        """Whether its losses and its weights are numbers."""
        return self.bad_step is None and math.isfinite(self.monitored)

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
    average: Forecaster | None = None
    """Average of the weights along training, if there is one."""

    @property
    def result(self) -> Forecaster:
        """The model that validation judges and training is for."""
        return self.model if self.average is None else self.average

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
        average=averaged_copy(model, config.averaging),
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
                trained = _train_epoch(learner, train, position, number)
            scored = evaluate(learner, validation) if validation else None
        step = min(step + steps_per_epoch, total)
        seconds = before + time.perf_counter() - began
        records.append(
            Epoch(
                number=number,
                step=step,
                train_loss=sum(trained.losses),
                validation_loss=scored,
                learning_rate=trained.rate,
                seconds=seconds,
                gradient_norms=trained.norms,
                bad_step=_bad_step(trained, position.step, step),
            )
        )
        yield records[-1]


def batches_per_epoch(num_windows: int, config: TrainingConfig) -> int:
    """Optimiser steps in one pass over the windows."""
    if is_full_batch(config.optimizer):
        return 1
    return math.ceil(windows_in_epoch(num_windows, config) / config.batch_size)


def evaluate(learner: Learner, windows: Windows) -> float:
    """The loss over all windows, whatever the size of a batch."""
    model = learner.result.eval()
    total = torch.zeros((), device=learner.device)
    weight = torch.zeros((), device=learner.device)
    with torch.no_grad(), mixed_precision(learner.device, learner.config.precision):
        for index in in_order(windows, EVALUATION_BATCH):
            batch = windows.gather(index)
            forecast = model(batch.past, batch.future, batch.static)
            part, part_weight = learner.loss.sums(forecast, batch.target, batch.weight)
            total, weight = total + part, weight + part_weight
    return float(total / weight)


@dataclass(frozen=True)
class _Trained:
    """What an epoch of training left behind."""

    losses: list[float]
    """Of each batch, times its share in the mean of the epoch."""
    norms: dict[str, float]
    """Of each gradient, at the last step."""
    rate: float
    """At the last step."""
    has_numbers: bool
    """Whether the weights are finite."""


def _bad_step(trained: _Trained, before: int, last: int) -> int | None:
    """See `Epoch`; the batches of a gradient descent are all of its one step."""
    bad = (number for number, loss in enumerate(trained.losses) if not math.isfinite(loss))
    first = next(bad, None)
    if first is not None:
        return min(before + first + 1, last)
    return None if trained.has_numbers else last


def _train_epoch(learner: Learner, windows: Windows, position: Position, number: int) -> _Trained:
    """Train on every batch of an epoch; one synchronisation in all."""
    generator = torch.Generator(learner.device).manual_seed(mixed_seed(learner.seed, number))
    batches = epoch_order(windows, learner.config, generator).split(learner.config.batch_size)
    learner.model.train()
    learner.optimizer.zero_grad(set_to_none=True)
    run = _full_batch if is_full_batch(learner.config.optimizer) else _mini_batches
    losses, norms, rate = run(learner, windows, batches, position)
    names = [name for name, _ in learner.model.named_parameters()]
    numbers = _has_numbers(learner.result)
    *values, has_numbers = torch.cat([norms.to(losses), losses, numbers.to(losses)]).tolist()
    of_names = dict(zip(names, values, strict=False))
    return _Trained(values[len(names) :], of_names, rate, bool(has_numbers))


def _has_numbers(model: nn.Module) -> Tensor:
    """(1,) whether all weights are finite."""
    weights = [weight.isfinite().all() for weight in model.state_dict().values()]
    return torch.stack(weights).all()[None]


def _mini_batches(
    learner: Learner, windows: Windows, batches: Sequence[Tensor], position: Position
) -> tuple[Tensor, Tensor, float]:
    """A step on the gradient of each batch; shares of the loss, last gradient norms, last rate."""
    batches = batches[: position.total_steps - position.step]
    seen = sum(len(index) for index in batches)
    losses = torch.zeros(len(batches), device=learner.device)
    norms, rate = losses.new_zeros(0), learner.learning_rate
    for count, index in enumerate(batches):
        loss = batch_loss(learner, windows.gather(index))
        loss.backward()
        losses[count] = loss.detach() * (len(index) / seen)
        if count == len(batches) - 1:
            norms = gradient_norms(learner.model)
        rate = take_step(learner, replace(position, step=position.step + count))
    return losses, norms, rate


def _full_batch(
    learner: Learner, windows: Windows, batches: Sequence[Tensor], position: Position
) -> tuple[Tensor, Tensor, float]:
    """One step on the gradient of all windows, added up batch by batch to bound the memory."""
    losses = torch.zeros(len(batches), device=learner.device)
    shares = learner.loss.shares(windows.gather(index).target for index in batches)
    for count, (index, share) in enumerate(zip(batches, shares, strict=True)):
        loss = batch_loss(learner, windows.gather(index)) * share
        loss.backward()
        losses[count] = loss.detach()
    norms = gradient_norms(learner.model)
    return losses, norms, take_step(learner, position)


def batch_loss(learner: Learner, batch: Batch) -> Tensor:
    """The loss of a batch with its penalties, ready for `backward`."""
    config = learner.config
    with mixed_precision(learner.device, config.precision):
        forecast = learner.model(batch.past, batch.future, batch.static, batch.target)
    loss: Tensor = learner.loss(forecast, batch.target, batch.weight)
    return loss + penalty(learner.model.named_parameters(), config.l1, config.l2)


def scheduled_rate(learner: Learner, position: Position) -> float:
    """The learning rate of the next step."""
    config = learner.config
    return learner.learning_rate * rate_factor(config.schedule, position, config.warmup)


def take_step(learner: Learner, position: Position) -> float:
    """Take one step at the scheduled rate and mix it into the average; return the rate."""
    rate = scheduled_rate(learner, position)
    step_at(learner, rate)
    if learner.average is not None:
        update_average(learner.average, learner.model, learner.config.averaging, position)
    return rate


def step_at(learner: Learner, rate: float) -> None:
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


def best_epoch(history: Sequence[Epoch], stopping: EarlyStoppingConfig | None = None) -> Epoch:
    """The epoch whose monitored loss is lowest, smoothed as configured.

    Args:
        history: one epoch at least.
        stopping: its `smoothing`, and the `min_delta` that a fall must exceed to count.
    """
    stopping = stopping or EarlyStoppingConfig()
    losses = smoothed([epoch.monitored for epoch in history], stopping.smoothing)
    best = 0
    for number, loss in enumerate(losses):
        if loss < losses[best] - stopping.min_delta or math.isnan(losses[best]):
            best = number
    return history[best]


def smoothed(losses: Sequence[float], past: float) -> list[float]:
    """Exponential moving mean of losses, `past` being the weight of those before, unbiased."""
    if not past:  # 0 times a loss that is not finite is no number
        return list(losses)
    total, weight, means = 0.0, 0.0, []
    for loss in losses:
        total, weight = past * total + loss, past * weight + 1
        means.append(total / weight)
    return means


def stop_reason(history: Sequence[Epoch], config: TrainingConfig) -> str | None:
    """Why training should stop after the last epoch; None: go on."""
    last = history[-1]
    if not last.is_finite:
        return _what_broke(last)
    stopping = config.early_stopping
    if stopping and last.validation_loss is not None:
        best = best_epoch(history, stopping)
        if last.number - best.number >= stopping.patience:
            return f"no lower validation loss since epoch {best.number}"
    if config.tolerance and len(history) > 1:
        change = abs(last.train_loss - history[-2].train_loss)
        if change < config.tolerance:
            return f"converged: the training loss changed by {change:.2g}"
    if config.max_minutes and last.seconds >= 60 * config.max_minutes:
        return f"{config.max_minutes:g} minutes are over"
    return None


def _what_broke(epoch: Epoch) -> str:
    """Where a loss or a weight ceased to be a number, and what to try."""
    what, loss = "the weights are not finite", epoch.train_loss
    if not math.isfinite(loss):
        what = f"the training loss is {loss}"
    elif not math.isfinite(epoch.monitored):
        what = f"the validation loss is {epoch.monitored}"
    step = "" if epoch.bad_step is None else f", step {epoch.bad_step}"
    return (
        f"{what} in epoch {epoch.number}{step}; lower training.learning_rate (forecast lr-find"
        " suggests one), or set training.clip_norm: 1"
    )


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
