"""Who computes a training: this process, helpers that it starts, or what torchrun has started.

The command is rank 0, so that its exit code, its signals and its lock are those of any training.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch

from forecast.distributed.environment import Place, own_place, store_of
from forecast.distributed.gloo import connected
from forecast.distributed.helpers import Helpers
from forecast.distributed.work import as_work
from forecast.errors import ConfigError
from forecast.prepare import Prepared
from forecast.runs.host import num_threads
from forecast.training.ranks import ONE_PROCESS, Ranks

THREADS = "OMP_NUM_THREADS"
MOST_PROCESSES = 256
MOST_PER_CORE = 4
"""More would only take memory, and turns at the cores; some are allowed anywhere, to try it."""
ALWAYS_ALLOWED = 8
MOST_SECONDS = 86_400.0


@runtime_checkable
class Team(Protocol):
    """Who computes a training."""

    restarts: int
    """How often a training goes on by itself after a process was lost."""
    goes_on: bool
    """Whether it takes part in a second training; those that were started for one end with it."""
    place: Place

    def joined(self, prepared: Prepared) -> contextlib.AbstractContextManager[Ranks]:
        """The processes, while they compute a training."""


class SingleProcess:
    """This process."""

    restarts, place, goes_on = 0, Place(), True

    @contextlib.contextmanager
    def joined(self, prepared: Prepared) -> Iterator[Ranks]:  # noqa: ARG002
        """Nobody else."""
        yield ONE_PROCESS


ALONE = SingleProcess()


class LocalTeam:
    """This process and helpers on this machine; leaving the block ends them."""

    goes_on = True

    def __init__(self, size: int, seconds: float, restarts: int) -> None:
        """Args:
        size: processes.
        seconds: after which one that does not answer is taken for lost.
        restarts: how often a training goes on by itself after one was lost.
        """
        self.size, self.seconds, self.restarts = size, seconds, restarts
        self.place = Place(0, size, 0, size)
        self.helpers: Helpers | None = None

    def __enter__(self) -> LocalTeam:
        """Start the helpers, whose imports take seconds, while the table is read."""
        self.threads = num_threads()
        if THREADS not in os.environ:  # which says how many each process shall have
            torch.set_num_threads(max(1, self.threads // self.size))
        self.helpers = Helpers(self.size)
        return self

    def __exit__(self, *_: object) -> None:
        if self.helpers is not None:
            self.helpers.end()
        torch.set_num_threads(self.threads)

    @contextlib.contextmanager
    def joined(self, prepared: Prepared) -> Iterator[Ranks]:
        """The helpers; those that have lost a training are replaced."""
        helpers = self.helpers or Helpers(self.size)
        self.helpers = None
        try:
            with helpers.explaining():
                helpers.begin(as_work(prepared), self.seconds)
                yield connected(helpers.store(), 0, self.size, self.seconds, is_local=True)
        finally:
            helpers.end()


class LaunchedTeam:
    """The processes that torchrun or ray.train has started; this one is rank 0."""

    restarts = 0  # it is their part to start anew
    goes_on = False

    def __init__(self, place: Place, seconds: float) -> None:
        self.place, self.seconds = place, seconds

    @contextlib.contextmanager
    def joined(self, prepared: Prepared) -> Iterator[Ranks]:
        """They wait for the work in the store."""
        store = store_of(self.place)
        store.set("work", as_work(prepared))
        yield connected(store, 0, self.place.size, self.seconds)


@contextlib.contextmanager
def team_of(processes: int | None, seconds: float, restarts: int) -> Iterator[Team]:
    """Who computes a training.

    Args:
        processes: to start on this machine; None: as torchrun or ray.train has started this one.
        seconds: after which a process that does not answer is taken for lost.
        restarts: how often a training goes on by itself after one was lost.

    Raises:
        ConfigError: for numbers that make no sense.
    """
    _require_sense(processes, seconds, restarts)
    place = own_place()
    if processes is None or place.size > 1:
        if processes is not None:
            raise ConfigError(
                f"--processes {processes}: torchrun has started {place.size} already; leave it out"
            )
        yield LaunchedTeam(place, seconds) if place.size > 1 else ALONE
    elif processes == 1:
        yield ALONE
    else:
        with LocalTeam(processes, seconds, restarts) as team:
            yield team


def _require_sense(processes: int | None, seconds: float, restarts: int) -> None:
    if processes is not None and not 1 <= processes <= MOST_PROCESSES:
        raise ConfigError(f"--processes {processes}: give a number from 1 to {MOST_PROCESSES}")
    cores = os.cpu_count() or 1
    if processes is not None and processes > max(ALWAYS_ALLOWED, MOST_PER_CORE * cores):
        raise ConfigError(
            f"--processes {processes}: this machine has {cores} cores; give one for each, {cores}"
        )
    if not 0 < seconds <= MOST_SECONDS:
        raise ConfigError(f"--timeout {seconds:g}: give seconds from above 0 to {MOST_SECONDS:g}")
    if restarts < 0:
        raise ConfigError(f"--max-restarts {restarts}: give 0 or more")
