"""The fitted way from a panel to model inputs and back, on bundled series and small panels."""

import csv
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.config.data import DataConfig
from forecast.config.transforms import Difference, Log, MinMax, Power, Robust, Standardize
from forecast.config.windows import SplitConfig, WindowConfig
from forecast.data import transforms
from forecast.data.assemble import read_panel
from forecast.data.missing import require_complete
from forecast.data.panel import Panel
from forecast.data.pipeline import Pipeline, fit_pipeline, part_windows
from forecast.data.split import PARTS, Split, split
from forecast.errors import DataError

ROOT = Path(__file__).resolve().parents[2]
CO2 = ROOT / "data" / "co2.csv"
MISSING = ("interpolate", "forward_fill", "mask")


def macro_config(**options) -> DataConfig:
    return DataConfig(
        path=str(ROOT / "data" / "macro.csv"),
        time="quarter",
        target=("realgdp", "unemp"),
        past=("tbilrate",),
        future=("pop",),
        calendar=("quarter",),
        **options,
    )


def co2_config(missing: str) -> DataConfig:
    return DataConfig(path=str(CO2), time="week", target=("co2",), missing=missing)


def column(name: str, file: str) -> np.ndarray:
    with (ROOT / "data" / file).open(newline="", encoding="utf-8") as lines:
        return np.array([float(row[name] or "nan") for row in csv.DictReader(lines)])


def prepared(
    config: DataConfig, transforms, parts: SplitConfig | None = None, frame=None, season: int = 1
) -> tuple[Panel, Split, Pipeline]:
    panel = read_panel(config, frame)
    ranges = split(panel, parts or SplitConfig(validation=0.1, test=0.2))
    window = WindowConfig(lookback=1, horizon=1)
    return panel, ranges, fit_pipeline(config, tuple(transforms), panel, ranges, season, window)


def windows_of(
    pipeline: Pipeline,
    panel: Panel,
    parts: Split,
    lookback: int,
    horizon: int,
    stride: int = 1,
    least_history: int | None = None,
):
    """The windows of each part."""
    window = WindowConfig(
        lookback=lookback, horizon=horizon, stride=stride, least_history=least_history
    )
    filled = pipeline.filled(panel, parts.offsets())
    return part_windows(pipeline, panel, filled, parts, window)


def long_frame(lengths, seed: int = 0, first: int = 0) -> pd.DataFrame:
    """Positive random walks of the given lengths, one series each."""
    random = np.random.default_rng(seed)
    tables = [
        pd.DataFrame(
            {
                "unique_id": f"s{first + number}",
                "ds": pd.date_range("2020-01-01", periods=length, freq="D"),
                "y": (number + 1) * np.exp(0.1 * random.normal(size=length).cumsum()),
            }
        )
        for number, length in enumerate(lengths)
    ]
    return pd.concat(tables, ignore_index=True)


CONFIG = DataConfig(path="-", frequency="D")


# ------------------------------------------------------------------ there and back


TRANSFORMS = {
    "none": (),
    "log and differences": (Log(), Difference(lag=4), Difference(), Standardize()),
    "power": (Power(method="box_cox"), Difference(), Robust()),
    "global": (Standardize(scope="global"), MinMax(scope="global")),
    "auto": (Difference(lag="auto"), Power(), MinMax()),
}


@pytest.mark.parametrize("transforms", TRANSFORMS.values(), ids=TRANSFORMS)
def test_macro_targets_come_back_in_the_users_units(transforms):
    panel, parts, pipeline = prepared(macro_config(), transforms, season=4)
    values = panel.values[:, :2]
    scaled = pipeline.to_model_scale(panel, values)
    windows = windows_of(pipeline, panel, parts, lookback=8, horizon=4, stride=1)
    wanted = np.column_stack([column("realgdp", "macro.csv"), column("unemp", "macro.csv")])
    scale = np.abs(wanted).max(axis=0)[:, None]
    for name in PARTS:
        origins = windows[name].origins()
        rows = origins[:, None] + np.arange(1, 5)
        forecast = np.stack([scaled[rows]] * 3, axis=-1)
        restored = pipeline.invert(forecast, panel, values, origins)
        assert restored.dtype == np.float64
        np.testing.assert_array_less(np.abs(restored - wanted[rows][..., None]) / scale, 1e-9)
        targets = windows[name].gather(torch.arange(len(origins))).target.numpy()
        np.testing.assert_allclose(targets, scaled[rows], rtol=1e-6, atol=1e-6)
        rough = pipeline.invert(targets[..., None], panel, values, origins)[..., 0]
        np.testing.assert_allclose(rough, wanted[rows], rtol=1e-3)


def test_macro_inputs_are_targets_past_future_and_calendar():
    panel, parts, pipeline = prepared(macro_config(), (Standardize(),))
    inputs, targets, static = pipeline.tensors(panel, pipeline.filled(panel, parts.offsets()))
    assert inputs.dtype == targets.dtype == static.dtype == torch.float32
    train = slice(0, 203 - 40 - 20)
    names = ("realgdp", "unemp", "tbilrate", "pop")
    table = np.column_stack([column(name, "macro.csv") for name in names])
    wanted = (table - table[train].mean(axis=0)) / table[train].std(axis=0)
    np.testing.assert_allclose(inputs[:, :4], wanted, rtol=1e-5, atol=1e-6)
    angle = np.pi / 2 * (np.arange(203) % 4)
    np.testing.assert_allclose(
        inputs[:, 4:], np.stack([np.sin(angle), np.cos(angle)], axis=1), atol=1e-6
    )
    np.testing.assert_array_equal(targets, inputs[:, :2])
    assert static.shape == (1, 0)
    assert (pipeline.num_columns, pipeline.num_future) == (6, 3)
    batch = windows_of(pipeline, panel, parts, 8, 4, 1)["test"].gather(torch.tensor([0]))
    np.testing.assert_array_equal(batch.past[0], inputs[155:163])
    np.testing.assert_array_equal(batch.future[0], inputs[163:167, 3:])
    np.testing.assert_array_equal(batch.target[0], targets[163:167])


@pytest.mark.parametrize("missing", MISSING)
def test_carbon_dioxide_with_its_gaps(missing):
    transforms = (Log(), Difference(lag=52), Standardize())
    panel, parts, pipeline = prepared(
        co2_config(missing), transforms, SplitConfig(validation=104, test=2000)
    )
    inputs, targets, _ = pipeline.tensors(panel, pipeline.filled(panel, parts.offsets()))
    raw = pd.Series(column("co2", "co2.csv"))
    filled = raw.ffill()
    if missing == "interpolate":
        edges = [0, 2284 - 2104, 2284 - 2000, 2284]
        pieces = [
            raw[first:last].interpolate(limit_area="inside") for first, last in pairwise(edges)
        ]
        filled = pd.concat(pieces).ffill()
    logs = np.log(filled.to_numpy())
    yearly = np.append(np.full(52, np.nan), logs[52:] - logs[:-52])
    train = yearly[:180]
    wanted = (yearly - np.nanmean(train)) / np.nanstd(train)
    np.testing.assert_allclose(inputs[:, 0], wanted, rtol=1e-4, atol=1e-4)
    known = ~np.isnan(raw.to_numpy())
    if missing == "mask":
        is_scored = known & np.append(np.zeros(52, dtype=bool), known[:-52])
        np.testing.assert_array_equal(~np.isnan(targets.numpy()[:, 0]), is_scored)
    else:
        np.testing.assert_array_equal(targets, inputs)
    values = pipeline.filled(panel, parts.offsets())
    np.testing.assert_allclose(values[:, 0], filled, rtol=1e-12)
    origins = np.array([300, 2283 - 13])
    rows = origins[:, None] + np.arange(1, 14)
    forecast = pipeline.to_model_scale(panel, values)[rows][..., None]
    restored = pipeline.invert(forecast, panel, values, origins)[..., 0, 0]
    np.testing.assert_allclose(restored, filled.to_numpy()[rows], rtol=1e-9)


@pytest.mark.parametrize("missing", MISSING)
def test_windows_over_the_gaps_of_carbon_dioxide(missing):
    panel, parts, pipeline = prepared(
        co2_config(missing), (Difference(), Standardize()), SplitConfig(validation=104, test=208)
    )
    known = ~np.isnan(column("co2", "co2.csv"))
    scored = known & np.append(False, known[:-1])
    windows = windows_of(pipeline, panel, parts, lookback=10, horizon=4, stride=3)
    wanted = {
        "train": [
            start
            for start in range(1, 2284 - 312 - 13, 3)
            if missing != "mask" or scored[start + 10 : start + 14].any()
        ],
        "validation": list(range(2284 - 312 - 10, 2284 - 208 - 13)),
        "test": list(range(2284 - 208 - 10, 2284 - 13)),
    }
    for name in PARTS:
        assert windows[name].starts.tolist() == wanted[name]
        batch = windows[name].gather(torch.arange(len(windows[name])))
        assert not batch.past.isnan().any()
        assert not batch.future.isnan().any()
        assert (~batch.target.isnan()).any(dim=1).all()
        assert batch.has_no_gaps == (missing != "mask")
        if batch.has_no_gaps:
            assert not batch.target.isnan().any()
    if missing == "mask":
        target = windows["train"].gather(torch.arange(len(wanted["train"]))).target[..., 0]
        rows = np.array(wanted["train"])[:, None] + np.arange(10, 14)
        np.testing.assert_array_equal(target.isnan(), ~scored[rows])


def test_a_masked_target_does_not_hide_the_other_targets():
    frame = long_frame([20])
    frame["z"] = frame["y"] + 1
    frame.loc[1::2, "y"] = np.nan
    frame.loc[2::2, "z"] = np.nan
    config = DataConfig(path="-", target=("y", "z"), missing="mask")
    panel, parts, pipeline = prepared(config, (), SplitConfig(validation=0, test=0), frame)
    train = windows_of(pipeline, panel, parts, 3, 1, 1)["train"]
    assert train.starts.tolist() == list(range(17))
    target = train.gather(torch.arange(17)).target
    assert target.isnan().sum(dim=(1, 2)).tolist() == [1] * 17


def test_missing_error_names_the_first_empty_cell():
    with pytest.raises(DataError) as caught:
        prepared(co2_config("error"), ())
    line = 2 + int(np.argmax(np.isnan(column("co2", "co2.csv"))))
    message = str(caught.value)
    assert message.startswith(f"{CO2}:{line}: column 'co2' is empty (59 empty cells in all)")
    assert "set data.missing: interpolate, forward_fill or mask" in message


def test_missing_error_names_the_first_missing_row():
    frame = long_frame([12]).drop(index=[5, 6, 9]).reset_index(drop=True)
    with pytest.raises(DataError) as caught:
        prepared(CONFIG, (), frame=frame)
    message = str(caught.value)
    assert message.startswith("data row 4: after this row the row of 2020-01-06")
    assert "(3 missing rows in all, frequency D)" in message
    assert "set data.missing" in message


def windows_of_logs(config: DataConfig) -> None:
    panel, parts, pipeline = prepared(config, (Log(),), SplitConfig(validation=2, test=3))
    windows_of(pipeline, panel, parts, 2, 1, 1)


@pytest.mark.parametrize("row", [3, 27])
def test_a_value_without_a_logarithm_is_named_with_line_column_value_and_remedy(tmp_path, row):
    lengths = [10, 20]
    frame = long_frame(lengths)
    frame["z"] = frame["y"] + 1
    frame.loc[row, "z"] = -2.5
    path = tmp_path / "sales.csv"
    frame.to_csv(path, index=False)
    config = DataConfig(path=str(path), target=("y", "z"))
    with pytest.raises(DataError) as caught:
        windows_of_logs(config)
    message = str(caught.value)
    assert message.startswith(f"{path}:{row + 2}: column 'z': ")
    assert "transform log has no value for -2.5" in message
    assert "use log1p for zeros, power: yeo_johnson for any sign" in message


# ------------------------------------------------------------------ categories


def test_an_empty_category_is_never_filled():
    """A holiday's empty cells mean no holiday: they must not take the name of the last one."""
    frame = long_frame([20])
    frame["holiday"] = [None] * 20
    frame.loc[[2, 9, 17], "holiday"] = ["easter", "may day", "easter"]
    for missing in ("error", *MISSING):
        config = DataConfig(
            path="-", missing=missing, future=({"holiday": {"encoding": "one_hot"}},)
        )
        panel, parts, pipeline = prepared(config, (), frame=frame)
        inputs, _, _ = pipeline.tensors(panel, pipeline.filled(panel, parts.offsets()))
        wanted = np.zeros((20, 2))
        wanted[[2, 17], 0] = wanted[9, 1] = 1
        np.testing.assert_array_equal(inputs[:, 1:], wanted)
        assert pipeline.covariates.future_names == ("holiday=easter", "holiday=may day")
        windows = windows_of(pipeline, panel, parts, 3, 2, 1)
        assert [len(windows[name]) for name in PARTS] == [10, 1, 3]


def test_numbers_beside_a_category_are_filled():
    frame = long_frame([12])
    frame["kind"] = list("abcabcabcabc")
    frame["price"] = np.arange(12.0)
    frame = frame.drop(index=[5]).reset_index(drop=True)
    config = DataConfig(
        path="-",
        missing="interpolate",
        past=({"kind": {"encoding": "embedding"}}, {"price": {"encoding": "none"}}),
    )
    panel, parts, pipeline = prepared(config, (), frame=frame)
    inputs, _, _ = pipeline.tensors(panel, pipeline.filled(panel, parts.offsets()))
    np.testing.assert_array_equal(inputs[:, 1], [1, 2, 3, 1, 2, 0, 1, 2, 3, 1, 2, 3])
    np.testing.assert_allclose(inputs[:, 2], np.arange(12.0))
    with pytest.raises(DataError, match="row of 2020-01-06 00:00:00 is missing"):
        require_complete(panel)


def test_a_missing_hour_without_a_zone_may_be_one_that_clocks_skip():
    frame = pd.DataFrame(
        {"ds": pd.date_range("2024-03-31", periods=48, freq="h"), "y": np.arange(48.0)}
    ).drop(index=2)
    with pytest.raises(DataError, match=r"or mask; if the times are local set data\.timezone$"):
        require_complete(read_panel(DataConfig(path="-"), frame))
    in_zone = frame.assign(ds=frame["ds"].dt.tz_localize("UTC"))
    with pytest.raises(DataError, match=r"forward_fill or mask$"):
        require_complete(read_panel(DataConfig(path="-"), in_zone))


# ------------------------------------------------------------------ train rows alone


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(MISSING))
def test_nothing_but_training_rows_is_fitted(seed, missing):
    random = np.random.default_rng(seed)
    frame = long_frame(random.integers(10, 40, 3), seed)
    frame["x"] = random.normal(size=len(frame))
    frame["kind"] = random.choice(["a", "b"], len(frame))
    empty = random.random(len(frame)) < 0.2
    empty[frame.groupby("unique_id").tail(1).index] = False  # or these were the future
    frame.loc[empty, ["y", "x"]] = np.nan
    config = DataConfig(
        path="-", frequency="D", missing=missing, past=("x", {"kind": {"encoding": "ordinal"}})
    )
    transforms = (Difference(), Power(), Standardize(), MinMax(scope="global"))
    _, parts, pipeline = prepared(config, transforms, frame=frame)
    later = np.ones(len(frame), dtype=bool)
    for first, last in parts.train:
        later[first:last] = False
    changed = frame.copy()
    changed.loc[later, "y"] = 1e3 * random.normal(size=later.sum())
    changed.loc[later, "x"] = 1e6
    changed.loc[later, "kind"] = "other"
    _, _, again = prepared(config, transforms, frame=changed)
    assert again.covariates == pipeline.covariates
    for state, same in zip(pipeline.chain.states, again.chain.states, strict=True):
        assert state.tobytes() == same.tobytes()
    assert again.series_numbers(["s2", "s0", "new"]).tolist() == [2, 0, -1]


# ------------------------------------------------------------------ unseen series


def test_new_series_get_states_of_their_own_behind_the_shared_ones():
    transforms = (Log(), Difference(), Standardize(scope="global"), Robust())
    panel, _, pipeline = prepared(CONFIG, transforms, frame=long_frame([30, 40]))
    frame = pd.concat([long_frame([25], 7, first=2), long_frame([30, 40])[30:]])
    mixed = read_panel(CONFIG, frame.reset_index(drop=True))
    assert mixed.ids == ("s2", "s1")
    known = pipeline.with_series_of(mixed)
    assert known.ids == ("s0", "s1", "s2")
    assert known.with_series_of(mixed) is known
    assert pipeline.with_series_of(panel) is pipeline
    scaled = known.to_model_scale(mixed, mixed.values)
    np.testing.assert_array_equal(scaled[25:], pipeline.to_model_scale(panel, panel.values)[30:])
    location, scale = pipeline.chain.states[2].ravel()
    steps = (np.diff(np.log(mixed.values[:25, 0])) - location) / scale
    low, middle, high = np.percentile(steps, [25, 50, 75])
    np.testing.assert_allclose(scaled[1:25, 0], (steps - middle) / (high - low), rtol=1e-9)
    origins = np.array([19, 25 + 34])
    rows = origins[:, None] + np.arange(1, 6)
    restored = known.invert(scaled[rows][..., None], mixed, mixed.values, origins)
    np.testing.assert_allclose(restored[..., 0], mixed.values[rows], rtol=1e-9)


def test_a_new_series_does_not_choose_differences_of_its_own():
    random = np.random.default_rng(0)
    walk = long_frame([80])
    walk["y"] = random.normal(size=80).cumsum()
    _, _, pipeline = prepared(CONFIG, (Difference(lag="auto"), Standardize()), frame=walk)
    assert pipeline.chain.rows_lost == 1
    noise = long_frame([60], first=1)
    noise["y"] = random.normal(size=60)
    panel = read_panel(CONFIG, noise)
    scaled = pipeline.with_series_of(panel).to_model_scale(panel, panel.values)[1:, 0]
    steps = np.diff(noise["y"])
    np.testing.assert_allclose(scaled, (steps - steps.mean()) / steps.std(), rtol=1e-9)


def test_a_new_series_is_filled_like_the_others():
    frame = long_frame([30])
    config = DataConfig(path="-", frequency="D", missing="interpolate")
    _, _, pipeline = prepared(config, (Standardize(),), frame=frame)
    other = long_frame([11], 3, first=1)
    other.loc[[4, 5, 9], "y"] = np.nan
    panel = read_panel(config, other)
    known = pipeline.with_series_of(panel)
    filled = other["y"].interpolate().to_numpy()
    np.testing.assert_allclose(known.chain.states[0][1, 0], [filled.mean(), filled.std()])


def test_a_new_series_without_a_logarithm_is_named():
    _, _, pipeline = prepared(CONFIG, (Log(),), frame=long_frame([30]))
    other = long_frame([10], first=4)
    other.loc[6, "y"] = -1.0
    with pytest.raises(DataError, match=r"data row 6: column 'y': transform log .* -1;"):
        pipeline.with_series_of(read_panel(CONFIG, other))


def test_a_series_that_nobody_fitted_is_not_scaled_by_another():
    _, _, pipeline = prepared(CONFIG, (Standardize(),), frame=long_frame([30, 30]))
    other = read_panel(CONFIG, long_frame([10], first=5))
    with pytest.raises(AssertionError, match="with_series_of"):
        pipeline.to_model_scale(other, other.values)


# ------------------------------------------------------------------ windows of the parts


def test_parts_share_one_table_and_hold_their_own_targets():
    panel, parts, pipeline = prepared(
        CONFIG,
        (Difference(), Standardize()),
        SplitConfig(validation=5, test=6),
        long_frame([20, 30]),
    )
    windows = windows_of(pipeline, panel, parts, lookback=4, horizon=2, stride=3)
    assert tuple(windows) == PARTS == ("train", "validation", "test")
    for name in ("inputs", "targets", "static"):
        assert len({getattr(windows[part], name).data_ptr() for part in PARTS}) == 1
    # Series 0: train rows 0-8, validation 9-13, test 14-19; series 1: 20-38, 39-43, 44-49.
    assert windows["train"].starts.tolist() == [1, 21, 24, 27, 30, 33]
    assert windows["validation"].starts.tolist() == [5, 6, 7, 8, 35, 36, 37, 38]
    assert windows["test"].starts.tolist() == [10, 11, 12, 13, 14, 40, 41, 42, 43, 44]
    assert windows["test"].series.tolist() == [0] * 5 + [1] * 5
    assert windows["train"].origins().tolist() == [4, 24, 27, 30, 33, 36]


def test_a_lookback_shorter_than_the_differences_still_has_its_history():
    transforms = (Difference(lag=12), Difference())
    panel, parts, pipeline = prepared(
        CONFIG, transforms, SplitConfig(validation=0, test=30), long_frame([45, 31])
    )
    windows = windows_of(pipeline, panel, parts, lookback=2, horizon=3, stride=1)
    for name in ("train", "test"):
        origins = windows[name].origins()
        first = panel.offsets[panel.series_of(origins)]
        assert (origins - 12 >= first).all()
        rows = origins[:, None] + np.arange(1, 4)
        scaled = pipeline.to_model_scale(panel, panel.values)[rows]
        restored = pipeline.invert(scaled[..., None], panel, panel.values, origins)[..., 0]
        np.testing.assert_allclose(restored, panel.values[rows], rtol=1e-9)
    assert windows["train"].starts.tolist() == []
    assert windows["test"].starts[0] == 13
    assert (windows["test"].starts[windows["test"].series == 1] == torch.arange(58, 72)).all()


# ------------------------------------------------------------------ many series


@pytest.mark.parametrize("option", [Standardize(), MinMax()])
def test_many_series_are_fitted_at_once(monkeypatch, option):
    """One fit for all series of like lengths: no Python loop over series."""
    name = {Standardize: "standard", MinMax: "min_max"}[type(option)]
    calls, fit = [], getattr(transforms, name)
    monkeypatch.setattr(
        transforms, name, lambda columns: calls.append(columns.shape) or fit(columns)
    )
    one = read_panel(CONFIG, long_frame([20]))
    count = 300
    random = np.random.default_rng(0)
    panel = replace(
        one,
        values=random.normal(size=(20 * count, 1)),
        offsets=20 * np.arange(count + 1),
        ids=tuple(f"s{number}" for number in range(count)),
        starts=np.zeros(count, dtype=np.int64),
        static=np.zeros((count, 0)),
        lines=None,
    )
    parts = split(panel, SplitConfig(validation=2, test=2))
    pipeline = fit_pipeline(CONFIG, (option,), panel, parts, 1, WindowConfig(lookback=1, horizon=1))
    assert calls == [(16, count)]
    windows = windows_of(pipeline, panel, parts, 4, 2, 1)
    assert [len(windows[part]) for part in PARTS] == [11 * count, count, count]


def test_no_scored_window_begins_in_an_interpolated_gap():
    values = np.sin(np.arange(60.0)) + 3
    values[[10, 11, 50, 51, 52]] = np.nan
    frame = pd.DataFrame({"ds": np.arange(60), "y": values})
    config = DataConfig(path="data", missing="interpolate")

    def inputs_of_test(table):
        panel = read_panel(config, table)
        parts = split(panel, SplitConfig(validation=10, test=20))
        pipeline = fit_pipeline(
            config, (Standardize(),), panel, parts, 1, WindowConfig(lookback=1, horizon=1)
        )
        windows = windows_of(pipeline, panel, parts, 4, 2, 1)["test"]
        batch = windows.gather(torch.arange(len(windows)))
        return dict(zip(windows.origins().tolist(), batch.past.numpy(), strict=True))

    before = inputs_of_test(frame)
    assert sorted(before) == [row for row in range(39, 58) if row not in (50, 51, 52)]
    for origin, past in before.items():
        changed = frame.assign(y=frame["y"].where(frame["ds"] <= origin, frame["y"] + 7))
        np.testing.assert_array_equal(inputs_of_test(changed)[origin], past)
