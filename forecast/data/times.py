"""Time stamps as integers on an axis: parsing, frequency, and the way back to dates."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from forecast.errors import DataError, shown

Place = Callable[[int], str]
"""Names the file and line of a row."""

INTEGER = r"[-+]?\d{1,18}(\.0+)?"
SECONDS = {"s": 1, "min": 60, "h": 3600}
SEASONS = {"D": 7, "B": 5, "C": 5, "bh": 8, "W": 52, "SMS": 24, "SME": 24}
SEASONS |= dict.fromkeys(("MS", "ME", "BMS", "BME", "WOM"), 12)
SEASONS |= dict.fromkeys(("QS", "QE", "BQS", "BQE"), 4)
"""Rows in the usual season of a frequency; a multiple divides it."""


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
        return np.where(np.isin(times, grid), position, -1)

    def at(self, positions: np.ndarray) -> np.ndarray:
        """Times (int64, as `origin`) at positions, which may lie beyond the data."""
        step = self._step()
        if step is not None:
            return np.asarray(self.origin + positions.astype(np.int64) * step)
        count = int(positions.max(initial=0)) + 1
        return np.asarray(nanoseconds(self._range(periods=count))[positions])

    def dates(self, positions: np.ndarray) -> pd.DatetimeIndex:
        """Dates at positions, in the axis' zone; only for an axis of dates."""
        return _dates_in(self.timezone, self.at(positions))

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
        stamp = _iso(pd.Series([date]), utc=False)[0]
        if pd.isna(stamp) or (stamp.tzinfo and not self.timezone):
            raise DataError(f"{date!r} is no date of this data; write YYYY-MM-DD")
        dates = pd.DatetimeIndex([stamp])
        if self.timezone and stamp.tzinfo is None:
            dates = _first_moments(dates, self.timezone)
        time = int(nanoseconds(dates)[0])
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
        """Dates from the origin on, as a calendar on the wall of the zone counts them."""
        start = self._wall(self.origin)
        if self.timezone and self.origin == _first_moment(start.normalize(), self.timezone):
            start = start.normalize()
        try:
            dates = pd.date_range(start, freq=self.frequency, unit="ns", **length)  # type: ignore[call-overload]
        except pd.errors.OutOfBoundsDatetime:
            raise DataError(
                f"steps of {self.frequency} from {start} on pass 2262, the last year"
            ) from None
        return _first_moments(dates, self.timezone) if self.timezone else dates

    def _grid_until(self, time: int) -> np.ndarray:
        return nanoseconds(self._range(end=self._wall(time)))

    def _wall(self, time: int) -> pd.Timestamp:
        stamp = pd.Timestamp(time, unit="ns")
        if self.timezone is None:
            return stamp
        return stamp.tz_localize("UTC").tz_convert(self.timezone).tz_localize(None)


def _first_moments(walls: pd.DatetimeIndex, timezone: str) -> pd.DatetimeIndex:
    """Wall times in a zone: the first pass of a repeated one, the end of a skipped hour.

    In some zones clocks change at midnight, so a day may have two midnights or none.
    """
    first_pass = np.ones(len(walls), dtype=bool)
    return walls.tz_localize(timezone, ambiguous=first_pass, nonexistent="shift_forward")


def _first_moment(wall: pd.Timestamp, timezone: str) -> int:
    return int(nanoseconds(_first_moments(pd.DatetimeIndex([wall]), timezone))[0])


def _dates_in(timezone: str | None, times: np.ndarray) -> pd.DatetimeIndex:
    dates = pd.DatetimeIndex(times.astype("datetime64[ns]"))
    return dates.tz_localize("UTC").tz_convert(timezone) if timezone else dates


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
    if base in SECONDS:
        length = offset.n * SECONDS[base]
        season = 3600 if length < 60 else 86_400 if length < 86_400 else 7 * 86_400
        return max(1, season // length)
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
    if timezone is not None and not _is_zone(timezone):
        raise DataError(f"data.timezone {timezone!r} is no time zone; write e.g. Europe/Berlin")
    if pd.api.types.is_datetime64_any_dtype(column):
        dates = _readable(pd.DatetimeIndex(column))
        _refuse_step(frequency, column.iloc[0], name, place(0))
        _refuse_nat(dates, column, name, place)
        return (*_localized(dates, series, timezone, name, place), False)
    codes, distinct = pd.factorize(column.fillna(""))
    texts = pd.Series(distinct, dtype=object).str.strip()

    def first_place(number: int) -> str:
        return place(int(np.argmax(codes == number)))

    _refuse_empty(texts, name, first_place)
    is_integer = texts.str.fullmatch(INTEGER).to_numpy(dtype=bool)
    if time_format is None and is_integer.all():
        return _integers(texts, frequency, name, first_place)[codes], None, True
    number = int(np.argmin(is_integer))
    _refuse_step(frequency, texts[number], name, first_place(number))
    dates = _dates(texts, name, time_format, first_place).take(codes)
    return (*_localized(dates, series, timezone, name, place), False)


def infer_frequency(
    times: np.ndarray, timezone: str | None, is_integer: bool, place: Place
) -> str | int:
    """The frequency of sorted, distinct times of one series; gaps are allowed.

    Args:
        times: int64, as `TimeAxis.origin`.
        timezone: zone in which days begin, or None.
        is_integer: whether times are integers rather than dates.
        place: names a row of `times` in messages.

    Raises:
        DataError: if the times do not tick evenly.
    """
    if len(times) < 3:
        raise DataError(
            f"{place(len(times) - 1)}: {len(times)} rows are too few to tell the frequency; set"
            " data.frequency"
        )
    steps = np.diff(times)
    if is_integer:
        return int(np.gcd.reduce(steps))
    dates = _dates_in(timezone, times)
    inferred = pd.infer_freq(dates)
    if inferred is not None:
        return str(to_offset(inferred).freqstr)
    lengths, counts = np.unique(steps, return_counts=True)
    usual = int(lengths[np.argmax(counts)])
    for candidate in _candidates(dates, usual):
        if _ticks_like(times, timezone, candidate, usual):
            return str(to_offset(candidate).freqstr)
    if not (steps % usual).any():
        return str(pd.tseries.frequencies.to_offset(pd.Timedelta(usual)).freqstr)  # type: ignore[call-overload]
    raise _uneven(steps, usual, timezone, place)


def _candidates(dates: pd.DatetimeIndex, usual: int) -> tuple[str, ...]:
    """Calendar frequencies that data with gaps may have, the rarer ticks first."""
    if usual < pd.Timedelta(days=1).value:
        return ()
    weekday, month = dates[0].day_name()[:3].upper(), dates[0].month_name()[:3].upper()
    days = pd.Timedelta(usual) / pd.Timedelta(days=1)
    daily = (f"{int(days)}D",) if days.is_integer() else ()
    months = ("MS", "ME", f"QS-{month}", f"QE-{month}", f"YS-{month}", f"YE-{month}")
    return (f"W-{weekday}", *months, "BMS", "BME", "B", *daily)


def _ticks_like(times: np.ndarray, timezone: str | None, frequency: str, usual: int) -> bool:
    """Whether all times lie on the frequency's grid and the usual step is one of its steps."""
    axis = TimeAxis(int(times[0]), frequency, timezone)
    positions = axis.positions(times)
    if positions.min() < 0:
        return False
    return usual in np.diff(axis.at(np.arange(positions[-1] + 1)))


def _uneven(steps: np.ndarray, usual: int, timezone: str | None, place: Place) -> DataError:
    row = 1 + int(np.argmax(steps % usual != 0))
    hint = " (data.timezone, if days are local)" if timezone in (None, "UTC") else ""
    return DataError(
        f"{place(row)}: the time steps are uneven, {pd.Timedelta(int(steps[row - 1]))} here and"
        f" most often {pd.Timedelta(usual)}; set data.frequency{hint}"
    )


def _cell(place: str, name: str, cell: object) -> str:
    return f"{place}: column {name!r} holds {shown(str(cell))}"


def _refuse_empty(texts: pd.Series, name: str, place: Place) -> None:
    empty = (texts == "").to_numpy()
    if empty.any():
        row = int(np.argmax(empty))
        raise DataError(f"{place(row)}: column {name!r} is empty; every row needs its time")


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


def _integers(texts: pd.Series, frequency: str | int, name: str, place: Place) -> np.ndarray:
    if isinstance(frequency, str) and frequency != "auto":
        raise DataError(
            f"{_cell(place(0), name, texts[0])}, an integer, but data.frequency is {frequency!r};"
            " set data.time_format (a year is '%Y'), or frequency: 1"
        )
    looks_like_dates = texts.str.fullmatch(r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])").all()
    if frequency == "auto" and looks_like_dates:
        raise DataError(
            f"{_cell(place(0), name, texts[0])}, a date or an integer; set data.time_format:"
            " '%Y%m%d', or data.frequency: 1"
        )
    return texts.str.replace(r"\.0+$", "", regex=True).astype(np.int64).to_numpy()


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
    dates = pd.DatetimeIndex(_iso(texts, utc=bool(has_offset.any())))
    if np.any(dates.isna()):
        return _unambiguous(texts, dates, name, place)
    return _in_written_zone(dates, texts) if has_offset.any() else dates


def _iso(texts: pd.Series, utc: bool) -> pd.Series:
    """ISO 8601 dates; NaT for anything else, also for `now` and for `1700.5`."""
    written = texts.where(texts.str.match(r"\d{4}(?!\.\d*$)"))
    return pd.to_datetime(written, format="ISO8601", errors="coerce", utc=utc)


def _formatted(texts: pd.Series, name: str, time_format: str, place: Place) -> pd.DatetimeIndex:
    has_offset = "%z" in time_format
    try:
        dates = pd.to_datetime(texts, format=time_format, errors="coerce", utc=has_offset)
    except ValueError as error:
        raise DataError(f"data.time_format {time_format!r}: {error}") from None
    index = pd.DatetimeIndex(dates)
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
    readings = [pd.to_datetime(texts, format=form, errors="coerce") for form in formats]
    complete = [reading for reading in readings if reading.notna().all()]
    if len(complete) == 2:
        raise DataError(
            f"{_cell(place(row), name, texts[row])}, day first or month first; set"
            f" data.time_format: '{formats[0]}' or '{formats[1]}'"
        )
    if not complete:
        best = max(readings, key=lambda reading: int(reading.notna().sum()))
        _refuse_nat(pd.DatetimeIndex(best), texts, name, place)
    return pd.DatetimeIndex(complete[0])


def _readable(dates: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Dates in nanoseconds; NaT for years that do not fit."""
    if dates.unit != "ns":
        dates = pd.DatetimeIndex(dates.where((dates.year >= 1678) & (dates.year <= 2261)))
    return dates.as_unit("ns")


def _is_zone(name: str) -> bool:
    try:
        pd.Timestamp(0, tz=name)
    except (KeyError, ValueError, IndexError, OSError):
        return False
    return True


def _localized(
    dates: pd.DatetimeIndex, series: np.ndarray, timezone: str | None, name: str, place: Place
) -> tuple[np.ndarray, str | None]:
    """Instants and their zone; a repeated or skipped hour must be told apart by the rows."""
    dates = dates.as_unit("ns")
    if dates.tz is not None:
        written = str(dates.tz)
        return nanoseconds(dates), timezone or (written if _is_zone(written) else "UTC")
    if timezone is None:
        return nanoseconds(dates), None
    if np.all(dates == dates.normalize()):
        return nanoseconds(_first_moments(dates, timezone)), timezone
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
    bad: np.ndarray, dates: pd.DatetimeIndex, why: str, name: str, place: Place
) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{_cell(place(row), name, dates[row])}, which {why}; mend the time, or write all"
            " times with their UTC offset"
        )
