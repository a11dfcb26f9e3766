"""Trainings of all kinds, each made once: configurations, tables and covariates of the future."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import forecast

ROOT = Path(__file__).resolve().parents[2]
TRAINING = {"epochs": 2, "learning_rate": 0.01, "early_stopping": None}


@dataclass(frozen=True)
class Case:
    """A configuration, its table, and the covariates of the future."""

    config: dict[str, Any]
    frame: pd.DataFrame
    future: pd.DataFrame | None = None
    frequency: Any = None
    """Step between times, for pandas or as an integer."""

    @property
    def time(self):
        return self.config["data"].get("time", "ds")

    @property
    def targets(self):
        return self.config["data"].get("target", ["y"])

    @property
    def horizon(self):
        return self.config["window"]["horizon"]

    def series(self, frame=None):
        """(id, rows) of each series."""
        frame = self.frame if frame is None else frame
        if "unique_id" not in frame:
            return [("series", frame)]
        return [(name, frame[frame.unique_id == name]) for name in frame.unique_id.unique()]

    def without_last(self, count):
        """The table without the last rows of each series."""
        parts = [rows.iloc[:-count] for _, rows in self.series()]
        return pd.concat(parts, ignore_index=True)


def config(data, lookback, horizon, validation, test, transforms=("standardize",), **others):
    return {
        "data": {"path": "table", **data},
        "transforms": list(transforms),
        "window": {"lookback": lookback, "horizon": horizon},
        "split": {"validation": validation, "test": test},
        "model": {"hidden_size": 4, **others.get("model", {})},
        "training": {**TRAINING, **others.get("training", {})},
        "intervals": {"levels": []},
        "device": "cpu",
    }


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def air(steps=("log", {"difference": {"lag": 12}}, "standardize"), **others):
    frame = pd.read_csv(ROOT / "data/air_passengers.csv", parse_dates=["month"])
    data = {"time": "month", "target": ["passengers"]}
    return Case(config(data, 12, 6, 12, 24, [*steps], **others), frame, frequency="MS")


def macro(channels):
    frame = pd.read_csv(ROOT / "data/macro.csv", parse_dates=["quarter"])
    targets = ["realgdp", "realcons", "realinv"]
    data = {"time": "quarter", "target": targets, "past": ["unemp", {"infl": {"encoding": "none"}}]}
    model = {"channels": channels, "segment": 2}
    case = config(data, 8, 4, 20, 30, ["log", "difference", "min_max"], model=model)
    return Case(case, frame, frequency="QS")


MEMBERS = [
    {"window.lookback": 12, "window.lags": [7]},
    {"model.head": "parallel", "training.loss": "mae"},
]


def panel(head="direct", scope="per_series", ensemble=1):
    """Daily series of different lengths and ends, with covariates of all kinds."""
    lengths, first = {"b": 60, "007": 75, "NA": 90}, pd.Timestamp("2024-02-01")
    shops = {"b": "Bonn", "007": "Aachen", "NA": "Bonn"}
    kinds = np.array(["sale", "", "fair"])
    frames = []
    for number, (name, length) in enumerate(lengths.items()):
        days = pd.date_range(first + pd.Timedelta(days=3 * number), periods=length + 12)
        level = 10 * (number + 1) + np.arange(length + 12) / 10
        frame = pd.DataFrame({"ds": days, "unique_id": name})
        frame["y"] = level + noise(length + 12, seed=number)
        frame["price"] = 5 + noise(length + 12, seed=10 + number)
        frame["event"] = kinds[np.arange(length + 12) % 7 % 3]
        frame["weather"] = np.where(noise(length + 12, seed=20 + number) > 0, "sun", "rain")
        frame["size"] = float(number)
        frame["shop"], frame["town"], frame["land"] = shops[name], shops[name], shops[name]
        frames.append(frame)
    whole = pd.concat(frames, ignore_index=True)
    is_ahead = whole.groupby("unique_id").cumcount(ascending=False) < 12
    data = {
        "past": [{"weather": {"encoding": "embedding", "dimension": 2}}],
        "future": ["price", {"event": {"encoding": "one_hot"}}],
        "static": [
            "size",
            {"shop": {"encoding": "one_hot"}},
            {"town": {"encoding": "embedding"}},
            {"land": {"encoding": "ordinal"}},
        ],
        "calendar": ["dayofweek", "month"],
    }
    steps = [{"standardize": {"scope": scope}}, {"difference": {"lag": 7}}]
    others = {"model": {"head": head, "segment": 2}, "training": {"ensemble": ensemble}}
    case = config(data, 8, 6, 8, 12, steps, **others)
    ahead = whole.loc[is_ahead, ["unique_id", "ds", "price", "event"]]
    return Case(case, whole[~is_ahead].reset_index(drop=True), ahead, frequency="D")


def zoned():
    """Hours in Berlin; the forecast runs over the end of daylight saving time."""
    hours = pd.date_range("2024-10-17 00:00", "2024-10-26 22:00", freq="h", tz="Europe/Berlin")
    y = np.sin(np.arange(len(hours)) / 4) + noise(len(hours)) / 10
    data = {"calendar": ["hour"]}
    frame = pd.DataFrame({"ds": hours, "y": y})
    return Case(config(data, 24, 12, 24, 36), frame, frequency="h")


def zoned_days():
    """Days in Berlin; one of those to come has 25 hours."""
    days = pd.date_range("2024-07-01", "2024-10-25", tz="Europe/Berlin")
    frame = pd.DataFrame({"ds": days, "y": noise(len(days)).cumsum()})
    data = {"calendar": ["dayofweek"], "frequency": "D"}
    return Case(config(data, 7, 4, 10, 20), frame, frequency="D")


def integers():
    frame = pd.DataFrame({"ds": np.arange(100) * 10 + 3, "y": np.sin(np.arange(100)) + 0.1})
    return Case(config({}, 10, 5, 10, 20, ["difference"]), frame, frequency=10)


def missing(how):
    """Empty cells and rows, also at the very end and between the parts."""
    days = pd.date_range("2024-01-01", periods=120)
    frame = pd.DataFrame({"ds": days, "y": noise(120).cumsum(), "load": noise(120, seed=1)})
    frame.loc[[40, 41, 107, 108, 109, 117, 118], "y"] = np.nan
    frame.loc[[60, 119], "load"] = np.nan
    frame = frame.drop(index=[112, 113]).reset_index(drop=True)
    data = {"missing": how, "past": ["load"]}
    return Case(config(data, 14, 5, 20, 12, ["difference", "standardize"]), frame, frequency="D")


QUANTILES = {"loss": {"quantile": {"levels": [0.1, 0.3, 0.5, 0.9]}}}
BUILDERS = {
    "air": air,
    "quantile": lambda: air(
        ("log", "standardize"), training=QUANTILES, model={"head": "parallel", "segment": 3}
    ),
    "ensemble": lambda: air(
        training={"ensemble": 3}, model={"window_norm": "standard", "dropout": 0.3}
    ),
    "macro_joint": lambda: macro("joint"),
    "macro_independent": lambda: macro("independent"),
    "members": lambda: panel(ensemble=MEMBERS),
    "panel": panel,
    "panel_recursive": lambda: panel("recursive", "global"),
    "panel_parallel": lambda: panel("parallel"),
    "zoned": zoned,
    "zoned_days": zoned_days,
    "integers": integers,
    "mask": lambda: missing("mask"),
    "forward_fill": lambda: missing("forward_fill"),
    "interpolate": lambda: missing("interpolate"),
}
BUILT: dict[str, Any] = {}


def built(name):
    """A case and the model trained on it, once."""
    if name not in BUILT:
        case = BUILDERS[name]()
        BUILT[name] = case, forecast.train(case.config, case.frame)
    return BUILT[name]


def two_series(scope):
    y = np.concatenate([5 + noise(40), 50 + 10 * noise(40, seed=1)])
    frame = pd.DataFrame({"unique_id": ["a"] * 40 + ["b"] * 40, "ds": [*range(40)] * 2, "y": y})
    steps = [{"standardize": {"scope": scope}}]
    return Case(config({"frequency": 1}, 6, 3, 8, 8, steps), frame, frequency=1)


def ahead_of(case, frame):
    """Covariates of the future of a table that may end earlier than the case's own."""
    if case.future is None:
        return None
    columns = list(case.future.columns)
    both = pd.concat([case.frame[columns], case.future])
    known = both.merge(frame[["unique_id", "ds"]], how="left", indicator=True)
    return known[known._merge == "left_only"][columns]


def conformal(name, levels=(80, 95)):
    """A case with intervals, and its model; trained once."""
    key = f"{name} with intervals {levels}"
    if key not in BUILT:
        case = BUILDERS[name]()
        case.config["intervals"] = {"levels": [*levels]}
        BUILT[key] = case, forecast.train(case.config, case.frame)
    return BUILT[key]


def warnings_of(caplog, trained, *arguments):
    caplog.clear()
    trained.forecast(*arguments)
    return caplog.messages
