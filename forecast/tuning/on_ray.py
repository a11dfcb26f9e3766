"""Trials on a Ray cluster: an actor for each slot, which trains as any other process does."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import Any

from forecast.config.tree import Config
from forecast.data.panel import Panel
from forecast.runs.cluster import Heartbeat, connected
from forecast.tuning.objective import Basis, Event, Reported, Steps, advance, basis_of, trial
from forecast.tuning.runners import TrialEvent, WorkerLost


class Actor:
    """What runs on the cluster: one trial at a time; the table reaches it with its first one."""

    def __init__(self, config: Config, panel: Panel) -> None:
        logging.getLogger("forecast").setLevel(logging.CRITICAL)
        self.basis = basis_of(config, panel)
        self.steps: Steps | None = None

    def start(self, config: Config) -> None:
        """Begin a trial, in the place of one that has not ended."""
        if self.steps is not None:
            self.steps.close()
        self.steps = trial(config, self.basis)

    def next(self) -> Event:
        """The next event of the trial."""
        assert self.steps is not None
        while (event := advance(self.steps)) is None:
            pass
        return event


class OnRay:
    """So many trials at a time, each by an actor; the cluster decides where."""

    def __init__(self, basis: Basis, address: str, slots: int | None = None) -> None:
        """Connect to a cluster.

        Args:
            basis: of the study.
            address: as `ray.init` takes it; "auto"; "local" begins a cluster on this machine.
            slots: trials at a time; None: as many as the cluster has processors.

        Raises:
            ConfigError: if ray is not installed, or no cluster answers.
        """
        self.stays = ExitStack()
        self.ray: Any = self.stays.enter_context(connected(address))
        self.heartbeat = Heartbeat(self.ray)
        found = self.ray.cluster_resources()
        self.slots = slots or max(1, int(found.get("CPU", 1)))
        has_gpus = basis.config.device != "cpu" and found.get("GPU", 0) >= 1
        self.actor: Any = self.ray.remote(num_cpus=1, num_gpus=int(has_gpus))(Actor)
        self.given = (self.ray.put(basis.config), self.ray.put(basis.panel))
        self.free: list[Any] = []
        self.busy: dict[int, Any] = {}
        """Trial -> its actor."""
        self.asked: dict[Any, int] = {}
        """What an actor was asked for -> the trial."""

    def start(self, number: int, config: Config) -> None:
        """Begin a trial by an actor that is free, or by a new one."""
        actor = self.free.pop() if self.free else self.actor.remote(*self.given)
        self.busy[number] = actor
        actor.start.remote(config)
        self._ask(number)

    def next(self, seconds: float) -> TrialEvent | None:
        """What the first actor to do something does."""
        ready, _ = self.ray.wait([*self.asked], timeout=seconds)
        if not ready:
            self.heartbeat.require()
            return None
        number = self.asked.pop(ready[0])
        try:
            event = self.ray.get(ready[0])
        except self.ray.exceptions.RayActorError:
            del self.busy[number]
            return number, WorkerLost("its actor is gone")
        except self.ray.exceptions.RayTaskError as error:
            raise RuntimeError(f"{type(error.cause).__name__}: {error.cause}") from None
        if not isinstance(event, Reported):
            self.free.append(self.busy.pop(number))
        return number, event

    def answer(self, number: int, goes_on: bool) -> None:
        """Go on with a trial, or end it."""
        if goes_on:
            self._ask(number)
        else:
            self.free.append(self.busy.pop(number))

    def close(self) -> None:
        """Leave the cluster, which ends the actors; `ray.kill` would wait for a lost head."""
        self.stays.close()

    def _ask(self, number: int) -> None:
        self.asked[self.busy[number].next.remote()] = number
