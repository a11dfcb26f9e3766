"""Processes on this machine that help the command with a training, and end with it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forecast
from forecast.distributed.environment import file_store
from forecast.errors import ConfigError, DataError, DeviceError, ForecastError, ProcessLostError
from forecast.runs.host import num_threads

SECONDS_TO_END = 2.0
"""For a process to end by itself, before it is known what it died of, or is killed."""
ERRORS: dict[int, type[ForecastError]] = {2: ConfigError, 3: DataError, 4: DeviceError}
LOST = 5
"""Exit code of a process that has missed another."""


class Helpers:
    """The processes of the ranks from 1 on; they begin when they are told what to do.

    They meet in a folder that nobody else may read, and end as soon as their standard input does,
    so that none outlives the command, however it ends.
    """

    def __init__(self, size: int) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="forecast-", ignore_cleanup_errors=True)
        self.size = size
        self.processes = [self._started(rank) for rank in range(1, size)]

    def _started(self, rank: int) -> subprocess.Popen[bytes]:
        package = os.path.dirname(os.path.dirname(os.path.abspath(forecast.__file__)))
        paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "OMP_NUM_THREADS": str(num_threads()),
        }
        with self._said(rank).open("wb") as errors:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "forecast.distributed.helper"],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def begin(self, work: str, seconds: float) -> None:
        """Give the work out.

        Args:
            work: as `as_work` gives it.
            seconds: after which a process that does not answer is taken for lost.
        """
        for rank, process in enumerate(self.processes, 1):
            place = {"store": str(self._store), "rank": rank, "size": self.size}
            line = json.dumps({**place, "seconds": seconds, "work": work}) + "\n"
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # it is dead: `connected` will miss it
                process.stdin.write(line.encode())
                process.stdin.flush()

    def store(self) -> Any:
        """Where they meet."""
        return file_store(str(self._store), self.size)

    @contextlib.contextmanager
    def explaining(self) -> Iterator[None]:
        """Say which process was lost, and of what it died."""
        try:
            yield
        except ProcessLostError as error:
            raise self._explained(error) from None

    def end(self) -> None:
        """End them; those that are done have ended by themselves."""
        for process in self.processes:
            if process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
        self._wait()
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        self.folder.cleanup()

    def _explained(self, error: ProcessLostError) -> ForecastError:
        """The error as a person understands it: of a process that ended, its last line."""
        self._wait(for_any=True)
        for rank, process in enumerate(self.processes, 1):
            code = process.poll()
            if code is None or code == LOST:
                continue
            what = f"rank {rank} of {self.size} processes"
            if code < 0:
                name = signal.Signals(-code).name
                return ProcessLostError(f"{what} was ended by {name}; was there enough memory?")
            *_, last = ["", *self._said(rank).read_text(errors="replace").splitlines()]
            return ERRORS.get(code, ForecastError)(f"{what}: {last}")
        return error

    def _wait(self, for_any: bool = False) -> None:
        until = time.monotonic() + SECONDS_TO_END
        enough = any if for_any else all
        while time.monotonic() < until:
            if enough(process.poll() is not None for process in self.processes):
                return
            time.sleep(0.02)

    @property
    def _store(self) -> Path:
        return Path(self.folder.name) / "store"

    def _said(self, rank: int) -> Path:
        """The file of what a process prints to stderr."""
        return Path(self.folder.name) / f"rank-{rank}.txt"
