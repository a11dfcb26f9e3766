"""Random small configurations, a table for them, and trainings in this process."""

from __future__ import annotations

import contextlib
import logging
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from forecast.config.tree import Config, config_from
from forecast.errors import ConfigError

Result = TypeVar("Result")
logging.getLogger("forecast").addHandler(logging.NullHandler())  # nobody reads what they tell

LENGTHS = (60, 72)
SEASON = 12
SPLIT = {"validation": 12, "test": 14}
TRANSFORMS: tuple[list[Any], ...] = (
    ["standardize"],
    ["log", "standardize"],
    ["log", {"difference": {"lag": 12}}, {"standardize": {"scope": "global"}}],
    [{"power": {"method": "box_cox"}}, "robust"],
    [{"power": {"method": "yeo_johnson", "scope": "global"}}, {"difference": {"lag": "auto"}}],
    ["log1p", "min_max", {"difference": {"lag": 1, "order": 2}}],
    [],
)
COVARIATES: tuple[dict[str, Any], ...] = (
    {},
    {"calendar": ["month"], "past": ["price"]},
    {"past": [{"shop": {"encoding": "embedding"}}], "static": ["size"]},
    {"past": [{"shop": {"encoding": "one_hot"}}, "price"]},
    {"past": [{"shop": {"encoding": "ordinal"}}], "calendar": ["quarter"]},
)
PLATEAU = {"plateau": {"patience": 1}}
TRAINING: dict[str, tuple[Any, ...]] = {
    "batch_size": (8, 16, 64),
    "optimizer": ("gd", "sgd", "adagrad", "adadelta", "rmsprop", "adam", "adamw"),
    "schedule": ("constant", {"step": 2}, "exponential", "cosine", "one_cycle", PLATEAU),
    "warmup": (0, 1),
    "averaging": ("none", {"ema": {"decay": 0.8}}, {"swa": {"start": 0.3}}),
    "sampling": ("all", "uniform"),
    "epoch_windows": (None, 40, 90),
    "early_stopping": (None, {"patience": 1}, {"patience": 2, "smoothing": 0.5}),
    "loss": ("mse", "mae", "huber", "log_cosh", "quantile"),
    "series_weights": ("equal", "mase", "mixed"),
    "l2": (0.0, 0.001),
    "clip_norm": (None, 1.0),
    "ensemble": (1, 1, 2, [{"window.lookback": 12, "window.lags": [3]}, {"training.loss": "mae"}]),
}
LAGS: tuple[list[int], ...] = ([], [], [2], [3, 9])
"""The shorter series has rows enough for a window of them behind a difference of a season."""
MODELS: tuple[dict[str, Any], ...] = (
    {},
    {"cell": "gru", "num_layers": 2, "dropout": 0.3},
    {"cell": "rnn", "batch_norm": True, "window_norm": "standard"},
    {"head": "recursive", "segment": 2, "window_norm": "last"},
    {"head": "parallel", "segment": 2, "linear_skip": "full", "dropout": 0.2},
    {"residual": True, "layer_norm": True, "num_layers": 2, "init": {"state": "learned"}},
)


def table(random: np.random.Generator) -> pd.DataFrame:
    """Two monthly series with a season and a trend, positive, and covariates of every kind."""
    parts = []
    for name, length in zip("ab", LENGTHS, strict=True):
        time = np.arange(length)
        level = 10 ** random.uniform(0, 4)
        noise = random.normal(0, 0.05, length)
        parts.append(
            pd.DataFrame(
                {
                    "unique_id": name,
                    "ds": pd.date_range("2015-01-01", periods=length, freq="MS"),
                    "y": level * np.exp(0.01 * time + 0.3 * np.sin(time * np.pi / 6) + noise),
                    "price": random.normal(5, 1, length),
                    "shop": random.choice(["north", "south", "west"], length),
                    "size": float(level > 100),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def configuration(random: np.random.Generator, transforms: Any = None, **changes: Any) -> Config:
    """A small training that differs in every part; parts that do not fit together are drawn anew.

    Args:
        random: what chooses.
        transforms: None: any.
        changes: of the section `training`.
    """
    while True:
        with contextlib.suppress(ConfigError):
            drawn = _drawn(random, changes)
            if transforms is not None:
                drawn["transforms"] = transforms
            return config_from(drawn)


def _drawn(random: np.random.Generator, changes: dict[str, Any]) -> dict[str, Any]:
    def one(options: Any) -> Any:
        return options[int(random.integers(len(options)))]

    training = {
        "epochs": int(random.integers(2, 7)),
        "learning_rate": one((0.003, 0.03)),
        **{name: one(options) for name, options in TRAINING.items()},
        **changes,
    }
    return {
        "data": {"path": "table.csv", "season": SEASON, **one(COVARIATES)},
        "transforms": one(TRANSFORMS),
        "split": SPLIT,
        "window": {"lookback": 8, "horizon": 4, "lags": one(LAGS)},
        "model": {"hidden_size": 3, **one(MODELS)},
        "training": training,
        "intervals": {"levels": [50]},
        "device": "cpu",
        "seed": int(random.integers(1000)),
    }
