"""Calendar waves against angles written out by hand and against Python's own datetime."""

import math
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.data.calendar import CALENDAR, calendar_columns, calendar_values
from forecast.data.times import TimeAxis
from forecast.errors import ConfigError


def axis_from(date, frequency, timezone=None) -> TimeAxis:
    return TimeAxis(pd.Timestamp(date, tz=timezone).value, frequency, timezone)


def waves(turns) -> list[float]:
    return [wave(2 * math.pi * turn) for turn in turns for wave in (math.sin, math.cos)]


def turn_of(name, date) -> float:
    """The part of the period that has passed, by the standard library."""
    day_of_year = date.timetuple().tm_yday
    return {
        "minute": date.minute / 60,
        "hour": (60 * date.hour + date.minute) / 1440,
        "dayofweek": date.weekday() / 7,
        "day": (date.day - 1) / 31,
        "dayofyear": (day_of_year - 1) / 366,
        "week": (date.isocalendar().week - 1) / 53,
        "month": (date.month - 1) / 12,
        "quarter": (date.month - 1) // 3 / 4,
    }[name]


@pytest.mark.parametrize(
    ("name", "date", "turn"),
    [
        *[("minute", "2024-05-01 07:00", 0), ("minute", "2024-05-01 07:45", 0.75)],
        *[("hour", "2024-05-01 06:00", 0.25), ("hour", "2024-05-01 21:30", 21.5 / 24)],
        *[("dayofweek", "2024-01-01", 0), ("dayofweek", "2024-01-07", 6 / 7)],
        *[("day", "2024-01-01", 0), ("day", "2024-01-31", 30 / 31)],
        *[("dayofyear", "2024-01-01", 0), ("dayofyear", "2024-12-31", 365 / 366)],
        *[
            ("week", "2024-01-01", 0),
            ("week", "2020-12-31", 52 / 53),
            ("week", "2021-01-01", 52 / 53),
        ],
        *[
            ("month", "2024-01-31", 0),
            ("month", "2024-04-30", 0.25),
            ("month", "2024-12-31", 11 / 12),
        ],
        *[
            ("quarter", "2024-03-31", 0),
            ("quarter", "2024-04-01", 0.25),
            ("quarter", "2024-12-31", 0.75),
        ],
    ],
)
def test_turns_by_hand(name, date, turn):
    values = calendar_values(axis_from(date, "min"), np.array([0]), [name])
    np.testing.assert_allclose(values, [waves([turn])], rtol=0, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    frequency=st.sampled_from(
        ["min", "15min", "h", "D", "B", "W-SAT", "MS", "ME", "QS-OCT", "YS-JAN"]
    ),
    timezone=st.sampled_from([None, "UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"]),
    day=st.integers(0, 8_000),
    positions=st.lists(st.integers(0, 24), min_size=1, max_size=20),
    names=st.lists(st.sampled_from([*CALENDAR]), min_size=1, unique=True),
)
def test_waves_of_any_axis(frequency, timezone, day, positions, names):
    axis = axis_from(pd.Timestamp("1990-01-01") + pd.Timedelta(days=day), frequency, timezone)
    values = calendar_values(axis, np.array(positions), names)
    for row, position in enumerate(positions):
        time = pd.Timestamp(int(axis.at(np.array([position]))[0]), tz="UTC").to_pydatetime()
        if timezone:
            time = time.astimezone(ZoneInfo(timezone))
        expected = waves(turn_of(name, time) for name in names)
        np.testing.assert_allclose(values[row], expected, rtol=0, atol=1e-12)


def test_attributes_of_pandas_over_four_years():
    dates = pd.date_range("2023-01-01", "2026-12-31 18:00", freq="6h")
    values = calendar_values(axis_from("2023-01-01", "6h"), np.arange(len(dates)), [*CALENDAR])
    expected = {
        "minute": dates.minute / 60,
        "hour": dates.hour / 24,
        "dayofweek": dates.dayofweek / 7,
        "day": (dates.day - 1) / 31,
        "dayofyear": (dates.dayofyear - 1) / 366,
        "week": (dates.isocalendar().week.to_numpy(dtype=float) - 1) / 53,
        "month": (dates.month - 1) / 12,
        "quarter": (dates.quarter - 1) / 4,
    }
    assert [*expected] == [*CALENDAR]
    turns = np.column_stack([*expected.values()])
    np.testing.assert_allclose(values[:, ::2], np.sin(2 * np.pi * turns), rtol=0, atol=1e-12)
    np.testing.assert_allclose(values[:, 1::2], np.cos(2 * np.pi * turns), rtol=0, atol=1e-12)


def test_hours_are_those_of_the_zone():
    axis = axis_from("2024-03-31 00:00", "h", "Europe/Berlin")
    values = calendar_values(axis, np.arange(4), ["hour"])
    np.testing.assert_allclose(
        values, [waves([hour / 24]) for hour in (0, 1, 3, 4)], rtol=0, atol=1e-12
    )


def test_positions_beyond_the_data_and_repeated_ones():
    axis = axis_from("2024-01-01", "MS")
    values = calendar_values(axis, np.array([1203, 0, 1203, 3]), ["month"])
    np.testing.assert_allclose(
        values, [waves([turn]) for turn in (0.25, 0, 0.25, 0.25)], rtol=0, atol=1e-12
    )


def test_columns_are_named_in_the_order_of_values():
    assert calendar_columns(["hour", "month"]) == ("hour_sin", "hour_cos", "month_sin", "month_cos")
    assert calendar_columns([]) == ()
    values = calendar_values(axis_from("2024-04-01 06:00", "h"), np.array([0]), ["hour", "month"])
    np.testing.assert_allclose(values, [[1, 0, 1, 0]], rtol=0, atol=1e-12)


def test_no_names_or_no_positions():
    axis = axis_from("2024-01-01", "MS")
    assert calendar_values(axis, np.arange(3), []).shape == (3, 0)
    assert calendar_values(axis, np.arange(0), ["month", "quarter"]).shape == (0, 4)
    assert calendar_values(TimeAxis(1700, 1), np.arange(3), []).shape == (3, 0)


def test_integer_times_have_no_calendar():
    with pytest.raises(ConfigError) as caught:
        calendar_values(TimeAxis(1700, 1), np.arange(3), ["month"])
    assert str(caught.value) == (
        "data.calendar: 'month' needs dates, but the times are integers; set data.time_format, or"
        " leave data.calendar out"
    )
