"""Who carries trials out: this process, or several others, each with a trial at a time."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import time
import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Protocol, runtime_checkable

import torch

from forecast.config.tree import Config
from forecast.data.assemble import read_panel
from forecast.errors import one_line
from forecast.runs.host import num_threads
from forecast.runs.memory import claim_process
from forecast.runs.orphans import call, deaf_to_interrupts
from forecast.tables.remote import is_named, name_address
from forecast.tuning.objective import Basis, Event, Reported, Steps, advance, basis_of, trial

SECONDS_TO_END = 5.0
"""How long a process may take to end before it is killed."""


@dataclass(frozen=True)
class WorkerLost:
    """The process of a trial is gone."""

    reason: str


TrialEvent = tuple[int, Event | WorkerLost]
"""Number of a trial, and what it did."""


@runtime_checkable
class Runner(Protocol):
    """Carries out trials; after each `Reported` it waits to be told whether the trial goes on."""

    slots: int
    """Trials at a time."""

    def start(self, number: int, config: Config) -> None:
        """Begin a trial; there is a free slot."""

    def next(self, seconds: float) -> TrialEvent | None:
        """What happens next; None: nothing within so many seconds, roughly."""

    def answer(self, number: int, goes_on: bool) -> None:
        """Go on with a trial that has reported, or end it."""

    def close(self) -> None:
        """End all that is running."""


class InProcess:
    """One trial at a time, in this process."""

    slots = 1

    def __init__(self, basis: Basis) -> None:
        self.basis = basis
        self.number, self.steps = 0, None  # type: int, Steps | None

    def start(self, number: int, config: Config) -> None:
        """Begin a trial."""
        self.number, self.steps = number, trial(config, self.basis)

    def next(self, seconds: float) -> TrialEvent | None:  # noqa: ARG002
        """What the trial does next; None within a long epoch."""
        assert self.steps is not None
        event = advance(self.steps)
        return None if event is None else (self.number, event)

    def answer(self, number: int, goes_on: bool) -> None:  # noqa: ARG002
        """Go on, or end the trial."""
        if not goes_on:
            self.close()

    def close(self) -> None:
        """End the trial."""
        if self.steps is not None:
            self.steps.close()


@dataclass
class _Worker:
    """A process that carries out one trial at a time, and the line to it."""

    process: BaseProcess
    line: Connection
    number: int | None = None
    """Of its trial; None: it is free."""


class Processes:
    """So many trials at a time, each in a process of its own, which reads the table once.

    Not in threads: trainings of one process follow each other, for they share its random state,
    and its cores.
    """

    def __init__(self, config: Config, count: int) -> None:
        """Begin with none; they start when they are needed.

        Args:
            config: before anything is searched.
            count: most processes; they share the threads of this one.
        """
        self.config, self.slots = config, count
        self.threads = max(1, num_threads() // count)
        self.workers: list[_Worker] = []

    def start(self, number: int, config: Config) -> None:
        """Begin a trial in a process that is free, or in a new one."""
        free = [worker for worker in self.workers if worker.number is None]
        worker = free[0] if free else self._new()
        worker.number = number
        with contextlib.suppress(OSError):  # it has just died, as `next` will find
            worker.line.send(config)

    def next(self, seconds: float) -> TrialEvent | None:
        """What the first process to do something does."""
        busy = {worker.line: worker for worker in self.workers if worker.number is not None}
        for line in wait([*busy], seconds):
            assert isinstance(line, Connection)
            worker = busy[line]
            number = worker.number
            assert number is not None
            try:
                event = line.recv()
            except (EOFError, OSError):
                return number, self._buried(worker)
            if isinstance(event, _Fault):
                raise RuntimeError(event.text)
            if not isinstance(event, Reported):
                worker.number = None
            return number, event
        return None

    def answer(self, number: int, goes_on: bool) -> None:
        """Go on with a trial, or end it."""
        worker = next(worker for worker in self.workers if worker.number == number)
        with contextlib.suppress(OSError):
            worker.line.send(goes_on)
        if not goes_on:
            worker.number = None

    def close(self) -> None:
        """End all processes."""
        for worker in self.workers:
            worker.line.close()  # it will notice
            worker.process.terminate()
        until = time.monotonic() + SECONDS_TO_END
        for worker in self.workers:
            worker.process.join(max(0.0, until - time.monotonic()))
            worker.process.kill()
            worker.process.join()
        self.workers.clear()

    def _new(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        line, other = context.Pipe()
        named = is_named(self.config.data.path)
        process = context.Process(
            target=call,  # which looks after this process before it imports
            args=(__name__, work.__name__, other, self.config, self.threads, named),
            daemon=True,
            name="forecast tune",
        )
        with deaf_to_interrupts():
            process.start()
        other.close()  # so that the line ends with the process
        worker = _Worker(process, line)
        self.workers.append(worker)
        return worker

    def _buried(self, worker: _Worker) -> WorkerLost:
        worker.process.join()
        worker.line.close()
        self.workers.remove(worker)
        code = worker.process.exitcode or 0
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return WorkerLost(f"its process was ended ({how})")


@dataclass(frozen=True)
class _Fault:
    """What went wrong in a process, other than a trial."""

    text: str


def work(line: Connection, config: Config, threads: int, named: bool = False) -> None:
    """What a process of `Processes` does: carry out the trials that it is sent, to its end.

    Args:
        line: to the process that chooses trials; when that is gone, so is this one.
        config: before anything is searched.
        threads: that it may use.
        named: whether the command line has named the table, so that it may be an address.
    """
    _own_process(threads)
    if named:
        name_address(config.data.path)
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):  # the other end is gone
        try:
            basis = basis_of(config, read_panel(config.data))
            while True:
                _carry_out(line, trial(line.recv(), basis))
        except (EOFError, OSError):
            raise
        except Exception as error:
            line.send(_Fault(one_line(f"{type(error).__name__}: {error}")))


def _carry_out(line: Connection, steps: Steps) -> None:
    """One trial, as long as it is worth going on with."""
    with contextlib.closing(steps):
        while True:
            event = advance(steps)
            if event is None:
                if line.poll():  # nothing was asked: nobody is there any more
                    raise EOFError
                continue
            line.send(event)
            if not isinstance(event, Reported) or not line.recv():
                return


def _own_process(threads: int) -> None:
    """State what a process of the command line has, that is not inherited."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started it decides
    claim_process()
    warnings.simplefilter("ignore")
    logging.getLogger("forecast").setLevel(logging.CRITICAL)
    torch.set_num_threads(threads)
