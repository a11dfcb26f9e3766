"""Promise 7: the same seed gives the same bytes, and the caller's random states are left alone."""

from __future__ import annotations

import json
import os
import pickle
import random as python_random
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

import forecast
from forecast.runs.folder import ENVIRONMENT_FILE, RECORDED_PACKAGES
from fuzz.material import ROOT, Material, random_of
from fuzz.trainings import configuration, table
from fuzz.writes import training, what_differs

RATE = {"seeds": 1, "steps": 40, "first": 1e-4, "last": 100.0, "rule": "minimum_tenth"}


def check_process(number: int, material: Material, scratch: Path) -> str | None:
    """Train in a fresh process that hashes otherwise, with another number of threads."""
    random, run = random_of(7, number), scratch / f"fresh{number}"
    hashes, threads = (
        int(random.integers(2**32)),
        int(random.integers(1, (os.cpu_count() or 1) + 1)),
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "forecast", *training(run)],
        env={**os.environ, "PYTHONHASHSEED": str(hashes), "OMP_NUM_THREADS": str(threads)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    place = f"PYTHONHASHSEED={hashes}, {threads} threads"
    if done.returncode:
        return f"{place}: exit {done.returncode}: {done.stderr[-400:]}"
    fault = what_differs(run, material.run("air_passengers")) or _what_is_not_recorded(run, threads)
    shutil.rmtree(run)
    return fault and f"{place}: {fault}"


def _what_is_not_recorded(run: Path, threads: int) -> str | None:
    """Threads and versions, as this process has them too."""
    found = json.loads((run / ENVIRONMENT_FILE).read_text())
    expected = {
        "threads": threads,
        # The metadata of a CUDA build from PyPI leave +cu130 out, which torch itself tells.
        "packages": {name: version(name) for name in RECORDED_PACKAGES}
        | {"torch": torch.__version__},
        "forecast": version("forecast-lstm"),
    }
    wrong = {name: found.get(name) for name in expected if found.get(name) != expected[name]}
    return f"{ENVIRONMENT_FILE}: {wrong} is not {expected}" if wrong else None


def check_caller(number: int, material: Material, scratch: Path) -> str | None:
    """Train, sweep, forecast, save, load and report; nothing is drawn of the caller's."""
    random = random_of(70, number)
    config, data = configuration(random, epochs=2), table(random)
    for seed in (python_random.seed, np.random.seed, torch.manual_seed):
        seed(number)
    before = _states()
    model = forecast.train(config, data)
    model.forecast(horizon=6)
    model.save(scratch / "model.safetensors")
    forecast.load(scratch / "model.safetensors").forecast(data)
    sweep = {"lr_range": RATE}
    forecast.lr_find(configuration(random, **sweep), data)
    forecast.backtest(config, folds=2, data=data)
    forecast.report(material.run("co2"), scratch / "report.html", force=True)
    after = _states()
    changed = [name for name in before if before[name] != after[name]]
    return f"drawn from: {', '.join(changed)}" if changed else None


def _states() -> dict[str, bytes]:
    """The random states of this process; beartype, which tests check types with, draws of one."""
    is_checked = "beartype" in sys.modules
    return {
        "random": b"" if is_checked else repr(python_random.getstate()).encode(),
        "numpy": pickle.dumps(np.random.get_state()),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }
