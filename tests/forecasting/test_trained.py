"""Trained models: forecasts against forecasts made by hand, and from whatever history there is."""

import copy
import itertools
import math
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal

import forecast
from forecast.errors import ConfigError, DataError, DeviceError
from forecast.evaluate import part_forecasts
from forecast.forecasting.model_file import load
from forecast.prepare import prepare
from forecast.runs.checkpoint import load_checkpoint, save_checkpoint
from forecast.runs.folder import MODEL_FILE

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


def panel(head="direct", scope="per_series"):
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
    case = config(data, 8, 6, 8, 12, steps, model={"head": head, "segment": 2})
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
    frame.loc[[40, 41, 107, 108, 109, 118, 119], "y"] = np.nan
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


@pytest.fixture(params=BUILDERS)
def case_and_model(request):
    return built(request.param)


def ahead_of(case, frame):
    """Covariates of the future of a table that may end earlier than the case's own."""
    if case.future is None:
        return None
    columns = list(case.future.columns)
    both = pd.concat([case.frame[columns], case.future])
    known = both.merge(frame[["unique_id", "ds"]], how="left", indicator=True)
    return known[known._merge == "left_only"][columns]


# ------------------------------------------------------------------ by hand, a series at a time


def forward(values, step, state):
    if step == "log":
        return [math.log(v) for v in values]
    if "difference" in step:
        lag = 1 if step == "difference" else step["difference"]["lag"]
        return [math.nan] * lag + [values[i] - values[i - lag] for i in range(lag, len(values))]
    location, scale = state
    return [(v - location) / scale for v in values]


def backward(ahead, before, step, state):
    """A forecast of one step, undone; `before` is the history in the units to come back to."""
    if step == "log":
        return [math.exp(v) for v in ahead]
    if "difference" in step:
        lag = 1 if step == "difference" else step["difference"]["lag"]
        values = list(before)
        for change in ahead:
            values.append(change + values[-lag])
        return values[len(before) :]
    location, scale = state
    return [v * scale + location for v in ahead]


def state_of(step, pieces, own):
    """Location and scale of a transform, from training rows as the steps before leave them."""
    if "standardize" not in step and step != "min_max":
        return None
    whole = step != "min_max" and step != "standardize" and step["standardize"]["scope"] == "global"
    rows = np.concatenate(pieces) if whole else np.array(pieces[own])
    rows = rows[~np.isnan(rows)]
    if step == "min_max":
        return rows.min(), rows.max() - rows.min()
    return rows.mean(), rows.std()


def filled(rows, how, columns):
    numbers = rows.copy()
    for column in columns:
        if how == "interpolate":
            numbers[column] = numbers[column].interpolate(limit_area="inside")
        numbers[column] = numbers[column].ffill()
    return numbers


def on_grid(case, rows):
    """The rows of a series with the missing ones put in."""
    if case.frequency == 10:
        return rows.reset_index(drop=True)
    grid = pd.date_range(rows[case.time].iloc[0], rows[case.time].iloc[-1], freq=case.frequency)
    return rows.set_index(case.time).reindex(grid).rename_axis(case.time).reset_index()


def steps_of(case, target, own):
    """Values of a target after each transform, and the states."""
    split = case.config["split"]
    how = case.config["data"].get("missing", "error")
    all_rows = [on_grid(case, rows) for _, rows in case.series()]
    train = [len(rows) - split["validation"] - split["test"] for rows in all_rows]
    pieces = [
        filled(rows[:count], how, [target])[target].tolist()
        for rows, count in zip(all_rows, train, strict=True)
    ]
    levels = [filled(all_rows[own], how, [target])[target].tolist()]
    states = []
    for step in case.config["transforms"]:
        states.append(state_of(step, pieces, own))
        levels.append(forward(levels[-1], step, states[-1]))
        pieces = [forward(piece, step, states[-1]) for piece in pieces]
    return levels, states


def encoded(case, option, values):
    """One covariate as columns; fitted on the training rows of all series."""
    name, how = (option, "standardize") if isinstance(option, str) else next(iter(option.items()))
    how = how if isinstance(how, str) else how["encoding"]
    split = case.config["split"]
    kept = split["validation"] + split["test"]
    parts = [on_grid(case, rows)[:-kept] for _, rows in case.series()]
    fill = case.config["data"].get("missing", "error")
    if how == "standardize":
        parts = [filled(part, fill, [name]) for part in parts]
    train = pd.concat(parts)[name]
    if name in ("size", "shop", "town", "land"):
        train = pd.Series([part[name].iloc[0] for part in parts])
    if how == "none":
        return [[v] for v in values]
    if how == "standardize":
        return [[(v - train.mean()) / train.std(ddof=0)] for v in values]
    categories = sorted({c for c in train if c != ""})
    codes = [categories.index(v) + 1 if v in categories else 0 for v in values]
    if how == "one_hot":
        return [[float(code == n + 1) for n in range(len(categories))] for code in codes]
    return [[code / len(categories) if how == "ordinal" else code] for code in codes]


def waves(names, times):
    values = {
        "hour": lambda t: t.hour / 24,
        "dayofweek": lambda t: t.dayofweek / 7,
        "month": lambda t: (t.month - 1) / 12,
    }
    return [
        [wave(2 * math.pi * values[name](t)) for name in names for wave in (math.sin, math.cos)]
        for t in times
    ]


def beside(*blocks):
    return [[*itertools.chain(*rows)] for rows in zip(*blocks, strict=True)]


def by_hand(case, trained, own):
    """(H, K, Q) forecast of one series after its last row, and the times of it."""
    data = case.config["data"]
    lookback = case.config["window"]["lookback"]
    name, rows = case.series()[own]
    rows = on_grid(case, rows)
    rows = filled(rows, data.get("missing", "error"), ["load"] if "load" in rows else [])
    if case.frequency == 10:
        times = [rows.ds.iloc[-1] + 10 * (step + 1) for step in range(case.horizon)]
    else:
        last = rows[case.time].iloc[-1]
        times = list(pd.date_range(last, periods=case.horizon + 1, freq=case.frequency)[1:])
    done = [steps_of(case, target, own) for target in case.targets]
    scaled = [list(row) for row in zip(*[levels[-1] for levels, _ in done], strict=True)]
    ahead = [[] for _ in times]
    known = [[] for _ in range(len(rows))]
    past = [[] for _ in range(len(rows))]
    for option in data.get("past", []):
        column = option if isinstance(option, str) else next(iter(option))
        past = beside(past, encoded(case, option, rows[column]))
    for option in data.get("future", []):
        column = option if isinstance(option, str) else next(iter(option))
        after = case.future[case.future.unique_id == name].set_index("ds")[column]
        known = beside(known, encoded(case, option, rows[column]))
        ahead = beside(ahead, encoded(case, option, [after[time] for time in times]))
    if "calendar" in data:
        known = beside(known, waves(data["calendar"], rows[case.time]))
        ahead = beside(ahead, waves(data["calendar"], times))
    static = [
        encoded(case, o, [rows[o if isinstance(o, str) else next(iter(o))].iloc[0]])[0]
        for o in data.get("static", [])
    ]
    inputs = torch.tensor([beside(scaled, past, known)[-lookback:]], dtype=torch.float32)
    future = torch.tensor([ahead], dtype=torch.float32)
    constant = torch.tensor([[*itertools.chain(*static)]], dtype=torch.float32)
    with torch.no_grad():
        outputs = [model(inputs, future, constant).double().numpy() for model in trained.models]
    members = np.array([undone(case, output[0], done) for output in outputs])
    return np.median(members, axis=0), times


def undone(case, output, done):
    values = np.empty_like(output)
    for target, (levels, states) in enumerate(done):
        for quantile in range(output.shape[2]):
            ahead = list(output[:, target, quantile])
            steps = list(zip(case.config["transforms"], states, levels[:-1], strict=True))
            for step, state, before in reversed(steps):
                ahead = backward(ahead, before, step, state)
            values[:, target, quantile] = ahead
    return values


def test_forecast_is_what_a_hand_would_compute(case_and_model):
    case, trained = case_and_model
    table = trained.forecast(future=case.future)
    quantiles = list(table.columns[table.columns.get_loc("target") + 1 :])
    for own, (name, _) in enumerate(case.series()):
        values, times = by_hand(case, trained, own)
        for number, target in enumerate(case.targets):
            rows = table[table.target == target]
            if "unique_id" in rows:
                rows = rows[rows.unique_id == name]
            assert list(rows[case.time]) == times
            expected = values[:, number]
            middle = expected.shape[1] // 2
            order = [middle, *(q for q in range(expected.shape[1]) if q != middle)]
            np.testing.assert_allclose(
                rows[quantiles].to_numpy(), expected[:, order], rtol=2e-5, atol=1e-5
            )


def key_columns(case, table):
    return table[[name for name in ("unique_id", case.time, "target") if name in table]]


def test_table_is_long_and_continues_the_times(case_and_model):
    case, trained = case_and_model
    table = trained.forecast(future=case.future)
    expected = []
    for name, rows in case.series():
        last = rows[case.time].iloc[-1]
        if case.frequency == 10:
            times = last + 10 * np.arange(1, case.horizon + 1)
        else:
            times = pd.date_range(last, periods=case.horizon + 1, freq=case.frequency)[1:]
        for target in case.targets:
            keys = {"unique_id": name} if "unique_id" in rows else {}
            expected.append(pd.DataFrame({**keys, case.time: times, "target": target}))
    assert_frame_equal(key_columns(case, table), pd.concat(expected, ignore_index=True))
    assert table[case.time].dtype == case.frame[case.time].dtype


def test_same_from_the_checkpoint_and_from_the_training_table(case_and_model, tmp_path):
    case, trained = case_and_model
    before = trained.forecast(future=case.future)
    trained.save(tmp_path / MODEL_FILE)
    loaded = load(tmp_path)
    assert_frame_equal(loaded.forecast(future=case.future), before, check_exact=True)
    assert_frame_equal(loaded.forecast(case.frame, case.future), before, check_exact=True)
    longer = loaded.forecast(future=case.future, horizon=2 * case.horizon - 1)
    from_table = loaded.forecast(case.frame, case.future, 2 * case.horizon - 1)
    assert_frame_equal(from_table, longer, check_exact=True)
    loaded.save(tmp_path / "again.safetensors")
    again = (tmp_path / "again.safetensors").read_bytes()
    assert again == (tmp_path / MODEL_FILE).read_bytes()
    assert loaded.config == trained.config
    assert repr(loaded.summary) == repr(trained.summary)


def appended(case, frame, table):
    """A table with forecasts as rows; what was last known stays where nothing else is."""
    parts = []
    for name, rows in case.series(frame):
        own = table[table.unique_id == name] if "unique_id" in table else table
        points = own.pivot(index=case.time, columns="target", values="forecast").reset_index()
        rows = rows.copy()
        for column in rows:
            last = rows[column].last_valid_index()
            rows.loc[last:, column] = rows.loc[last, column]
        held = rows.iloc[[-1] * len(points)].reset_index(drop=True)
        further = held.drop(columns=[case.time, *case.targets]).join(points)
        if case.future is not None:
            known = case.future[case.future.unique_id == name]
            further = further.drop(columns=["price", "event"]).merge(known)
        parts += [rows, further[rows.columns]]
    return pd.concat(parts, ignore_index=True)


def test_beyond_the_trained_horizon_it_goes_on_from_its_own_forecast(case_and_model, caplog):
    case, trained = case_and_model
    steps = 2 * case.horizon - 1
    first = trained.forecast(case.frame, case.future)
    longer = appended(case, case.frame, first)
    second = trained.forecast(longer, ahead_of(case, longer))
    caplog.clear()
    rolled = trained.forecast(horizon=steps, future=case.future)
    assert f"horizon {steps} is beyond the trained {case.horizon}" in caplog.text
    is_quantile = "lo-80" in rolled
    assert is_quantile == ("error of the forecast they go on from, so they are" in caplog.text)
    keys = [name for name in ("unique_id", "target") if name in rolled]
    both = pd.concat([first, second]).sort_values([*keys, case.time])
    both = both.groupby(keys).head(steps)
    rolled = rolled.sort_values([*keys, case.time])
    assert_frame_equal(rolled.reset_index(drop=True), both.reset_index(drop=True), rtol=1e-9)


def test_shorter_horizon_is_the_head_of_the_full_one(case_and_model, caplog):
    case, trained = case_and_model
    full = trained.forecast(future=case.future)
    keys = [name for name in ("unique_id", "target") if name in full]
    for steps in (1, case.horizon - 1):
        caplog.clear()
        short = trained.forecast(future=case.future, horizon=steps)
        head = full.groupby(keys, sort=False).head(steps).reset_index(drop=True)
        assert_frame_equal(short, head, check_exact=True)
        assert caplog.text == ""


def last_test_forecasts(case, trained, frame):
    """(S, H, K, Q) forecasts of the last window of each series, as the test part makes them."""
    prepared = prepare(trained.config, frame)
    ends = prepared.panel.offsets[1:] - 1 - case.horizon
    found = {
        row: values
        for rows, block in part_forecasts(trained.models, prepared)
        for row, values in zip(rows, block, strict=True)
    }
    return np.array([found[end] for end in ends])


def values_of(case, table):
    """(S, H, K, Q) forecasts of a table, the quantiles in its order."""
    columns = list(table.columns[table.columns.get_loc("target") + 1 :])
    values = table[columns].to_numpy()
    shape = (-1, len(case.targets), case.horizon, len(columns))
    return values.reshape(shape).transpose(0, 2, 1, 3)


@pytest.mark.parametrize("name", [name for name in BUILDERS if name != "interpolate"])
def test_older_history_gives_the_forecast_of_that_time(name):
    case, trained = built(name)
    older = case.without_last(case.horizon)
    table = trained.forecast(older, ahead_of(case, older))
    expected = last_test_forecasts(case, trained, case.frame)
    middle = expected.shape[-1] // 2
    order = [middle, *(q for q in range(expected.shape[-1]) if q != middle)]
    np.testing.assert_allclose(values_of(case, table), expected[..., order], rtol=1e-4, atol=1e-5)
    for name, rows in case.series():
        own = table[table.unique_id == name] if "unique_id" in table else table
        if case.frequency != "D" or "load" not in rows:
            true = rows[case.time].iloc[-case.horizon :].tolist()
            assert own[case.time].tolist() == true * len(case.targets)


@pytest.mark.parametrize("name", ["air", "macro_joint", "panel", "zoned", "mask"])
def test_values_after_the_origin_never_change_a_forecast(name):
    case, trained = built(name)
    numbers = [c for c in case.frame.select_dtypes("number") if c not in ("price", "size", "ds")]
    until = last_test_forecasts(case, trained, case.frame)
    spoilt = case.frame.astype(dict.fromkeys(numbers, float))
    touched = spoilt.copy()
    for _, rows in case.series():
        later, origin = rows.index[-case.horizon :], rows.index[-case.horizon - 1]
        spoilt.loc[later, numbers] = spoilt.loc[later, numbers] * 50
        touched.loc[origin, numbers] = touched.loc[origin, numbers] * 1.5
    spoilt_too = last_test_forecasts(case, trained, spoilt)
    np.testing.assert_allclose(spoilt_too, until, rtol=1e-6, atol=1e-7)
    assert not np.isclose(last_test_forecasts(case, trained, touched), until, rtol=1e-4).any()


def test_newer_history_moves_the_origin():
    case, trained = built("air")
    months = pd.date_range("1961-01-01", periods=3, freq="MS")
    newer = pd.DataFrame({"month": months, "passengers": [440, 410, 450]})
    moved = trained.forecast(pd.concat([case.frame, newer], ignore_index=True))
    expected = pd.date_range("1961-04-01", periods=6, freq="MS")
    assert moved.month.tolist() == expected.tolist()
    with_newer = replace(case, frame=pd.concat([case.frame, newer], ignore_index=True))
    states = steps_of(case, "passengers", 0)[1]
    levels = [with_newer.frame.passengers.tolist()]
    for step, state in zip(case.config["transforms"], states, strict=True):
        levels.append(forward(levels[-1], step, state))
    window = torch.tensor([[[v] for v in levels[-1][-12:]]], dtype=torch.float32)
    with torch.no_grad():
        output = trained.models[0](window, torch.empty(1, 6, 0), torch.empty(1, 0))
    by_hand = undone(case, output[0].double().numpy(), [(levels, states)])
    np.testing.assert_allclose(moved.forecast, by_hand[:, 0, 0], rtol=2e-5)


def test_only_the_rows_that_are_needed_count():
    case, trained = built("air")
    assert trained.rows_needed == 24
    expected = trained.forecast()
    spoilt = case.frame.copy()
    spoilt.loc[: len(spoilt) - 25, "passengers"] = np.nan
    assert_frame_equal(trained.forecast(spoilt), expected, check_exact=True)
    assert_frame_equal(trained.forecast(spoilt.tail(24)), expected, check_exact=True)
    assert_frame_equal(trained.forecast(spoilt[::-1][:24][::-1]), expected, check_exact=True)


def test_history_and_future_from_files(tmp_path):
    case, trained = built("panel")
    expected = trained.forecast(future=case.future)
    case.frame.to_csv(tmp_path / "history.csv", index=False)
    case.future.to_csv(tmp_path / "future.csv", index=False)
    table = trained.forecast(str(tmp_path / "history.csv"), str(tmp_path / "future.csv"))
    assert_frame_equal(table, expected, check_exact=True)
    table = trained.forecast(tmp_path / "history.csv", tmp_path / "future.csv")
    assert_frame_equal(table, expected, check_exact=True)
    assert table.unique_id.unique().tolist() == ["b", "007", "NA"]


def test_some_series_alone():
    case, trained = built("panel")
    everything = trained.forecast(future=case.future)
    for name, rows in case.series():
        alone = trained.forecast(rows, case.future)
        own = everything[everything.unique_id == name].reset_index(drop=True)
        assert_frame_equal(alone, own, rtol=1e-5)
    turned = pd.concat([rows for _, rows in reversed(case.series())])
    assert trained.forecast(turned, case.future).unique_id.unique().tolist() == ["NA", "007", "b"]


def calls_of(function):
    """Number of Python functions that are called."""
    count = itertools.count()
    sys.setprofile(lambda _, event, __: next(count) if event == "call" else None)
    try:
        function()
    finally:
        sys.setprofile(None)
    return next(count)


def test_no_work_is_done_series_by_series():
    days, lengths = pd.date_range("2024-01-01", periods=40), {"few": 30, "many": 330}
    frames = {
        name: pd.DataFrame(
            {
                "unique_id": np.repeat([f"s{number}" for number in range(count)], 40),
                "ds": np.tile(days, count),
                "y": 50 + noise(40 * count),
            }
        )
        for name, count in lengths.items()
    }
    steps = ["log", {"difference": {"lag": 7}}, "standardize"]
    case = config({"calendar": ["dayofweek"]}, 7, 5, 5, 6, steps)
    trained = forecast.train(case, frames["many"])
    few, many = (
        calls_of(lambda frame=frame: trained.forecast(frame, horizon=9))
        for frame in (frames["few"], frames["many"])
    )
    assert many - few < 10 * 300


# ------------------------------------------------------------------ intervals


def conformal(name, levels=(80, 95)):
    """A case with intervals, and its model; trained once."""
    key = f"{name} with intervals"
    if key not in BUILT:
        case = BUILDERS[name]()
        case.config["intervals"] = {"levels": [*levels]}
        BUILT[key] = case, forecast.train(case.config, case.frame)
    return BUILT[key]


def test_intervals_lie_around_the_forecast_as_the_errors_did():
    """Every step on its own: half the logarithm of hi / lo is the conformal score."""
    case, trained = conformal("air")
    data, errors = prepare(trained.config, case.frame), []
    for part in ("validation", "test"):
        for rows, values in part_forecasts(trained.models, data, part):
            actual = data.panel.values[rows[:, None] + 1 + np.arange(6)]
            errors.append(np.abs(np.log(actual / values[..., 0]))[..., 0])
    scores = np.sort(np.concatenate(errors), axis=0)
    table = trained.forecast(level=[50, 80])
    assert list(table.columns)[3:] == ["lo-80", "lo-50", "hi-50", "hi-80"]
    for level in (50, 80):
        expected = scores[math.ceil((len(scores) + 1) * level / 100) - 1]
        ends = [table[f"{side}-{level}"] for side in ("lo", "hi")]
        np.testing.assert_allclose(np.log(ends[1] / ends[0]) / 2, expected, rtol=1e-5)
        np.testing.assert_allclose(np.sqrt(ends[0] * ends[1]), table.forecast, rtol=1e-9)


def test_intervals_are_those_of_the_configuration_unless_asked_for():
    case, trained = conformal("air")
    table = trained.forecast()
    assert list(table.columns)[3:] == ["lo-95", "lo-80", "hi-80", "hi-95"]
    assert_frame_equal(table, trained.forecast(level=[80, 95]))
    assert list(trained.forecast(level=[])) == ["month", "target", "forecast"]
    assert trained.quantiles() == pytest.approx((0.025, 0.1, 0.5, 0.9, 0.975))
    assert case.frame.month.max() < table.month.min()


@pytest.mark.parametrize("name", ["air", "panel", "macro_joint"])
def test_intervals_survive_the_checkpoint_and_are_no_work_for_the_training_table(name, tmp_path):
    case, trained = conformal(name, levels=(60, 80))
    trained.save(tmp_path / MODEL_FILE)
    loaded, expected = load(tmp_path), trained.forecast(future=case.future)
    assert_frame_equal(loaded.forecast(future=case.future), expected, check_exact=True)
    assert_frame_equal(loaded.forecast(case.frame, case.future), expected, rtol=1e-6)
    assert (expected["lo-80"] < expected["forecast"]).all()
    assert (expected["forecast"] < expected["hi-80"]).all()
    assert loaded.calibration.radii.nbytes < 10**6
    (tmp_path / "half").mkdir()
    tensors, content = load_checkpoint(tmp_path / MODEL_FILE, "model")
    del tensors["calibration.radii"]
    save_checkpoint(tmp_path / "half" / MODEL_FILE, "model", tensors, content)
    with pytest.raises(DataError, match="not a model of this program"):
        load(tmp_path / "half")


def test_intervals_beyond_the_horizon_are_those_of_its_last_step(caplog):
    _, trained = conformal("air")
    (message,) = warnings_of(caplog, trained, None, None, 8)
    assert message.endswith("so they are too narrow")
    assert "too narrow" not in warnings_of(caplog, trained, None, None, 8, [])[0]
    table = trained.forecast(horizon=8)
    reach = np.log(table["hi-80"] / table.forecast)
    np.testing.assert_allclose(reach[6:], reach[5], rtol=1e-6)


def test_a_series_that_is_new_has_intervals_in_units_of_its_own_changes():
    case = two_series("per_series")
    trained = forecast.train({**case.config, "intervals": {"levels": [80]}}, case.frame)
    rows = case.frame[case.frame.unique_id == "a"]
    both = pd.concat([rows, rows.assign(unique_id="new", y=9 * rows.y)])
    table = trained.forecast(both)
    own, new = (table["hi-80"] - table["lo-80"]).to_numpy().reshape(2, -1)
    changes = np.abs(np.diff(rows.y))
    expected = 9 * changes.mean() / changes[: 40 - 16 - 1].mean()  # known ones: training rows
    np.testing.assert_allclose(new / own, expected, rtol=1e-5)


def test_a_quantile_model_gives_its_own_intervals():
    _, trained = built("quantile")
    assert list(trained.forecast())[3:] == ["lo-80", "q-0.3", "hi-80"]
    table = trained.forecast(level=[80])
    assert list(table)[3:] == ["lo-80", "hi-80"]
    assert_frame_equal(table, trained.forecast()[[*table.columns]])
    assert refusal(trained, level=[80, 33], error=ConfigError) == (
        "level 33: the model was trained on the quantiles of 80 %; ask for what it has, or train"
        " with other training.loss.quantile.levels"
    )
    assert trained.left_out is None


def test_crossing_quantiles_are_put_in_order():
    trained = copy.deepcopy(built("quantile")[1])
    for model in trained.models:
        for weight in model.parameters():
            torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(weight.numel()))
    quantiles = trained.forecast_panel(trained.tail)[1]
    assert (np.diff(quantiles, axis=-1) >= 0).all()
    assert (np.diff(quantiles, axis=-1) > 0).any()


@pytest.mark.parametrize("test", [0, 7])
def test_levels_without_errors_enough(test, caplog):
    case = air()
    case.config.update(split={"validation": 0, "test": test}, intervals={"levels": [50, 80]})
    trained = forecast.train(case.config, case.frame)
    left_out = [each for each in caplog.messages if "intervals from" in each]
    start = 80 if test else 50
    assert len(left_out) == 1
    assert left_out[0].startswith(f"intervals from {start} % on are left out: ")
    columns = ["lo-50", "hi-50"] if test else []
    assert list(trained.forecast())[3:] == columns
    message = refusal(trained, level=[80], error=ConfigError)
    remedy = "raise split.validation or split.test" if test else "train it with a validation"
    assert remedy in message


# ------------------------------------------------------------------ series that were not trained on


def two_series(scope):
    y = np.concatenate([5 + noise(40), 50 + 10 * noise(40, seed=1)])
    frame = pd.DataFrame({"unique_id": ["a"] * 40 + ["b"] * 40, "ds": [*range(40)] * 2, "y": y})
    steps = [{"standardize": {"scope": scope}}]
    return Case(config({"frequency": 1}, 6, 3, 8, 8, steps), frame, frequency=1)


@pytest.mark.parametrize("scope", ["per_series", "global"])
def test_unseen_series(scope):
    case = two_series(scope)
    trained = forecast.train(case.config, case.frame)
    new = pd.DataFrame({"unique_id": "new", "ds": range(30), "y": 900 + 7 * noise(30, seed=2)})
    table = trained.forecast(pd.concat([case.frame, new]))
    known = trained.forecast()
    assert_frame_equal(table[:6], known, rtol=1e-5)
    if scope == "per_series":
        location, scale = new.y.mean(), new.y.std(ddof=0)
    else:
        y = case.frame.y.to_numpy().reshape(2, 40)[:, :24]
        location, scale = y.mean(), y.std()
    window = torch.tensor((new.y.to_numpy()[-6:] - location) / scale, dtype=torch.float32)
    with torch.no_grad():
        output = trained.models[0](window.view(1, 6, 1), torch.empty(1, 3, 0), torch.empty(1, 0))
    expected = output.double().numpy()[0, :, 0, 0] * scale + location
    np.testing.assert_allclose(table.forecast[6:], expected, rtol=1e-5)
    assert table.unique_id.tolist() == ["a"] * 3 + ["b"] * 3 + ["new"] * 3
    assert table.ds[6:].tolist() == [30, 31, 32]


def test_unseen_series_with_another_table_without_names():
    case, trained = built("panel")
    rows = case.series()[1][1].drop(columns="unique_id")
    future = case.future[case.future.unique_id == "007"].drop(columns="unique_id")
    table = trained.forecast(rows, future)
    assert list(table) == ["ds", "target", "forecast"]
    assert table.ds.iloc[0] == rows.ds.iloc[-1] + pd.Timedelta(days=1)


def warnings_of(caplog, trained, *arguments):
    caplog.clear()
    trained.forecast(*arguments)
    return caplog.messages


def test_series_that_were_not_in_training_are_named(caplog):
    case = two_series("per_series")
    trained = forecast.train(case.config, case.frame)
    assert warnings_of(caplog, trained) == warnings_of(caplog, trained, case.frame) == []
    own = case.frame[:40].drop(columns="unique_id")
    new = [own.assign(unique_id=f"n{number}") for number in range(7)]
    assert warnings_of(caplog, trained, pd.concat([case.frame, new[0]])) == [
        "series n0 was not in training: the test scores say nothing of it"
    ]
    assert warnings_of(caplog, trained, pd.concat(new)) == [
        "series n0, n1, n2, n3, n4, ... (7 in all) were not in training: the test scores say"
        " nothing of them"
    ]
    assert warnings_of(caplog, trained, own) == [
        "series was not in training: the test scores say nothing of it"
    ]


def test_categories_that_were_not_in_training_are_named(caplog):
    case, trained = built("panel")
    assert warnings_of(caplog, trained, case.frame, case.future) == []
    frame = case.frame.assign(town="Celle")
    future = case.future.assign(event="strike")
    assert warnings_of(caplog, trained, frame, future) == [
        "not in training, so taken for unknown: event 'strike', town 'Celle'"
    ]
    old = frame.assign(event=frame.event.where(frame.index != 0, "long ago"), town=case.frame.town)
    assert warnings_of(caplog, trained, old, case.future) == []


def test_unseen_category_of_a_static_covariate_has_its_own_code():
    case, trained = built("panel")
    elsewhere = case.frame.assign(shop="Celle", town="Celle", land="Celle")
    other = case.frame.assign(shop="Delft", town="Delft", land="Delft")
    table = trained.forecast(elsewhere, case.future)
    assert_frame_equal(table, trained.forecast(other, case.future), check_exact=True)
    assert not np.isclose(table.forecast, trained.forecast(future=case.future).forecast).all()


@pytest.mark.parametrize("event", ["sale", "strike", ""])
@pytest.mark.parametrize("ahead", [["fair", "sale"], ["strike", "fair"], ["", "strike"]])
def test_categories_that_history_or_training_did_not_hold(event, ahead):
    case, trained = built("panel")
    recent = case.frame.groupby("unique_id").cumcount(ascending=False) < trained.rows_needed
    frame = case.frame.assign(event=case.frame.event.where(~recent, event))
    future = case.future.assign(event=np.tile(ahead, len(case.future) // 2))
    changed = replace(case, frame=frame, future=future)
    table = trained.forecast(frame[recent], future)
    expected = [by_hand(changed, trained, own)[0][:, 0, 0] for own in range(3)]
    np.testing.assert_allclose(table.forecast, np.concatenate(expected), rtol=2e-5)


# ------------------------------------------------------------------ histories that will not do


def refusal(trained, *arguments, error=DataError, **options):
    """The one line with which a forecast is refused."""
    with pytest.raises(error) as caught:
        trained.forecast(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("horizon", [0, -3])
def test_horizon_below_one(horizon):
    message = refusal(built("air")[1], horizon=horizon, error=ConfigError)
    assert message == f"horizon {horizon} is not allowed; ask for 1 step or more"


def test_history_too_short():
    case, trained = built("air")
    message = refusal(trained, case.frame.tail(23))
    assert message == "data: 23 rows are too few to forecast from; the model needs the last 24"
    case, trained = built("panel")
    short = pd.concat([case.frame[:30], case.series()[1][1].tail(14), case.series()[2][1]])
    message = refusal(trained, short, case.future)
    assert message == (
        "data: 14 rows of series 007 are too few to forecast from; the model needs the last 15"
    )


def test_short_series_are_skipped_where_training_skips_them(caplog):
    case = two_series("per_series")
    short = pd.DataFrame({"unique_id": "short", "ds": range(4), "y": [1.0, 2.0, 1.0, 3.0]})
    frame = pd.concat([case.frame[:40], short, case.frame[40:]], ignore_index=True)
    data = {**case.config["data"], "short_series": "skip"}
    trained = forecast.train({**case.config, "data": data}, frame)
    for history in (None, frame):
        caplog.clear()
        assert trained.forecast(history).unique_id.unique().tolist() == ["a", "b"]
        assert "1 series are too short to forecast from: short" in caplog.text
    message = refusal(trained, short)
    assert "4 rows of series short are too few to forecast from" in message


def test_empty_cell_in_the_history(tmp_path):
    case, trained = built("air")
    frame = case.frame.astype({"passengers": float})
    frame.loc[[100, 130], "passengers"] = np.nan  # row 100 is not needed
    message = refusal(trained, frame)
    assert message.startswith("data row 130: column 'passengers' is empty")
    frame.to_csv(tmp_path / "new.csv", index=False)
    message = refusal(trained, tmp_path / "new.csv")
    assert message.startswith(f"{tmp_path / 'new.csv'}:132: column 'passengers' is empty")


@pytest.mark.parametrize("row", [120, 121, 130])
def test_gap_in_the_history(row):
    case, trained = built("air")
    message = refusal(trained, case.frame.drop(index=row))
    month = case.frame.month[row]
    assert message.startswith(f"data row {row - 1}: after this row the row of {month} is missing")


def test_empty_cells_at_the_end_are_filled_as_configured():
    case, trained = built("mask")
    frame = case.frame[["ds", "y", "load"]]
    expected = trained.forecast(frame.assign(y=frame.y.ffill(), load=frame.load.ffill()))
    assert_frame_equal(trained.forecast(frame), expected, check_exact=True)


def test_nothing_known_to_fill_with():
    _, trained = built("mask")
    days = pd.date_range("2025-01-01", periods=20)
    frame = pd.DataFrame({"ds": days, "y": [np.nan] * 10 + [1.0] * 10, "load": 1.0})
    message = refusal(trained, frame)
    assert message == (
        "data: the last 15 rows hold values that are missing and cannot be filled; give more"
        " history"
    )


def test_wrong_columns():
    case, trained = built("air")
    message = refusal(trained, case.frame.rename(columns={"passengers": "passenger"}))
    assert message == "data: no column 'passengers'; did you mean 'passenger'?"
    message = refusal(trained, case.frame[["passengers"]])
    assert message.startswith("data: no column 'month'")
    case, trained = built("macro_joint")
    assert refusal(trained, case.frame.drop(columns="infl")).startswith("data: no column 'infl'")
    case, trained = built("panel")
    message = refusal(trained, case.frame.drop(columns="shop"), case.future)
    assert message.startswith("data: no column 'shop'")
    assert refusal(trained, pd.DataFrame(columns=list(case.frame)), case.future).startswith(
        "data: no rows"
    )


@pytest.mark.parametrize("name", ["air", "mask", "zoned_days", "integers"])
def test_history_of_a_coarser_frequency(name):
    case, trained = built(name)
    message = refusal(trained, case.frame.iloc[::3].ffill().bfill())
    step = 3
    assert message == (
        f"data: all rows are {step} or more steps of frequency {case.frequency} apart; give"
        " history of the frequency that the model was trained on"
    )


@pytest.mark.parametrize(
    ("name", "times"),
    [
        ("air", pd.date_range("1960-01-01", periods=60, freq="D")),
        ("air", pd.date_range("1960-01-15", periods=60, freq="W")),
        ("mask", pd.date_range("2024-01-01", periods=60, freq="h")),
        ("integers", np.arange(60) * 5),
    ],
)
def test_history_of_a_finer_frequency(name, times):
    case, trained = built(name)
    frame = case.frame.head(60).ffill().assign(**{case.time: times})
    message = refusal(trained, frame)
    assert f"is off the grid of frequency {case.frequency}" in message
    assert message.startswith("data row ")


def test_history_that_is_as_sparse_as_that_of_training(tmp_path):
    weeks = pd.date_range("2024-01-01", periods=30, freq="7D")
    frame = pd.DataFrame({"ds": weeks, "y": noise(30).cumsum()})
    data = {"missing": "interpolate", "frequency": "D"}
    trained = forecast.train(config(data, 14, 7, 21, 21), frame)
    trained.save(tmp_path / "model.safetensors")
    loaded = load(tmp_path)
    assert_frame_equal(loaded.forecast(frame), trained.forecast(), check_exact=True)
    assert loaded.forecast(frame).ds.tolist() == (pd.date_range("2024-07-23", periods=7).tolist())
    assert "14 or more steps of frequency D" in refusal(loaded, frame[::2])


def test_dates_where_integers_were_and_the_other_way_round():
    case, trained = built("integers")
    days = case.frame.assign(ds=pd.date_range("2024-01-01", periods=100))
    assert "data.frequency is 10, a step of integers" in refusal(trained, days)
    case, trained = built("mask")
    message = refusal(trained, case.frame.assign(ds=range(len(case.frame))))
    assert "data.frequency is 'D'" in message


def test_history_in_another_zone_is_read_in_that_of_training():
    case, trained = built("zoned")
    expected = trained.forecast()
    elsewhere = case.frame.assign(ds=case.frame.ds.dt.tz_convert("America/New_York"))
    assert_frame_equal(trained.forecast(elsewhere), expected, check_exact=True)
    wall = case.frame.assign(ds=case.frame.ds.dt.tz_localize(None))
    assert_frame_equal(trained.forecast(wall), expected, check_exact=True)
    texts = case.frame.assign(ds=case.frame.ds.dt.strftime("%Y-%m-%dT%H:%M:%S%z"))
    assert_frame_equal(trained.forecast(texts), expected, check_exact=True)


def test_repeated_hour_in_the_forecast():
    table = built("zoned")[1].forecast()
    written = table.ds.dt.strftime("%d %H:%M %z").tolist()
    assert written[2:6] == ["27 01:00 +0200", "27 02:00 +0200", "27 02:00 +0100", "27 03:00 +0100"]
    days = built("zoned_days")[1].forecast().ds
    assert days.dt.strftime("%d %H:%M").tolist() == ["26 00:00", "27 00:00", "28 00:00", "29 00:00"]


def test_forecast_that_is_not_finite():
    case, trained = built("panel")
    wild = copy.deepcopy(trained.models[0])
    torch.nn.init.constant_(wild.head.output.bias, math.inf)
    message = refusal(replace(trained, models=(wild,)), case.frame, case.future)
    assert message == (
        "data: the forecast of series b is not finite; its history is far from what the model was"
        " trained on"
    )


def test_value_without_an_image():
    case, trained = built("air")
    frame = case.frame.copy()
    frame.loc[140, "passengers"] = -1
    message = refusal(trained, frame)
    assert "column 'passengers'" in message
    assert "transform log has no value for -1" in message


# ------------------------------------------------------------------ files


@pytest.fixture(scope="module")
def air_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("air") / "run" / MODEL_FILE
    path.parent.mkdir()
    built("air")[1].save(path)
    return path


def test_load_from_a_folder_or_a_file(air_file, tmp_path):
    expected = built("air")[1].forecast()
    (tmp_path / "bare").write_bytes(air_file.read_bytes())
    for place in (
        air_file,
        str(air_file),
        air_file.parent,
        str(air_file.parent),
        tmp_path / "bare",
    ):
        assert_frame_equal(load(place).forecast(), expected, check_exact=True)
    assert forecast.load is load


@pytest.mark.parametrize("place", ["none", "none.safetensors", "folder.v2"])
def test_load_where_nothing_is(tmp_path, place):
    with pytest.raises(DataError) as caught:
        load(tmp_path / place)
    assert str(caught.value).endswith(
        "No such file or directory; give the folder of a finished run"
    )
    assert str(caught.value).startswith(str(tmp_path / place))


def test_load_an_unfinished_run(tmp_path):
    with pytest.raises(DataError, match="give the folder of a finished run"):
        load(tmp_path)


def test_load_a_run_that_was_interrupted(tmp_path):
    (tmp_path / "config.yaml").write_text("")
    for place in (tmp_path, tmp_path / MODEL_FILE):
        with pytest.raises(DataError) as caught:
            load(place)
        assert str(caught.value) == (
            f"{tmp_path}: the run is not finished; go on with forecast train --resume {tmp_path}"
        )


def test_load_onto_a_device_that_is_not_there(air_file):
    with pytest.raises(DeviceError, match="device 'cuda:999' is not there; choose auto, cpu"):
        load(air_file, "cuda:999")


def test_load_leaves_the_random_state_alone(air_file):
    before = torch.random.get_rng_state()
    load(air_file).forecast()
    assert torch.equal(torch.random.get_rng_state(), before)


def changed_config(content, tensors):
    content["config"]["window"]["lookahead"] = 3


def missing_key(content, tensors):
    del content["covariates"]


def missing_weight(content, tensors):
    tensors.pop("model.0.head.output.bias")


def other_weight(content, tensors):
    tensors["model.0.head.output.bias"] = torch.zeros(99)


def missing_state(content, tensors):
    tensors.pop("chain.2")


def more_covariates(content, tensors):
    content["covariates"]["past"].append([{"x": {}}, 0.0, 1.0, []])


def other_axis(content, tensors):
    content["axis"].append("more")


@pytest.mark.parametrize(
    "change",
    [
        changed_config,
        missing_key,
        missing_weight,
        other_weight,
        missing_state,
        more_covariates,
        other_axis,
    ],
)
def test_load_what_is_a_checkpoint_but_no_model(air_file, tmp_path, change):
    tensors, content = load_checkpoint(air_file, "model")
    change(content, tensors)
    save_checkpoint(tmp_path / MODEL_FILE, "model", tensors, content)
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / MODEL_FILE}: not a model of this program: ")
    assert "\n" not in message


def test_resume_file_is_no_model(air_file, tmp_path):
    tensors, content = load_checkpoint(air_file, "model")
    save_checkpoint(tmp_path / MODEL_FILE, "resume", tensors, content)
    with pytest.raises(DataError, match="not a model checkpoint of this program"):
        load(tmp_path)


def test_tail_is_short_and_named(air_file):
    tensors, content = load_checkpoint(air_file, "model")
    assert tensors["tail.values"].shape == (24, 1)
    assert tensors["tail.values"][-1].item() == 432
    assert content["columns"] == ["passengers"]
    assert content["config"]["data"]["frequency"] == "MS"
    assert math.isfinite(content["summary"]["metrics"]["lstm"]["MAE"])


def test_loading_and_forecasting_import_no_fitting_or_drawing_packages(tmp_path):
    case, trained = built("panel")
    trained.save(tmp_path / MODEL_FILE)
    case.frame.to_csv(tmp_path / "history.csv", index=False)
    case.future.to_csv(tmp_path / "future.csv", index=False)
    script = """
        import sys, forecast
        trained = forecast.load(".")
        heavy = ("sklearn", "scipy", "matplotlib", "coreforecast", "statsmodels", "beartype")
        print([name for name in heavy if name in sys.modules])
        table = trained.forecast("history.csv", "future.csv")
        print(len(table), [name for name in heavy if name in sys.modules])
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.stdout, done.stderr) == ("[]\n18 []\n", "")


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["air", "panel_recursive", "ensemble"])
def test_from_cuda_to_cpu_and_back(name, tmp_path):
    case, on_cpu = built(name)
    on_cuda = forecast.train({**case.config, "device": "cuda"}, case.frame)
    assert next(on_cuda.models[0].parameters()).is_cuda
    for model, place in ((on_cuda, "cpu"), (on_cpu, "cuda")):
        model.save(tmp_path / MODEL_FILE)
        loaded = load(tmp_path, place)
        assert next(loaded.models[0].parameters()).device.type == place
        expected = model.forecast(future=case.future)
        assert_frame_equal(loaded.forecast(future=case.future), expected, rtol=1e-2)
