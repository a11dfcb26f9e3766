"""Time and memory of the steps before a training, and of one: `scale_ours.py FILE STEPS`.

Prints a JSON object: seconds to read the file, to prepare it all and to index the windows alone,
imports not counted; seconds from the start of an epoch to its first step, of a step and of the
network alone; steps of a whole epoch; and the peak of the process' memory in MB after each part.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch
from network import kernel_step
from worker import HIDDEN, HORIZON, LAYERS, LOOKBACK, WARM_UP, be_quiet, panel

from forecast.config.tree import Config, config_from
from forecast.data.assemble import read_panel
from forecast.data.pipeline import part_windows
from forecast.data.windows import Windows
from forecast.prepare import Prepared, new_learner, prepare
from forecast.runs.memory import claim_process
from forecast.training.loop import batches_per_epoch, fit

BATCH = 32
T = TypeVar("T")


def configured(path: str) -> Config:
    """The network of all these measurements on the table of a file."""
    return config_from(
        {
            "data": {"path": path, "time": "ds", "target": "y"},
            "split": {"validation": 0.1, "test": 0.1},
            "window": {"lookback": LOOKBACK, "horizon": HORIZON},
            "model": {"num_layers": LAYERS, "hidden_size": HIDDEN, "dropout": 0, "head": "direct"},
            "training": {"batch_size": BATCH, "learning_rate": 1e-3},
        }
    )


def seconds_of(run: Callable[[], T]) -> tuple[float, T]:
    """Seconds of a call, and what it gives."""
    began = time.perf_counter()
    result = run()
    return time.perf_counter() - began, result


def become_warm(suffix: str) -> None:
    """Cause the imports of what follows, with a small file."""
    with tempfile.TemporaryDirectory() as folder:
        path, frame = f"{folder}/small{suffix}", panel(2, 4 * LOOKBACK)
        frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
        prepare(configured(path))


def index(prepared: Prepared) -> object:
    """The windows of all parts; `prepare` has done the same."""
    parts = prepared.split
    pipeline, panel = prepared.pipeline, prepared.panel
    filled = pipeline.filled(panel, parts.offsets())
    return part_windows(pipeline, panel, filled, parts, prepared.config.window)


def training_seconds(prepared: Prepared, windows: Windows, steps: int) -> float:
    """An epoch that is over after some steps."""
    training = prepared.config.training.model_copy(update={"max_steps": steps})
    config = prepared.config.model_copy(update={"training": training})
    learner = new_learner(replace(prepared, config=config), torch.device("cpu"), 1e-3, seed=0)
    return seconds_of(lambda: list(fit(learner, windows, None)))[0]


def step_seconds(prepared: Prepared, steps: int) -> float:
    """Of a step on windows from all over the table, so few that their order costs nothing."""
    train = prepared.windows["train"]
    apart = max(1, len(train) // (steps * BATCH))
    windows = replace(train, starts=train.starts[::apart][: steps * BATCH].clone())
    steps = len(windows) // BATCH
    training_seconds(prepared, windows, min(steps, WARM_UP))
    return training_seconds(prepared, windows, steps) / steps


def kernel_seconds(steps: int) -> float:
    """Of a step of the network alone, with one thread or all, whichever is faster."""
    step, everything = kernel_step(BATCH), torch.get_num_threads()
    found = []
    for threads in (1, everything):
        torch.set_num_threads(threads)
        for _ in range(WARM_UP):
            step()
        found.append(seconds_of(lambda: [step() for _ in range(steps)])[0] / steps)
    return min(found)


def peak() -> float:
    """MB so far."""
    status = Path("/proc/self/status").read_text().splitlines()
    line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def main() -> None:
    """Read, prepare, index, train some steps."""
    path, steps = sys.argv[1], int(sys.argv[2])
    be_quiet()
    become_warm(Path(path).suffix)
    config = configured(path)
    reading, data = seconds_of(lambda: read_panel(config.data))
    read_peak = peak()
    preparing, prepared = seconds_of(lambda: prepare(config, data))
    prepare_peak = peak()
    step = step_seconds(prepared, steps)
    first = training_seconds(prepared, prepared.windows["train"], 1)
    found = {
        "read": reading,
        "read_peak": read_peak,
        "prepare": preparing,
        "prepare_peak": prepare_peak,
        "start": max(0.0, first - step),
        "step": step,
        "peak": peak(),
        "index": seconds_of(lambda: index(prepared))[0],  # last, for it needs memory once more
        "kernel": kernel_seconds(steps),
        "steps": batches_per_epoch(len(prepared.windows["train"]), config.training),
    }
    print(json.dumps(found))


claim_process()  # as the command line does
main()
