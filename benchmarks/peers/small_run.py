"""A run folder of a small model of one series, to forecast from: `small_run.py RUN`."""

import sys

from worker import HIDDEN, HORIZON, LAYERS, LOOKBACK, be_quiet, panel

import forecast

be_quiet()
CONFIG = {
    "data": {"time": "ds", "target": "y"},
    "split": {"validation": 0, "test": 0},
    "window": {"lookback": LOOKBACK, "horizon": HORIZON},
    "model": {"num_layers": LAYERS, "hidden_size": HIDDEN, "dropout": 0, "head": "direct"},
    "training": {"learning_rate": 1e-3, "max_steps": 1},
}
forecast.train(CONFIG, panel(1, 4 * LOOKBACK), run=sys.argv[1])
