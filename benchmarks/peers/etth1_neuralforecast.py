"""neuralforecast on ETTh1, 96 hours ahead: `etth1_neuralforecast.py DIR MODEL [STEPS SEED]`.

Protocol of `benchmarks/accuracy.py`; the settings are those of the libraries' own tutorials. Prints
the mean squared error over all test windows, steps and columns.
"""

import sys

import numpy as np
import pandas as pd
from neuralforecast import NeuralForecast
from neuralforecast.models import NHITS, DLinear, PatchTST
from worker import TRAINER, be_quiet

TRAIN, VALIDATION, TEST, HORIZON = 8640, 2880, 2880, 96
MODELS = {
    "DLinear": (DLinear, {"input_size": 336, "learning_rate": 1e-4}),
    "NHITS": (NHITS, {"input_size": 480, "n_freq_downsample": [24, 12, 1]}),
    "PatchTST": (PatchTST, {"input_size": 336, "n_heads": 4, "hidden_size": 16}),
}


def long_table(folder: str) -> pd.DataFrame:
    """Seven series, standardised by their training rows: columns unique_id, ds, y."""
    rows = TRAIN + VALIDATION + TEST
    table = pd.read_csv(f"{folder}/ETTh1.csv", nrows=rows, parse_dates=["date"], index_col="date")
    train = table.iloc[:TRAIN]
    scaled = (table - train.mean()) / train.std(ddof=0)
    return scaled.rename_axis("ds").reset_index().melt("ds", var_name="unique_id", value_name="y")


def main() -> None:
    """Train with early stopping, forecast every test window."""
    folder, name, *numbers = sys.argv[1:]
    steps, seed = map(int, numbers or (1000, 1))
    be_quiet()
    build, options = MODELS[name]
    model = build(
        h=HORIZON,
        **options,
        max_steps=steps,
        val_check_steps=min(100, steps),
        early_stop_patience_steps=5,
        random_seed=seed,
        **TRAINER,
    )
    forecasts = NeuralForecast([model], freq="h").cross_validation(
        long_table(folder), val_size=VALIDATION, test_size=TEST, n_windows=None, step_size=1
    )
    print(float(np.square(forecasts["y"] - forecasts[name]).mean()))


main()
