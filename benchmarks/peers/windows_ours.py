"""Windows a second, all windows of a series forecast in its units: `windows_ours.py DIR`."""

import sys
import time

from worker import HIDDEN, HORIZON, LAYERS, LOOKBACK, oil_temperature, serve

import forecast
from forecast.evaluate import part_forecasts
from forecast.prepare import prepare

FRAME = oil_temperature(sys.argv[1])
CONFIG = {
    "data": {"time": "ds", "target": "y"},
    "split": {"validation": 0, "test": 0},
    "window": {"lookback": LOOKBACK, "horizon": HORIZON},
    "model": {"num_layers": LAYERS, "hidden_size": HIDDEN, "dropout": 0, "head": "direct"},
    "training": {"learning_rate": 1e-3, "max_steps": 1},
}
TRAINED = forecast.train(CONFIG, FRAME)


def measure() -> float:
    """From the frame on."""
    began = time.perf_counter()
    prepared = prepare(TRAINED.config, FRAME)
    blocks = part_forecasts(TRAINED.models, prepared, "train")
    windows = sum(len(origins) for origins, _ in blocks)
    return windows / (time.perf_counter() - began)


serve(measure)
