"""Rows on their time axis: order, frequency, clock changes, and rows in the wrong place."""

import numpy as np
import pandas as pd
import pytest

from tests.data.helpers import read_frame, read_text, series_of
from tests.helpers import refusal


def test_frequency_comes_from_the_longest_series():
    frame = pd.DataFrame({"unique_id": list("abbbbc"), "ds": [4, 0, 2, 4, 8, 6], "y": range(6)})
    panel = read_frame(frame)
    assert panel.axis.frequency == 2
    assert panel.starts.tolist() == [2, 0, 3]
    assert panel.lengths.tolist() == [1, 5, 1]


def test_series_of_another_frequency(tmp_path):
    hours = pd.date_range("2024-01-01", periods=49, freq="h")
    days = hours[::24]
    frame = pd.concat(
        [
            pd.DataFrame({"unique_id": "hours", "ds": hours, "y": 1.0}),
            pd.DataFrame({"unique_id": "days", "ds": days, "y": 2.0}),
        ]
    )
    panel = read_frame(frame)
    assert panel.lengths.tolist() == [49, 49]
    assert np.flatnonzero(~np.isnan(series_of(panel, 1)[:, 0])).tolist() == [0, 24, 48]
    half = frame.assign(
        ds=frame["ds"] + pd.to_timedelta((frame["unique_id"] == "days") * 1800, "s")
    )
    assert refusal(read_frame, half) == (
        "data row 49: column 'ds': 2024-01-01 00:30:00 is off the grid of frequency h that begins"
        " at 2024-01-01 00:00:00; mend the time, or set data.frequency"
    )


@pytest.mark.parametrize("frequency", ["x", "M", "H", "-1D", "0D", "1.5"])
def test_frequency_that_is_none(frequency):
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=3), "y": [1, 2, 3]})
    assert refusal(read_frame, frame, frequency=frequency) == (
        f"data.frequency {frequency!r} is no pandas offset; write e.g. h, D, W-SUN, MS, ME,"
        " MS-15, D MON-FRI or index"
    )


@pytest.mark.parametrize(
    ("frequency", "normal"), [("1.5h", "90min"), ("W", "W-SUN"), ("QS", "QS-JAN"), ("1D", "D")]
)
def test_frequency_is_written_in_one_way(frequency, normal):
    dates = pd.date_range("2023-01-01", periods=3, freq=frequency)
    panel = read_frame(pd.DataFrame({"ds": dates, "y": [1, 2, 3]}), frequency=frequency)
    assert panel.axis.frequency == normal
    assert panel.values[:, 0].tolist() == [1, 2, 3]


def test_unsorted_rows(tmp_path):
    text = "ds,y\n2024-01-01,1\n2024-01-03,3\n2024-01-02,2\n2024-01-04,4\n"
    panel = read_text(tmp_path, text, sort=True)
    assert panel.values[:, 0].tolist() == [1, 2, 3, 4]
    assert [*panel.lines] == [2, 4, 3, 5]


def test_many_duplicates_are_named_by_line_and_then_counted(tmp_path):
    rows = "".join(f"{time},1\n{time},1\n" for time in range(14))
    message = refusal(read_text, tmp_path, f"ds,y\n{rows}")
    lines = ", ".join(str(line) for line in range(5, 25, 2))
    assert (
        f"data.csv:3: column 'ds': 0 appears twice, other times again in line {lines} and 3 more;"
        in message
    )


@pytest.mark.parametrize(
    ("frequency", "late"),
    [("h", "2204-01-01 05:00"), ("auto", "2204-01-01 05:00"), ("s", "2024-02-01 00:00")],
)
def test_mistyped_year(tmp_path, frequency, late):
    times = pd.date_range("2024-01-01", periods=24, freq="h").strftime("%Y-%m-%d %H:%M")
    rows = [*times[:20], late, *times[20:]]
    text = "ds,y\n" + "".join(f"{time},1\n" for time in rows)
    message = refusal(read_text, tmp_path, text, frequency=frequency, sort=True)
    missing = (pd.Timestamp(late) - pd.Timestamp(times[-1])) // pd.Timedelta(
        1, "s" if frequency == "s" else "h"
    ) - 1
    assert message == (
        f"{tmp_path / 'data.csv'}:22: column 'ds': {missing} rows are missing before {late};"
        " mend the time, or set data.frequency"
    )


def test_repeated_hour(tmp_path):
    hours = ["01:00", "02:00", "02:00", "03:00", "04:00"]
    text = "ds,y\n" + "".join(f"2024-10-27 {hour},{row}\n" for row, hour in enumerate(hours))
    panel = read_text(tmp_path, text, timezone="Europe/Berlin")
    assert panel.axis.frequency == "h"
    assert panel.values[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert str(panel.axis.column(np.array([2]))[0]) == "2024-10-27 02:00:00+01:00"
    quarters = [f"{hour}:{minute}" for hour in ("01", "02", "02", "03") for minute in ("00", "30")]
    text = "ds,y\n" + "".join(f"2024-10-27 {time},{row}\n" for row, time in enumerate(quarters))
    assert read_text(tmp_path, text, timezone="Europe/Berlin").values[:, 0].tolist() == [*range(8)]


def test_offsets_over_the_repeated_hour(tmp_path):
    text = "ds,y\n2024-10-27T01:00+02:00,1\n2024-10-27T02:00+02:00,2\n2024-10-27T02:00+01:00,3\n"
    for timezone in (None, "Europe/Berlin"):
        panel = read_text(tmp_path, text, timezone=timezone)
        assert panel.values[:, 0].tolist() == [1, 2, 3]
        assert panel.axis.timezone == (timezone or "UTC")
        assert panel.axis.origin == pd.Timestamp("2024-10-26 23:00").value


@pytest.mark.parametrize("frequency", ["auto", "D"])
def test_local_days_over_clock_changes(tmp_path, frequency):
    days = pd.date_range("2024-01-01", "2024-12-31").strftime("%Y-%m-%d")
    text = "ds,y\n" + "".join(f"{day},{row}\n" for row, day in enumerate(days))
    panel = read_text(tmp_path, text, timezone="Europe/Berlin", frequency=frequency)
    assert panel.values[:, 0].tolist() == [*range(366)]
    assert panel.axis.frequency == "D"
    summer = panel.axis.column(panel.positions(np.array([200])))[0]
    assert summer == pd.Timestamp(days[200], tz="Europe/Berlin")
