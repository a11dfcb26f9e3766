"""A small trained model, and a folder of newer history."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import forecast
from forecast.batch.job import Job
from forecast.forecasting.trained import TrainedModel

CONFIG = {
    "data": {"target": ["y"], "frequency": "D"},
    "split": {"validation": 8, "test": 6},
    "window": {"lookback": 5, "horizon": 3},
    "model": {"hidden_size": 4},
    "training": {"epochs": 1, "learning_rate": 0.01},
    "intervals": {"levels": [80]},
}
NAMES = ["a", "007", "b", "c", "d", "e"]


def walks(names=NAMES, rows=40, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "unique_id": np.repeat(names, rows),
            "ds": np.tile(pd.date_range("2024-01-01", periods=rows), len(names)),
            "y": rng.normal(size=(len(names), rows)).cumsum(axis=1).ravel(),
        }
    )


@dataclass(frozen=True)
class Place:
    """A run, and where its forecasts come from and go to."""

    trained: TrainedModel
    frame: pd.DataFrame
    folder: Path

    def job(self, **options):
        data, output = str(self.folder / "data"), str(self.folder / "out")
        return Job(**{"run": str(self.folder / "run"), "data": data, "output": output, **options})

    def write(self, name, frame):
        path = self.folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(path, index=False)
        return path


@pytest.fixture(scope="package")
def trained():
    return forecast.train(CONFIG, walks())


@pytest.fixture
def place(trained, tmp_path):
    """Six series in three files, one of them in a folder."""
    (tmp_path / "run").mkdir()
    trained.save(tmp_path / "run" / "model.safetensors")
    found = Place(trained, walks(seed=1), tmp_path)
    names = ("part-0.parquet", "part-1.parquet", "z/part-2.parquet")
    for name, first in zip(names, (0, 80, 160), strict=True):
        found.write(name, found.frame[first : first + 80])
    return found
