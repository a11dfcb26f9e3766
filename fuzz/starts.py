"""Promise 11: one winner of every double start, and a signal ends a training within 5 seconds."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from fuzz.kills import EPOCHS, finished, whole
from fuzz.material import Material, copied, random_of
from fuzz.processes import SERVER, ended, start
from fuzz.writes import training, what_differs, what_is_lost

MOST_SECONDS = 5.0
"""From a signal to the exit."""
LONG = ("training.epochs=1000", "model.hidden_size=128", "training.batch_size=2")
"""An epoch takes far longer than the exit may."""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
SHORT = ("training.epochs=1000000", "training.early_stopping=null")


def check_double(number: int, material: Material, scratch: Path) -> str | None:
    """Start two trainings of one folder at the same moment."""
    run = scratch / f"double{number}"
    words = [*training(run), "training.epochs=60", "training.early_stopping=null"]
    if number % 2:
        copied(material.interrupted, run)
        words = ["train", "--resume", str(run), "--quiet"]
    logs = [scratch / f"double{number}-{side}.txt" for side in "ab"]
    barrier = SERVER.Barrier(2)
    both = [start(words, log, barrier) for log in logs]
    codes = [ended(process) for process in both]
    told = [log.read_text() for log in logs]
    left = [path.name for path in run.glob(".*")]
    fault = what_is_lost(run)
    shutil.rmtree(run)
    if sorted(codes) != [0, 2] or fault or left:
        return f"exits {codes}, {fault}, left {left}: {told}"
    winner = both[codes.index(0)].pid
    line = told[codes.index(2)].strip()
    wanted = rf"forecast: {re.escape(str(run))}: in use by process {winner}; [^\n]*"
    return None if re.fullmatch(wanted, line) else f"{winner} won, and the other says: {line}"


def check_signal(number: int, _: Material, scratch: Path) -> str | None:
    """Send a signal to a training; it must save and end in time."""
    random = random_of(11, number)
    run, log = scratch / f"signal{number}", scratch / f"signal{number}.txt"
    process = start([*training(run), *(LONG if number % 2 else SHORT)], log)
    _wait_for(run / ("config.yaml" if number % 2 else "metrics.jsonl"), process)
    time.sleep(float(random.uniform(0.1, 1.0)))
    signals = ([signal.SIGTERM], [signal.SIGINT], [signal.SIGTERM] * 2)[number % 3]
    for each in signals:
        os.kill(process.pid or 0, each)
    sent = time.monotonic()
    code = ended(process)
    seconds = time.monotonic() - sent
    told = log.read_text().strip()
    is_saved = number % 2 == 1 or (run / "resume.safetensors").exists()
    fault = what_is_lost(run)
    left = [path.name for path in run.glob(".*")]
    shutil.rmtree(run)
    wanted = f"forecast: interrupted; go on with: forecast train --resume {run}"
    if (
        (code, told) == (130, wanted)
        and seconds < MOST_SECONDS
        and is_saved
        and not (fault or left)
    ):
        return None
    return f"exit {code} after {seconds:.1f} s, saved {is_saved}, {fault}, left {left}: {told}"


def check_any_moment(number: int, material: Material, scratch: Path) -> str | None:
    """Send a signal at any moment of a training, its evaluation and its writing; then go on."""
    random = random_of(110, number)
    expected, lasts = whole(material.folder)
    run, log = scratch / f"moment{number}", scratch / f"moment{number}.txt"
    barrier = SERVER.Barrier(2)
    process = start([*training(run), EPOCHS], log, barrier)
    barrier.wait(60)  # before, it is the launcher that the signal would meet
    time.sleep(float(random.uniform(0, lasts)))
    if process.is_alive():
        os.kill(process.pid or 0, SIGNALS[number % len(SIGNALS)])
    code = ended(process, MOST_SECONDS)
    told = log.read_text().splitlines() if log.exists() else []
    lines = [line for line in told if line.startswith("forecast: ")]
    fault = finished(run, log) or what_differs(run, expected)
    shutil.rmtree(run, ignore_errors=True)
    is_early = code == -SIGNALS[number % len(SIGNALS)]  # before the command began
    if is_early or (code, len(lines)) in ((130, 1), (0, 1)):  # the report names its files
        return fault
    return f"exit {code}: {told}"


def _wait_for(path: Path, process: ForkServerProcess) -> None:
    until = time.monotonic() + 60
    while not path.exists() and process.is_alive() and time.monotonic() < until:
        time.sleep(0.01)
