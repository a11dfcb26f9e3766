"""Week masks and days of the month, against pandas' own calendars and dates written out."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.times.axis import TimeAxis, nanoseconds, season_length
from forecast.times.calendars import DAY, calendar_of, mask_text
from forecast.times.frequency import infer_frequency
from tests.helpers import refusal


def ticks(frequency, start, count, timezone=None):
    origin = pd.Timestamp(start, tz=timezone).value
    return TimeAxis(origin, frequency, timezone).dates(np.arange(count)).tz_localize(None)


def inferred(dates, timezone=None):
    times = nanoseconds(pd.DatetimeIndex(dates))
    return infer_frequency(times, timezone, False, lambda row: f"data.csv:{row + 2}")


def test_days_of_the_week_are_those_of_pandas():
    for mask, days in (("Sun Mon Tue Wed Thu", "SUN-THU"), ("Mon Sat", "MON,SAT")):
        offset = pd.offsets.CustomBusinessDay(weekmask=mask)
        expected = pd.date_range("2024-01-07", periods=300, freq=offset)
        assert ticks(f"D {days}", expected[0], 300).equals(expected)


def test_hours_of_trading():
    expected = pd.date_range("2024-01-01", "2024-06-30", freq="30min")
    expected = expected[expected.day_of_week < 5]
    clock = expected.hour * 60 + expected.minute
    expected = expected[(clock >= 570) & (clock <= 930)]
    found = ticks("30min MON-FRI 09:30-15:30", expected[0], len(expected))
    assert found.equals(expected)
    assert inferred(expected) == "30min MON-FRI 09:30-15:30"
    lunch = expected[~((expected.hour == 12) & (expected.minute == 0))]
    assert inferred(lunch) == "30min MON-FRI 09:30-11:30,12:30-15:30"


@pytest.mark.parametrize("day", [2, 15, 29, 30, 31])
def test_days_of_the_month(day):
    months = pd.period_range("2019-11", periods=60, freq="M")
    expected = pd.DatetimeIndex(
        [pd.Timestamp(m.year, m.month, min(day, m.days_in_month)) for m in months]
    )
    assert ticks(f"MS-{day}", expected[0], 60).equals(expected)
    found = inferred(expected)
    assert ticks(found, expected[0], 60).equals(expected)
    assert inferred(expected.delete([5, 6, 30])) == ("ME" if day == 31 else f"MS-{day}")


def test_days_without_saturdays_are_told_from_gaps():
    days = pd.date_range("2024-01-01", periods=70)
    assert inferred(days[days.day_of_week != 5]) == "D MON-FRI,SUN"
    assert inferred(days[days.day_of_week != 5][:20]) == "D"  # three weeks may be a chance
    assert inferred(days.delete([5, 12, 20])) == "D"
    assert inferred(days[days.day_of_week < 5]) == "B"
    berlin = pd.date_range("2024-02-01", periods=120, tz="Europe/Berlin")
    assert inferred(berlin[berlin.day_of_week != 6], "Europe/Berlin") == "D MON-SAT"


def test_hours_in_a_zone_over_a_change_of_clocks():
    hours = pd.date_range("2024-03-18", "2024-04-14", freq="h", tz="Europe/Berlin")
    hours = hours[(hours.hour >= 6) & (hours.hour <= 22)]
    assert inferred(hours, "Europe/Berlin") == "h 06:00-22:00"
    axis = TimeAxis(hours[0].value, "h 06:00-22:00", "Europe/Berlin")
    np.testing.assert_array_equal(axis.at(np.arange(len(hours))), nanoseconds(hours))
    np.testing.assert_array_equal(axis.positions(nanoseconds(hours)), np.arange(len(hours)))


@given(
    st.sets(st.integers(0, 6), min_size=1, max_size=6),
    st.sets(st.integers(0, 47), min_size=1, max_size=48),
    st.integers(0, 10_000),
)
def test_a_mask_is_what_its_text_says(days, slots, number):
    times = [slot * DAY // 48 for slot in sorted(slots)]
    mask = calendar_of(mask_text("30min", sorted(days), times, DAY // 48))
    assert mask.slots == tuple(day * DAY + time for day in sorted(days) for time in times)
    walls = mask.walls(np.arange(number, number + 500))
    assert (np.diff(walls) > 0).all()
    np.testing.assert_array_equal(mask.numbers(walls), np.arange(number, number + 500))
    np.testing.assert_array_equal(mask.numbers(walls - 1), np.arange(number, number + 500))


def test_what_is_no_calendar():
    for text in ("D", "h", "MS", "MS-32", "MS-0", "D FOO", "7h MON-FRI", "D MON 09:30", ""):
        assert calendar_of(text) is None
    assert season_length("D MON-SAT") == 6
    assert season_length("h 06:00-22:00") == 17
    assert season_length("MS-15") == 12


@pytest.mark.parametrize("frequency", ["D MON-SAT", "h MON-FRI", "MS-15"])
def test_no_tick_beyond_the_calendar(frequency):
    axis = TimeAxis(pd.Timestamp("2255-01-01").value, frequency)
    assert "pass 2262" in refusal(axis.at, np.array([10**6]))
    assert axis.at(np.array([30]))[0] > axis.at(np.array([29]))[0]
