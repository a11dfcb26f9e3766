"""The models that are served: loaded, watched, and exchanged when their run was trained anew."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from forecast.data.plain import is_plain
from forecast.errors import ConfigError, ForecastError, did_you_mean, named
from forecast.forecasting.model_file import load, model_path
from forecast.forecasting.trained import TrainedModel
from forecast.runs.checkpoint import digest_in
from forecast.serve.limits import RequestError

log = logging.getLogger("forecast")

LOOK_EVERY = 1.0
"""Seconds between two looks at the model files."""
State = tuple[int, int, int] | None
"""Of a file: inode, size and time of its last change; None: it is not there."""


@dataclass(frozen=True)
class Served:
    """A model under its name."""

    name: str
    path: Path
    trained: TrainedModel
    digest: str
    """Of its file."""

    @cached_property
    def description(self) -> dict[str, Any]:
        """What a client must know of it, as JSON."""
        config, tail = self.trained.config, self.trained.tail
        data = config.data
        return {
            "name": self.name,
            "time": [*(data.time_parts or (data.time,))],
            "id": data.id if tail.has_ids else None,
            "target": [*data.targets],
            "past": [each.name for each in data.past],
            "future": [each.name for each in data.future],
            "static": [each.name for each in data.static],
            "separator": data.separator,
            "decimal": data.decimal,
            "frequency": str(tail.axis.frequency),
            "horizon": config.window.horizon,
            "rows_needed": self.trained.least_rows,
            "series": tail.num_series,
            "last": tail.axis.text(int((tail.starts + tail.lengths - 1).max())),
            "digest": self.digest,
        }

    @cached_property
    def takes_plain(self) -> bool:
        """Whether requests for it may be forecast together."""
        return is_plain(self.trained.config.data, self.trained.tail)


class Models:
    """Models by name; a request keeps the one that it began with."""

    def __init__(self, runs: Sequence[str | Path], device: str = "cpu") -> None:
        """Load all of them.

        Raises:
            ConfigError: for two runs of one name.
            DataError: for one that cannot be loaded.
        """
        self._device = device
        self._served: dict[str, Served] = {}
        self._seen: dict[str, State] = {}
        self.swaps = 0
        self.refusals = 0
        for run in runs:
            path = model_path(run)
            name = name_of(path)
            if name in self._served:
                raise ConfigError(f"two runs are called {named(name)}; rename the folder of one")
            self._seen[name] = _state(path)
            self._served[name] = self._load(name, path)

    def __iter__(self) -> Iterator[Served]:
        return iter([*self._served.values()])

    def get(self, name: str | None) -> Served:
        """The model of a name; None: the only one.

        Raises:
            RequestError: if there is none of that name, or several where none is named.
        """
        served = self._served
        if name is None and len(served) == 1:
            return next(iter(served.values()))
        if name is None:
            raise RequestError(422, f"several models are served; name one: {', '.join(served)}")
        if name not in served:
            raise RequestError(404, f"no model {named(name)}; {did_you_mean(name, [*served])}")
        return served[name]

    def _load(self, name: str, path: Path) -> Served:
        digest = digest_in(path)  # before: what comes in between is seen at the next look
        return Served(name, path, load(path, self._device), digest)

    def look(self) -> None:
        """Exchange the models whose files have changed; one that is damaged is logged and left."""
        for old in self:
            state = _state(old.path)
            if state == self._seen[old.name]:
                continue
            self._seen[old.name] = state
            try:
                new = self._load(old.name, old.path)
            except (ForecastError, MemoryError, RuntimeError) as error:
                self.refusals += 1
                log.warning("%s: the old model keeps serving: %s", old.name, error)
                continue
            if new.digest != old.digest:
                self._served[old.name] = new
                self.swaps += 1
                log.info("%s: trained anew, so from now on that model serves", old.name)

    def watch(self, ends: threading.Event) -> None:
        """Look at the files every second until the service ends."""
        while not ends.wait(LOOK_EVERY):
            self.look()


def name_of(path: Path) -> str:
    """What a model is called: as its folder, or its file where that has a name of its own."""
    path = path.absolute()
    return path.parent.name if path.name == "model.safetensors" else path.stem


def _state(path: Path) -> State:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
