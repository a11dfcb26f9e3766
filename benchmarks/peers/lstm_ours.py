"""forecast's own training: `lstm_ours.py DIR cpu|cuda float32|bf16`."""

import sys
import time

import torch
from worker import HIDDEN, HORIZON, LAYERS, LOOKBACK, oil_temperature, serve

from forecast.config.tree import config_from
from forecast.prepare import new_learner, prepare
from forecast.runs.memory import claim_process
from forecast.training.device import on_device_if_it_fits
from forecast.training.loop import fit

FOLDER, DEVICE, PRECISION = sys.argv[1:]
EPOCHS = 5
"""The first one is not counted."""


def measure(batch: int, steps: int) -> float:
    """Windows a second, the ends of epochs included."""
    config = {
        "data": {"path": "data", "time": "ds", "target": "y"},
        "split": {"validation": 0, "test": 0},
        "window": {"lookback": LOOKBACK, "horizon": HORIZON},
        "model": {"num_layers": LAYERS, "hidden_size": HIDDEN, "dropout": 0, "head": "direct"},
        "training": {
            "loss": "mse",
            "learning_rate": 1e-3,
            "batch_size": batch,
            "epochs": EPOCHS,
            "epoch_windows": batch * max(1, steps // (EPOCHS - 1)),
            "precision": PRECISION,
        },
    }
    prepared = prepare(config_from(config), oil_temperature(FOLDER))
    device = torch.device(DEVICE)
    learner = new_learner(prepared, device, 1e-3, seed=0)
    windows = on_device_if_it_fits(prepared.windows, device)["train"]
    seconds = []
    for _ in fit(learner, windows, None):
        seconds.append(time.perf_counter())
    windows = learner.config.epoch_windows * (len(seconds) - 1)
    return windows / (seconds[-1] - seconds[0])


claim_process()  # as the command line does
serve(measure)
