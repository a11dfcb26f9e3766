"""What the tests of the commands share: a small table, its configuration, the files of a run."""

import csv
import io

import numpy as np
import pandas as pd

from forecast.training.session import Session

ROWS = 72
NOISE = np.random.default_rng(6).normal(0, 1, ROWS)
TABLE = pd.DataFrame(
    {
        "month": pd.date_range("2018-01-01", periods=ROWS, freq="MS").strftime("%Y-%m-%d"),
        "sales": (50 + 10 * np.sin(np.arange(ROWS) * np.pi / 6) + NOISE).round(3),
    }
)
CONFIG = """\
data: {path: table.csv, time: month, target: sales}
split: {validation: 9, test: 12}
window: {lookback: 12, horizon: 3}
model: {hidden_size: 4}
training:
  epochs: 3
  learning_rate: 0.01
  lr_range: {seeds: 2, steps: 60, first: 1e-4, rule: valley}
intervals: {levels: [80]}
"""
RUN_FILES = {
    *("config.yaml", "environment.json", "metrics.jsonl", "summary.json", "log.txt"),
    *("model.safetensors", "resume.safetensors"),
    *("forecast.csv", "learning_curve.png", "forecast.png"),
}


def furnish(folder):
    """Put the table and its configuration into a folder."""
    TABLE.to_csv(folder / "table.csv", index=False)
    (folder / "config.yaml").write_text(CONFIG)
    return folder


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def contents_of(folder):
    """All files below a folder, and what they hold."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def after_epoch(monkeypatch, act, number=1):
    """Do something each time an epoch was shown and saved, from the `number`th on."""
    real, seen = Session._after_epoch, []

    def then(self, *arguments):
        real(self, *arguments)
        seen.append(self)
        if len(seen) >= number:
            act()

    monkeypatch.setattr(Session, "_after_epoch", then)


def raising(error):
    """A function that raises an error whatever it is given."""

    def call(*_, **__):
        raise error

    return call
