"""Accuracy on ETTh1 by the protocol of the long-term forecasting literature.

python benchmarks/accuracy.py configs/benchmarks/etth1_96.yaml --data DIR --seeds 3

Rows 0-8,639 train, 8,640-11,519 validate, 11,520-14,399 test, the rest unused. Columns are
standardised with the mean and population deviation of the train rows; MSE and MAE are on that
scale, over every test window, step and column. `scripts/fetch_data.py` fetches the file.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from forecast.config import Config, read_config
from forecast.forecasting import member_forecasts
from forecast.models.forecaster import Forecaster
from forecast.preparation import Prepared, prepare
from forecast.results import trained_models
from forecast.session import Session
from forecast.training.device import choose_device

ROWS = 14_400
BATCH = 512


def model_scale_errors(
    models: tuple[Forecaster, ...], prepared: Prepared, part: str
) -> tuple[float, float]:
    """MSE and MAE on the model's scale over all windows of a part, batch by batch."""
    windows = prepared.windows[part]
    squared = absolute = count = 0.0
    for index, members in member_forecasts(models, windows, BATCH):
        target = windows.gather(torch.from_numpy(index)).target.numpy().astype(np.float64)
        forecast = np.median(members, axis=0)
        error = forecast[..., forecast.shape[-1] // 2] - target
        squared += float(np.square(error).sum())
        absolute += float(np.abs(error).sum())
        count += error.size
    return squared / count, absolute / count


def run(config: Config, frame: pd.DataFrame) -> dict[str, float]:
    """Train one seed and measure it."""
    began = time.perf_counter()
    prepared = prepare(config, frame)
    session = Session(prepared, choose_device(config.device), None)
    for progress in session.run():
        epoch = progress.epoch
        print(f"  epoch {epoch.number}: {epoch.train_loss:.4f} {epoch.validation_loss:.4f}")
    seconds = time.perf_counter() - began
    models = trained_models(session)
    validation = model_scale_errors(models, prepared, "validation")
    test = model_scale_errors(models, prepared, "test")
    parameters = sum(p.numel() for p in models[0].parameters())
    return {
        "validation MSE": validation[0],
        "test MSE": test[0],
        "test MAE": test[1],
        "parameters": parameters,
        "seconds": seconds,
    }


def main() -> None:
    """Print a line a seed, and their mean and spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--data", default="data/external", help="folder of ETTh1.csv")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    frame = pd.read_csv(Path(options.data) / "ETTh1.csv").head(ROWS)
    rows = []
    for seed in range(options.seeds):
        config = read_config(options.config, [*options.overrides, f"seed={seed}"])
        rows.append(run(config, frame))
        print(f"seed {seed}: {', '.join(f'{k} {v:.4f}' for k, v in rows[-1].items())}", flush=True)
    table = pd.DataFrame(rows)
    print(
        f"mean: {table.mean().round(4).to_dict()}\nspread: {table.std(ddof=0).round(4).to_dict()}"
    )


if __name__ == "__main__":
    main()
