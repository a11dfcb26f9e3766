"""How long a training takes on this machine: from a few real steps, and pieces of what follows."""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import torch

from forecast.calibrate import calibrated
from forecast.config.members import listed_members
from forecast.config.training import TrainingConfig
from forecast.data.windows import Windows
from forecast.evaluate import MOST_TESTED, fitted_combination, scores_on_test, spaced_windows
from forecast.evaluation.linear import MOST_ROWS
from forecast.models.forecaster import Model
from forecast.prepare import Prepared, new_learner, of_member, on_all_rows
from forecast.training.cuda import captured
from forecast.training.device import on_device_if_it_fits, wait_for
from forecast.training.learner import Learner
from forecast.training.loop import EVALUATION_BATCH, batches_per_epoch, evaluate, total_steps
from forecast.training.sampling import in_order, windows_in_epoch
from forecast.training.step import take_step
from forecast.training.workers import Workers, workers_for

WARM_UP_STEPS, TIMED_STEPS = 3, 20
TIMED_SECONDS = 1.0
"""Timing a part ends after so many seconds, because more of it is alike."""
RATE = "training.learning_rate"
PROBE_RATE = 1e-6
"""Learning rate of the steps that are timed."""
RUN = 32
"""Windows in a row, among those by which the time of all is told."""
FEWEST_WINDOWS = 2 * RUN
"""Of each part, in the smallest piece that is evaluated."""


@dataclass(frozen=True)
class Cost:
    """Seconds of the parts of a training."""

    step: float
    """A batch: gradient and move; the mean over the members, in steps of the configuration's own
    where they take other batches or other numbers of epochs."""
    validation: float
    """A pass over the validation windows."""
    evaluation: float
    """After the last epoch: all members on the test part, their opponents, the intervals."""
    again: float = 0.0
    """Windows of a second training, on all rows, for each of the first one; 0: there is none."""

    def epoch(self, training: TrainingConfig, num_windows: int) -> float:
        """Seconds of an epoch of one member.

        Args:
            training: its batches.
            num_windows: to train on.
        """
        return self.step * _batches(training, num_windows) + self.validation

    def training(self, training: TrainingConfig, num_windows: int) -> float:
        """Seconds of all members, if nothing stops them but `max_minutes`; and of the range test.

        Args:
            training: what is trained.
            num_windows: to train on.
        """
        epochs = _epochs(training, num_windows)
        seconds = training.members * epochs * self.epoch(training, num_windows)
        most = 60 * (training.max_minutes or math.inf)
        return range_test_steps(training) * self.step + min(seconds, most)

    def whole(self, training: TrainingConfig, num_windows: int) -> float:
        """Seconds of the training, the evaluation, and a second training on all rows."""
        first = self.training(training, num_windows) + self.evaluation
        return first + self.second_training(training, num_windows)

    def second_training(self, training: TrainingConfig, num_windows: int) -> float:
        """Seconds of all members on all rows, which take as many epochs at most.

        Args:
            training: what is trained.
            num_windows: of the first training.
        """
        epochs = training.members * _epochs(training, num_windows)
        seconds = epochs * self.again * self.step * _batches(training, num_windows)
        return min(seconds, 60 * (training.max_minutes or math.inf))


def range_test_steps(training: TrainingConfig) -> int:
    """Steps of the learning-rate range tests, one for each network; 0 without any."""
    rates = [training.learning_rate]
    if listed := listed_members(training):
        different = {str(changes): changes for changes in listed}.values()
        rates = [changes.get(RATE, training.learning_rate) for changes in different]
    return training.lr_range.steps * training.lr_range.seeds * rates.count("auto")


def measured(prepared: Prepared, device: torch.device) -> Cost:
    """The cost of a training, from steps on copies of its models; nothing is trained for keeps.

    Args:
        prepared: data and configuration.
        device: where it would be trained.
    """
    training, windows = prepared.config.training, on_device_if_it_fits(prepared.windows, device)
    with workers_for(device) as workers:
        found = [
            _of_member(of_member(prepared, number), training, windows, device, workers)
            for number in range(len(prepared.config.listed) or 1)
        ]
    models, steps, validations = zip(*found, strict=True)
    if not prepared.config.listed:
        models *= training.members
    step, validation = statistics.fmean(steps), statistics.fmean(validations)
    whole = on_all_rows(prepared) if training.refit else None
    again = len(whole.windows["train"]) / len(windows["train"]) if whole else 0.0
    return Cost(step, validation, _of_evaluation(models, prepared), again)


def _of_member(
    member: Prepared,
    usual: TrainingConfig,
    windows: Mapping[str, Windows],
    device: torch.device,
    workers: Workers,
) -> tuple[Model, float, float]:
    """A member, and what its steps and its validations take, as `Cost` counts them."""
    own, num_windows = member.config.training, len(windows["train"])
    learner = new_learner(member, device, PROBE_RATE, member.config.seed)
    step = seconds_per_batch(learner, windows["train"], workers)
    validation = _of_validation(learner, windows["validation"], workers)
    passes = _epochs(own, num_windows) / _epochs(usual, num_windows)
    batches = _batches(own, num_windows) / _batches(usual, num_windows)
    return learner.eval_model.eval(), step * passes * batches, validation * passes


def _batches(training: TrainingConfig, num_windows: int) -> int:
    """In an epoch; a step of a full-batch optimiser takes all of them, other steps take one."""
    return math.ceil(windows_in_epoch(num_windows, training) / training.batch_size)


def _epochs(training: TrainingConfig, num_windows: int) -> float:
    """Passes over the windows that a member takes at most."""
    return total_steps(num_windows, training) / batches_per_epoch(num_windows, training)


def seconds_per_batch(learner: Learner, windows: Windows, workers: Workers) -> float:
    """Median time of a step after the first ones, which always take longer.

    Args:
        learner: its weights change.
        windows: to train on.
        workers: the threads that compute.
    """
    seconds: list[float] = []
    batches = itertools.cycle(in_order(windows, learner.config.batch_size))
    graph = captured(learner, windows)
    take = graph.take_step if graph else partial(take_step, learner, windows, workers=workers)
    learner.model.train()
    for index in itertools.islice(batches, WARM_UP_STEPS + TIMED_STEPS):
        began = time.perf_counter()
        take(index, PROBE_RATE, (0,))
        wait_for(learner.device)
        seconds.append(time.perf_counter() - began)
        if sum(seconds[WARM_UP_STEPS:]) > TIMED_SECONDS:
            break
    return statistics.median(seconds[WARM_UP_STEPS:])


def _of_validation(learner: Learner, windows: Windows, workers: Workers) -> float:
    """Seconds of a pass over the validation windows."""
    return extrapolated(
        lambda count: evaluate(learner, thinned(windows, count), workers),
        len(windows),
        EVALUATION_BATCH,
    )


def _of_evaluation(models: tuple[Model, ...], prepared: Prepared) -> float:
    """Seconds of all that is done with models after their training."""
    parts = dict(prepared.windows)
    if prepared.config.partners:
        parts = {name: spaced_windows(each, MOST_TESTED) for name, each in parts.items()}
    size = max(len(parts[name]) for name in ("validation", "test"))
    most = MOST_ROWS // prepared.panel.num_targets  # that the linear model reads
    parts["train"] = thinned(parts["train"], min(most, len(parts["train"])))

    def judge(count: int) -> None:
        some = {name: thinned(each, -(-count * len(each) // size)) for name, each in parts.items()}
        fewer = replace(prepared, windows=some)
        combination = fitted_combination(models, fewer)
        scores_on_test(models, fewer, combination)
        # Sums are left out: they take a second or two, however few the windows of a piece are.
        calibrated(models, fewer, combination, with_sums=False)

    return extrapolated(judge, size, FEWEST_WINDOWS)


def thinned(windows: Windows, count: int) -> Windows:
    """So many of the windows: runs of neighbours, which partners fit together, evenly placed."""
    number = torch.arange(count, device=windows.starts.device)
    apart = len(windows) * RUN // max(1, count)
    return windows.subset(number // RUN * apart + number % RUN)


def extrapolated(work: Callable[[int], object], size: int, first: int) -> float:
    """Seconds of a work of some size, from pieces that grow until they take long enough to tell.

    The first piece is done twice, because imports and the like happen once; a whole that took a
    moment with them is not.

    Args:
        work: does a piece of a given size.
        size: of the whole; of no size it takes no time.
        first: size of the first piece.

    Returns:
        What the whole took if it was reached, else what the last two pieces come to.
    """
    if not size:
        return 0.0
    pieces: list[tuple[int, float]] = []  # size and seconds
    count = min(first, size)
    began = time.perf_counter()
    work(count)
    took = time.perf_counter() - began
    if count == size and took < TIMED_SECONDS / 2:
        return took
    while len(pieces) < 2 or pieces[-1][1] < TIMED_SECONDS / 2:
        began = time.perf_counter()
        work(count)
        pieces.append((count, time.perf_counter() - began))
        if count == size:
            return pieces[-1][1]
        count = min(4 * count, size)
    (small, before), (large, after) = pieces[-2:]
    return after + max(0.0, after - before) / (large - small) * (size - large)
