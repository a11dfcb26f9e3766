"""Time stamps as integers on an axis: parsing, frequency, and the way back to dates."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from forecast.errors import DataError

Place = Callable[[int], str]
"""Names the file and line of a row."""

ANCHORED = ("MS", "ME", "QS", "QE", "YS", "YE", "B", "BMS", "BME")
SEASONS = {"s": 60, "min": 60, "h": 24, "D": 7, "B": 5, "W": 52, "M": 12, "Q": 4, "Y": 1}
"""Rows in the usual season of a frequency; a multiple divides it (15min: hours of 4, day of 96)."""


@dataclass(frozen=True)
class TimeAxis:
    """An evenly ticking axis; a time is an integer position on it.

    Args:
        origin: position 0, in nanoseconds since 1970 (UTC if there is a zone), or an integer time.
        frequency: pandas offset, or the step of integer times.
        timezone: zone in which days begin and dates are written; None: naive or integer times.
    """

    origin: int
    frequency: str | int
    timezone: str | None = None

    @property
    def is_integer(self) -> bool:
        """Whether times are integers rather than dates."""
        return isinstance(self.frequency, int)

    def positions(self, times: np.ndarray) -> np.ndarray:
        """Positions of times (int64, as `origin`); -1 where a time is off the axis or before it."""
        step = self._step()
        if step is not None:
            position, rest = np.divmod(times - self.origin, step)
            return np.where((rest == 0) & (position >= 0), position, -1)
        grid = self._grid_until(int(times.max()))
        position = np.searchsorted(grid, times)
        found = grid[np.minimum(position, len(grid) - 1)] == times
        return np.where(found, position, -1)

    def at(self, positions: np.ndarray) -> np.ndarray:
        """Times (int64, as `origin`) at positions, which may lie beyond the data."""
        step = self._step()
        if step is not None:
            return np.asarray(self.origin + positions.astype(np.int64) * step)
        count = int(positions.max(initial=0)) + 1
        return np.asarray(nanoseconds(self._range(periods=count))[positions])

    def dates(self, positions: np.ndarray) -> pd.DatetimeIndex:
        """Dates at positions, in the axis' zone; only for an axis of dates."""
        dates = pd.DatetimeIndex(self.at(positions).astype("datetime64[ns]"))
        return dates.tz_localize("UTC").tz_convert(self.timezone) if self.timezone else dates

    def column(self, positions: np.ndarray) -> pd.Series:
        """Times at positions as a column of a table: integers or dates."""
        if self.is_integer:
            return pd.Series(self.at(positions))
        return pd.Series(self.dates(positions))

    def first_at_or_after(self, date: str) -> int:
        """The first position at or after a date (or integer) given as text."""
        if self.is_integer:
            if not re.fullmatch(r"-?\d+", date):
                raise DataError(f"{date!r} is no time of this data, whose times are integers")
            step = int(self.frequency)
            return max(0, -((self.origin - int(date)) // step))
        try:
            stamp = pd.Timestamp(date)
        except ValueError:
            raise DataError(f"{date!r} is no date; write YYYY-MM-DD") from None
        if self.timezone and stamp.tzinfo is None:
            stamp = stamp.tz_localize(self.timezone)
        time = stamp.value
        step_length = self._step()
        if step_length is not None:
            return int(max(0, -((self.origin - time) // step_length)))
        return int(np.searchsorted(self._grid_until(max(time, self.origin)), time))

    def _step(self) -> int | None:
        """Nanoseconds (or integers) between positions where that is a constant."""
        if isinstance(self.frequency, int):
            return self.frequency
        offset = to_offset(self.frequency)
        is_clock = isinstance(offset, pd.tseries.offsets.Tick)
        if not is_clock or (self.timezone and isinstance(offset, pd.tseries.offsets.Day)):
            return None
        return int(offset.nanos)

    def _range(self, **length: object) -> pd.DatetimeIndex:
        start = self._local(self.origin)
        return pd.date_range(start, freq=self.frequency, unit="ns", **length)  # type: ignore[call-overload,no-any-return]

    def _grid_until(self, time: int) -> np.ndarray:
        return nanoseconds(self._range(end=self._local(time)))

    def _local(self, time: int) -> pd.Timestamp:
        stamp = pd.Timestamp(time, unit="ns")
        return stamp.tz_localize("UTC").tz_convert(self.timezone) if self.timezone else stamp


def nanoseconds(dates: pd.DatetimeIndex) -> np.ndarray:
    """Dates as nanoseconds since 1970, in UTC where they have a zone."""
    return dates.to_numpy(dtype="datetime64[ns]").astype(np.int64)


def season_length(frequency: str | int) -> int:
    """Rows in the usual season: a year of months or weeks, a week of days, a day of hours."""
    if isinstance(frequency, int):
        return 1
    offset = to_offset(frequency)
    assert offset is not None
    base = offset.name.split("-")[0]
    seconds = {"s": 1, "min": 60, "h": 3600}
    if base in seconds:
        length = offset.n * seconds[base]
        season = 3600 if length < 60 else 86_400
        return max(1, season // length)
    base = {"MS": "M", "ME": "M", "QS": "Q", "QE": "Q", "YS": "Y", "YE": "Y"}.get(base, base)
    base = {"BMS": "M", "BME": "M", "BQS": "Q", "BQE": "Q", "SMS": "M"}.get(base, base)
    return max(1, SEASONS.get(base, 1) // offset.n)


def parse_times(
    column: pd.Series,
    series: np.ndarray,
    frequency: str | int,
    time_format: str | None,
    timezone: str | None,
    place: Place,
) -> tuple[np.ndarray, str | None, bool]:
    """Read a time column without guessing.

    Args:
        column: text or dates.
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
    if pd.api.types.is_datetime64_any_dtype(column):
        dates = pd.DatetimeIndex(column)
        _refuse_nat(dates, column, name, place)
        return (*_localized(dates, series, timezone, place), False)
    texts = column.fillna("").astype(str).str.strip()
    _refuse_empty(texts, name, place)
    if time_format is None and texts.str.fullmatch(r"[-+]?\d{1,18}(\.0+)?").all():
        return _integers(texts, frequency, name, place), None, True
    if isinstance(frequency, int):
        row = int(np.argmin(texts.str.fullmatch(r"[-+]?\d{1,18}(\.0+)?").to_numpy()))
        raise DataError(
            f"{place(row)}: column {name!r} holds {texts[row]!r}, but data.frequency is"
            f" {frequency}, a step of integers; give a pandas offset such as D"
        )
    dates = _dates(texts, name, time_format, place)
    return (*_localized(dates, series, timezone, place), False)


def infer_frequency(times: np.ndarray, timezone: str | None, is_integer: bool) -> str | int:
    """The frequency of sorted, distinct times of one series; gaps are allowed.

    Raises:
        DataError: if the times do not tick evenly.
    """
    if len(times) < 3:
        raise DataError(f"{len(times)} rows are too few to tell the frequency; set data.frequency")
    steps = np.diff(times)
    if is_integer:
        return int(np.gcd.reduce(steps))
    dates = pd.DatetimeIndex(times.astype("datetime64[ns]"))
    if timezone:
        dates = dates.tz_localize("UTC").tz_convert(timezone)
    inferred = pd.infer_freq(dates)
    if inferred is not None:
        return _plain(inferred)
    lengths, counts = np.unique(steps, return_counts=True)
    usual = int(lengths[np.argmax(counts)])
    for candidate in (*_weekly(dates), *ANCHORED):
        if _ticks_like(dates, candidate, usual):
            return candidate
    if not (steps % usual).any():
        return _clock_frequency(usual)
    hint = "; set data.timezone if its days are local" if timezone in (None, "UTC") else ""
    raise DataError(
        f"the time steps are uneven (most often {pd.Timedelta(usual)}, but also"
        f" {pd.Timedelta(int(lengths[lengths != usual][0]))}); set data.frequency{hint}"
    )


def _plain(frequency: str) -> str:
    """Drop the anchors that pandas adds without need: QS-OCT stays, MS stays, D stays."""
    offset = to_offset(frequency)
    assert offset is not None
    return str(offset.freqstr)


def _clock_frequency(nanoseconds: int) -> str:
    return _plain(str(pd.tseries.frequencies.to_offset(pd.Timedelta(nanoseconds)).freqstr))  # type: ignore[call-overload]


def _weekly(dates: pd.DatetimeIndex) -> tuple[str, ...]:
    return (f"W-{dates[0].strftime('%a').upper()}",)


def _ticks_like(dates: pd.DatetimeIndex, frequency: str, usual: int) -> bool:
    """Whether all dates lie on the frequency's grid and the usual step is one of its steps."""
    grid = pd.date_range(dates[0], dates[-1], freq=frequency)
    steps = np.diff(nanoseconds(grid))
    return bool(dates.isin(grid).all()) and bool(np.isin(usual, steps))


def _refuse_empty(texts: pd.Series, name: str, place: Place) -> None:
    empty = (texts == "").to_numpy()
    if empty.any():
        row = int(np.argmax(empty))
        raise DataError(f"{place(row)}: column {name!r} is empty; every row needs its time")


def _refuse_nat(dates: pd.DatetimeIndex, texts: pd.Series, name: str, place: Place) -> None:
    bad = np.asarray(dates.isna())
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{place(row)}: column {name!r} holds {str(texts.iloc[row])!r}, which is not read as a"
            " date; write YYYY-MM-DD[ HH:MM:SS], or set data.time_format"
        )


def _integers(texts: pd.Series, frequency: str | int, name: str, place: Place) -> np.ndarray:
    if isinstance(frequency, str) and frequency != "auto":
        raise DataError(
            f"{place(0)}: column {name!r} holds the integer {texts[0]!r}, but data.frequency is"
            f" {frequency!r}; set data.time_format (a year is '%Y'), or frequency: 1"
        )
    looks_like_dates = texts.str.fullmatch(r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])").all()
    if frequency == "auto" and looks_like_dates:
        raise DataError(
            f"{place(0)}: column {name!r} holds {texts[0]!r}, a date or an integer; set"
            " data.time_format: '%Y%m%d', or data.frequency: 1"
        )
    return texts.str.replace(r"\.0+$", "", regex=True).astype(np.int64).to_numpy()


def _dates(texts: pd.Series, name: str, time_format: str | None, place: Place) -> pd.DatetimeIndex:
    if time_format is not None:
        try:
            dates = pd.to_datetime(
                texts, format=time_format, errors="coerce", utc="%z" in time_format
            )
        except ValueError as error:
            raise DataError(f"data.time_format {time_format!r}: {error}") from None
        _refuse_nat(pd.DatetimeIndex(dates), texts, name, place)
        return pd.DatetimeIndex(dates)
    has_offset = texts.str.contains(r"\d\d:\d\d.*(?:Z|[+-]\d\d:?\d\d)$").to_numpy()
    if has_offset.any() and not has_offset.all():
        row = int(np.argmax(has_offset != has_offset[0]))
        raise DataError(
            f"{place(row)}: column {name!r} holds {texts[row]!r}; some times have a UTC offset and"
            " some have none; write them alike"
        )
    dates = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=bool(has_offset.any()))
    if dates.isna().any():
        return _unambiguous(texts, pd.DatetimeIndex(dates), name, place)
    index = pd.DatetimeIndex(dates)
    return _in_written_zone(index, texts) if has_offset.any() else index


def _in_written_zone(dates: pd.DatetimeIndex, texts: pd.Series) -> pd.DatetimeIndex:
    """Instants in the one UTC offset with which all are written, else in UTC."""
    offsets = texts.str.extract(r"([+-]\d\d):?(\d\d)$").drop_duplicates().to_numpy()
    if len(offsets) > 1 or pd.isna(offsets[0, 0]) or set("".join(offsets[0])) <= set("+-0"):
        return dates
    return dates.tz_convert(f"UTC{offsets[0, 0]}:{offsets[0, 1]}")


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
    readings = [pd.to_datetime(texts, format=form, errors="coerce") for form in formats]
    complete = [reading for reading in readings if reading.notna().all()]
    if len(complete) == 2:
        raise DataError(
            f"{place(row)}: column {name!r} holds {texts[row]!r}, day first or month first; set"
            f" data.time_format: '{formats[0]}' or '{formats[1]}'"
        )
    if not complete:
        best = max(readings, key=lambda reading: int(reading.notna().sum()))
        _refuse_nat(pd.DatetimeIndex(best), texts, name, place)
    return pd.DatetimeIndex(complete[0])


def _localized(
    dates: pd.DatetimeIndex, series: np.ndarray, timezone: str | None, place: Place
) -> tuple[np.ndarray, str | None]:
    dates = dates.as_unit("ns")
    if dates.tz is not None:
        return nanoseconds(dates), timezone or str(dates.tz)
    if timezone is None:
        return nanoseconds(dates), None
    # The second time that a series shows a wall time is the standard-time pass of a repeated hour.
    again = pd.DataFrame({"series": series, "time": nanoseconds(dates)}).duplicated().to_numpy()
    try:
        local = dates.tz_localize(timezone, ambiguous=~again, nonexistent="NaT")
        first_pass = dates.tz_localize(timezone, ambiguous="NaT", nonexistent="NaT")
    except (KeyError, ValueError) as error:
        raise DataError(f"data.timezone {timezone!r}: {error}") from None
    missing = np.asarray(local.isna())
    if missing.any():
        row = int(np.argmax(missing))
        raise DataError(f"{place(row)}: {dates[row]} does not exist in {timezone}; mend the time")
    ambiguous = np.asarray(first_pass.isna())
    _refuse_single_ambiguous(dates, series, ambiguous, timezone, place)
    return nanoseconds(local), timezone


def _refuse_single_ambiguous(
    dates: pd.DatetimeIndex, series: np.ndarray, ambiguous: np.ndarray, timezone: str, place: Place
) -> None:
    rows = np.flatnonzero(ambiguous)
    frame = pd.DataFrame({"series": series[rows], "time": nanoseconds(dates)[rows]})
    single = ~frame.duplicated(keep=False).to_numpy()
    if single.any():
        row = int(rows[np.argmax(single)])
        raise DataError(
            f"{place(row)}: {dates[row]} happens twice in {timezone} (end of daylight saving time)"
            " but has one row; write the time with its UTC offset"
        )
