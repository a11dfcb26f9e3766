"""Time columns read without guessing: integers, ISO 8601, or the one format that reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Int

from forecast.config.data import EPOCHS, EXCEL
from forecast.errors import DataError, shown
from forecast.tables.compact import distinct_texts
from forecast.times.axis import Place, are_plain, iso_dates
from forecast.times.codes import refuse_centuries, refuse_turns
from forecast.times.formats import (
    begins_of,
    code_format,
    formats_of,
    has_offset,
    read_formatted,
    readable,
)
from forecast.times.local import cell_at, is_zone, localized
from forecast.times.month_names import month_of

CODES = {"%Y%m%d": "a date", "%Y%m": "a month", "%G%V": "a week", "%Y%q": "a quarter"}
CODES["%Y%j"] = "a day of a year"
CODES |= dict.fromkeys(("%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S"), "a time")
CODES |= {**dict.fromkeys(EPOCHS, "time since 1970"), EXCEL: "a day of a spreadsheet"}
"""What integers of a format may be."""
SPLIT_YEAR = re.compile(r"(\d{4})\s?[-/\u2013]\s?((?:\d\d)?\d\d)")
FEWEST_YEARS = 3
"""Months of which each is 13 after the one before are no months."""
LAST_SHORT_YEAR = 2050
"""That two digits are taken for: 60 is hardly 2060."""
ZONE_NAME = re.compile(r"\d:\d\d[^\s\[]*\s?(?:[AaPp][Mm])?\s*(\[.+\]|[A-Z][A-Za-z_]{2,}(?:/\w+)*)")
INTEGER = re.compile(r"[-+]?\d{1,18}(\.0+)?")


@dataclass(frozen=True)
class Times:
    """A column of times that was read."""

    values: Int[np.ndarray, " N"]
    """Nanoseconds in UTC, naive nanoseconds, or integers."""
    timezone: str | None = None
    is_integer: bool = True
    time_format: str | None = None
    """As they are written; None: ISO 8601, dates of a frame, or integers."""


def parse_times(
    column: pd.Series,
    series: Int[np.ndarray, " N"],
    frequency: str | int,
    time_format: str | None,
    timezone: str | None,
    place: Place,
) -> Times:
    """Read a time column without guessing.

    Args:
        column: text, dates or int64.
        series: number of the series of each row, to tell the two passes of a repeated hour apart.
        frequency: as configured; an integer says that times are integers.
        time_format: strptime format, or None for integers and ISO 8601.
        timezone: zone of local times, or None.
        place: names a row in messages.

    Raises:
        DataError: with file and line, for a time that is missing, unreadable or ambiguous.
    """
    name = str(column.name)
    if timezone is not None and not is_zone(timezone):
        raise DataError(f"data.timezone {timezone!r} is no time zone; write e.g. Europe/Berlin")
    if pd.api.types.is_datetime64_any_dtype(column):
        dates = readable(pd.DatetimeIndex(column))
        _refuse_step(frequency, column.iloc[0], name, place(0))
        _refuse_nat(dates, column, name, place)
        return Times(*localized(dates, series, timezone, name, place), False, time_format)
    if column.dtype.kind in "iu" and time_format is None:
        values = column.to_numpy(np.int64)
        refuse_centuries(values, series, cell_at(place(0), name, column.iloc[0]))
        return Times(_integers(values, column.iloc[0], frequency, name, place))
    codes, texts = _stripped(column)

    def first_place(number: int) -> str:
        return place(int(np.argmax(codes == number)))

    _refuse_empty(texts, name, first_place)
    other = next((n for n, text in enumerate(texts) if not INTEGER.fullmatch(str(text))), None)
    if time_format is None and other is None:
        values = texts.str.replace(r"\.0+$", "", regex=True).astype(np.int64).to_numpy()
        refuse_centuries(values[codes], series, cell_at(first_place(0), name, texts[0]))
        return Times(_integers(values, texts[0], frequency, name, first_place)[codes])
    number = other or 0
    _refuse_step(frequency, texts[number], name, first_place(number))
    dates, time_format = _dates(texts, name, time_format, first_place)
    local = localized(dates.take(codes), series, timezone, name, place)
    return Times(*local, False, time_format)


def _refuse_empty(texts: pd.Series, name: str, place: Place) -> None:
    empty = (texts == "").to_numpy()
    if empty.any():
        row = int(np.argmax(empty))
        raise _no_time(place(row), name)


def _no_time(place: str, name: str) -> DataError:
    return DataError(
        f"{place}: column {shown(name)} is empty; every row needs its time; give it one, or delete"
        " the row"
    )


def _refuse_step(frequency: str | int, cell: object, name: str, place: str) -> None:
    if isinstance(frequency, int):
        raise DataError(
            f"{cell_at(place, name, cell)}, but data.frequency is {frequency}, a step of integers;"
            " give a pandas offset such as D"
        )


def _refuse_nat(
    dates: pd.DatetimeIndex,
    texts: pd.Series,
    name: str,
    place: Place,
    time_format: str | None = None,
) -> None:
    bad = np.asarray(dates.isna())
    if bad.any():
        row = int(np.argmax(bad))
        cell = str(texts.iloc[row])
        if cell == str(pd.NaT):
            raise _no_time(place(row), name)
        how = f"a date; {_remedy(cell, are_all=bool(bad.all()) and len(bad) > 1)}"
        if time_format is not None:
            zone = ZONE_NAME.search(cell) if "%Z" in time_format else None
            remedy = _without_name(zone[1]) if zone else "mend one of them"
            how = f"data.time_format {time_format!r} says; {remedy}"
        raise DataError(f"{cell_at(place(row), name, cell)}, which is not read as {how}")


def _remedy(cell: str, are_all: bool) -> str:
    """What to do about a cell that is no date, or about all of them."""
    if are_all and _lacks_year(cell):
        return "write its year too, YYYY-MM-DD or YYYY-MM"
    if not are_all and (not re.search(r"\d", cell) or _is_note(cell)):
        return "delete the row if it is a total or a note, or write YYYY-MM-DD[ HH:MM:SS]"
    if re.fullmatch(r"-?\d+ days( [\d:.]+)?", cell):
        return "a duration is none; add it to the time at which it begins"
    if re.fullmatch(r"\d{4}\.\d+", cell):
        return "of a year with a fraction write the date, YYYY-MM-DD"
    if zone := ZONE_NAME.search(cell):
        return _without_name(zone[1])
    write = "write YYYY-MM-DD[ HH:MM:SS] in 1678 to 2261"
    if are_all:
        return f"{write}, set data.time_format, or number the rows (1, 2, 3, ...)"
    return f"{write}, or set data.time_format"


def _is_note(cell: str) -> bool:
    """Whether a cell begins with a word that is no month: Total 2024."""
    word = re.match(r"[^\W\d_]{4,}", cell)
    return word is not None and month_of(word[0]) is None


def _lacks_year(cell: str) -> bool:
    """Whether a cell is a month, or a day and its month: May, 5 May, May 5, 5.3."""
    words, numbers = re.findall(r"[^\W\d_]+", cell), re.findall(r"\d+", cell)
    if not words:
        return re.fullmatch(r"\d{1,2}[./-]\d{1,2}\.?", cell) is not None
    is_day = len(numbers) <= 1 and all(len(number) <= 2 for number in numbers)
    return len(words) == 1 and is_day and month_of(words[0]) is not None


def _without_name(zone: str) -> str:
    return (
        f"take {shown(zone)} off and set data.timezone, e.g. Europe/Berlin, or write offsets such"
        " as +01:00"
    )


def _stripped(column: pd.Series) -> tuple[Int[np.ndarray, " N"], pd.Series]:
    """Numbers (N,) of a column's texts, and the texts without blanks around, of intervals their
    begins; "" if missing."""
    codes, texts = distinct_texts(column.astype(str) if column.dtype.kind in "iuf" else column)
    if codes.min(initial=0) < 0:
        codes, texts = np.where(codes < 0, len(texts), codes), np.append(texts, "")
    return codes, begins_of(pd.Series(texts, dtype=object).str.strip())


def _integers(
    values: Int[np.ndarray, " N"], first: object, frequency: str | int, name: str, place: Place
) -> Int[np.ndarray, " N"]:
    """The values, if they need not be dates; `first` is the first of them as written."""
    if isinstance(frequency, int):
        return values
    code = code_format(values)
    cell = cell_at(place(0), name, first)
    if frequency != "auto":
        shown_format = f": {code!r}" if code else " (a year is '%Y')"
        raise DataError(
            f"{cell}, an integer, but data.frequency is {frequency!r}; set"
            f" data.time_format{shown_format}, or frequency: 1"
        )
    step = 1
    if code in (*EPOCHS, EXCEL):
        steps = np.diff(np.unique(values))
        step = int(np.gcd.reduce(steps)) if len(steps) else 1
        code = None if step in steps else code  # as good a count as any
    if code:
        raise DataError(
            f"{cell}, {CODES[code]} or an integer; set data.time_format: {code!r}, or"
            f" data.frequency: {step}"
        )
    refuse_turns(np.unique(values), cell)
    return values


def _dates(
    texts: pd.Series, name: str, time_format: str | None, place: Place
) -> tuple[pd.DatetimeIndex, str | None]:
    """Dates, and the format that they are written in unless that is ISO 8601."""
    if time_format is not None:
        dates = _formatted(texts, name, time_format, place)
        _refuse_late_centuries(dates, texts, name, time_format, place)
        return dates, time_format
    _refuse_split_years(texts, name, place)
    zoned = r"\d\d:\d\d.*(?:Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)$"
    looked_at = texts.head(0) if are_plain(texts) else texts
    is_zoned = looked_at.str.contains(zoned).to_numpy(dtype=bool)
    if is_zoned.any() and not is_zoned.all():
        number = int(np.argmax(is_zoned != is_zoned[0]))
        raise DataError(
            f"{cell_at(place(number), name, texts[number])}; some times have a UTC offset and some"
            " have none; write them alike"
        )
    dates = iso_dates(texts, utc=bool(is_zoned.any()))
    if np.any(dates.isna()):
        found, dates = _only_format(texts, dates, name, place)
        _refuse_late_centuries(dates, texts, name, found, place)
        return dates, found
    return (_in_written_zone(dates, texts) if is_zoned.any() else dates), None


def _refuse_late_centuries(
    dates: pd.DatetimeIndex, texts: pd.Series, name: str, time_format: str, place: Place
) -> None:
    """Refuse years of two digits that are read as 2051 to 2068, as strptime does."""
    row = int(np.argmax(dates))
    if "%y" in time_format and dates[row].year > LAST_SHORT_YEAR:
        raise DataError(
            f"{cell_at(place(row), name, texts[row])}, which would be {dates[row]:%Y-%m-%d}; write"
            " years with all four digits"
        )


def _refuse_split_years(texts: pd.Series, name: str, place: Place) -> None:
    """Refuse 2001/02, 2002/03, ..., the years of schools and budgets, which look like months."""
    if len(texts) < FEWEST_YEARS or not SPLIT_YEAR.fullmatch(texts[0]):
        return
    years = texts.str.extract(f"^{SPLIT_YEAR.pattern}$")
    if (
        years.isna().any(axis=None)
        or ((years[0].astype(int) + 1) % 100 != years[1].astype(int) % 100).any()
    ):
        return
    raise DataError(
        f"{cell_at(place(0), name, texts[0])}, a year that ends in the next one; write the first of"
        f" both alone, {texts[0][:4]}"
    )


def _formatted(texts: pd.Series, name: str, time_format: str, place: Place) -> pd.DatetimeIndex:
    try:
        dates = read_formatted(texts, time_format)
    except (ValueError, re.error) as error:
        raise DataError(f"data.time_format {time_format!r}: {error}") from None
    _refuse_nat(dates, texts, name, place, time_format)
    return _in_written_zone(dates, texts) if has_offset(time_format) else dates


def _in_written_zone(dates: pd.DatetimeIndex, texts: pd.Series) -> pd.DatetimeIndex:
    """Instants in the one UTC offset with which all are written, else in UTC."""
    ends = texts.str[-len("+00:00") :].drop_duplicates()
    offsets = ends.str.extract(r"([+-]\d\d):?(\d\d)?$").fillna("").drop_duplicates().to_numpy()
    hours, minutes = offsets[0]
    if len(offsets) > 1 or set(hours + minutes) <= set("+-0"):
        return dates
    return dates.tz_convert(f"UTC{hours}:{minutes or '00'}")


def _only_format(
    texts: pd.Series, iso: pd.DatetimeIndex, name: str, place: Place
) -> tuple[str, pd.DatetimeIndex]:
    """The one format that reads all texts, such as day first in 25/12/2024, and what it reads."""
    row = int(np.argmax(np.asarray(iso.isna())))
    found = formats_of(texts)
    formats = [*found]
    if row and not formats:
        _refuse_nat(iso, texts, name, place)
    if not formats:
        readings = [read_formatted(texts, each) for each in formats_of(texts[:1])]
        best = max([*readings, iso], key=lambda each: np.count_nonzero(each.notna()))
        _refuse_nat(best, texts, name, place)
    if len(formats) > 1:
        raise DataError(
            f"{cell_at(place(row), name, texts[row])}, {_either(formats)}; set"
            f" data.time_format: {' or '.join(map(repr, formats))}"
        )
    return formats[0], found[formats[0]]


def _either(formats: Sequence[str]) -> str:
    """What is not clear of a time that two formats or more read in different ways."""
    if not any("%d" in each for each in formats):
        return "which is read in several ways"
    orders = {each.find("%d") < each.find("%m") for each in formats}
    return "day first or month first" if len(orders) == 2 else "which is read in several ways"
