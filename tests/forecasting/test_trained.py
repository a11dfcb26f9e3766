"""Trained models: forecasts against forecasts made by hand, and from whatever history there is."""

import itertools
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal

import forecast
from forecast.errors import DataError
from forecast.evaluate import part_forecasts
from forecast.forecasting.model_file import load
from forecast.prepare import prepare
from forecast.runs.folder import MODEL_FILE
from tests.forecasting.by_hand import by_hand
from tests.forecasting.cases import BUILDERS, ahead_of, built, config, noise, two_series
from tests.helpers import in_nanoseconds


@pytest.fixture(params=BUILDERS)
def case_and_model(request):
    return built(request.param)


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
    assert_frame_equal(
        key_columns(case, table), in_nanoseconds(pd.concat(expected, ignore_index=True))
    )
    assert table[case.time].dtype == in_nanoseconds(case.frame)[case.time].dtype


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
    """What comes after training changes the window, and no state that was fitted."""
    case, trained = built("air")
    months = pd.date_range("1961-01-01", periods=3, freq="MS")
    newer = pd.DataFrame({"month": months, "passengers": [440, 410, 450]})
    frame = pd.concat([case.frame, newer], ignore_index=True)
    split = {"validation": 12, "test": 24 + 3}  # the same training rows
    moved = replace(case, frame=frame, config={**case.config, "split": split})
    table = trained.forecast(frame)
    expected, times = by_hand(moved, trained, 0)
    assert table.month.tolist() == times
    np.testing.assert_allclose(table.forecast, expected[:, 0, 0], rtol=2e-5)


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


# Series and categories that were not trained on.


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


@pytest.mark.parametrize("is_differenced", [False, True])
@pytest.mark.parametrize("horizon", [3, 7])
def test_what_a_short_history_lacks_is_its_first_known_row(is_differenced, horizon):
    case = two_series("per_series")
    window = {**case.config["window"], "lookback": 8, "least_history": 2}
    steps = [*(["difference"] if is_differenced else []), "standardize"]
    trained = forecast.train({**case.config, "window": window, "transforms": steps}, case.frame)
    least, lacking = 2 + is_differenced, np.arange(20, 0, -1.0)
    assert (trained.least_rows, trained.rows_needed) == (least, 8 + is_differenced)
    for rows in range(least, 10):
        short = case.frame[case.frame.unique_id == "b"].tail(rows)
        first, second = short.y.to_numpy()[:2]
        repeated = first - lacking * (second - first) * is_differenced
        before = pd.DataFrame({"unique_id": "b", "ds": short.ds.iloc[0] - lacking, "y": repeated})
        whole = pd.concat([before.astype({"ds": int}), short])
        table = trained.forecast(short, horizon=horizon)
        assert_frame_equal(table, trained.forecast(whole, horizon=horizon), rtol=1e-6)
    with pytest.raises(DataError, match=f"the model needs the last {least}$"):
        trained.forecast(short.tail(least - 1))
