"""Processes on this machine that help the command with a training, and end with it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forecast
from forecast.distributed.environment import file_store
from forecast.distributed.gloo import MEETING
from forecast.errors import (
    ConfigError,
    DataError,
    DeviceError,
    ForecastError,
    ProcessLostError,
    listed,
)
from forecast.runs.host import num_threads

SECONDS_TO_END = 10.0
"""For a process that was missed to end, so that it is known of what; a busy machine takes long."""
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
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "forecast.runs.orphans",
                    "forecast.distributed.helper",
                ],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    def begin(self, work: str, seconds: float) -> None:
        """Give the work out, and wait until all have read the table.

        Args:
            work: as `as_work` gives it.
            seconds: after which a process that does not answer is taken for lost.

        Raises:
            ProcessLostError: if one ends, or takes far too long.
        """
        for rank, process in enumerate(self.processes, 1):
            place = {"store": str(self._store), "rank": rank, "size": self.size}
            line = json.dumps({**place, "seconds": seconds, "work": work}) + "\n"
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # it is dead, and will not be ready
                process.stdin.write(line.encode())
                process.stdin.flush()
        waiting = [threading.Thread(target=_ready, args=(p,), daemon=True) for p in self.processes]
        for thread in waiting:
            thread.start()
        for thread in waiting:
            thread.join(max(seconds, MEETING))
        if any(thread.is_alive() for thread in waiting) or self._ended():
            raise ProcessLostError(f"the {self.size} processes of the training have not met")

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
        """End them, whatever they do: they write nothing."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()
        self.folder.cleanup()

    def _explained(self, error: ProcessLostError) -> ForecastError:
        """The error as a person understands it: of a process that ended, its last line."""
        until = time.monotonic() + SECONDS_TO_END
        while time.monotonic() < until and not self._ended():
            time.sleep(0.02)
        for rank, code in self._ended():
            if code == LOST:
                continue
            what = f"rank {rank} of {self.size} processes"
            if code < 0:
                name = signal.Signals(-code).name
                return ProcessLostError(f"{what} was ended by {name}; was there enough memory?")
            *_, last = ["", *self._said(rank).read_text(errors="replace").splitlines()]
            return ERRORS.get(code, ForecastError)(f"{what}: {last}")
        if silent := sorted({*range(1, self.size)} - {rank for rank, _ in self._ended()}):
            return ProcessLostError(f"{error}: rank {listed(silent)}")
        return error

    def _ended(self) -> list[tuple[int, int]]:
        """Rank and exit code of those that have ended."""
        codes = [(rank, process.poll()) for rank, process in enumerate(self.processes, 1)]
        return [(rank, code) for rank, code in codes if code is not None]

    @property
    def _store(self) -> Path:
        return Path(self.folder.name) / "store"

    def _said(self, rank: int) -> Path:
        """The file of what a process prints to stderr."""
        return Path(self.folder.name) / f"rank-{rank}.txt"


def _ready(process: subprocess.Popen[bytes]) -> None:
    """Wait for the line by which a process says that it is ready, or for its end."""
    assert process.stdout is not None
    if not process.stdout.readline():
        process.wait()
