"""One thread that forecasts: what waits for it becomes one batch, each request gets its part."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import BinaryIO, TypeVar

import torch

from forecast.config.data import DataConfig
from forecast.data.plain import PlainTable, plain_table
from forecast.errors import ForecastError, one_line
from forecast.forecasting.batch import forecast_batch
from forecast.forecasting.history import read_history
from forecast.forecasting.sample import sampled
from forecast.forecasting.trained import TrainedModel
from forecast.runs.host import own_state
from forecast.runs.log import warnings_of_thread
from forecast.serve.limits import Limits
from forecast.serve.models import Models, Served
from forecast.serve.wire import ParsedRequest, SentTable, answers

log = logging.getLogger("forecast")

Result = TypeVar("Result")

LULL = 0.002
"""Seconds without a further request after which a batch begins, where several requests wait."""


@dataclass(eq=False)
class Job:
    """A request on its way to the thread, and its answer as soon as there is one."""

    read: Callable[[], ParsedRequest]
    """Reads the body; done by the thread, so that the network never waits for it."""
    kind: str
    """Media type of the answer."""
    answer: Future[bytes] = field(default_factory=Future)


@dataclass(frozen=True)
class Task:
    """A job that has been read, with its model."""

    job: Job
    asked: ParsedRequest
    served: Served

    @property
    def steps(self) -> int:
        """Steps of the forecast."""
        trained = self.served.trained.config.window.horizon
        return trained if self.asked.horizon is None else self.asked.horizon

    def plain(self) -> PlainTable | None:
        """The history, if it can be forecast together with others."""
        asked, served = self.asked, self.served
        if asked.history is None or asked.future is not None or not served.takes_plain:
            return None
        if asked.samples is not None:
            return None
        if self.steps > served.trained.config.window.horizon:  # which has a warning of its own
            return None
        config = served.trained.config.data
        columns = asked.history.plain(config)
        return None if columns is None else plain_table(columns, config, served.trained.tail)


class Batcher:
    """The thread and its queue."""

    def __init__(
        self, models: Models, limits: Limits, show_size: Callable[[int], object] = lambda _: None
    ) -> None:
        self._models, self._limits, self._show_size = models, limits, show_size
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._ends = False
        self.thread = threading.Thread(target=self._work, name="forecasts", daemon=True)

    def submit(self, job: Job) -> None:
        """Hand a job over; who does so holds a place in the queue, see `Capacity`."""
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()

    def end(self) -> None:
        """Let the thread end once nothing waits."""
        with self._changed:
            self._ends = True
            self._changed.notify()

    def _work(self) -> None:
        torch.set_num_threads(1)  # of this thread: there is one batch at a time, and little in it
        while jobs := self._next():
            try:
                self.answer(jobs)
            except Exception as error:  # the others must not wait for a thread that is gone
                log.exception("unexpected")
                for job in jobs:
                    if not job.answer.done():
                        job.answer.set_exception(error)

    def _next(self) -> list[Job]:
        """All that wait, as far as they make one batch; none at the end.

        Where several wait, others are being read, and each batch costs as much as twenty of them.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ends)
        seen = 1
        while seen < len(self._waiting) < self._limits.batch:
            seen = len(self._waiting)
            time.sleep(LULL)
        with self._changed:
            number = min(len(self._waiting), self._limits.batch)
            return [self._waiting.popleft() for _ in range(number)]

    def answer(self, jobs: Sequence[Job]) -> None:
        """Give every job its answer or its refusal."""
        begun = [job for job in jobs if job.answer.set_running_or_notify_cancel()]
        self._show_size(len(begun))
        together: dict[object, list[tuple[Task, PlainTable]]] = {}
        alone = list[Task]()
        for task in self._tasks(begun):
            plain = _answered(task.job, task.plain)
            if plain is not None and self._fits(task, plain):
                key = (id(task.served), task.steps, task.asked.level)
                together.setdefault(key, []).append((task, plain))
            elif not task.job.answer.done():
                alone.append(task)
        for group in together.values():
            alone += self._together(group)
        for task in alone:
            body = _answered(task.job, partial(self._alone, task))
            if body is not None:
                task.job.answer.set_result(body)

    def _tasks(self, jobs: Sequence[Job]) -> Iterator[Task]:
        """The jobs that can be read."""
        for job in jobs:
            task = _answered(job, partial(self._task, job))
            if task is not None:
                yield task

    def _task(self, job: Job) -> Task:
        asked = job.read()
        return Task(job, asked, self._models.get(asked.model))

    def _fits(self, task: Task, plain: PlainTable) -> bool:
        targets = len(task.served.trained.config.data.targets)
        size = len(plain.ids), task.steps, targets
        _answered(task.job, partial(self._limits.require_size, *size))
        return not task.job.answer.done()

    def _together(self, group: Sequence[tuple[Task, PlainTable]]) -> list[Task]:
        """Forecast some histories at once; gives back those that must be looked at alone.

        Where they cannot be forecast together, each half of them is tried: so one that is refused
        costs the others little.
        """
        first = group[0][0]
        try:
            tables = [plain for _, plain in group]
            level = None if first.asked.level is None else [*first.asked.level]
            with warnings_of_thread() as told:
                found = forecast_batch(first.served.trained, tables, first.steps, level)
        except ForecastError:
            found = None  # alone, it is refused in its own words
        if found is None and len(group) == 1:
            return [first]
        if found is None:
            half = len(group) // 2
            return self._together(group[:half]) + self._together(group[half:])
        kinds = [task.job.kind for task, _ in group]
        notes = [*_left_out(first), *(one_line(text) for _, text in told)]
        bodies = answers(*found, kinds, first.served.name, notes)
        for (task, _), body in zip(group, bodies, strict=True):
            task.job.answer.set_result(body)
        return []

    @own_state()
    def _alone(self, task: Task) -> bytes:
        """The answer of one request by the way that the command goes."""
        asked, trained = task.asked, task.served.trained
        level = None if asked.level is None else [*asked.level]
        with _open(asked.history, trained) as (table, own), warnings_of_thread() as told:
            history = trained.tail if table is None else read_history(table, own, trained.tail)
        each = asked.samples or len(trained.config.data.targets)  # rows of a series and step
        self._limits.require_size(history.num_series, task.steps, each)
        with _open(asked.future, trained) as (future, own), warnings_of_thread() as more:
            model = replace(trained, config=trained.config.model_copy(update={"data": own}))
            if asked.samples is None:
                panel, values = model.forecast_panel(history, future, asked.horizon, level)
                found = trained.table(panel, values, level)
            else:
                drawn = asked.samples, asked.seed
                found = sampled(model, history, future, asked.horizon, *drawn).table
        notes = [*_left_out(task), *(one_line(text) for _, text in (*told, *more))]
        return answers(found, [len(found)], [task.job.kind], task.served.name, notes)[0]


@contextlib.contextmanager
def _open(
    sent: SentTable | None, trained: TrainedModel
) -> Iterator[tuple[BinaryIO | None, DataConfig]]:
    """A table of a request as an open file, and what its columns mean."""
    config = trained.config.data
    if sent is None:
        yield None, config
        return
    config = config.model_copy(update=sent.config_changes)
    with sent.file(config) as file:
        yield file, config


def _left_out(task: Task) -> list[str]:
    """That intervals are left out, where none were asked for."""
    line = task.served.trained.left_out
    is_told = task.asked.level is None and task.asked.samples is None
    return [line] if is_told and line else []


def _answered(job: Job, call: Callable[[], Result]) -> Result | None:
    """The result of a call; where it fails, that is the answer of the job."""
    try:
        return call()
    except ForecastError as error:
        job.answer.set_exception(error)
    except Exception as error:
        log.exception("unexpected")
        job.answer.set_exception(error)
    return None
