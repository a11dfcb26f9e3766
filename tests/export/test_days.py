"""Special days in a graph are those of the data, at any step and beyond what is known."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

import forecast
from forecast.data.special_days import SpecialDays, share_of_days
from forecast.export.days import GraphCountedDays, GraphDays
from forecast.export.describe import description
from forecast.export.feeds import wall_seconds
from forecast.export.onnx import content_of, exported
from forecast.export.probe import probe
from forecast.export.quantize import validation_data
from forecast.export.session import session_of
from forecast.prepare import Prepared
from forecast.times.axis import TimeAxis
from tests.export.test_graph import forecasts
from tests.forecasting.cases import config, noise

HOUR = 3_600 * 10**9


def axis_from(begin, frequency, timezone=None):
    return TimeAxis(pd.Timestamp(begin, tz=timezone).value, frequency, timezone)


def kind(name, first, last, days):
    """Some days of a year, known from one date to another."""
    begin, end = (int(np.datetime64(each, "D").astype(int)) for each in (first, last))
    return SpecialDays(name, tuple(begin + day for day in days), begin, end)


KINDS = (
    kind("holidays", "2023-06-01", "2025-05-31", [0, 44, 45, 200, 207, 208, 500, 640]),
    kind("terms=fair", "2024-01-10", "2024-12-01", [*range(12), 90, 326]),
)


@pytest.mark.parametrize(
    ("begin", "frequency", "timezone"),
    [
        ("2023-01-01", "D", None),
        ("2023-05-20", "D", "America/Santiago"),  # some midnights are none there
        ("2023-05-29", "h", "Europe/Berlin"),
        ("2023-05-29", "B", None),
        ("2023-05-29 09:00", "12h MON-FRI 09:00-21:00", None),
        ("2023-01-01", "MS", None),
        ("2023-01-31", "ME", "Asia/Tokyo"),
        ("2023-03-31", "QE", None),
        ("2023-01-01", "W-SUN", None),
        ("2023-01-07", "3D", None),
        ("2023-01-01 12:00", "36h", None),
        ("2023-01-15", "MS-15", None),
        ("1960-01-01", "YS", None),
    ],
)
def test_shares_are_those_of_the_data(begin, frequency, timezone):
    axis = axis_from(begin, frequency, timezone)
    end = axis.first_at_or_after("2027-01-01")
    positions = np.arange(end)
    wanted = share_of_days(axis, positions, KINDS)
    assert wanted.any(axis=0).all()
    seconds = torch.from_numpy(wall_seconds(axis, positions))
    np.testing.assert_array_equal(GraphDays(axis, KINDS)(seconds[None])[0], wanted)


def test_a_time_off_the_axis_is_nan_and_one_behind_it_ordinary():
    months = GraphDays(axis_from("2023-01-01", "MS"), KINDS)
    times = pd.DatetimeIndex(["2022-12-01", "2023-07-02", "2023-07-01", "2031-01-02"])
    seconds = torch.from_numpy(times.to_numpy().astype("datetime64[s]").astype(np.int64))
    found = months(seconds[None])[0, :, 0]
    np.testing.assert_array_equal(found, [np.nan, np.nan, 2 / 31, 0])


def trained_on(days, terms, **data):
    """A model of days, which knows the terms of a table."""
    terms.write_text("first,last,name\n2024-01-03,2024-01-09,fair\n2024-05-14,2024-05-14,fair\n")
    table = terms.parent / "table.csv"
    y = noise(len(days)) + np.arange(len(days)) % 7
    pd.DataFrame({"ds": days, "y": y}).to_csv(table, index=False)
    options = {"path": str(table), "terms": str(terms), "calendar": ["month"], **data}
    settings = config(options, 14, 5, 20, 12, ["difference", "standardize"])
    return forecast.train(settings)


def test_a_model_with_terms_is_forecast_alike_by_its_graph(tmp_path):
    trained = trained_on(pd.date_range("2024-01-01", periods=130), tmp_path / "terms.csv")
    for count, rows in ((1, trained.rows_needed), (3, trained.rows_needed + 4)):
        made = probe(trained, count, rows)
        found = forecasts(trained, made.inputs)
        np.testing.assert_allclose(found, made.forecasts(trained), rtol=1e-6)
    ordinary = {**made.inputs, "future_time": made.inputs["future_time"] + 366 * 86_400}
    assert (forecasts(trained, ordinary) != found).all()  # 14 May is among the days ahead
    told = json.loads(json.dumps(description(trained)))
    assert told["special_days"] == [
        {"name": "terms=fair", "first": "2024-01-03", "last": "2024-05-14"}
    ]
    assert told["partners"] == []
    assert isinstance(validation_data(trained), Prepared)  # the table is that of training


@pytest.mark.parametrize(
    ("freq", "timezone"), [("D", None), ("53h", "Europe/Berlin"), ("W", None), ("7h", None)]
)
def test_shares_of_counted_rows_are_those_of_the_data(freq, timezone):
    dates = pd.date_range("2023-05-20", "2024-06-30", freq=freq, tz=timezone)
    dates = dates[dates.day % 5 > 0]  # some steps are longer than others
    ticks = tuple(dates.as_unit("ns").asi8.tolist())
    axis = TimeAxis(ticks[0], "index", timezone, ticks)
    positions = np.arange(axis.first_at_or_after("2025-07-01"))  # and those that may follow
    wanted = share_of_days(axis, positions, KINDS)
    assert wanted.any(axis=0).all()
    seconds = torch.from_numpy(wall_seconds(axis, np.arange(len(positions) + 1)))
    np.testing.assert_array_equal(GraphCountedDays(KINDS)(seconds[None])[0], wanted)


def test_a_model_of_counted_rows_reads_the_time_after_the_horizon(tmp_path):
    days = pd.date_range("2024-01-01", periods=140)
    trained = trained_on(days[days.day != 7], tmp_path / "terms.csv", frequency="index")
    made = probe(trained, 2, trained.rows_needed + 1)
    assert made.inputs["future_time"].shape == (2, trained.config.window.horizon + 1)
    wanted = made.forecasts(trained)
    np.testing.assert_allclose(forecasts(trained, made.inputs), wanted, rtol=1e-6)
    told = description(trained)
    assert told["times_ahead"] == trained.config.window.horizon + 1
    assert told["reads"].endswith("future_time has the time of the step after the horizon, too.")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch.onnx and its helpers warn of themselves
@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("frequency", ["D", "MS", "index"])
def test_the_exported_file_knows_the_days(tmp_path, frequency):
    days = pd.date_range("2024-01-07", periods=110, freq="D" if frequency == "index" else frequency)
    trained = trained_on(days, tmp_path / "terms.csv", frequency=frequency)
    content = content_of(exported(trained), trained)  # is run beside the model
    names = [each.name for each in session_of(content).get_inputs()]
    assert names == ["history", "history_time", "future_time"]
