"""Promise 2: a write, sync or rename that fails costs one line and no checkpoint."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from forecast.errors import DataError
from forecast.runs.checkpoint import load_checkpoint
from forecast.runs.lock import LOCK_FILE
from fuzz.calls import call
from fuzz.material import ALONE, ROOT, SMALL, Material, copied

ERRORS = (errno.ENOSPC, errno.EIO)
CALLS = ("fsync", "replace", "fchmod", "write")
"""What a training asks of the disk, beside making a temporary and writing to it."""


def training(run: Path) -> list[str]:
    """The training that is disturbed."""
    config = str(ROOT / "configs" / "air_passengers.yaml")
    path = f"data.path={ROOT / 'data' / 'air_passengers.csv'}"
    return ["train", config, "--run", str(run), "--quiet", path, *SMALL, ALONE]


def check(number: int, material: Material, scratch: Path) -> str | None:
    """Let one call fail, then run again: the model must be that of an undisturbed training."""
    run = scratch / "disturbed"
    shutil.rmtree(run, ignore_errors=True)
    with failing(number // len(ERRORS), ERRORS[number % len(ERRORS)]) as failed:
        result = call(*training(run))
    fault = result.fault(0, 4) or what_is_lost(run)
    if fault is None and failed and any(run.glob(".*")):
        fault = f"left behind: {[path.name for path in run.glob('.*')]}"
    return (fault and f"{failed}: {fault}") or completed(run, material.run("air_passengers"))


def check_replaced(number: int, material: Material, scratch: Path) -> str | None:
    """Let one call fail while a run is replaced: the old model serves, or the new one whole."""
    run = copied(material.run("air_passengers"), scratch / "replaced")
    with failing(number // len(ERRORS), ERRORS[number % len(ERRORS)]) as failed:
        result = call(*training(run), "--force", "seed=5")
    fault = result.fault(0, 4) or what_is_lost(run)
    if fault is None and (served := call("predict", str(run), "--quiet")).code:
        fault = served.fault(0)
    if fault is None and (run / ".next").exists():
        # A commit that was cut off is ended by whoever looks next: then nothing is left to train.
        fault = call("train", "--resume", str(run), "--quiet").fault(0, 2)
        fault = fault or call("predict", str(run), "--quiet").fault(0)
    if fault is None and result.code and not failed:
        fault = f"failed by itself: {result.line}"
    return fault and f"{failed}: {fault}"


def completed(run: Path, whole: Path) -> str | None:
    """Go on with a run until it is finished; what is wrong with it then."""
    if not (run / "summary.json").exists():
        has_begun = (run / "config.yaml").exists()
        words = ["train", "--resume", str(run), "--quiet"] if has_begun else training(run)
        fault = call(*words).fault(0)
        if fault:
            return fault
    return what_differs(run, whole)


def what_is_lost(run: Path) -> str | None:
    """A checkpoint of a run that cannot be loaded."""
    for kind in ("model", "resume"):
        path = run / f"{kind}.safetensors"
        try:
            if path.exists():
                load_checkpoint(path, kind)
        except DataError as error:
            return str(error)
    return None


def what_differs(run: Path, whole: Path) -> str | None:
    """How a run that was disturbed differs from one that was not.

    A run that is killed when all is written leaves its lock file behind, which locks nothing.
    """
    names, expected = ({path.name for path in folder.iterdir()} for folder in (run, whole))
    names.discard(LOCK_FILE)
    if names != expected:
        return f"files: {sorted(names ^ expected)}"
    for name in ("model.safetensors", "summary.json", "forecast.csv"):
        if (run / name).read_bytes() != (whole / name).read_bytes():
            return f"{name} differs from that of an undisturbed training"
    return None


def how_many(scratch: Path) -> int:
    """Calls of one training that may fail, times the errors."""
    run = scratch / "counted"
    with failing(-1, 0) as seen:
        call(*training(run))
    shutil.rmtree(run)
    return len(seen) * len(ERRORS)


@contextlib.contextmanager
def failing(number: int, code: int) -> Iterator[list[str]]:
    """Let the call of this number fail; gives its name, or all names for a number below 0."""
    count, names = [-1], list[str]()

    def step(name: str) -> None:
        count[0] += 1
        if number < 0 or count[0] == number:
            names.append(name)
        if count[0] == number:
            raise OSError(code, os.strerror(code))

    def before(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def replaced(*arguments: Any, **options: Any) -> Any:
            step(name)
            return real(*arguments, **options)

        return replaced

    def opened(*arguments: Any, real: Any = os.fdopen, **options: Any) -> Any:
        return _HalfWritten(real(*arguments, **options), step)

    with contextlib.ExitStack() as stack:
        for name in CALLS:
            stack.enter_context(mock.patch.object(os, name, before(name, getattr(os, name))))
        made = before("mkstemp", tempfile.mkstemp)
        stack.enter_context(mock.patch.object(tempfile, "mkstemp", made))
        stack.enter_context(mock.patch.object(os, "fdopen", opened))
        yield names


class _HalfWritten:
    """A file that writes a half before it fails."""

    def __init__(self, file: Any, step: Callable[[str], None]) -> None:
        self.file, self.step = file, step

    def __enter__(self) -> _HalfWritten:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def write(self, data: bytes) -> None:
        """Write in two halves, between which the disk may fail."""
        middle = len(data) // 2
        self.file.write(data[:middle])
        self.file.flush()
        self.step("file.write")
        self.file.write(data[middle:])
