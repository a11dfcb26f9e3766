"""Seconds and memory of `forecast predict --data DIR`: `folders.py [--series N] [--files N] ...`.

Random walks of 60 months in a folder of Parquet files; 12 steps and two intervals of each series,
by a network of two layers of 64 that was trained for one step. Prints a JSON object for each number
of workers: see `measured`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from timing.processes import last_line

import forecast

ROWS, LOOKBACK, HORIZON = 60, 24, 12
CONFIG = {
    "data": {"frequency": "MS"},
    "split": {"validation": HORIZON, "test": HORIZON},
    "window": {"lookback": LOOKBACK, "horizon": HORIZON},
    "model": {"num_layers": 2, "hidden_size": 64},
    "training": {"learning_rate": 1e-3, "max_steps": 1},
    "intervals": {"levels": [80, 95]},
}


def walks(first: int, series: int) -> pd.DataFrame:
    """Random walks, their names numbered from the first on."""
    steps = np.random.default_rng(first).normal(size=(series, ROWS))
    names = [f"series-{number}" for number in range(first, first + series)]
    times = pd.date_range("2019-01-01", periods=ROWS, freq="MS")
    columns = {"unique_id": np.repeat(names, ROWS), "ds": np.tile(times, series)}
    return pd.DataFrame({**columns, "y": 100 + steps.cumsum(axis=1).ravel()})


MEASURED = """
import ctypes, json, os, resource, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: workers are no child's children
began = time.perf_counter()
subprocess.run([sys.executable, "-m", "forecast", *sys.argv[1:]], check=True, capture_output=True)
seconds = time.perf_counter() - began
try:
    while os.wait():
        pass
except ChildProcessError:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
found = {"seconds": seconds, "cpu": used.ru_utime + used.ru_stime}
print(json.dumps(found | {"peak_mb": 1024 * used.ru_maxrss / 1e6}))
"""
"""Runs the command, which tells what it and its workers took; imports count."""


def measured(words: list[str]) -> dict[str, float]:
    """Seconds of a command, of them on CPUs, and the most memory of one of its processes in MB."""
    command = [sys.executable, "-c", MEASURED, *words]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {name: round(each, 2) for name, each in json.loads(last_line(printed)).items()}


def main() -> None:
    """Make a folder, then forecast it with each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, each = Path(name), given.series // given.files
        (folder / "data").mkdir()
        forecast.train(CONFIG, walks(0, 200), run=folder / "run")
        for number in range(given.files):
            path = folder / "data" / f"part-{number}.parquet"
            walks(number * each, each).to_parquet(path, index=False)
        for workers in given.workers:
            words = ["predict", folder / "run", "--data", folder / "data"]
            words += ["--output", folder / f"out-{workers}", "--workers", workers]
            print(json.dumps({"workers": workers, **measured([*map(str, words)])}), flush=True)


main()
