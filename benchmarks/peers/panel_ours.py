"""Seconds to forecast a panel, frame to frame: `panel_ours.py SERIES`."""

import sys

from worker import HIDDEN, HORIZON, LAYERS, LOOKBACK, panel, serve

import forecast

FRAME = panel(int(sys.argv[1]))
CONFIG = {
    "data": {"time": "ds", "target": "y"},
    "split": {"validation": 0, "test": 0},
    "window": {"lookback": LOOKBACK, "horizon": HORIZON},
    "model": {"num_layers": LAYERS, "hidden_size": HIDDEN, "dropout": 0, "head": "direct"},
    "training": {"learning_rate": 1e-3, "max_steps": 1},
}
TRAINED = forecast.train(CONFIG, FRAME)
serve(lambda: TRAINED.forecast(data=FRAME))
