"""Time and memory of the steps before a training, and of one: `scale_ours.py FILE STEPS`.

Prints a JSON object: seconds of each part, and the peak of the process' memory in MB so far.
"""

import json
import sys
import time
from pathlib import Path

import torch
from worker import HIDDEN, HORIZON, LAYERS, LOOKBACK, be_quiet

from forecast.config import config_from
from forecast.data.panel import read_panel
from forecast.preparation import new_learner, prepare
from forecast.training.loop import fit


def main() -> None:
    """Read, prepare, train some steps."""
    path, steps = sys.argv[1], int(sys.argv[2])
    be_quiet()
    batch = 32
    config = config_from(
        {
            "data": {"path": path, "time": "ds", "target": "y"},
            "split": {"validation": 0.1, "test": 0.1},
            "window": {"lookback": LOOKBACK, "horizon": HORIZON},
            "model": {"num_layers": LAYERS, "hidden_size": HIDDEN, "dropout": 0, "head": "direct"},
            "training": {"batch_size": batch, "learning_rate": 1e-3, "max_steps": steps},
        }
    )
    found, began = {}, time.perf_counter()

    def passed(name: str) -> None:
        nonlocal began
        now = time.perf_counter()
        found[name], began = now - began, now
        status = Path("/proc/self/status").read_text().splitlines()
        peak = next(line for line in status if line.startswith("VmHWM"))
        found[f"{name}_peak"] = int(peak.split()[1]) * 1024 / 1e6

    panel = read_panel(config.data)
    passed("read")
    prepared = prepare(config, panel)
    passed("prepare")
    learner = new_learner(prepared, torch.device("cpu"), 1e-3, seed=0)
    for _ in fit(learner, prepared.windows["train"], None):
        passed("train")
    print(json.dumps({**found, "windows": len(prepared.windows["train"])}))


main()
