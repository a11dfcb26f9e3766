"""The training loop: a generator of epochs, and one evaluation.

`fit` yields a record after each epoch; the caller logs, saves and stops with ordinary `if` and
`break`. When to stop and what to warn of are pure functions of the records: see stopping.py.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from forecast.config.schedules import Position
from forecast.config.training import TrainingConfig
from forecast.data.windows import Windows
from forecast.training.cuda import captured
from forecast.training.device import gathered, mixed_precision
from forecast.training.learner import Learner, forecast_windows
from forecast.training.optimizers import is_full_batch
from forecast.training.ranks import ONE_PROCESS, Ranks
from forecast.training.sampling import epoch_order, in_order, windows_in_epoch
from forecast.training.seeds import mixed_seed
from forecast.training.step import StepResult, average_weights, scheduled_rate, take_step
from forecast.training.workers import ALONE, Workers, workers_for

EVALUATION_BATCH = 1024
"""Windows that are validated at a time, at most."""


@dataclass(frozen=True)
class Epoch:
    """The record of one pass over the training windows."""

    number: int
    """From 1."""
    step: int
    """Optimiser steps taken so far."""
    train_loss: float
    """Mean over the windows of the epoch, penalties included."""
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
    learner: Learner,
    train: Windows,
    validation: Windows | None,
    history: Sequence[Epoch] = (),
    within: EpochProgress | None = None,
    pause_every: float = math.inf,
    most_seconds: float = math.inf,
    ranks: Ranks = ONE_PROCESS,
) -> Iterator[Epoch | EpochProgress]:
    """Train epoch by epoch; long epochs pause now and then, so that they can be saved.

    The order of windows and the dropout of a step follow from the seed and the numbers of epoch and
    step alone, so that a resumed training goes on as if it had never stopped.

    Args:
        learner: changed in place.
        train, validation: on the learner's device, or on the CPU where they are too large for it;
            validation None or empty: none.
        history: epochs done before, of a resumed training.
        within: where in the next epoch it stopped; None: at its beginning.
        pause_every: seconds from one pause to the next.
        most_seconds: of this training, runs before included. The last epoch is cut short so that
            its validation fits in; one step is always taken, and the schedule ends with the time.
        ranks: the processes that share the work; all train the same model, by the clock of rank 0.

    Yields:
        A record after each epoch, and an `EpochProgress` at every pause.
    """
    records, config = list(history), learner.config
    most_steps = total_steps(len(train), config)
    step = records[-1].step if records else 0
    before = within or (records[-1] if records else None)
    clock = _Clock(before.seconds if before else 0.0, pause_every, most_seconds, ranks)
    graph = captured(learner, train) if ranks.size == 1 else None
    is_over = False
    while step < most_steps and not is_over:
        number, monitored = len(records) + 1, [each.monitored for each in records]
        batches = _batches(learner, train, number, most_steps - step)
        start = Position(step, batches_per_epoch(len(train), config), most_steps, monitored)
        with workers_for(learner.device, ranks) as workers:
            take = graph.take_step if graph else partial(take_step, learner, train, workers=workers)
            taken = yield from _steps(learner, take, batches, number, start, within, clock)
            ranks.require_same([*learner.model.state_dict().values()])
            losses, norms, are_finite = _read(learner, taken)
            validation_loss = _validated(learner, validation, workers, clock)
        record = Epoch(
            number=number,
            step=step + len(losses),
            train_loss=_mean(losses, batches[: len(losses)]),
            validation_loss=validation_loss,
            learning_rate=taken.rate,
            seconds=clock.passed(),
            gradient_norms=norms,
            bad_step=_bad_step(losses, step + 1, are_finite),
        )
        records.append(record)
        step, within = record.step, None
        is_over = taken.is_cut or record.seconds + clock.validation_seconds >= most_seconds
        yield record


class _Clock:
    """The time that a training has taken, pauses between runs excluded, and what is left of it."""

    def __init__(
        self, before: float, pause_every: float, most_seconds: float, ranks: Ranks
    ) -> None:
        """Begin; `before` are the seconds of the runs before this one, see `fit` for the others."""
        self.paused = time.perf_counter()
        self.began = self.paused - before
        self.pause_every, self.most_seconds, self.ranks = pause_every, most_seconds, ranks
        self.validation_seconds = 0.0
        """Seconds of the last validation."""

    def passed(self) -> float:
        """Seconds since training began, by the clock of rank 0."""
        return self.ranks.broadcast(time.perf_counter() - self.began)

    def share(self) -> float:
        """Share of the time that is over; 0 without a limit, so that no step waits for rank 0."""
        return self.passed() / self.most_seconds if self.most_seconds < math.inf else 0.0

    def is_over(self) -> bool:
        """Whether the time left is enough for a validation at most."""
        is_limited = self.most_seconds < math.inf
        return is_limited and self.passed() + self.validation_seconds >= self.most_seconds

    def pauses(self) -> bool:
        """Whether a pause is due, which then begins."""
        now = time.perf_counter()
        is_due = now - self.paused >= self.pause_every
        self.paused = now if is_due else self.paused
        return is_due


@dataclass(frozen=True)
class _EpochSteps:
    """What the steps of an epoch leave to be recorded."""

    losses: Float[Tensor, " M"]
    norms: Sequence[Tensor]
    """Of the gradients of the last step."""
    rate: float
    """At the last step."""
    is_cut: bool
    """Whether the time was over before, or at, the last one."""


def _steps(
    learner: Learner,
    take: Callable[..., StepResult],
    batches: Sequence[Int[Tensor, " _"]],
    number: int,
    start: Position,
    within: EpochProgress | None,
    clock: _Clock,
) -> Generator[EpochProgress, None, _EpochSteps]:
    """The steps of an epoch, and the pauses between them.

    Args:
        learner: changed in place.
        take: takes a step, given its windows, its rate and what its dropout follows from.
        batches: windows of each step.
        number: of the epoch.
        start: the schedule before its first step.
        within: where it was left before; None: nowhere.
        clock: says when to pause and when it is over.
    """
    done, is_cut = within.losses if within else (), False
    # The losses stay on the device until the epoch ends: reading one halts a GPU. Those of the
    # steps before a pause come back from its record.
    losses = torch.zeros(len(batches), dtype=torch.float32, device=learner.device)
    losses[: len(done)] = losses.new_tensor(done)
    learner.model.train()
    for count in range(len(done), len(batches)):
        position = replace(start, step=start.step + count, time=clock.share())
        rate = scheduled_rate(learner, position)
        loss, norms = take(batches[count], rate, (learner.seed, number, count))
        average_weights(learner, position)
        losses[count] = loss
        if is_cut := clock.is_over():
            break
        if count + 1 < len(batches) and clock.pauses():
            step, so_far = position.step + 1, tuple(losses[: count + 1].tolist())
            yield EpochProgress(step, so_far, clock.paused - clock.began)
            learner.model.train()
    return _EpochSteps(losses[: count + 1], norms, rate, is_cut)


def _validated(
    learner: Learner, validation: Windows | None, workers: Workers, clock: _Clock
) -> float | None:
    """The validation loss; the clock learns how long it takes."""
    if not validation:
        return None
    began = clock.passed()
    with learner.profile.part("evaluation"):
        loss = evaluate(learner, validation, workers)
    clock.validation_seconds = clock.passed() - began
    return loss


def _bad_step(losses: Sequence[float], first: int, are_finite: bool) -> int | None:
    """The first step whose loss, or whose weights after it, are not finite; None: all are.

    Weights that are not finite make the next loss so too: only the last step is in doubt.
    """
    for step, loss in enumerate(losses, first):
        if not math.isfinite(loss):
            return step
    return None if are_finite else first + len(losses) - 1


def batches_per_epoch(num_windows: int, config: TrainingConfig) -> int:
    """Optimiser steps in one pass over the windows."""
    if is_full_batch(config.optimizer):
        return 1
    return math.ceil(windows_in_epoch(num_windows, config) / config.batch_size)


def total_steps(num_windows: int, config: TrainingConfig) -> int:
    """Optimiser steps of a member that nothing stops before."""
    steps = config.epochs * batches_per_epoch(num_windows, config)
    return min(steps, config.max_steps or steps)


def evaluate(learner: Learner, windows: Windows, workers: Workers = ALONE) -> float:
    """The loss over all windows.

    Args:
        learner: its averaged weights are judged, if there are any.
        windows: one at least, on the learner's device or on the CPU.
        workers: threads and processes; the result does not depend on how many there are.

    Returns:
        The mean by weight, penalties excluded.
    """
    model = learner.eval_model.eval()

    def sums(index: Int[Tensor, " B"]) -> tuple[Tensor, Tensor]:
        batch = gathered(windows, index, learner.device)
        with torch.no_grad(), mixed_precision(learner.device, learner.config.precision):
            forecast = model(batch.past, batch.future, batch.static).to(batch.target.dtype)
            return learner.loss.sums(forecast, batch.target, batch.weight, batch.has_no_gaps)

    size = forecast_windows(model, EVALUATION_BATCH)
    batches = [*in_order(windows, size)]
    own = [batches[number] for number in workers.ranks.share(len(batches))]
    like = (torch.zeros((), device=learner.device),) * 2
    total, weight = workers.ranks.sum(workers.map(sums, own), len(batches), like)
    return float(total / weight)


def _batches(
    learner: Learner, windows: Windows, number: int, steps_left: int
) -> Sequence[Int[Tensor, " _"]]:
    """Numbers of the windows of each step of an epoch; they follow from seed and epoch alone."""
    generator = torch.Generator(windows.starts.device)
    generator.manual_seed(mixed_seed(learner.seed, number))
    order = epoch_order(windows, learner.config, generator)
    size = len(order) if is_full_batch(learner.config.optimizer) else learner.config.batch_size
    return torch.split(order[: steps_left * size], size)


def _mean(losses: Sequence[float], batches: Sequence[Tensor]) -> float:
    """Mean over the windows, of the losses of batches that may differ in size."""
    sums = (loss * len(batch) for loss, batch in zip(losses, batches, strict=True))
    return sum(sums) / sum(len(batch) for batch in batches)


def _read(learner: Learner, taken: _EpochSteps) -> tuple[list[float], dict[str, float], bool]:
    """Loss of each step, norm of each gradient, and whether all weights are finite, as numbers.

    They come from the device in one tensor, for every reading waits for it: one synchronisation an
    epoch, and one at each pause.
    """
    names = [name for name, _ in learner.model.named_parameters()]
    weights = learner.eval_model.state_dict().values()
    is_finite = torch.stack([weight.isfinite().all() for weight in weights]).all()
    losses, norms = taken.losses, torch.stack([*taken.norms])
    *values, are_finite = torch.cat([norms.to(losses), losses, is_finite[None].to(losses)]).tolist()
    norm_of = dict(zip(names, values, strict=False))
    return values[len(names) :], norm_of, bool(are_finite)
