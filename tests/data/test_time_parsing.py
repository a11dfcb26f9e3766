"""Time columns against dates and instants written out by hand."""

import numpy as np
import pandas as pd
import pytest

from forecast.data.time_parsing import parse_times
from forecast.data.times import TimeAxis, infer_frequency, nanoseconds
from tests.helpers import refusal

MIDNIGHT_ZONES = ("America/Havana", "America/Sao_Paulo", "Africa/Cairo", "Asia/Beirut")
"""Zones whose clocks change, or changed, at midnight: days without one, and days with two."""


def place(row: int) -> str:
    return f"data.csv:{row + 2}"


def parse(cells, series=None, frequency="auto", time_format=None, timezone=None, name="ds"):
    column = pd.Series(cells, name=name)
    series = np.zeros(len(column), dtype=np.int64) if series is None else np.array(series)
    return parse_times(column, series, frequency, time_format, timezone, place)


def instants(cells) -> list[int]:
    return [pd.Timestamp(cell).value for cell in cells]


# ---- parsing


@pytest.mark.parametrize(
    ("cells", "dates"),
    [
        (["2024-01-31", "2024-02-29"], ["2024-01-31", "2024-02-29"]),
        (["2024-01", "2024-02"], ["2024-01-01", "2024-02-01"]),
        (["2024/01/31", "2024/02/29"], ["2024-01-31", "2024-02-29"]),
        (["2024-01-31 05:06", "2024-02-29T07:08:09"], ["2024-01-31 05:06", "2024-02-29 07:08:09"]),
        ([" 2024-01-31 ", "2024-02-29"], ["2024-01-31", "2024-02-29"]),
        (["25/12/2024", "01/01/2025"], ["2024-12-25", "2025-01-01"]),
        (["12/25/2024", "01/01/2025"], ["2024-12-25", "2025-01-01"]),
        (["1.12.2024", "13.12.2024"], ["2024-12-01", "2024-12-13"]),
        (["25-12-2024 06:30", "26-12-2024 07:30"], ["2024-12-25 06:30", "2024-12-26 07:30"]),
        (["20240131T05", "20240131T06"], ["2024-01-31 05:00", "2024-01-31 06:00"]),
        (["1850-01-01", "2261-12-31"], ["1850-01-01", "2261-12-31"]),
    ],
)
def test_dates_that_can_be_read_in_one_way(cells, dates):
    times, timezone, is_integer = parse(cells)
    assert times.tolist() == instants(dates)
    assert times.dtype == np.int64
    assert (timezone, is_integer) == (None, False)


@pytest.mark.parametrize(
    ("cells", "integers"),
    [
        (["1700", "1701"], [1700, 1701]),
        (["1700.0", "1701.00"], [1700, 1701]),
        (["-3", "+4", "0"], [-3, 4, 0]),
        (["1700000000", "1700003600"], [1700000000, 1700003600]),
        (["20241301", "20241302"], [20241301, 20241302]),
    ],
)
def test_integers(cells, integers):
    times, timezone, is_integer = parse(cells, timezone="Europe/Berlin")
    assert times.tolist() == integers
    assert (timezone, is_integer) == (None, True)


def test_eight_digits_are_a_date_only_if_told():
    cells = ["20240131", "20240201"]
    assert refusal(parse, cells) == (
        "data.csv:2: column 'ds' holds '20240131', a date or an integer; set"
        " data.time_format: '%Y%m%d', or data.frequency: 1"
    )
    assert parse(cells, frequency=1)[0].tolist() == [20240131, 20240201]
    assert parse(cells, time_format="%Y%m%d")[0].tolist() == instants(["2024-01-31", "2024-02-01"])


def test_integers_with_a_pandas_frequency():
    assert refusal(parse, ["1700", "1701"], frequency="YS") == (
        "data.csv:2: column 'ds' holds '1700', an integer, but data.frequency is 'YS'; set"
        " data.time_format (a year is '%Y'), or frequency: 1"
    )
    assert parse(["1700", "1701"], frequency="YS", time_format="%Y")[0].tolist() == instants(
        ["1700-01-01", "1701-01-01"]
    )


@pytest.mark.parametrize("kind", ["text", "dates"])
def test_dates_with_an_integer_frequency(kind):
    cells = ["2024-01-01", "2024-01-02"]
    message = refusal(parse, cells if kind == "text" else pd.to_datetime(cells), frequency=1)
    assert message.startswith("data.csv:2: column 'ds' holds '2024-01-01")
    assert message.endswith(
        "but data.frequency is 1, a step of integers; give a pandas offset such as D"
    )


@pytest.mark.parametrize(
    ("cells", "row", "cell"),
    [
        (["2024-01-01", "soon"], 1, "soon"),
        (["2024-01-01", "now"], 1, "now"),
        (["2024-01-01", "2024-02-30"], 1, "2024-02-30"),
        (["2024-01-01", "2024-01-02", "03/01/2024"], 2, "03/01/2024"),
        (["25/12/2024", "2024-12-26"], 1, "2024-12-26"),
        (["13/12/2024", "12/13/2024"], 1, "12/13/2024"),
        (["25/12/24", "26/12/24"], 0, "25/12/24"),
        (["2024Q1", "2024Q2"], 0, "2024Q1"),
        (["Jan 2024", "Feb 2024"], 0, "Jan 2024"),
        (["1700", "x"], 1, "x"),
        (["1700.5", "1701"], 0, "1700.5"),
        (["1500-01-01", "1501-01-01"], 0, "1500-01-01"),
        (["2024-01-01", "2999-01-01"], 1, "2999-01-01"),
        (["25/12/2024", "26/12/2999"], 1, "26/12/2999"),
        (["2024-01-01", "nan"], 1, "nan"),
    ],
)
def test_cells_that_are_no_dates(cells, row, cell):
    assert refusal(parse, cells) == (
        f"data.csv:{row + 2}: column 'ds' holds '{cell}', which is not read as a date; write"
        " YYYY-MM-DD[ HH:MM:SS] in 1678 to 2261, or set data.time_format"
    )


@pytest.mark.parametrize("cells", [["2024-01-01", ""], ["1700", "  "], ["2024-01-01", None]])
def test_empty_time(cells):
    message = refusal(parse, cells, name="day")
    assert message == "data.csv:3: column 'day' is empty; every row needs its time"


def test_line_of_a_bad_time_among_repeated_ones():
    cells = ["2024-01-01", "2024-01-02", "2024-01-01", "2024-01-02", "soon", "2024-01-01", "soon"]
    assert refusal(parse, cells).startswith("data.csv:6: column 'ds' holds 'soon'")


def test_day_or_month_first():
    assert refusal(parse, ["01/02/2024", "02/02/2024"]) == (
        "data.csv:2: column 'ds' holds '01/02/2024', day first or month first; set"
        " data.time_format: '%d/%m/%Y' or '%m/%d/%Y'"
    )
    assert "'%d.%m.%Y %H:%M:%S' or '%m.%d.%Y %H:%M:%S'" in refusal(parse, ["01.02.2024 00:00:00"])
    times = parse(["01/02/2024", "02/02/2024"], time_format="%d/%m/%Y")[0]
    assert times.tolist() == instants(["2024-02-01", "2024-02-02"])


def test_time_format():
    assert parse(["Jan 2024", "Feb 2024"], time_format="%b %Y")[0].tolist() == instants(
        ["2024-01-01", "2024-02-01"]
    )
    assert refusal(parse, ["2024", "x"], time_format="%Y").startswith("data.csv:3: column 'ds'")
    assert refusal(parse, ["2024"], time_format="%Q").startswith("data.time_format '%Q': ")
    times, timezone, _ = parse(["01/02/2024 03 +0530"], time_format="%d/%m/%Y %H %z")
    assert times.tolist() == instants(["2024-02-01 03:00+05:30"])
    assert timezone == "UTC+05:30"


def test_dates_of_a_frame():
    dates = pd.Series(pd.to_datetime(["2024-01-01 00:00", "2024-01-02 03:00"]), name="ds")
    for unit in ("s", "ms", "us", "ns"):
        times, timezone, is_integer = parse(dates.dt.as_unit(unit))
        assert times.tolist() == instants(dates)
        assert (timezone, is_integer) == (None, False)
    assert "data.csv:3: column 'ds' holds 'NaT'" in refusal(parse, dates.where([True, False]))
    far = pd.Series(np.array(["2024-01-01", "20024-01-01"], dtype="datetime64[s]"), name="ds")
    assert refusal(parse, far).startswith("data.csv:3: column 'ds' holds '20024-01-01 00:00:00'")


# ---- time zones


@pytest.mark.parametrize(
    ("cells", "timezone"),
    [
        (["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"], "UTC"),
        (["2024-01-01 00:00:00+00:00"], "UTC"),
        (["2024-01-01 00:00+05:30", "2024-01-02 00:00+05:30"], "UTC+05:30"),
        (["2024-01-01 00:00-0300", "2024-01-02 00:00-0300"], "UTC-03:00"),
        (["2024-01-01 00:00:00-03", "2024-01-02 00:00:00-03"], "UTC-03:00"),
        (["2024-03-30 00:00+01:00", "2024-04-01 00:00+02:00"], "UTC"),
    ],
)
def test_written_offsets_are_kept(cells, timezone):
    times, found, _ = parse(cells)
    assert times.tolist() == [pd.to_datetime(cell, utc=True).value for cell in cells]
    assert found == timezone
    dates = TimeAxis(int(times[0]), "D", found).dates(np.array([0]))
    assert dates[0] == pd.to_datetime(cells[0])
    if found != "UTC":
        assert dates[0].hour == 0
    assert parse(cells, timezone="Europe/Berlin")[1] == "Europe/Berlin"
    assert parse(cells, timezone="Europe/Berlin")[0].tolist() == times.tolist()


def test_some_times_with_offset():
    cells = ["2024-01-01 00:00Z", "2024-01-02 00:00"]
    assert refusal(parse, cells) == (
        "data.csv:3: column 'ds' holds '2024-01-02 00:00'; some times have a UTC offset and some"
        " have none; write them alike"
    )


@pytest.mark.parametrize("unit", ["s", "ns"])
def test_zone_of_a_frame(unit):
    dates = pd.date_range("2024-10-26", periods=3, tz="Europe/Berlin", unit=unit).to_series(
        name="ds"
    )
    times, timezone, _ = parse(dates.array)
    assert times.tolist() == instants(["2024-10-25T22:00", "2024-10-26T22:00", "2024-10-27T23:00"])
    assert timezone == "Europe/Berlin"
    assert parse(dates.array, timezone="Asia/Tokyo")[1] == "Asia/Tokyo"


def test_zone_of_a_frame_without_a_name():
    import datetime

    import dateutil.tz

    for zone in (
        datetime.timezone(datetime.timedelta(hours=2), "X"),
        dateutil.tz.tzoffset("X", 7200),
    ):
        dates = pd.date_range("2024-01-01", periods=3, tz=zone)
        times, timezone, _ = parse(dates)
        assert times.tolist() == [date.value for date in dates]
        pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(timezone)


@pytest.mark.parametrize("name", ["Mars/Phobos", "CEST", "", "../etc/passwd"])
def test_unknown_zone(name):
    for cells in (["2024-01-01 01:00"], pd.date_range("2024-01-01", periods=2, tz="UTC")):
        assert refusal(parse, cells, timezone=name) == (
            f"data.timezone {name!r} is no time zone; write e.g. Europe/Berlin"
        )


@pytest.mark.parametrize(
    ("timezone", "minutes", "repeated"),
    [
        *[("Europe/Berlin", 15, 4), ("Europe/Berlin", 30, 2), ("Europe/Berlin", 60, 1)],
        *[("America/New_York", 60, 1), ("Australia/Lord_Howe", 15, 2)],
    ],
)
def test_repeated_hour_with_both_passes(timezone, minutes, repeated):
    dates = pd.date_range("2024-01-01", "2024-12-31", freq=f"{minutes}min", tz=timezone)
    assert dates.tz_localize(None).duplicated().sum() == repeated
    for cells in (dates.strftime("%Y-%m-%d %H:%M"), dates.tz_localize(None)):
        times, found, _ = parse(cells, timezone=timezone)
        np.testing.assert_array_equal(times, nanoseconds(dates))
        assert found == timezone


def test_repeated_hour_of_two_series_side_by_side():
    hours = ["01:00", "02:00", "02:00", "03:00"]
    cells = [f"2024-10-27 {hour}" for hour in hours for _ in range(2)]
    times = parse(cells, series=[0, 1] * 4, timezone="Europe/Berlin")[0]
    expected = pd.date_range("2024-10-26 23:00", periods=4, freq="h")
    np.testing.assert_array_equal(times, np.repeat(nanoseconds(expected), 2))


def test_repeated_hour_with_one_pass():
    cells = [f"2024-10-27 {hour:02d}:00" for hour in range(5)]
    assert refusal(parse, cells, timezone="Europe/Berlin") == (
        "data.csv:4: column 'ds' holds '2024-10-27 02:00:00', which happens twice in Europe/Berlin"
        " (end of daylight saving time) but has one row; mend the time, or write all times with"
        " their UTC offset"
    )
    both = [*cells[:3], *cells[2:]]
    message = refusal(parse, both + cells, series=[0] * 6 + [1] * 5, timezone="Europe/Berlin")
    assert message.startswith("data.csv:10: ")


def test_skipped_hour():
    cells = [f"2024-03-31 {hour:02d}:30" for hour in range(5)]
    assert refusal(parse, cells, timezone="Europe/Berlin") == (
        "data.csv:4: column 'ds' holds '2024-03-31 02:30:00', which does not exist in Europe/Berlin"
        " (begin of daylight saving time); mend the time, or write all times with their UTC offset"
    )


@pytest.mark.parametrize("timezone", ["Europe/Berlin", *MIDNIGHT_ZONES])
@pytest.mark.parametrize("gaps", [[], [5, 66, 67, 68, 200]])
def test_days_of_a_zone_over_its_clock_changes(timezone, gaps):
    days = pd.date_range("2009-01-01", "2011-12-31").delete(gaps)
    times, found, _ = parse(days.strftime("%Y-%m-%d"), timezone=timezone)
    assert found == timezone
    local = pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(timezone)
    assert (local.tz_localize(None).normalize() == days).all()
    assert infer_frequency(times, timezone, False, place) == "D"
    positions = TimeAxis(int(times[0]), "D", timezone).positions(times)
    np.testing.assert_array_equal(positions, (days - days[0]).days)
