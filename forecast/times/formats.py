"""Formats of times: what strptime reads, quarters, weeks and epochs, and which one a column has."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from jaxtyping import Int

from forecast.config.data import EPOCHS, EXCEL
from forecast.tables.compact import are_in_range
from forecast.times.month_names import with_english_months

END_OF_DAY = re.compile(r"([T ])24(:00){1,2}(\.0+)?(?=$| ?[Z+-])")
"""Midnight as the end of a day rather than the beginning of the next."""
BEFORE_CLOCK = re.compile(r"(,? (?:@ )?|T|(?<=[a-z]\d{4}):)(?=\d{1,2}(?::\d\d| ?[AaPp]\.?[Mm]))")
HALF_DAY = re.compile(r"([AaPp])\.\s?[Mm]\.?$")
"""a.m. and p.m. as Spanish writes them."""
INTERVAL = re.compile(r"(\S.*?)(?:\s+(?:[-\u2013\u2014]|to)\s+|/)(\S.*)")
FEWEST_DIGITS = 5
"""Of a day in an interval, Jan 1 2024: 2019/2020 is a year of schools."""
DAY_FIRST, MONTH_FIRST = ("%d", "%m"), ("%m", "%d")
DAYS = [
    mark.join((*day, year))
    for mark in "/.-"
    for year in ("%Y", "%y")
    for day in (DAY_FIRST, MONTH_FIRST)
]
DAYS += ["%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d. %b %Y", "%b %d, %Y", "%b %d %Y", "%Y %b %d"]
DAYS += ["%Y-%b-%d", "%Y%m%d", "%Y-%m-%d", "%Y/%m/%d", "%G-W%V-%u", "%d%b%Y"]
DAYS += ["%d. %m. %Y", "%Y.%m.%d", "%Y.%m.%d.", "%Y. %m. %d", "%Y. %m. %d."]
DAYS += ["%Y年%m月%d日", "%Y년 %m월 %d일", "%Y년%m월%d일"]
DAYS += [f"{week}{mark} {day}" for week in ("%A", "%a") for mark in (",", "") for day in DAYS]
"""Of a day, which may have a clock behind it."""
CLOCKS = ("", "%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I%p", "%I %p")
PERIODS = [
    mark.join(parts)
    for parts in (
        ("%Y", "Q%q"),
        ("Q%q", "%Y"),
        ("%qQ", "%Y"),
        ("%Y", "T%q"),
        ("T%q", "%Y"),
        ("%qT", "%Y"),
        ("FY%Y", "Q%q"),
        ("Q%q", "FY%Y"),
        ("FY%y", "Q%q"),
        ("Q%q", "FY%y"),
        *(pair for letter in "HS" for pair in (("%Y", f"{letter}%h"), (f"{letter}%h", "%Y"))),
        ("%hH", "%Y"),
        ("FY%Y", "H%h"),
        ("%G", "W%V"),
        ("W%V", "%G"),
        ("%Y", "M%m"),
    )
    for mark in ("", "-", " ", "/")
]
PERIODS += [
    mark.join(parts)
    for month in ("%b", "%m")
    for year in ("%Y", "%y")
    for parts in ((month, year), (year, month))
    for mark in (" ", "-", "/", ".", ", ", "'")
    if (parts[1] == year and (month == "%b" or year == "%Y"))
    or (year == "%Y" and (month == "%b" or mark == " "))
]
PERIODS += ["FY%Y", "FY %Y", "CY%Y", "%qQ%y", "%qQ %y", "Q%q '%y", "%b '%y", "%b%y"]
PERIODS += [f"Q%q{mark}%y" for mark in " -/'"]
PERIODS += ["%Y:Q%q", "%Y:%q", "%Y:%m", "%q. Quartal %Y", "%q.Quartal %Y"]
PERIODS += [parts for word in ("Qtr", "Quarter") for parts in (f"{word} %q %Y", f"%Y {word} %q")]
PERIODS += ["%Y年%m月", "%Y년 %m월", "%Y년%m월", "%Y年", "%Y년", "%Y年度"]
"""Of a half year or a quarter, a week, a month or a year."""
PARTS = {"%q": 3, "%h": 6}
"""Months of a quarter and of a half year, which strptime does not know."""
WEEKS = [
    mark.join((number, "%G") if is_last else ("%G", number))
    for word in ("", "W", "KW", "KW ", "CW", "CW ", "Week ", "week ", "wk ")
    for number in (f"{word}%V",)
    for mark in ("/", "-", " ", ", ", " - ")
    for is_last in (False, True)
]
"""Of a week, where nothing else reads them: 2018/12 may be a month, 2018/13 is none."""
FULL = {r"\d{4}-\d{3}": "%Y-%j", r"\d{4}W\d{3}": "%GW%V%u"}
"""Of a day, where all of its digits are there: strptime takes fewer, of a month or a week."""
LEAP_1900, LAST_SERIAL, DAY_SECONDS = 60, 132_000, 86_400
"""The day that 1900 did not have, and one in 2261, as spreadsheets count."""
SERIALS = (32_874, 55_153)
"""Such days from 1990 to the end of 2050: whole numbers in a column of times may be these."""
LOOKED_AT = 200
"""Texts by which most formats are ruled out."""
CODES = {8: ("%Y%m%d",), 7: ("%Y%j",), 6: ("%Y%m", "%G%V"), 5: ("%Y%q",)}
CODES |= {10: ("%Y%m%d%H",), 12: ("%Y%m%d%H%M",), 14: ("%Y%m%d%H%M%S",)}
"""Formats of whole numbers, by their digits."""


def has_offset(time_format: str) -> bool:
    """Whether times of a format tell their distance to UTC."""
    return "%z" in time_format


def read_formatted(texts: pd.Series, time_format: str) -> pd.DatetimeIndex:
    """Times of one format; NaT for what is not written so.

    Args:
        texts: without blanks around.
        time_format: of strptime; with `%q` for a quarter or `%h` for a half year, whose first day
            it is; a week without a weekday is its Monday; or a key of `EPOCHS`, or `excel`.

    Raises:
        ValueError: if it is no format.
    """
    texts = texts.where(texts.str.contains(r"\d"), "")  # pandas takes "now" for a time
    if time_format in EPOCHS:
        return _since_1970(texts, time_format)
    if time_format == EXCEL:
        return _since_1900(texts)
    texts = with_english_months(texts, time_format)
    if "%p" in time_format:
        texts = texts.str.replace(HALF_DAY, r"\1m", regex=True)
    if part := next((each for each in PARTS if each in time_format), None):
        texts, time_format = _as_months(texts, time_format, part)
    if "%V" in time_format and not re.search("%[uaAw]", time_format):
        texts, time_format = texts + " 1", f"{time_format} %u"
    return with_ends_of_days(
        texts,
        lambda some: pd.DatetimeIndex(
            pd.to_datetime(some, format=time_format, errors="coerce", utc=has_offset(time_format))
        ),
    )


def begins_of(texts: pd.Series) -> pd.Series:
    """The begins of intervals such as `01.02.2024 00:00 - 01.02.2024 01:00`; other texts as they
    are. Both times of an interval are written alike."""
    if not len(texts) or not INTERVAL.fullmatch(str(texts.iloc[0])):
        return texts
    ends = texts.str.extract(f"^{INTERVAL.pattern}$")
    if ends.isna().any(axis=None):
        return texts
    shapes = ends.apply(lambda side: side.str.replace(r"\d+", "0", regex=True).map(_word_shape))
    is_day = ends[0].str.count(r"\d") >= FEWEST_DIGITS
    return ends[0] if is_day.all() and (shapes[0] == shapes[1]).all() else texts


def _word_shape(text: str) -> str:
    return re.sub(r"[^\W\d_]+", "a", text)


def with_ends_of_days(
    texts: pd.Series, read: Callable[[pd.Series], pd.DatetimeIndex]
) -> pd.DatetimeIndex:
    """Dates as a reader of texts gives them, and 24:00 as the midnight that ends its day."""
    dates = readable(read(texts))
    is_end = np.array(dates.isna())
    is_end[is_end] = [bool(END_OF_DAY.search(str(text))) for text in texts[is_end]]
    if not is_end.any():
        return dates
    begins = texts.mask(is_end, texts.str.replace(END_OF_DAY, r"\g<1>00\2\3", regex=True))
    return readable(read(begins)) + pd.TimedeltaIndex(is_end.astype("timedelta64[D]"))


def readable(dates: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Dates in nanoseconds; NaT for years that do not fit."""
    if dates.unit == "ns":
        return dates
    if are_in_range(dates.min(), dates.max()):
        return dates.as_unit("ns")
    return pd.DatetimeIndex(dates.where((dates.year >= 1678) & (dates.year <= 2261))).as_unit("ns")


def _since_1970(texts: pd.Series, time_format: str) -> pd.DatetimeIndex:
    """Whole numbers as instants in UTC."""
    numbers = pd.to_numeric(texts, errors="coerce")
    unit = EPOCHS[time_format]
    most = pd.Timestamp("2262-01-01").value // unit
    known = numbers.where((numbers.abs() < most) & (numbers % 1 == 0))
    filled = known.fillna(0).astype(np.int64) * unit
    dates = pd.DatetimeIndex(filled.to_numpy().view("datetime64[ns]")).tz_localize("UTC")
    return pd.DatetimeIndex(dates.where(known.notna().to_numpy()))


def _since_1900(texts: pd.Series) -> pd.DatetimeIndex:
    """Days as spreadsheets count them, to the second; those of 1900 that they count wrongly not."""
    numbers = pd.to_numeric(texts, errors="coerce")
    known = numbers.where((numbers > LEAP_1900) & (numbers < LAST_SERIAL))
    seconds = (known.fillna(0) * DAY_SECONDS).round().astype(np.int64).to_numpy()
    dates = pd.DatetimeIndex(np.datetime64("1899-12-30", "ns") + seconds.astype("timedelta64[s]"))
    return pd.DatetimeIndex(dates.where(known.notna().to_numpy()))


def _as_months(texts: pd.Series, time_format: str, part: str) -> tuple[pd.Series, str]:
    """Texts of quarters or half years as those of their first months, and the format of these."""
    year = next((each for each in ("%Y", "%y") if each in time_format), "%Y")
    if sorted(re.findall("%.", time_format)) != sorted([year, part]):
        raise ValueError(f"{part} goes with a year alone")
    months = PARTS[part]
    digits = rf"(?P<year>\d{{{4 if year == '%Y' else 2}}})"
    number = f"(?P<number>[1-{12 // months}])"
    pattern = re.escape(time_format).replace(year, digits).replace(part, number)
    found = texts.str.extract(f"(?i)^{pattern}$")
    first = {str(n + 1): f"-{n * months + 1:02}" for n in range(12 // months)}
    begins = found["number"].map(first).astype(found["year"].dtype)  # none: no texts to pandas 3
    return (found["year"] + begins).fillna(""), f"{year}-%m"


def formats_of(texts: pd.Series) -> dict[str, pd.DatetimeIndex]:
    """The formats that read all texts, with what they read; the likelier ones first."""
    if not texts.str.contains(r"\d").all():  # as texts of many columns are, and no time is
        return {}
    first = str(texts.iloc[0])
    for digits, time_format in FULL.items():
        if re.fullmatch(digits, first) and texts.str.fullmatch(digits).all():
            return _reading(texts, [time_format])
    is_week = re.fullmatch(
        r"(?:[a-zA-Z]+ ?)?\d{1,2}(?:[/ -]|, | - )\d{4}"
        r"|\d{4}(?:[/ -]|, | - )(?:[a-zA-Z]+ ?)?\d{1,2}",
        first,
    )
    weeks = _of_shape(WEEKS, first) if is_week else []
    return _reading(texts, _likely(first)) or _reading(texts, weeks)


def _reading(texts: pd.Series, formats: Iterable[str]) -> dict[str, pd.DatetimeIndex]:
    """Those among some formats that read all texts, each in a way of its own."""
    found: dict[str, pd.DatetimeIndex] = {}
    for time_format in formats:
        dates = _read_all(texts, time_format)
        if dates is not None and not any(dates.equals(other) for other in found.values()):
            found[time_format] = dates
    return found


def _read_all(texts: pd.Series, time_format: str) -> pd.DatetimeIndex | None:
    """Times of one format; None where one is not written so, which some of them mostly tell."""
    some = texts.iloc[:: len(texts) // LOOKED_AT + 1]
    if len(some) < len(texts) and np.any(read_formatted(some, time_format).isna()):
        return None
    dates = read_formatted(texts, time_format)
    return None if np.any(dates.isna()) else dates


def _of_shape(formats: Iterable[str], text: str) -> list[str]:
    """Those that may read a text, by its numbers and what stands between them: to try one takes
    pandas 2 ms. A name may have been written in many ways; blanks may be left out or doubled."""
    shape = _shape(re.sub(r"\d+", "0", text))
    return [
        each
        for each in formats
        if (given := _shape(re.sub("(%[^AabBp])+", "0", each))) == shape
        or ("%" in given and given.count("0") == shape.count("0"))
    ]


def _shape(numbered: str) -> str:
    return re.sub("0+", "0", re.sub(r"\s", "", numbered)).lower()


@functools.lru_cache(maxsize=256)
def _likely(text: str) -> tuple[str, ...]:
    """The formats that read one text; the same text comes up again."""
    one = pd.Series([text])
    day, mark, clock = text, "", ""
    if found := BEFORE_CLOCK.search(text):
        day, mark, clock = text[: found.start()], found[1], text[found.end() :]
    clocks = [each for each in CLOCKS if bool(each) == bool(clock)]
    formats = _of_shape([*DAYS, *([] if clock else PERIODS)], day)
    days = [each for each in formats if not np.any(read_formatted(pd.Series([day]), each).isna())]
    pairs = (f"{each}{mark}{behind}" for each, behind in itertools.product(days, clocks))
    whole = _of_shape(pairs, text)
    return tuple(each for each in whole if not np.any(read_formatted(one, each).isna()))


def code_format(values: Int[np.ndarray, " N"]) -> str | None:
    """The format with which whole numbers may be times rather than counts: 20240131, 202401, ...

    Seconds and their parts since 1970, and days of spreadsheets, are told by their size, 1990 on.
    """
    least, most = int(values.min()), int(values.max())
    digits = len(str(least))
    if least > 0 and digits == len(str(most)):
        texts = pd.Series(np.unique(values)).astype(str)
        for time_format in CODES.get(digits, ()):
            dates = _read_all(texts, time_format)
            if dates is not None and dates[0].year >= 1900 and dates[-1].year < 2100:
                return time_format
    for name, unit in EPOCHS.items():
        first, last = (pd.Timestamp(year).value // unit for year in ("1990", "2100"))
        if first <= least and most < last:
            return name
    return EXCEL if SERIALS[0] <= least and most <= SERIALS[1] else None
