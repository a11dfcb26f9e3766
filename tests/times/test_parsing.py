"""Time columns against dates and instants written out by hand."""

import re

import numpy as np
import pandas as pd
import pytest

from forecast.times import formats
from forecast.times.axis import TimeAxis, nanoseconds
from forecast.times.formats import read_formatted
from forecast.times.frequency import infer_frequency
from forecast.times.parsing import parse_times
from tests.helpers import refusal

MIDNIGHT_ZONES = ("America/Havana", "America/Sao_Paulo", "Africa/Cairo", "Asia/Beirut")
"""Zones whose clocks change, or changed, at midnight: days without one, and days with two."""


def place(row: int) -> str:
    return f"data.csv:{row + 2}"


def parse(cells, series=None, frequency="auto", time_format=None, timezone=None, name="ds"):
    column = pd.Series(cells, name=name)
    series = np.zeros(len(column), dtype=np.int64) if series is None else np.array(series)
    times = parse_times(column, series, frequency, time_format, timezone, place)
    return times.values, times.timezone, times.is_integer


def format_found(cells):
    column = pd.Series(cells, name="ds")
    series = np.zeros(len(column), dtype=np.int64)
    return parse_times(column, series, "auto", None, None, place).time_format


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
        (["2020-W53-7", "2021-W01-1"], ["2021-01-03", "2021-01-04"]),
        (["2020W537", "2021W011"], ["2021-01-03", "2021-01-04"]),
        (["2023-365", "2024-001", "2024-366"], ["2023-12-31", "2024-01-01", "2024-12-31"]),
        (["31.12.49", "01.01.50"], ["2049-12-31", "2050-01-01"]),
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


@pytest.mark.parametrize(
    ("cells", "dates", "time_format"),
    [
        (["2000Q1", "2000Q2"], ["2000-01-01", "2000-04-01"], "%YQ%q"),
        (["2000-Q1", "2000-Q4"], ["2000-01-01", "2000-10-01"], "%Y-Q%q"),
        (["1998 Q1", "1998 Q3"], ["1998-01-01", "1998-07-01"], "%Y Q%q"),
        (["Q1 1998", "Q2 1998"], ["1998-01-01", "1998-04-01"], "Q%q %Y"),
        (["1Q1998", "4Q1998"], ["1998-01-01", "1998-10-01"], "%qQ%Y"),
        (["1998q1", "1998q3"], ["1998-01-01", "1998-07-01"], "%YQ%q"),
        (["FY2000 Q1", "FY2000 Q4"], ["2000-01-01", "2000-10-01"], "FY%Y Q%q"),
        (["FY2000Q1", "FY2001Q2"], ["2000-01-01", "2001-04-01"], "FY%YQ%q"),
        (["Q1 FY24", "Q2 FY24"], ["2024-01-01", "2024-04-01"], "Q%q FY%y"),
        (["2000H1", "2000H2"], ["2000-01-01", "2000-07-01"], "%YH%h"),
        (["2000 S1", "2001 S2"], ["2000-01-01", "2001-07-01"], "%Y S%h"),
        (["2000-S1", "2000-S2"], ["2000-01-01", "2000-07-01"], "%Y-S%h"),
        (["H1 2000", "H2 2000"], ["2000-01-01", "2000-07-01"], "H%h %Y"),
        (["1H2000", "2H2000"], ["2000-01-01", "2000-07-01"], "%hH%Y"),
        (["2018-W01", "2020-W53"], ["2018-01-01", "2020-12-28"], "%G-W%V"),
        (["2020W53", "2021W01"], ["2020-12-28", "2021-01-04"], "%GW%V"),
        (["2018/9", "2020/53"], ["2018-02-26", "2020-12-28"], "%G/%V"),
        (["KW 1/2018", "KW 13/2018"], ["2018-01-01", "2018-03-26"], "KW %V/%G"),
        (["Week 01 2018", "Week 02 2018"], ["2018-01-01", "2018-01-08"], "Week %V %G"),
        (["2018/9", "2018/12"], ["2018-09-01", "2018-12-01"], None),
        (["Jan 2024", "Feb 2024"], ["2024-01-01", "2024-02-01"], "%b %Y"),
        (["January 2024", "May 2024"], ["2024-01-01", "2024-05-01"], "%b %Y"),
        (["Jan-98", "Feb-98"], ["1998-01-01", "1998-02-01"], "%b-%y"),
        (["1960M01", "1960M02"], ["1960-01-01", "1960-02-01"], "%YM%m"),
        (["3-Feb-2024", "4-Feb-2024"], ["2024-02-03", "2024-02-04"], "%d-%b-%Y"),
        (["Januar 2021", "März 2021"], ["2021-01-01", "2021-03-01"], "%b %Y"),
        (["1. Dezember 2021", "12. Mai 2022"], ["2021-12-01", "2022-05-12"], "%d. %b %Y"),
        (["févr. 2021", "août 2021"], ["2021-02-01", "2021-08-01"], "%b %Y"),
        (["ene-05", "dic-05"], ["2005-01-01", "2005-12-01"], "%b-%y"),
        (["1 de enero de 2021", "2 de marzo de 2021"], ["2021-01-01", "2021-03-02"], "%d %b %Y"),
        (["Friday, January 01, 2021", "Saturday, January 02, 2021"],
         ["2021-01-01", "2021-01-02"], "%A, %b %d, %Y"),
        (["Mon 01 Jan 2024", "Tue 02 Jan 2024"], ["2024-01-01", "2024-01-02"], "%a %d %b %Y"),
        (["Mon, 1/15/2024 09:30"], ["2024-01-15 09:30"], "%a, %m/%d/%Y %H:%M"),
        (["Jan. 2015", "March 2015", "Sept. 2015"], ["2015-01-01", "2015-03-01", "2015-09-01"],
         "%b %Y"),
        (["janv. 2021", "oct. 2021"], ["2021-01-01", "2021-10-01"], "%b %Y"),
        (["January, 2015", "May, 2015"], ["2015-01-01", "2015-05-01"], "%b, %Y"),
        (["Jan'15", "Feb'15"], ["2015-01-01", "2015-02-01"], "%b'%y"),
        (["Q1-15", "Q2-15"], ["2015-01-01", "2015-04-01"], "Q%q-%y"),
        (["Q1'15", "Q2'15"], ["2015-01-01", "2015-04-01"], "Q%q'%y"),
        (["4Q15", "1Q16"], ["2015-10-01", "2016-01-01"], "%qQ%y"),
        (["2015T1", "2015T4"], ["2015-01-01", "2015-10-01"], "%YT%q"),
        (["1T 2015", "2T 2015"], ["2015-01-01", "2015-04-01"], "%qT %Y"),
        (["2024-01-05 01:05 PM"], ["2024-01-05 13:05"], "%Y-%m-%d %I:%M %p"),
        (["FY2019", "FY2020"], ["2019-01-01", "2020-01-01"], "FY%Y"),
        (["13.02.24", "14.02.24"], ["2024-02-13", "2024-02-14"], "%d.%m.%y"),
        (["1/2/2024 1:05 PM", "1/13/2024 1:05 AM"],
         ["2024-01-02 13:05", "2024-01-13 01:05"], "%m/%d/%Y %I:%M %p"),
        (["2024-01-01 23:00", "2024-01-01 24:00"], ["2024-01-01 23:00", "2024-01-02"], None),
        (["31.12.2024 24:00", "01.01.2025 01:00"], ["2025-01-01", "2025-01-01 01:00"],
         "%d.%m.%Y %H:%M"),
        (["2024-12-31T24:00:00Z"], ["2025-01-01"], None),
        (["13/01/2023", "01/02/2023"], ["2023-01-13", "2023-02-01"], "%d/%m/%Y"),
        (["2023年1月5日", "2023年12月10日"], ["2023-01-05", "2023-12-10"], "%Y年%m月%d日"),
        (["2023年1月5日 9:30"], ["2023-01-05 09:30"], "%Y年%m月%d日 %H:%M"),
        (["2023年1月", "2023年12月"], ["2023-01-01", "2023-12-01"], "%Y年%m月"),
        (["2022年", "2023年"], ["2022-01-01", "2023-01-01"], "%Y年"),
        (["2023년 1월 5일", "2023년 2월 5일"], ["2023-01-05", "2023-02-05"], "%Y년 %m월 %d일"),
        (["2023.01.02.", "2023.01.13."], ["2023-01-02", "2023-01-13"], "%Y.%m.%d."),
        (["2023. 1. 2", "2023. 1. 13"], ["2023-01-02", "2023-01-13"], "%Y. %m. %d"),
        (["Jan 1, 2023 @ 00:00", "Jan 13, 2023 @ 00:30"],
         ["2023-01-01", "2023-01-13 00:30"], "%b %d, %Y @ %H:%M"),
        (["2. 1. 2023", "13. 1. 2023"], ["2023-01-02", "2023-01-13"], "%d. %m. %Y"),
        (["02Jan2023", "13Jan2023"], ["2023-01-02", "2023-01-13"], "%d%b%Y"),
        (["02Jan2023:05:06:07"], ["2023-01-02 05:06:07"], "%d%b%Y:%H:%M:%S"),
        (["13/1/2023 12AM", "13/1/2023 1PM"], ["2023-01-13", "2023-01-13 13:00"],
         "%d/%m/%Y %I%p"),
        (["13/01/2023 12:05 a.m.", "13/01/2023 01:05 p. m."],
         ["2023-01-13 00:05", "2023-01-13 13:05"], "%d/%m/%Y %I:%M %p"),
        (["Jan '12", "Feb '12"], ["2012-01-01", "2012-02-01"], "%b '%y"),
        (["2010:Q1", "2010:Q4"], ["2010-01-01", "2010-10-01"], "%Y:Q%q"),
        (["2010:1", "2010:12"], ["2010-01-01", "2010-12-01"], "%Y:%m"),
        (["1. Quartal 2010", "4. Quartal 2010"], ["2010-01-01", "2010-10-01"],
         "%q. Quartal %Y"),
        (["Qtr 1 2010", "Qtr 4 2010"], ["2010-01-01", "2010-10-01"], "Qtr %q %Y"),
        (["Week 01, 2018", "Week 13, 2018"], ["2018-01-01", "2018-03-26"], "Week %V, %G"),
        (["01.02.2024 00:00 - 01.02.2024 01:00", "13.02.2024 00:00 - 13.02.2024 01:00"],
         ["2024-02-01", "2024-02-13"], "%d.%m.%Y %H:%M"),
        (["Jan 1, 2024 - Jan 7, 2024", "Jan 29, 2024 \u2013 Feb 4, 2024"],
         ["2024-01-01", "2024-01-29"], "%b %d, %Y"),
        (["2024-01-01T00:00Z/2024-01-01T01:00Z"], ["2024-01-01"], None),
        (["2024-01-01 to 2024-01-07", "2024-01-08 to 2024-01-14"],
         ["2024-01-01", "2024-01-08"], None),
    ],
)  # fmt: skip
def test_the_format_that_reads_all_cells(cells, dates, time_format):
    assert parse(cells)[0].tolist() == instants(dates)
    assert format_found(cells) == time_format
    assert parse(cells, time_format=time_format)[0].tolist() == instants(dates)


@pytest.mark.parametrize(
    ("cells", "time_format", "what"),
    [
        ([202401, 202402, 202412, 202501], "%Y%m", "a month"),
        ([202350, 202352, 202401], "%G%V", "a week"),
        ([20001, 20002, 20003, 20004, 20011], "%Y%q", "a quarter"),
        ([2023364, 2023365, 2024001], "%Y%j", "a day of a year"),
        ([2024010122, 2024010123, 2024010200], "%Y%m%d%H", "a time"),
        # Midnights in Berlin around a change of clocks: 24, 23 and 24 hours apart.
        ([1711753200, 1711839600, 1711922400, 1712008800], "unix_s", "time since 1970"),
        ([1711753200000, 1711839600000, 1711922400000], "unix_ms", "time since 1970"),
    ],
)
def test_integers_that_may_be_times(cells, time_format, what):
    for column in (cells, [str(cell) for cell in cells]):
        message = refusal(parse, column)
        assert f"'{cells[0]}', {what} or an integer; set data.time_format: '{time_format}'" in (
            message
        )
        assert parse(column, frequency=1)[0].tolist() == cells
    times, timezone, is_integer = parse(cells, time_format=time_format, timezone="Europe/Berlin")
    assert (timezone, is_integer) == ("Europe/Berlin", False)
    dates = TimeAxis(0, "D", timezone).dates(np.array([0]))
    assert dates.tz is not None
    if time_format.startswith("unix"):
        unit = time_format.removeprefix("unix_")
        assert (
            times.tolist()
            == pd.to_datetime(cells, unit=unit).astype("datetime64[ns]").view(np.int64).tolist()
        )


@pytest.mark.parametrize(
    "cells", [[1, 2, 3], [1990, 1991], [0, 5], [-202401, 202402], [200053, 200054], [20005, 20006]]
)
def test_integers_that_are_no_times(cells):
    assert parse(cells)[0].tolist() == cells


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
        (["32/12/24", "33/12/24"], 0, "32/12/24"),
        (["2024Q1", "2024Q5"], 1, "2024Q5"),
        (["Jan 2024", "Total 2024"], 1, "Total 2024"),
        (["Jan 2024", "Fbe 2024"], 1, "Fbe 2024"),
        (["2024-W01", "2024-W54"], 1, "2024-W54"),
        (["2024-01-01 23:00", "2024-01-01 25:00"], 1, "2024-01-01 25:00"),
        (["1700", "x"], 1, "x"),
        (["1700.5", "1701"], 0, "1700.5"),
        (["1500-01-01", "1501-01-01"], 0, "1500-01-01"),
        (["2024-01-01", "2999-01-01"], 1, "2999-01-01"),
        (["25/12/2024", "26/12/2999"], 1, "26/12/2999"),
        (["2024-01-01", "nan"], 1, "nan"),
    ],
)
def test_cells_that_are_no_dates(cells, row, cell):
    has_digit = any(map(str.isdigit, cell))
    remedy = "write YYYY-MM-DD[ HH:MM:SS] in 1678 to 2261, or set data.time_format"
    if not has_digit or cell == "Total 2024":
        remedy = "delete the row if it is a total or a note, or write YYYY-MM-DD[ HH:MM:SS]"
    if cell in ("32/12/24", "1500-01-01"):  # and the other one
        remedy = remedy.replace(", or set data.time_format", ", set data.time_format, or")
        remedy += " number the rows (1, 2, 3, ...)"
    if cell == "1700.5":
        remedy = "of a year with a fraction write the date, YYYY-MM-DD"
    assert refusal(parse, cells) == (
        f"data.csv:{row + 2}: column 'ds' holds '{cell}', which is not read as a date; {remedy}"
    )


@pytest.mark.parametrize("cells", [["2-4 Jan 2023", "5-7 Jan 2023"], ["Wave 1 - 3", "Wave 2 - 4"]])
def test_what_is_no_interval_of_times(cells):
    assert f"holds '{cells[0]}', which is not read as a date; write" in refusal(parse, cells)


@pytest.mark.parametrize(
    "cells",
    [
        ["02 Jan", "03 Jan"],
        ["Jan 2", "Jan 3"],
        ["31/12", "30/12"],
        ["2.1.", "3.1."],
        ["May", "June"],
    ],
)
def test_times_without_a_year(cells):
    said = "which is not read as a date; write its year too, YYYY-MM-DD or YYYY-MM"
    assert refusal(parse, cells) == f"data.csv:2: column 'ds' holds '{cells[0]}', {said}"


def test_a_quarter_or_a_month():
    said = refusal(parse, ["2010:1", "2010:2", "2010:3", "2010:4"])
    assert "'2010:1', which is read in several ways; set data.time_format: '%Y:%q' or" in said


@pytest.mark.parametrize("word", ["now", "today"])
def test_words_that_pandas_takes_for_the_present_are_no_times(word):
    message = refusal(parse, ["01/02/2024", word], time_format="%d/%m/%Y")
    assert message.startswith(f"data.csv:3: column 'ds' holds '{word}', which is not read as")


@pytest.mark.parametrize("cells", [["2024-01-01", ""], ["1700", "  "], ["2024-01-01", None]])
def test_empty_time(cells):
    message = refusal(parse, cells, name="day")
    assert (
        message == "data.csv:3: column 'day' is empty; every row needs its time;"
        " give it one, or delete the row"
    )


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
    assert refusal(parse, ["2024", "x"], time_format="%Y") == (
        "data.csv:3: column 'ds' holds 'x', which is not read as data.time_format '%Y' says; mend"
        " one of them"
    )
    assert refusal(parse, ["2024"], time_format="%Q").startswith("data.time_format '%Q': ")
    for wrong in ("%q%m", "%q%h", "%Y%y%h"):
        said = refusal(parse, ["2024"], time_format=wrong)
        assert said.startswith(f"data.time_format '{wrong}': ")
    times, timezone, _ = parse(["01/02/2024 03 +0530"], time_format="%d/%m/%Y %H %z")
    assert times.tolist() == instants(["2024-02-01 03:00+05:30"])
    assert timezone == "UTC+05:30"


def test_two_names_of_zones_under_a_time_format():
    cells = ["2024-03-31 01:00 CET", "2024-03-31 03:00 CEST"]
    assert refusal(parse, cells, time_format="%Y-%m-%d %H:%M %Z").endswith(
        "'2024-03-31 03:00 CEST', which is not read as data.time_format '%Y-%m-%d %H:%M %Z' says;"
        " take 'CEST' off and set data.timezone, e.g. Europe/Berlin, or write offsets such as"
        " +01:00"
    )


def test_dates_of_a_frame():
    dates = pd.Series(pd.to_datetime(["2024-01-01 00:00", "2024-01-02 03:00"]), name="ds")
    for unit in ("s", "ms", "us", "ns"):
        times, timezone, is_integer = parse(dates.dt.as_unit(unit))
        assert times.tolist() == instants(dates)
        assert (timezone, is_integer) == (None, False)
    message = refusal(parse, dates.where([True, False]))
    assert message.startswith("data.csv:3: column 'ds' is empty; every row needs its time")
    far = pd.Series(np.array(["2024-01-01", "20024-01-01"], dtype="datetime64[s]"), name="ds")
    assert refusal(parse, far).startswith("data.csv:3: column 'ds' holds '20024-01-01 00:00:00'")


# ---- time zones


@pytest.mark.parametrize(
    ("cells", "timezone"),
    [
        (["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"], "UTC"),
        (["2024-01-01 00:00:00+00:00"], "UTC"),
        (["2024-01-01 00:00:00 UTC", "2024-01-02 00:00:00 UTC"], "UTC"),
        (["2024-01-01T00:00 GMT", "2024-01-02T00:00:00GMT"], "UTC"),
        (["2024-01-01 00:00+05:30", "2024-01-02 00:00+05:30"], "UTC+05:30"),
        (["2024-01-01 00:00-0300", "2024-01-02 00:00-0300"], "UTC-03:00"),
        (["2024-01-01 00:00:00-03", "2024-01-02 00:00:00-03"], "UTC-03:00"),
        (["2024-03-30 00:00+01:00", "2024-04-01 00:00+02:00"], "UTC"),
    ],
)
def test_written_offsets_are_kept(cells, timezone):
    times, found, _ = parse(cells)
    cells = [re.sub(" ?(UTC|GMT)$", "Z", cell) for cell in cells]
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


def test_repeated_hour_in_falling_order():
    dates = pd.date_range("2024-10-26 22:00", periods=24, freq="30min", tz="Europe/Berlin")
    for order in (slice(None, None, -1), [*range(16, 24), *range(16)]):
        some = dates[order]
        np.testing.assert_array_equal(
            parse(some.strftime("%Y-%m-%d %H:%M"), timezone="Europe/Berlin")[0], nanoseconds(some)
        )


def test_repeated_hour_in_no_order():
    cells = [f"2024-10-27 {hour}:00" for hour in ("01", "02", "01", "02", "01")]
    assert "has rows in no order of time" in refusal(parse, cells, timezone="Europe/Berlin")


def test_day_that_a_zone_skips():
    days = pd.date_range("2011-12-28", "2012-01-02")
    message = refusal(parse, days.strftime("%Y-%m-%d"), timezone="Pacific/Apia")
    assert "holds '2011-12-30 00:00:00', which does not exist in Pacific/Apia;" in message
    times = parse(days.delete(2).strftime("%Y-%m-%d"), timezone="Pacific/Apia")[0]
    axis = TimeAxis(int(times[0]), "D", "Pacific/Apia")
    assert axis.positions(times).tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(axis.at(np.arange(5)), times)


def test_repeated_hour_with_one_pass():
    cells = [f"2024-10-27 {hour:02d}:00" for hour in range(5)]
    assert refusal(parse, cells, timezone="Europe/Berlin") == (
        "data.csv:4: column 'ds' holds '2024-10-27 02:00:00', which happens twice in Europe/Berlin"
        " (end of daylight saving time) but has one row; mend the time, leave the row out, or"
        " write all times with their UTC offset"
    )
    both = [*cells[:3], *cells[2:]]
    message = refusal(parse, both + cells, series=[0] * 6 + [1] * 5, timezone="Europe/Berlin")
    assert message.startswith("data.csv:10: ")


def test_skipped_hour():
    cells = [f"2024-03-31 {hour:02d}:30" for hour in range(5)]
    assert refusal(parse, cells, timezone="Europe/Berlin") == (
        "data.csv:4: column 'ds' holds '2024-03-31 02:30:00', which does not exist in Europe/Berlin"
        " (begin of daylight saving time); mend the time, leave the row out, or write all times"
        " with their UTC offset"
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


def test_texts_without_a_digit_are_read_by_no_format(monkeypatch):
    """A wide table has many such columns, and a hundred formats are tried on each."""
    monkeypatch.setattr(formats, "read_formatted", lambda *_: pytest.fail("a format is tried"))
    assert formats.formats_of(pd.Series(["north", "south"])) == {}
    assert formats.formats_of(pd.Series(["2020-01-01", "total"])) == {}


def test_texts_of_which_none_is_a_quarter():
    assert read_formatted(pd.Series(["", "x"], dtype=object), "%Yq%q").isna().all()
