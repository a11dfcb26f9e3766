"""Promise 2: kill -9 at any moment loses no checkpoint and leaves no litter behind the next run."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import time
from functools import cache
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from fuzz.material import Material, random_of
from fuzz.processes import ended, start
from fuzz.writes import training, what_differs, what_is_lost

EPOCHS = "training.epochs=20"
UMASK = 0o077
OTHER = "/dev/shm"  # noqa: S108 - the test is that nothing is written there
"""Another file system, for temporary files."""


@cache
def whole(folder: Path) -> tuple[Path, float]:
    """The run that was never killed, and how many seconds it takes; made once."""
    for name in ("first", "whole"):  # the first one waits for the imports
        began = time.monotonic()
        code = ended(start([*training(folder / name), EPOCHS], folder / "log.txt"))
        assert code == 0, (folder / "log.txt").read_text()
    return folder / "whole", time.monotonic() - began


def check(number: int, material: Material, scratch: Path) -> str | None:
    """Kill a training, then go on with it: the model must be that of one never killed."""
    random = random_of(2, number)
    expected, lasts = whole(material.folder)
    run, log = scratch / f"killed{number}", scratch / f"killed{number}.txt"
    temporary = OTHER if os.path.isdir(OTHER) else ""
    process = start([*training(run), EPOCHS], log, umask=UMASK, temporary=temporary)
    kept = _killed(process, run, random.uniform(0, lasts), number % 2 == 0)
    missing = [name for name in kept if not (run / name).exists()]
    fault = f"lost: {missing}" if missing else what_is_lost(run)
    fault = fault or finished(run, log) or what_differs(run, expected) or _modes(run)
    text = log.read_text() if log.exists() else ""
    if fault is None and "Traceback" in text:
        fault = text[-400:]
    shutil.rmtree(run, ignore_errors=True)
    return fault


def _killed(process: ForkServerProcess, run: Path, after: float, in_writing: bool) -> set[str]:
    """Kill it after so many seconds, or then as soon as it writes; the checkpoints it had."""
    seen: set[str] = set()
    until = time.monotonic() + after
    while process.is_alive():
        names = set(os.listdir(run)) if run.is_dir() else set()
        seen |= {name for name in names if name.endswith(".safetensors")}
        is_writing = any(name.endswith(".tmp") for name in names)
        if time.monotonic() > until and (is_writing or not in_writing):
            os.kill(process.pid or 0, signal.SIGKILL)
            break
        time.sleep(0 if in_writing else 0.002)
    process.join()
    return seen


def finished(run: Path, log: Path) -> str | None:
    """Go on with a killed run; what went wrong."""
    if (run / "summary.json").exists():
        return None
    has_begun = (run / "config.yaml").exists()
    words = ["train", "--resume", str(run), "--quiet"] if has_begun else [*training(run), EPOCHS]
    code = ended(start(words, log, umask=UMASK))
    return f"exit {code}: {log.read_text()[-400:]}" if code else None


def _modes(run: Path) -> str | None:
    wrong = [path.name for path in run.iterdir() if stat.S_IMODE(path.stat().st_mode) & UMASK]
    return f"open to others: {wrong}" if wrong else None
