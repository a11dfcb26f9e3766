"""Time columns read without guessing: integers, ISO 8601, one format, zones and repeated hours."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from forecast.data.compact import distinct_texts
from forecast.data.times import Place, first_moments, iso_dates, nanoseconds, readable
from forecast.errors import DataError, shown

INTEGER = r"[-+]?\d{1,18}(\.0+)?"


def parse_times(
    column: pd.Series,
    series: Int[np.ndarray, " N"],
    frequency: str | int,
    time_format: str | None,
    timezone: str | None,
    place: Place,
) -> tuple[Int[np.ndarray, " N"], str | None, bool]:
    """Read a time column without guessing.

    Args:
        column: text, dates or int64.
        series: number of the series of each row, to tell the two passes of a repeated hour apart.
        frequency: as configured; an integer says that times are integers.
        time_format: strptime format, or None for integers and ISO 8601.
        timezone: zone of local times, or None.
        place: names a row in messages.

    Returns:
        int64 times (nanoseconds in UTC, naive nanoseconds, or integers), the zone, and whether the
        times are integers.

    Raises:
        DataError: with file and line, for a time that is missing, unreadable or ambiguous.
    """
    name = str(column.name)
    if timezone is not None and not _is_zone(timezone):
        raise DataError(f"data.timezone {timezone!r} is no time zone; write e.g. Europe/Berlin")
    if pd.api.types.is_datetime64_any_dtype(column):
        dates = readable(pd.DatetimeIndex(column))
        _refuse_step(frequency, column.iloc[0], name, place(0))
        _refuse_nat(dates, column, name, place)
        return (*_localized(dates, series, timezone, name, place), False)
    if column.dtype.kind in "iu" and time_format is None:
        return (
            _integers(column.to_numpy(np.int64), column.iloc[0], frequency, name, place),
            None,
            True,
        )
    codes, texts = _stripped(column)

    def first_place(number: int) -> str:
        return place(int(np.argmax(codes == number)))

    _refuse_empty(texts, name, first_place)
    is_integer = texts.str.fullmatch(INTEGER).to_numpy(dtype=bool)
    if time_format is None and is_integer.all():
        values = texts.str.replace(r"\.0+$", "", regex=True).astype(np.int64).to_numpy()
        return _integers(values, texts[0], frequency, name, first_place)[codes], None, True
    number = int(np.argmin(is_integer))
    _refuse_step(frequency, texts[number], name, first_place(number))
    dates = _dates(texts, name, time_format, first_place).take(codes)
    return (*_localized(dates, series, timezone, name, place), False)


def _cell(place: str, name: str, cell: object) -> str:
    return f"{place}: column {shown(name)} holds {shown(str(cell))}"


def _refuse_empty(texts: pd.Series, name: str, place: Place) -> None:
    empty = (texts == "").to_numpy()
    if empty.any():
        row = int(np.argmax(empty))
        raise DataError(f"{place(row)}: column {shown(name)} is empty; every row needs its time")


def _refuse_step(frequency: str | int, cell: object, name: str, place: str) -> None:
    if isinstance(frequency, int):
        raise DataError(
            f"{_cell(place, name, cell)}, but data.frequency is {frequency}, a step of integers;"
            " give a pandas offset such as D"
        )


def _refuse_nat(dates: pd.DatetimeIndex, texts: pd.Series, name: str, place: Place) -> None:
    bad = np.asarray(dates.isna())
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{_cell(place(row), name, texts.iloc[row])}, which is not read as a date; write"
            " YYYY-MM-DD[ HH:MM:SS] in 1678 to 2261, or set data.time_format"
        )


def _stripped(column: pd.Series) -> tuple[Int[np.ndarray, " N"], pd.Series]:
    """Numbers (N,) of a column's texts, and the texts without blanks around; "" if missing."""
    codes, texts = distinct_texts(column.astype(str) if column.dtype.kind in "iu" else column)
    if codes.min(initial=0) < 0:
        codes, texts = np.where(codes < 0, len(texts), codes), np.append(texts, "")
    return codes, pd.Series(texts, dtype=object).str.strip()


def _integers(
    values: Int[np.ndarray, " N"], first: object, frequency: str | int, name: str, place: Place
) -> Int[np.ndarray, " N"]:
    """The values, if they need not be dates; `first` is the first of them as written."""
    if isinstance(frequency, str) and frequency != "auto":
        raise DataError(
            f"{_cell(place(0), name, first)}, an integer, but data.frequency is {frequency!r};"
            " set data.time_format (a year is '%Y'), or frequency: 1"
        )
    if frequency == "auto" and _look_like_dates(values):
        raise DataError(
            f"{_cell(place(0), name, first)}, a date or an integer; set data.time_format:"
            " '%Y%m%d', or data.frequency: 1"
        )
    return values


def _look_like_dates(values: Int[np.ndarray, " N"]) -> bool:
    """Whether all integers may be dates such as 20240131."""
    if values.min() < 1900_01_01 or values.max() > 2099_12_31:
        return False
    month, day = values // 100 % 100, values % 100
    return bool(((month >= 1) & (month <= 12) & (day <= 31)).all())


def _dates(texts: pd.Series, name: str, time_format: str | None, place: Place) -> pd.DatetimeIndex:
    if time_format is not None:
        return _formatted(texts, name, time_format, place)
    has_offset = texts.str.contains(r"\d\d:\d\d.*(?:Z|[+-]\d\d(?::?\d\d)?)$").to_numpy(dtype=bool)
    if has_offset.any() and not has_offset.all():
        number = int(np.argmax(has_offset != has_offset[0]))
        raise DataError(
            f"{_cell(place(number), name, texts[number])}; some times have a UTC offset and some"
            " have none; write them alike"
        )
    dates = iso_dates(texts, utc=bool(has_offset.any()))
    if np.any(dates.isna()):
        return _unambiguous(texts, dates, name, place)
    return _in_written_zone(dates, texts) if has_offset.any() else dates


def _formatted(texts: pd.Series, name: str, time_format: str, place: Place) -> pd.DatetimeIndex:
    has_offset = "%z" in time_format
    try:
        dates = pd.to_datetime(texts, format=time_format, errors="coerce", utc=has_offset)
    except (ValueError, re.error) as error:
        raise DataError(f"data.time_format {time_format!r}: {error}") from None
    index = readable(pd.DatetimeIndex(dates))
    _refuse_nat(index, texts, name, place)
    return _in_written_zone(index, texts) if has_offset else index


def _in_written_zone(dates: pd.DatetimeIndex, texts: pd.Series) -> pd.DatetimeIndex:
    """Instants in the one UTC offset with which all are written, else in UTC."""
    offsets = texts.str.extract(r"([+-]\d\d):?(\d\d)?$").fillna("").drop_duplicates().to_numpy()
    hours, minutes = offsets[0]
    if len(offsets) > 1 or set(hours + minutes) <= set("+-0"):
        return dates
    return dates.tz_convert(f"UTC{hours}:{minutes or '00'}")


def _unambiguous(
    texts: pd.Series, iso: pd.DatetimeIndex, name: str, place: Place
) -> pd.DatetimeIndex:
    """Dates such as 25/12/2024, if just one of day-first and month-first can read all of them."""
    row = int(np.argmax(np.asarray(iso.isna())))
    match = re.fullmatch(r"\d{1,2}([/.-])\d{1,2}\1\d{4}( \d\d:\d\d(:\d\d)?)?", texts[row])
    if match is None or row:
        _refuse_nat(iso, texts, name, place)
    assert match is not None
    mark, clock = match[1], ("" if not match[2] else " %H:%M:%S" if match[3] else " %H:%M")
    formats = [f"%d{mark}%m{mark}%Y{clock}", f"%m{mark}%d{mark}%Y{clock}"]
    readings = [
        readable(pd.DatetimeIndex(pd.to_datetime(texts, format=form, errors="coerce")))
        for form in formats
    ]
    complete = [reading for reading in readings if np.all(reading.notna())]
    if len(complete) == 2:
        raise DataError(
            f"{_cell(place(row), name, texts[row])}, day first or month first; set"
            f" data.time_format: '{formats[0]}' or '{formats[1]}'"
        )
    if not complete:
        best = max(readings, key=lambda reading: np.count_nonzero(reading.notna()))
        _refuse_nat(best, texts, name, place)
    return complete[0]


def _is_zone(name: str) -> bool:
    try:
        pd.Timestamp(0, tz=name)
    except (KeyError, ValueError, IndexError, OSError):
        return False
    return True


def _localized(
    dates: pd.DatetimeIndex,
    series: Int[np.ndarray, " N"],
    timezone: str | None,
    name: str,
    place: Place,
) -> tuple[Int[np.ndarray, " N"], str | None]:
    """Instants and their zone; a repeated or skipped hour must be told apart by the rows."""
    dates = dates if dates.unit == "ns" else dates.as_unit("ns")
    if dates.tz is not None:
        written = str(dates.tz)
        return nanoseconds(dates), timezone or (written if _is_zone(written) else "UTC")
    if timezone is None:
        return nanoseconds(dates), None
    if np.all(dates == dates.normalize()):
        return nanoseconds(first_moments(dates, timezone)), timezone
    # The second time that a series shows a wall time is the standard-time pass of a repeated hour.
    walls = pd.DataFrame({"series": series, "time": nanoseconds(dates)})
    first_pass = ~walls.duplicated().to_numpy()
    local = dates.tz_localize(timezone, ambiguous=first_pass, nonexistent="NaT")
    why = f"does not exist in {timezone} (begin of daylight saving time)"
    _refuse_wall(np.asarray(local.isna()), dates, why, name, place)
    unsure = dates.tz_localize(timezone, ambiguous="NaT", nonexistent="NaT")
    single = np.array(unsure.isna())
    single[single] = ~walls[single].duplicated(keep=False)
    why = f"happens twice in {timezone} (end of daylight saving time) but has one row"
    _refuse_wall(single, dates, why, name, place)
    return nanoseconds(local), timezone


def _refuse_wall(
    bad: Bool[np.ndarray, " N"], dates: pd.DatetimeIndex, why: str, name: str, place: Place
) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{_cell(place(row), name, dates[row])}, which {why}; mend the time, or write all"
            " times with their UTC offset"
        )
