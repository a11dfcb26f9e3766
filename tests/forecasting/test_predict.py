"""Forecasts of windows, their median in the user's units, and the long table of them."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.covariates import Covariate
from forecast.config.data import DataConfig
from forecast.config.model import ModelConfig
from forecast.config.transforms import Difference, Log, Standardize
from forecast.config.tree import config_from
from forecast.data.chain import FittedChain
from forecast.data.covariates import FittedCovariate, FittedCovariates
from forecast.data.panel import Panel
from forecast.data.pipeline import Pipeline
from forecast.data.windows import Windows
from forecast.errors import DataError
from forecast.forecasting.history import refuse_infinite, refuse_unknown
from forecast.forecasting.predict import (
    forecast_table,
    interval_columns,
    member_forecasts,
    to_user_units,
    window_shape,
)
from forecast.models.forecaster import Embedded, Forecaster, WindowShape
from forecast.times.axis import TimeAxis

HOUR = 3_600_000_000_000


def covariate(name, encoding, *categories):
    return FittedCovariate(Covariate(name=name, encoding=encoding), categories=categories)


def panel_of(lengths, columns=1, **options):
    """A panel on an axis of integers, with a name for each series."""
    total = int(np.sum(lengths))
    defaults = {
        "values": np.arange(total * columns, dtype=float).reshape(total, columns) + 1,
        "offsets": np.concatenate([[0], np.cumsum(lengths)]),
        "ids": tuple(f"s{number}" for number in range(len(lengths))),
        "starts": np.zeros(len(lengths), dtype=np.int64),
        "axis": TimeAxis(0, 1),
        "columns": tuple(f"y{number}" for number in range(columns)),
        "num_targets": columns,
        "static": np.empty((len(lengths), 0)),
        "has_ids": True,
    }
    return Panel(**{**defaults, **options})


def pipeline_of(panel, options=(), states=(), covariates=None):
    return Pipeline(
        chain=FittedChain(tuple(options), tuple(states)),
        covariates=covariates or FittedCovariates((), (), (), ()),
        missing="error",
        ids=panel.ids,
        targets=panel.targets,
        constants=np.full((panel.num_series, panel.num_targets), np.nan),
    )


def windows_of(inputs, starts, lookback, horizon, num_future=0, targets=1):
    """Windows of one series."""
    return Windows(
        inputs=torch.as_tensor(inputs, dtype=torch.float32),
        targets=torch.as_tensor(inputs[:, :targets], dtype=torch.float32),
        static=torch.empty(len(starts), 0),
        first_rows=torch.as_tensor(starts),
        starts=torch.as_tensor(starts),
        lookback=lookback,
        horizon=horizon,
        num_future=num_future,
    )


# ------------------------------------------------------------------ sizes


def test_sizes_of_windows_with_covariates_of_all_kinds():
    covariates = FittedCovariates(
        past=(covariate("load", "none"), covariate("sky", "embedding", "grey", "red")),
        future=(
            covariate("event", "one_hot", "fair", "sale", "strike"),
            covariate("shop", "embedding", *"abcdefg"),
        ),
        static=(covariate("area", "standardize"), covariate("town", "embedding", "x")),
        calendar=("month",),
    )
    config = config_from(
        {
            "data": {"path": "x", "target": ["a", "b"]},
            "window": {"lookback": 7, "horizon": 3},
            "training": {"loss": {"quantile": {"levels": [0.2, 0.5, 0.9]}}},
        }
    )
    panel = panel_of([5], columns=2)
    assert window_shape(config, pipeline_of(panel, covariates=covariates)) == WindowShape(
        lookback=7,
        horizon=3,
        num_targets=2,
        num_past=2,
        num_future=3 + 1 + 2,
        num_static=2,
        num_quantiles=3,
        embedded=(Embedded(1, 3, 2), Embedded(5, 8, 4)),
        embedded_static=(Embedded(1, 2, 1),),
    )


def test_sizes_of_plain_windows():
    config = config_from({"data": {"path": "x"}, "window": {"lookback": 5, "horizon": 2}})
    assert window_shape(config, pipeline_of(panel_of([9]))) == WindowShape(5, 2, 1)


# ------------------------------------------------------------------ members


def models_of(shape, count=2, **options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = ModelConfig(hidden_size=3, **options)
        return tuple(Forecaster(config, shape) for _ in range(count))


@pytest.mark.parametrize("batch_size", [1, 3, 4, 100])
def test_members_forecast_every_window_once_and_in_order(batch_size):
    inputs = np.random.default_rng(0).normal(size=(20, 3))
    starts = [8, 0, 3, 11, 5, 6, 1]
    windows = windows_of(inputs, starts, lookback=4, horizon=2, num_future=1)
    models = models_of(WindowShape(4, 2, 1, num_past=1, num_future=1))
    batches = list(member_forecasts(models, windows, batch_size))
    assert [len(index) for index, _ in batches] == [
        min(batch_size, len(starts) - first) for first in range(0, len(starts), batch_size)
    ]
    assert np.concatenate([index for index, _ in batches]).tolist() == list(range(7))
    for number, model in enumerate(models):
        found = np.concatenate([members[number] for _, members in batches])
        for window, start in zip(found, starts, strict=True):
            past = torch.tensor(inputs[None, start : start + 4], dtype=torch.float32)
            ahead = torch.tensor(inputs[None, start + 4 : start + 6, 2:], dtype=torch.float32)
            expected = model(past, ahead, torch.empty(1, 0)).detach().numpy()[0]
            np.testing.assert_allclose(window, expected, rtol=1e-5, atol=1e-6)


def test_members_forecast_without_dropout():
    inputs = np.random.default_rng(0).normal(size=(30, 1))
    windows = windows_of(inputs, list(range(20)), lookback=6, horizon=2)
    models = models_of(WindowShape(6, 2, 1), count=1, num_layers=2, dropout=0.9)
    models[0].train()
    (_, first), (_, second) = (next(member_forecasts(models, windows)) for _ in range(2))
    assert np.array_equal(first, second)


def test_no_window_no_forecast():
    windows = windows_of(np.zeros((9, 1)), torch.empty(0, dtype=torch.int64), 6, 2)
    batches = list(member_forecasts(models_of(WindowShape(6, 2, 1)), windows))
    assert sum(len(index) for index, _ in batches) == 0


# ------------------------------------------------------------------ the user's units


def by_hand(member, history, location, scale):
    """log, first difference, standardize, undone value by value."""
    values, last = [], math.log(history)
    for step in member:
        last = last + step * scale + location
        values.append(math.exp(last))
    return values


@given(
    count=st.integers(1, 4), seed=st.integers(0, 1000), combine=st.sampled_from(["mean", "median"])
)
def test_members_are_combined_in_the_users_units(count, seed, combine):
    random = np.random.default_rng(seed)
    panel = panel_of([4, 6])
    location, scale = random.normal(size=2), random.uniform(0.5, 2, size=2)
    states = (
        np.zeros((1, 1, 0)),
        np.array([[[1.0, 1.0]]]),
        np.stack([location, scale], axis=-1)[:, None],
    )
    pipeline = pipeline_of(panel, (Log(), Difference(), Standardize()), states)
    members = [random.normal(size=(3, 2, 1, 2)).astype(np.float32) for _ in range(count)]
    origins = np.array([9, 3, 7])
    found = to_user_units(members, pipeline, panel, panel.values, origins, combine)
    for window, (origin, series) in enumerate([(9, 1), (3, 0), (7, 1)]):
        for quantile in range(2):
            each = [
                by_hand(
                    member[window, :, 0, quantile].astype(float),
                    panel.values[origin, 0],
                    location[series],
                    scale[series],
                )
                for member in members
            ]
            ordered = [sorted(column) for column in zip(*each, strict=True)]
            if combine == "mean":
                middle = [sum(v) / count for v in ordered]
            else:
                middle = [(v[(count - 1) // 2] + v[count // 2]) / 2 for v in ordered]
            np.testing.assert_allclose(found[window, :, 0, quantile], middle, rtol=1e-9)


# ------------------------------------------------------------------ the table


def test_table_of_a_small_forecast():
    panel = panel_of([3, 2], columns=2, starts=np.array([10, 20]), axis=TimeAxis(100, 5))
    values = np.arange(2 * 2 * 2 * 3, dtype=float).reshape(2, 2, 2, 3)
    config = DataConfig(path="x", id="shop", time="step", target=("y0", "y1"))
    table = forecast_table(config, panel, values, (0.1, 0.5, 0.9))
    expected = pd.DataFrame(
        {
            "shop": ["s0"] * 4 + ["s1"] * 4,
            "step": [165, 170, 165, 170, 210, 215, 210, 215],
            "target": ["y0", "y0", "y1", "y1"] * 2,
            "forecast": [1.0, 7, 4, 10, 13, 19, 16, 22],
            "lo-80": [0.0, 6, 3, 9, 12, 18, 15, 21],
            "hi-80": [2.0, 8, 5, 11, 14, 20, 17, 23],
        }
    )
    pd.testing.assert_frame_equal(table, expected)


@given(
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    horizon=st.integers(1, 5),
    targets=st.integers(1, 3),
    quantiles=st.sampled_from([(0.5,), (0.1, 0.5), (0.25, 0.5, 0.75), (0.1, 0.2, 0.5, 0.8, 0.9)]),
    seed=st.integers(0, 99),
)
def test_every_value_of_the_table_is_in_its_place(lengths, horizon, targets, quantiles, seed):
    random = np.random.default_rng(seed)
    starts = random.integers(0, 50, size=len(lengths))
    panel = panel_of(lengths, columns=targets, starts=starts)
    values = random.normal(size=(len(lengths), horizon, targets, len(quantiles)))
    config = DataConfig(path="x", target=panel.targets)
    table = forecast_table(config, panel, values, quantiles)
    rows = iter(table.itertuples(index=False))
    names = list(interval_columns(quantiles).items())
    for series, length in enumerate(lengths):
        for target in range(targets):
            for step in range(horizon):
                row = next(rows)
                assert row[:3] == (f"s{series}", starts[series] + length + step, f"y{target}")
                assert row[3] == values[series, step, target, quantiles.index(0.5)]
                for place, (_, column) in enumerate(names):
                    assert row[4 + place] == values[series, step, target, column]
    assert next(rows, None) is None


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_times_of_the_table_are_in_the_zone_of_the_data(zone):
    first = pd.Timestamp("2024-10-26 20:00", tz=zone)
    axis = TimeAxis(first.value, "h", zone)
    panel = panel_of([3], axis=axis, has_ids=False)
    table = forecast_table(DataConfig(path="x"), panel, np.zeros((1, 5, 1, 1)), (0.5,))
    expected = pd.date_range(first, periods=8, freq="h").as_unit("ns")[3:]
    pd.testing.assert_series_equal(table.ds, pd.Series(expected, name="ds"), check_freq=False)
    assert list(table) == ["ds", "target", "forecast"]


def test_months_of_the_table():
    axis = TimeAxis(pd.Timestamp("2023-11-30").value, "ME")
    panel = panel_of([2, 3], axis=axis, starts=np.array([0, 1]))
    table = forecast_table(DataConfig(path="x"), panel, np.zeros((2, 2, 1, 1)), (0.5,))
    assert table.ds.dt.strftime("%m-%d").tolist() == ["01-31", "02-29", "03-31", "04-30"]


@pytest.mark.parametrize(
    ("quantiles", "expected"),
    [
        ((0.5,), {}),
        ((0.1, 0.5, 0.9), {"lo-80": 0, "hi-80": 2}),
        ((0.025, 0.1, 0.5, 0.9, 0.975), {"lo-95": 0, "lo-80": 1, "hi-80": 3, "hi-95": 4}),
        ((0.005, 0.5, 0.995), {"lo-99": 0, "hi-99": 2}),
        ((0.05, 0.25, 0.5, 0.95), {"lo-90": 0, "q-0.25": 1, "hi-90": 3}),
        ((0.5, 0.9), {"q-0.9": 1}),
        ((0.0005, 0.5, 0.9995), {"lo-99.9": 0, "hi-99.9": 2}),
        ((1 / 3, 0.5, 2 / 3), {"lo-33.3333": 0, "hi-33.3333": 2}),
    ],
)
def test_names_of_intervals(quantiles, expected):
    found = interval_columns(quantiles)
    assert found == expected
    assert list(found) == list(expected)


# ------------------------------------------------------------------ refusals


@given(
    cells=st.sets(st.tuples(st.integers(0, 23), st.integers(0, 2)), max_size=4),
    num_future=st.integers(0, 2),
    has_ids=st.booleans(),
)
def test_windows_with_an_unknown_input_are_refused(cells, num_future, has_ids):
    inputs = np.zeros((24, 3))
    for row, column in cells:
        inputs[row, column] = np.nan
    panel = panel_of([8, 8, 8], columns=3, has_ids=has_ids, source="new.csv")
    states = (np.array([[[2.0, 1.0]]]),)
    pipeline = pipeline_of(panel, (Difference(lag=2),), states)
    starts = [2, 10, 18]  # 4 rows of lookback and 2 of horizon
    windows = windows_of(inputs, starts, 4, 2, num_future)
    bad = [
        number
        for number, start in enumerate(starts)
        for row, column in cells
        if start <= row < start + 4 or (start + 4 <= row < start + 6 and column >= 3 - num_future)
    ]
    if not bad:
        refuse_unknown(windows, panel, pipeline)
        return
    with pytest.raises(DataError) as caught:
        refuse_unknown(windows, panel, pipeline)
    name = f" of series s{min(bad)}" if has_ids else ""
    assert str(caught.value) == (
        f"new.csv: the last 6 rows{name} hold values that are missing and cannot be filled; give"
        " more history"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("has_ids", [True, False])
def test_forecast_that_is_not_finite_is_refused(value, has_ids):
    panel = panel_of([1, 1, 1], has_ids=has_ids, source="new.csv")
    values = np.zeros((3, 2, 1, 2))
    refuse_infinite(values, panel)
    values[1, 1, 0, 1] = values[2, 0, 0, 0] = value
    with pytest.raises(DataError) as caught:
        refuse_infinite(values, panel)
    name = " of series s1" if has_ids else ""
    assert str(caught.value) == (
        f"new.csv: the forecast{name} is not finite; its history is far from what the model was"
        " trained on"
    )
