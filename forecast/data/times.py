"""Times as integers on an axis: positions, frequency, season, and the way back to dates."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Int
from pandas.tseries.frequencies import to_offset

from forecast.data.time_formats import with_ends_of_days
from forecast.errors import DataError

Place = Callable[[int], str]
"""Names the file and line of a row."""

FIRST = 1000
"""Rows that tell the frequency of steps that are all alike, e.g. those of months from days."""
MOST_SKIPPED = 2
"""Days that a zone skipped by changing sides of the date line, at most."""
LAST_MOMENT, LAST_INTEGER = pd.Timestamp.max.value, 2**63 - 1
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

    @property
    def rises(self) -> bool:
        """Whether each position is later than the one before it."""
        if isinstance(self.frequency, int):
            return self.frequency > 0
        offset = to_offset(self.frequency)
        return offset is not None and offset.n > 0

    def positions(self, times: Int[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
        """Positions of times (int64, as `origin`); -1 where a time is off the axis or before it."""
        step = self.step()
        if step is not None:
            position, rest = np.divmod(times - self.origin, step)
            return np.where((rest == 0) & (position >= 0), position, -1)
        grid = self._grid_until(int(times.max()))
        position = np.searchsorted(grid, times)
        return np.where(np.isin(times, grid), position, -1)

    def at(self, positions: Int[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
        """Times (int64, as `origin`) at positions, which may lie beyond the data."""
        step, last = self.step(), int(positions.max(initial=0))
        if step is None:
            return np.asarray(
                self._moments(periods=last + 1 + (MOST_SKIPPED if self.timezone else 0))[positions]
            )
        if self.origin + last * step > (LAST_INTEGER if self.is_integer else LAST_MOMENT):
            raise self._too_late()
        return np.asarray(self.origin + positions.astype(np.int64) * step)

    def dates(self, positions: Int[np.ndarray, " N"]) -> pd.DatetimeIndex:
        """Dates at positions, in the axis' zone; only for an axis of dates."""
        return _dates_in(self.timezone, self.at(positions))

    def column(self, positions: Int[np.ndarray, " N"]) -> pd.Series:
        """Times at positions as a column of a table: integers or dates."""
        if self.is_integer:
            return pd.Series(self.at(positions))
        return pd.Series(self.dates(positions))

    def first_at_or_after(self, date: str) -> int:
        """The first position at or after a date (or integer) given as text."""
        time, step = self._time(date), self.step()
        if step is not None:
            return max(0, -((self.origin - time) // step))
        return int(np.searchsorted(self._grid_until(max(time, self.origin)), time))

    def _time(self, date: str) -> int:
        """A date (or integer) given as text, as `origin`."""
        if self.is_integer:
            if not re.fullmatch(r"-?\d+", date):
                raise DataError(f"{date!r} is no time of this data, whose times are integers")
            return int(date)
        stamp = iso_dates(pd.Series([date]), utc=False)[0]
        if pd.isna(stamp) or (stamp.tzinfo and not self.timezone):
            raise DataError(f"{date!r} is no date of this data; write YYYY-MM-DD")
        dates = pd.DatetimeIndex([stamp])
        if self.timezone and stamp.tzinfo is None:
            dates = first_moments(dates, self.timezone)
        return int(nanoseconds(dates)[0])

    def step(self) -> int | None:
        """Nanoseconds (or integers) between positions where that is a constant."""
        if isinstance(self.frequency, int):
            return self.frequency
        offset = to_offset(self.frequency)
        is_clock = isinstance(offset, pd.tseries.offsets.Tick)
        if not is_clock or (self.timezone and isinstance(offset, pd.tseries.offsets.Day)):
            return None
        return int(offset.nanos)

    def _moments(self, **length: object) -> Int[np.ndarray, " N"]:
        """Times from the origin on, as a calendar on the wall of the zone counts them.

        A zone that changes sides of the date line skips a day, which is then none of the calendar.
        """
        start = self._wall(self.origin)
        if self.timezone and self.origin == _first_moment(start.normalize(), self.timezone):
            start = start.normalize()
        try:
            dates = pd.date_range(start, freq=self.frequency, unit="ns", **length)  # type: ignore[call-overload]
        except (ValueError, OverflowError):  # and what pandas derives from them
            raise self._too_late() from None
        if self.timezone is None:
            return nanoseconds(dates)
        return np.unique(nanoseconds(first_moments(dates, self.timezone)))

    def _too_late(self) -> DataError:
        origin = self.origin if self.is_integer else self._wall(self.origin)
        last = LAST_INTEGER if self.is_integer else "2262, the last year"
        return DataError(f"steps of {self.frequency} from {origin} on pass {last}")

    def _grid_until(self, time: int) -> Int[np.ndarray, " N"]:
        return self._moments(end=self._wall(time))

    def _wall(self, time: int) -> pd.Timestamp:
        stamp = pd.Timestamp(time, unit="ns")
        if self.timezone is None:
            return stamp
        return stamp.tz_localize("UTC").tz_convert(self.timezone).tz_localize(None)


def first_moments(walls: pd.DatetimeIndex, timezone: str) -> pd.DatetimeIndex:
    """Wall times in a zone: the first pass of a repeated one, the end of a skipped hour.

    In some zones clocks change at midnight, so a day may have two midnights or none; those that
    change sides of the date line skip a day, whose moments are all the first of the day after.
    """
    first_pass = np.ones(len(walls), dtype=bool)
    moments = walls.tz_localize(timezone, ambiguous=first_pass, nonexistent="NaT")
    skipped = np.asarray(moments.isna())
    if not skipped.any():
        return moments
    # "shift_forward" of pandas is an hour off for a skipped day, "shift_backward" is not.
    before = walls.tz_localize(timezone, ambiguous=first_pass, nonexistent="shift_backward")
    return pd.DatetimeIndex(moments.where(~skipped, before + pd.Timedelta(1, "ns")))


def _first_moment(wall: pd.Timestamp, timezone: str) -> int:
    return int(nanoseconds(first_moments(pd.DatetimeIndex([wall]), timezone))[0])


def _dates_in(timezone: str | None, times: Int[np.ndarray, " N"]) -> pd.DatetimeIndex:
    dates = pd.DatetimeIndex(times.astype("datetime64[ns]"))
    return dates.tz_localize("UTC").tz_convert(timezone) if timezone else dates


def iso_dates(texts: pd.Series, utc: bool) -> pd.DatetimeIndex:
    """ISO 8601 dates; NaT for anything else, also for `now` and for `1700.5`."""
    written = texts.where(texts.str.match(r"\d{4}(?!\.\d*$)"))
    return with_ends_of_days(
        written,
        lambda some: pd.DatetimeIndex(
            pd.to_datetime(some, format="ISO8601", errors="coerce", utc=utc)
        ),
    )


def nanoseconds(dates: pd.DatetimeIndex) -> Int[np.ndarray, " N"]:
    """Dates as nanoseconds since 1970, in UTC where they have a zone."""
    return dates.to_numpy(dtype="datetime64[ns]").view(np.int64)


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


def infer_frequency(
    times: Int[np.ndarray, " N"], timezone: str | None, is_integer: bool, place: Place
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
    # Steps that are all alike tell no more when there are more of them.
    dates = _dates_in(timezone, times[:FIRST] if (steps == steps[0]).all() else times)
    inferred = pd.infer_freq(dates)
    if inferred is not None:
        return str(to_offset(inferred).freqstr)
    lengths, counts = np.unique(steps, return_counts=True)
    usual = int(lengths[np.argmax(counts)])
    for candidate in _candidates(dates, usual):
        if _ticks_like(times, timezone, candidate, usual):
            return str(to_offset(candidate).freqstr)
    if not (steps % usual).any():
        return str(to_offset(pd.Timedelta(usual)).freqstr)  # type: ignore[call-overload]
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


def _ticks_like(
    times: Int[np.ndarray, " N"], timezone: str | None, frequency: str, usual: int
) -> bool:
    """Whether all times lie on the frequency's grid and the usual step is one of its steps."""
    axis = TimeAxis(int(times[0]), frequency, timezone)
    positions = axis.positions(times)
    if positions.min() < 0:
        return False
    return usual in np.diff(axis.at(np.arange(positions[-1] + 1)))


def _uneven(
    steps: Int[np.ndarray, " N"], usual: int, timezone: str | None, place: Place
) -> DataError:
    row = 1 + int(np.argmax(steps % usual != 0))
    hint = " (data.timezone, if days are local)" if timezone in (None, "UTC") else ""
    return DataError(
        f"{place(row)}: the time steps are uneven, {pd.Timedelta(int(steps[row - 1]))} here and"
        f" most often {pd.Timedelta(usual)}; set data.frequency{hint}"
    )
