"""Seconds until a process is ready: help, imports, and a forecast by the command."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from timing.processes import Settings, ours, seconds_of, timed
from timing.tables import ratio, seconds, table

MODULES = ("neuralforecast", "darts.models", "pytorch_forecasting", "gluonts.torch")
BARE = "`import torch, pandas`"


def predict_command(folder: Path) -> list[str]:
    """`forecast predict` on a small run of one series, made in a folder by another process."""
    run = folder / "run"
    timed(ours("small_run.py", run))
    return [sys.executable, "-m", "forecast", "predict", str(run)]


def commands(settings: Settings, folder: Path) -> dict[str, list[str]]:
    """By name, what is timed."""
    python = [sys.executable, "-c"]
    found = {
        "`pass`": [*python, "pass"],
        "`forecast --help`": [sys.executable, "-m", "forecast", "--help"],
        "`import forecast`": [*python, "import forecast"],
        BARE: [*python, "import torch, pandas"],
        "`forecast predict`, cold": predict_command(folder),
    }
    if settings.peers:
        for module in MODULES:
            found[f"`import {module}`"] = [settings.peers, "-c", f"import {module}"]
    return found


def part(settings: Settings) -> Iterator[str]:
    """Lines of the results."""
    yield "Start-up, from the start of a process to its end, the files being cached:\n"
    with tempfile.TemporaryDirectory() as folder:
        times = seconds_of(commands(settings, Path(folder)), settings)
    rows = [
        [name, seconds(median(each)), f"{ratio(each, times[BARE]):.2f}"]
        for name, each in times.items()
    ]
    yield from table(["", "seconds", f"x {BARE}"], rows)
