"""The history that a forecast goes on from: what is refused, filled, skipped and named."""

import copy
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal

import forecast
from forecast.errors import DataError
from forecast.export.probe import probe
from forecast.forecasting.model_file import load
from tests.forecasting.cases import built, config, noise, two_series, warnings_of
from tests.helpers import refusal


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
        "series n0, n1, n2, n3, n4 and 2 more were not in training: the test scores say"
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
        "not seen in training, so treated as unknown: event 'strike', town 'Celle'"
    ]
    old = frame.assign(event=frame.event.where(frame.index != 0, "long ago"), town=case.frame.town)
    assert warnings_of(caplog, trained, old, case.future) == []


def at(times):
    """Another calendar for the first 60 rows."""
    return lambda f: f.head(60).ffill().assign(**{f.columns[0]: times})


def each_third(frame):
    return frame.iloc[::3].ffill().bfill()


def without(*rows):
    return lambda f: f.assign(passengers=f.passengers.where(~f.index.isin(rows)))


UNFILLED = pd.DataFrame({"ds": pd.date_range("2025-01-01", periods=20), "y": 1.0, "load": 1.0})
UNFILLED.loc[:9, "y"] = np.nan
REFUSED = [
    (
        "air",
        lambda f: f.tail(23),
        "23 rows are too few to forecast from; the model needs the last 24",
    ),
    (
        "panel",
        lambda f: f.drop(index=f[f.unique_id == "007"].index[:-14]),
        "14 rows of series 007 are too few to forecast from; the model needs the last 15",
    ),
    (
        "air",
        lambda f: f.rename(columns={"passengers": "passenger"}),
        "no column 'passengers'; did you mean 'passenger'?",
    ),
    ("air", lambda f: f[["passengers"]], "no column 'month'"),
    ("macro_joint", lambda f: f.drop(columns="infl"), "no column 'infl'"),
    ("panel", lambda f: f.drop(columns="shop"), "no column 'shop'"),
    ("panel", lambda f: f[:0], "no rows"),
    ("air", each_third, "all rows are 3 or more steps of frequency MS apart; give history"),
    ("mask", each_third, "all rows are 3 or more steps of frequency D apart; give history"),
    ("zoned_days", each_third, "all rows are 3 or more steps of frequency D apart; give history"),
    ("integers", each_third, "all rows are 3 or more steps of frequency 10 apart; give history"),
    ("air", at(pd.date_range("1960-01-01", periods=60, freq="D")), "off the grid of frequency MS"),
    ("air", at(pd.date_range("1960-01-15", periods=60, freq="W")), "off the grid of frequency MS"),
    ("mask", at(pd.date_range("2024-01-01", periods=60, freq="h")), "off the grid of frequency D"),
    ("integers", at(np.arange(60) * 5), "off the grid of frequency 10"),
    ("integers", at(pd.date_range("2024-01-01", periods=60)), "data.frequency is 10, a step of"),
    ("mask", at(range(60)), "data.frequency is 'D'"),
    ("mask", lambda _: UNFILLED, "the last 15 rows hold values that are missing and cannot be"),
    ("air", lambda f: f.replace({"passengers": {432: -1}}), "transform log has no value for -1"),
    ("air", lambda f: f.drop(index=120), "data row 119: after this row the row of 1959-01-01"),
    ("air", lambda f: f.drop(index=121), "data row 120: after this row the row of 1959-02-01"),
    ("air", lambda f: f.drop(index=130), "data row 129: after this row the row of 1959-11-01"),
    ("air", without(100, 130), "data row 130: column 'passengers' is empty"),  # 100 is not needed
]


@pytest.mark.parametrize(("name", "change", "words"), REFUSED)
def test_a_history_that_will_not_do_is_refused(name, change, words):
    case, trained = built(name)
    message = refusal(trained.forecast, change(case.frame), case.future, error=DataError)
    assert message.startswith("data")
    assert words in message


def test_an_empty_cell_of_a_file_is_named_by_its_line(tmp_path):
    case, trained = built("air")
    empty = case.frame.passengers.where(case.frame.index != 130)
    case.frame.assign(passengers=empty).to_csv(tmp_path / "new.csv", index=False)
    message = refusal(trained.forecast, tmp_path / "new.csv")
    assert message.startswith(f"{tmp_path / 'new.csv'}:132: column 'passengers' is empty")


def test_short_series_are_skipped_where_training_skips_them(caplog):
    case = two_series("per_series")
    short = pd.DataFrame({"unique_id": "short", "ds": range(4), "y": [1.0, 2.0, 1.0, 3.0]})
    frame = pd.concat([case.frame[:40], short, case.frame[40:]], ignore_index=True)
    data = {**case.config["data"], "short_series": "skip"}
    trained = forecast.train({**case.config, "data": data}, frame)
    for history in (None, frame):
        caplog.clear()
        assert trained.forecast(history).unique_id.unique().tolist() == ["a", "b"]
        assert "1 series is too short to forecast from: short" in caplog.messages
    message = refusal(trained.forecast, short)
    assert "4 rows of series short are too few to forecast from" in message


@pytest.mark.parametrize("known", [0, 2])
def test_series_with_too_few_known_values_are_skipped_where_training_skips_short_ones(
    known, caplog
):
    case = two_series("per_series")
    few = np.where(np.arange(40) < 40 - known, np.nan, noise(40))
    frame = pd.concat(
        [case.frame, pd.DataFrame({"unique_id": "few", "ds": range(40), "y": few})],
        ignore_index=True,
    )
    data = {**case.config["data"], "missing": "forward_fill", "short_series": "skip"}
    trained = forecast.train({**case.config, "data": data}, frame)
    for history in (None, frame):
        caplog.clear()
        assert trained.forecast(history).unique_id.unique().tolist() == ["a", "b"]
        assert "1 series with too few known values to forecast from: few" in caplog.messages
    assert {*probe(trained, 6, trained.least_rows).history.ids} == {"a", "b"}
    message = refusal(trained.forecast, frame[frame.unique_id == "few"])
    assert "of series few hold values that are missing and cannot be filled" in message


def test_empty_cells_at_the_end_are_filled_as_configured():
    case, trained = built("mask")
    frame = case.frame[["ds", "y", "load"]]
    expected = trained.forecast(frame.assign(y=frame.y.ffill(), load=frame.load.ffill()))
    assert_frame_equal(trained.forecast(frame), expected, check_exact=True)


def test_history_that_is_as_sparse_as_that_of_training(tmp_path):
    weeks = pd.date_range("2024-01-01", periods=30, freq="7D")
    frame = pd.DataFrame({"ds": weeks, "y": noise(30).cumsum()})
    data = {"missing": "interpolate", "frequency": "D"}
    trained = forecast.train(config(data, 14, 7, 21, 21), frame)
    trained.save(tmp_path / "model.safetensors")
    loaded = load(tmp_path)
    assert_frame_equal(loaded.forecast(frame), trained.forecast(), check_exact=True)
    assert loaded.forecast(frame).ds.tolist() == (pd.date_range("2024-07-23", periods=7).tolist())
    assert "14 or more steps of frequency D" in refusal(loaded.forecast, frame[::2])


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
    message = refusal(replace(trained, models=(wild,)).forecast, case.frame, case.future)
    assert message == (
        "data: the forecast of series b is not finite; its history is far from what the model was"
        " trained on"
    )


def test_columns_that_end_early_are_named_in_training_and_forecast(caplog):
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=60), "y": noise(60)})
    early = frame.assign(x=frame.y.where(frame.index < 57))
    data = {"past": ["x"], "missing": "forward_fill"}
    sections = {"window": {"lookback": 4, "horizon": 2}, "model": {"hidden_size": 2}}
    sections |= {"data": data, "training": {"epochs": 1}, "split": {"validation": 9, "test": 9}}
    said = "empty in the last rows, where the last value goes on: 'x'"
    trained = forecast.train(sections, early)
    assert said in caplog.messages
    assert said in warnings_of(caplog, trained, early)
    assert said not in warnings_of(caplog, trained, early.fillna(0.0))
    held = early.assign(x=early.x.ffill())
    assert_frame_equal(trained.forecast(early), trained.forecast(held))
