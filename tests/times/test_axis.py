"""Time axes against pandas' own calendars and zone tables."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from forecast.times import axis as times
from forecast.times.axis import TimeAxis, are_plain, iso_dates, nanoseconds, season_length
from forecast.times.frequency import infer_frequency
from tests.helpers import refusal

FREQUENCIES = (
    *("h", "2h", "15min", "90s", "36h", "D", "2D", "7D", "B", "3B", "bh", "W-SAT", "W-MON"),
    *("2W-SUN", "SMS-15", "MS", "2MS", "ME", "BMS", "BME", "QS-OCT", "QE-DEC", "2QS-JAN"),
    *("YS-JAN", "YE-JUN", "WOM-3FRI"),
)
ZONES = (None, "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
MIDNIGHT_ZONES = ("America/Havana", "America/Sao_Paulo", "Africa/Cairo", "Asia/Beirut")
"""Zones whose clocks change, or changed, at midnight: days without one, and days with two."""


def place(row: int) -> str:
    return f"data.csv:{row + 2}"


def instants(cells) -> list[int]:
    return [pd.Timestamp(cell).value for cell in cells]


def inferred(dates, timezone=None):
    return infer_frequency(nanoseconds(pd.DatetimeIndex(dates)), timezone, False, place)


# ---- the axis


@given(
    frequency=st.sampled_from(FREQUENCIES),
    timezone=st.sampled_from((*ZONES, *MIDNIGHT_ZONES)),
    day=st.integers(-7000, 20_000),
    hour=st.sampled_from([0, 9, 12]),
    positions=st.lists(st.integers(0, 200), min_size=1, max_size=5),
)
def test_positions_invert_at(frequency, timezone, day, hour, positions):
    origin = day * 86_400 * 10**9 + hour * 3600 * 10**9
    if timezone:
        wall = pd.DatetimeIndex([origin]).tz_localize(timezone, ambiguous=[True], nonexistent="NaT")
        assume(not wall.isna().any())
        origin = int(nanoseconds(wall)[0])
    axis = TimeAxis(origin, frequency, timezone)
    positions = np.array(positions)
    times = axis.at(positions)
    np.testing.assert_array_equal(axis.positions(times), positions)
    assert (axis.positions(times + 1) == -1).all()
    np.testing.assert_array_equal(nanoseconds(axis.dates(positions)), times)
    first = TimeAxis(int(axis.at(np.array([0]))[0]), frequency, timezone)
    np.testing.assert_array_equal(first.at(positions), times)


@given(
    origin=st.integers(-(10**15), 10**15),
    step=st.integers(1, 1000),
    positions=st.lists(st.integers(0, 10**6), min_size=1),
)
def test_integer_positions_invert_at(origin, step, positions):
    axis = TimeAxis(origin, step)
    positions = np.array(positions)
    times = axis.at(positions)
    assert times.tolist() == [origin + step * int(position) for position in positions]
    np.testing.assert_array_equal(axis.positions(times), positions)
    assert axis.column(positions).tolist() == times.tolist()
    assert (axis.positions(np.array([origin - step, origin - 1])) == -1).all()
    if step > 1:
        assert (axis.positions(times + 1) == -1).all()


@pytest.mark.parametrize("frequency", FREQUENCIES)
@pytest.mark.parametrize("timezone", [None, "Europe/Berlin"])
def test_dates_are_those_of_pandas(frequency, timezone):
    expected = pd.date_range("2023-01-02 09:00", periods=200, freq=frequency, tz=timezone)
    axis = TimeAxis(expected[0].value, frequency, timezone)
    positions = np.arange(200)
    pd.testing.assert_index_equal(
        axis.dates(positions), expected.as_unit("ns")[positions], exact="equiv", check_names=False
    )
    np.testing.assert_array_equal(axis.positions(nanoseconds(expected)), positions)


def test_times_before_the_origin_or_between_ticks_are_off_the_axis():
    origin = pd.Timestamp("2024-01-01").value
    for frequency in ("D", "MS"):
        axis = TimeAxis(origin, frequency)
        times = instants(["2023-12-01", "2024-01-01", "2024-01-15 12:00", "2024-02-01"])
        first = 31 if frequency == "D" else 1
        assert axis.positions(np.array(times)).tolist() == [-1, 0, -1, first]


def test_axis_ends_in_2262():
    axis = TimeAxis(pd.Timestamp("2000-01-01").value, "YS")
    assert axis.dates(np.array([262]))[0] == pd.Timestamp("2262-01-01")
    assert refusal(axis.at, np.array([263])) == (
        "steps of YS from 2000-01-01 00:00:00 on pass 2262, the last year; take fewer"
    )


def test_axis_that_begins_off_its_calendar():
    axis = TimeAxis(pd.Timestamp("2024-01-15").value, "MS")
    assert axis.positions(np.array(instants(["2024-01-15"]))).tolist() == [-1]
    assert axis.dates(np.array([0, 1])).strftime("%Y-%m-%d").tolist() == [
        "2024-02-01",
        "2024-03-01",
    ]


def test_days_of_a_zone_last_23_and_25_hours():
    origin = pd.Timestamp("2024-03-30", tz="Europe/Berlin").value
    hours = np.diff(TimeAxis(origin, "D", "Europe/Berlin").at(np.arange(4))) / 3.6e12
    assert hours.tolist() == [24, 23, 24]
    origin = pd.Timestamp("2024-10-26", tz="Europe/Berlin").value
    hours = np.diff(TimeAxis(origin, "D", "Europe/Berlin").at(np.arange(4))) / 3.6e12
    assert hours.tolist() == [24, 25, 24]
    utc = np.diff(TimeAxis(origin, "D", "UTC").at(np.arange(4))) / 3.6e12
    assert utc.tolist() == [24, 24, 24]


def test_day_without_midnight_and_day_with_two():
    # Havana: the clock jumps from 0:00 to 1:00 on 10 March 2024, and back to 0:00 on 3 November.
    spring = TimeAxis(pd.Timestamp("2024-03-09", tz="America/Havana").value, "D", "America/Havana")
    assert spring.dates(np.arange(3)).strftime("%d %H:%M").tolist() == [
        *("09 00:00", "10 01:00", "11 00:00")
    ]
    autumn = TimeAxis(pd.Timestamp("2024-11-02", tz="America/Havana").value, "D", "America/Havana")
    assert (np.diff(autumn.at(np.arange(4))) / 3.6e12).tolist() == [24, 25, 24]
    begins_late = TimeAxis(int(spring.at(np.array([1]))[0]), "D", "America/Havana")
    assert begins_late.dates(np.array([1]))[0] == pd.Timestamp("2024-03-11", tz="America/Havana")


def test_hours_of_a_zone_are_instants():
    origin = pd.Timestamp("2024-10-27 01:00", tz="Europe/Berlin").value
    dates = TimeAxis(origin, "h", "Europe/Berlin").dates(np.arange(4))
    assert dates.strftime("%H:%M%z").tolist() == [
        "01:00+0200",
        "02:00+0200",
        "02:00+0100",
        "03:00+0100",
    ]


def test_column_is_a_table_column():
    axis = TimeAxis(pd.Timestamp("2024-01-31").value, "ME")
    assert axis.column(np.array([1, 0])).astype(str).tolist() == ["2024-02-29", "2024-01-31"]
    assert not axis.is_integer
    assert TimeAxis(5, 2).is_integer


@pytest.mark.parametrize(
    ("frequency", "date", "position"),
    [
        ("D", "2024-01-01", 0),
        ("D", "1999-01-01", 0),
        ("D", "2024-01-03", 2),
        ("D", "2024-01-03 00:00:01", 3),
        ("D", "2024-02", 31),
        ("MS", "2024-03-01", 2),
        ("MS", "2024-03-02", 3),
        ("MS", "1999-03-02", 0),
        ("B", "2024-01-06", 5),
    ],
)
def test_first_at_or_after(frequency, date, position):
    axis = TimeAxis(pd.Timestamp("2024-01-01").value, frequency)
    assert axis.first_at_or_after(date) == position


@given(
    frequency=st.sampled_from(["h", "D", "B", "W-SAT", "MS"]),
    timezone=st.sampled_from([None, "Europe/Berlin", "America/Havana"]),
    hours=st.integers(-1000, 3000),
)
def test_first_at_or_after_is_the_first_of_a_list(frequency, timezone, hours):
    axis = TimeAxis(pd.Timestamp("2024-01-01", tz=timezone).value, frequency, timezone)
    wall = pd.Timestamp("2024-01-01") + pd.Timedelta(hours=hours)
    ticks = axis.dates(np.arange(24 * 150 if frequency == "h" else 200)).tz_localize(None)
    first = next(position for position, tick in enumerate(ticks) if tick >= wall)
    assert axis.first_at_or_after(str(wall)) == first


def test_first_at_or_after_in_a_zone():
    axis = TimeAxis(pd.Timestamp("2024-01-01", tz="Europe/Berlin").value, "h", "Europe/Berlin")
    assert axis.first_at_or_after("2024-01-02") == 24
    assert axis.first_at_or_after("2024-01-02T00:00:00Z") == 25
    skipped = axis.first_at_or_after("2024-03-31 02:30")
    assert axis.dates(np.array([skipped]))[0] == pd.Timestamp("2024-03-31 03:00+02:00")
    repeated = axis.first_at_or_after("2024-10-27 02:00")
    assert axis.dates(np.array([repeated]))[0] == pd.Timestamp("2024-10-27 02:00+02:00")


@pytest.mark.parametrize(("date", "position"), [("1700", 0), ("1", 0), ("1701", 1), ("1703", 2)])
def test_first_at_or_after_among_integers(date, position):
    assert TimeAxis(1700, 2).first_at_or_after(date) == position


@pytest.mark.parametrize(
    "date", ["x", "", "now", "today", "NaT", "01/02/2024", "2024-13-01", "2999-01-01"]
)
def test_first_at_or_after_refuses_what_is_no_date(date):
    axis = TimeAxis(0, "D")
    assert refusal(axis.first_at_or_after, date) == (
        f"{date!r} is no date of this data; write YYYY-MM-DD"
    )


def test_first_at_or_after_refuses_the_other_kind_of_time():
    message = refusal(TimeAxis(0, 1).first_at_or_after, "2024-01-01")
    assert message == "'2024-01-01' is no time of this data, whose times are integers"
    message = refusal(TimeAxis(0, "D").first_at_or_after, "2024-01-01T00:00+02:00")
    assert message == "'2024-01-01T00:00+02:00' is no date of this data; write YYYY-MM-DD"


# ---- seasons


@pytest.mark.parametrize(
    ("frequency", "rows"),
    [
        *[(1, 1), (10, 1), ("s", 3600), ("10s", 360), ("min", 1440), ("15min", 96), ("90min", 16)],
        *[("h", 24), ("2h", 12), ("6h", 4), ("24h", 7), ("D", 7), ("2D", 3), ("7D", 1), ("B", 5)],
        *[("W-SUN", 52), ("W-SAT", 52), ("2W-SUN", 26), ("MS", 12), ("ME", 12), ("2MS", 6)],
        *[("BMS", 12), ("BME", 12), ("QS-JAN", 4), ("QS-OCT", 4), ("QE-DEC", 4), ("BQE-DEC", 4)],
        *[("YS-JAN", 1), ("YE-DEC", 1), ("BYS-JAN", 1), ("5YS-JAN", 1), ("SMS-15", 24)],
        *[("SME-15", 24), ("WOM-3FRI", 12), ("bh", 8), ("ms", 1)],
    ],
)
def test_season_length(frequency, rows):
    assert season_length(frequency) == rows


# ---- frequency


@pytest.mark.parametrize("frequency", sorted({*FREQUENCIES} - {"3B", "SMS-15"}))
@pytest.mark.parametrize("timezone", [None, "Europe/Berlin"])
def test_frequency_of_complete_times(frequency, timezone):
    dates = pd.date_range("2023-01-02 09:00", periods=200, freq=frequency, tz=timezone)
    found = inferred(dates, timezone)
    again = TimeAxis(dates[0].value, found, timezone)
    np.testing.assert_array_equal(again.at(np.arange(200)), nanoseconds(dates))


@pytest.mark.parametrize("timezone", [None, "Europe/Berlin", "America/Havana"])
@pytest.mark.parametrize(
    "frequency",
    [
        *("h", "2h", "15min", "90s", "D", "2D", "14D", "B", "W-SAT", "W-MON", "MS", "ME", "BMS"),
        *(
            "BME",
            "QS-FEB",
            "QS-JAN",
            "QE-NOV",
            "SMS",
            "SME",
            "YS-JAN",
            "YS-JUL",
            "YE-DEC",
            "YE-JUN",
        ),
    ],
)
def test_frequency_with_gaps(frequency, timezone):
    start = pd.Timestamp("2015-01-05")
    ticks = TimeAxis(
        start.tz_localize(timezone).value if timezone else start.value, frequency, timezone
    )
    kept = np.setdiff1d(np.arange(120), [3, 4, 17, 40, 41, 42, 43, 70])
    times = ticks.at(kept)
    found = infer_frequency(times, timezone, False, place)
    np.testing.assert_array_equal(TimeAxis(int(times[0]), found, timezone).at(kept), times)


@pytest.mark.parametrize("month", [1, 4, 7, 10])
def test_quarters_have_one_name_whatever_they_begin_with(month):
    assert inferred(pd.date_range(f"2020-{month:02}-01", periods=9, freq="QS")) == "QS-JAN"
    assert inferred(pd.date_range("2020-01-01", periods=9, freq="QS-NOV")) == "QS-FEB"


def test_frequency_of_weekdays_with_holidays():
    weekdays = pd.bdate_range("2023-01-02", "2024-12-31")
    dates = weekdays.drop(pd.DatetimeIndex(["2023-04-07", "2023-12-25", "2024-07-04"]))
    assert inferred(dates) == "B"


@pytest.mark.parametrize(
    ("times", "step"), [([1700, 1701, 1703], 1), ([0, 20, 50], 10), ([-4, 0, 8], 4)]
)
def test_step_of_integers(times, step):
    assert infer_frequency(np.array(times), None, True, place) == step


def test_a_rule_of_pandas_that_does_not_hold_is_none():
    """The last Saturdays of January: of 1990 to 1999 some are the fourth, some the fifth."""
    ends = pd.date_range("1990-01-31", periods=10, freq="YE-JAN")
    saturdays = ends - pd.to_timedelta((ends.day_of_week - 5) % 7, unit="D")
    said = refusal(inferred, saturdays)
    assert "the time steps are uneven" in said
    assert said.endswith("set data.frequency: index, which counts the rows")


def test_too_few_rows_for_a_frequency():
    for is_integer in (True, False):
        message = refusal(infer_frequency, np.array([0, 10]), None, is_integer, place)
        assert message == (
            "data.csv:3: 2 rows are too few to tell the frequency; set data.frequency"
        )


def test_uneven_times_name_their_line():
    dates = ["2024-01-01", "2024-01-02", "2024-01-03 05:00", "2024-01-04 05:00"]
    assert refusal(inferred, dates) == (
        "data.csv:4: the time steps are uneven, 1 days 05:00:00 here and most often"
        " 1 days 00:00:00; set data.frequency (data.timezone, if days are local); where none fits,"
        " set data.frequency: index, which counts the rows"
    )
    late = pd.Timestamp("2024-01-01") + pd.to_timedelta([0, 603, 1202, 1800, 2401, 3602], unit="s")
    assert refusal(inferred, late).endswith("; or round the times to 0 days 00:10:00 first")
    events = pd.Timestamp("2024-01-01") + pd.to_timedelta([0, 7, 10, 31, 99, 120], unit="min")
    assert refusal(inferred, events).endswith(
        "; of events, count or add up those of each hour or day first"
    )
    berlin = pd.DatetimeIndex(dates, tz="Europe/Berlin")
    assert refusal(inferred, berlin, "Europe/Berlin").endswith(
        "set data.frequency; where none fits, set data.frequency: index, which counts the rows"
    )


@pytest.mark.parametrize("timezone", [None, "Europe/Berlin"])
@pytest.mark.parametrize("frequency", ["h", "D", "B", "bh", "W-SUN", "MS", "YS", "3D"])
@pytest.mark.parametrize("steps", [10**6, 10**12])
def test_no_time_beyond_the_calendar(frequency, timezone, steps):
    axis = TimeAxis(pd.Timestamp("2255-01-01").value, frequency, timezone)
    assert np.diff(axis.at(np.array([0, 1])))[0] > 0
    message = refusal(axis.at, np.array([0, steps]))
    assert message.startswith(f"steps of {frequency} from 2255-01-01 ")
    assert message.endswith(" on pass 2262, the last year; take fewer")


def test_no_integer_time_beyond_64_bits():
    axis = TimeAxis(2**62, 2**60)
    assert axis.at(np.array([3])).tolist() == [2**62 + 3 * 2**60]
    assert "pass 9223372036854775807" in refusal(axis.at, np.array([4]))


# ---- texts


CELLS = st.one_of(
    st.dates().map(str),
    st.datetimes().map(str),
    st.datetimes().map(lambda moment: moment.isoformat(timespec="minutes")),
    st.sampled_from(
        [
            *("2024-02-30", "2024-01-01 24:00", "2024-01-01 23:59:60", "2024-01", "2024", "now"),
            *("2024-01-01T12:00Z", "2024-01-01 12:00 UTC", "2024-01-01 12:00+02:00", "nan", ""),
            *("2024-01-01\n2024-01-02", "0000-01-01", "\u0661\u0662\u0663\u0664-01-01"),
        ]
    ),
)


@given(cells=st.lists(CELLS, max_size=6), utc=st.booleans())
def test_plain_dates_are_read_as_if_each_were_looked_at(cells, utc):
    assume(utc or not any(re.search(r"Z|UTC|\+", cell) for cell in cells))
    texts = pd.Series(cells, dtype=object)
    found = iso_dates(texts, utc)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(times, "are_plain", lambda texts: False)
        pd.testing.assert_index_equal(found, iso_dates(texts, utc))


@pytest.mark.parametrize(
    ("cells", "plain"),
    [
        (["2024-01-01", "2024-01-01 00:00", "2024-01-01T23:59:59.5"], True),
        (["2024-01-01", "2024-01-01 24:00"], False),
        (["2024-01-01", "2024-01-01 12:00Z"], False),
        (["2024-01"], False),
        (["2024-01-01", None], False),
        ([], False),
    ],
)
def test_plain_dates_have_no_zone_and_all_of_a_day(cells, plain):
    assert are_plain(pd.Series(cells, dtype=object)) is plain
