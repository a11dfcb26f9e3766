"""The training loop: a generator of epochs, and one evaluation.

`fit` yields a record after each epoch; the caller logs, saves and stops with ordinary `if` and
`break`. When to stop and what to warn of are pure functions of the records.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor, nn

from forecast.config.training import TrainingConfig
from forecast.data.windows import Batch, Windows
from forecast.training.cuda import StepGraph, captured, choose_kernel
from forecast.training.device import gathered, mixed_precision
from forecast.training.learner import Learner, forecast_windows
from forecast.training.optimizers import is_full_batch
from forecast.training.sampling import epoch_order, in_order, windows_in_epoch
from forecast.training.schedules import Position
from forecast.training.seeds import mixed_seed
from forecast.training.step import StepResult, take_step
from forecast.training.workers import ALONE, Workers, workers_for

EVALUATION_BATCH = 1024


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
class EpochProgress:
    """A place between two steps of an epoch, from which a training can go on."""

    step: int
    """Optimiser steps taken so far, in all epochs."""
    losses: tuple[float, ...]
    """Of each step of the epoch so far."""
    seconds: float
    """Since training began, pauses between runs excluded."""


def fit(
    learner: Learner, train: Windows, validation: Windows | None, history: Sequence[Epoch] = ()
) -> Iterator[Epoch]:
    """Train, one epoch at a time.

    Args:
        learner: changed in place.
        train, validation: on the learner's device, or on the CPU where they are too large for it;
            validation None or empty: none.
        history: epochs done before, of a resumed training.

    Yields:
        A record after each epoch.
    """
    records = fit_with_pauses(learner, train, validation, history)
    return (record for record in records if isinstance(record, Epoch))


def fit_with_pauses(
    learner: Learner,
    train: Windows,
    validation: Windows | None,
    history: Sequence[Epoch] = (),
    within: EpochProgress | None = None,
    pause_every: float = math.inf,
) -> Iterator[Epoch | EpochProgress]:
    """Train as `fit` does, and leave long epochs for a moment now and then, to be saved.

    The order of windows and the dropout of a step follow from the seed and the numbers of epoch and
    step alone, so that a resumed training goes on as if it had never stopped.

    Args:
        learner, train, validation, history: as for `fit`.
        within: where in the next epoch it stopped; None: at its beginning.
        pause_every: seconds from one pause to the next.

    Yields:
        A record after each epoch, and a `EpochProgress` at every pause.
    """
    config = learner.config
    steps_per_epoch = batches_per_epoch(len(train), config)
    total = config.epochs * steps_per_epoch
    total = min(total, config.max_steps or total)
    records = list(history)
    step = records[-1].step if records else 0
    before = within or (records[-1] if records else None)
    clock = _Clock(before.seconds if before else 0.0, pause_every)
    choose_kernel(learner, train)
    graph = captured(learner, train)
    while step < total:
        losses = [record.monitored for record in records]
        epoch = _Task(len(records) + 1, Position(step, steps_per_epoch, total, losses), within)
        with workers_for(learner.device) as workers:
            take = _stepper(learner, train, workers, graph)
            trained = yield from _train_epoch(learner, train, epoch, take, clock)
            scored = _scored(learner, validation, workers)
        first, step, within = step, min(step + steps_per_epoch, total), None
        records.append(
            Epoch(
                number=epoch.number,
                step=step,
                train_loss=trained.loss,
                validation_loss=scored,
                learning_rate=trained.rate,
                seconds=clock.seconds(),
                gradient_norms=trained.norms,
                bad_step=_bad_step(trained, first, step),
            )
        )
        yield records[-1]


def batches_per_epoch(num_windows: int, config: TrainingConfig) -> int:
    """Optimiser steps in one pass over the windows."""
    if is_full_batch(config.optimizer):
        return 1
    return math.ceil(windows_in_epoch(num_windows, config) / config.batch_size)


def evaluate(learner: Learner, windows: Windows, workers: Workers = ALONE) -> float:
    """The loss over all windows, whatever the size of a batch and the number of workers."""
    model = learner.eval_model.eval()

    def sums(batch: Batch) -> tuple[Tensor, Tensor]:
        with torch.no_grad(), mixed_precision(learner.device, learner.config.precision):
            forecast = model(batch.past, batch.future, batch.static)
            return learner.loss.sums(forecast, batch.target, batch.weight, batch.has_no_gaps)

    size = forecast_windows(model, EVALUATION_BATCH)
    batches = (gathered(windows, index, learner.device) for index in in_order(windows, size))
    total = torch.zeros((), device=learner.device)
    weight = torch.zeros((), device=learner.device)
    for part, part_weight in workers.map(sums, batches):
        total, weight = total + part, weight + part_weight
    return float(total / weight)


def _scored(learner: Learner, validation: Windows | None, workers: Workers) -> float | None:
    if not validation:
        return None
    with learner.profile.part("evaluation"):
        return evaluate(learner, validation, workers)


class _Clock:
    """Seconds since training began, pauses between runs excluded, and since the last pause."""

    def __init__(self, before: float, pause_every: float) -> None:
        self.began = self.paused = time.perf_counter()
        self.before, self.pause_every = before, pause_every

    def seconds(self) -> float:
        """Since training began."""
        return self.before + time.perf_counter() - self.began

    def is_time_to_pause(self) -> bool:
        """Whether the last pause, or the beginning, is long enough ago."""
        now = time.perf_counter()
        is_time = now - self.paused >= self.pause_every
        self.paused = now if is_time else self.paused
        return is_time


@dataclass(frozen=True)
class _Task:
    """One epoch that is to be trained."""

    number: int
    first: Position
    """Of its first step."""
    within: EpochProgress | None
    """Where to go on; None: at the first step."""


@dataclass(frozen=True)
class _Trained:
    """What an epoch of training left behind."""

    losses: list[float]
    """Of each step."""
    windows: tuple[int, ...]
    """Of each step."""
    norms: dict[str, float]
    """Of each gradient, at the last step."""
    rate: float
    """At the last step."""
    has_numbers: bool
    """Whether the weights are finite."""

    @property
    def loss(self) -> float:
        """Mean over the windows of the epoch."""
        sums = (loss * count for loss, count in zip(self.losses, self.windows, strict=True))
        return sum(sums) / sum(self.windows)


Stepper = Callable[[Tensor, Position, tuple[int, ...]], StepResult]
"""Takes a step on the windows of some numbers, at a position, with seeds for dropout."""


def _stepper(
    learner: Learner, windows: Windows, workers: Workers, graph: StepGraph | None
) -> Stepper:
    return graph.take_step if graph else partial(take_step, learner, windows, workers=workers)


def _bad_step(trained: _Trained, before: int, last: int) -> int | None:
    """See `Epoch`."""
    bad = (number for number, loss in enumerate(trained.losses) if not math.isfinite(loss))
    first = next(bad, None)
    if first is not None:
        return before + first + 1
    return None if trained.has_numbers else last


def _train_epoch(
    learner: Learner, windows: Windows, task: _Task, take: Stepper, clock: _Clock
) -> Generator[EpochProgress, None, _Trained]:
    """Take every step of an epoch that is left; one synchronisation, and one at each pause."""
    order, size = _order(learner, windows, task)
    steps = -(-len(order) // size)
    losses = torch.zeros(steps, device=learner.device)
    done = task.within.losses if task.within else ()
    losses[: len(done)] = torch.tensor(done, device=learner.device)
    learner.model.train()
    for count in range(len(done), steps):
        position = replace(task.first, step=task.first.step + count)
        index = order[count * size : (count + 1) * size]
        step = take(index, position, (learner.seed, task.number, count))
        losses[count] = step.loss
        if count + 1 < steps and clock.is_time_to_pause():
            passed = tuple(losses[: count + 1].tolist())
            yield EpochProgress(position.step + 1, passed, clock.seconds())
            learner.model.train()
    names = [name for name, _ in learner.model.named_parameters()]
    numbers = _has_numbers(learner.eval_model).to(losses)
    norms = torch.stack([*step.norms]).to(losses)
    *values, has_numbers = torch.cat([norms, losses, numbers]).tolist()
    of_names = dict(zip(names, values, strict=False))
    in_last = len(order) - (steps - 1) * size
    weights = (*itertools.repeat(size, steps - 1), in_last)
    return _Trained(values[len(names) :], weights, of_names, step.rate, bool(has_numbers))


def _order(learner: Learner, windows: Windows, task: _Task) -> tuple[Tensor, int]:
    """Numbers of the windows of an epoch, from (seed, epoch) alone, and how many make a step."""
    generator = torch.Generator(windows.starts.device)
    generator.manual_seed(mixed_seed(learner.seed, task.number))
    order = epoch_order(windows, learner.config, generator)
    size = len(order) if is_full_batch(learner.config.optimizer) else learner.config.batch_size
    steps_left = task.first.total_steps - task.first.step
    return order[: steps_left * size], size


def _has_numbers(model: nn.Module) -> Tensor:
    """(1,) whether all weights are finite."""
    weights = [weight.isfinite().all() for weight in model.state_dict().values()]
    return torch.stack(weights).all()[None]
