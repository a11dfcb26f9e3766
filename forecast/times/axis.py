"""Times as integers on an axis: positions, frequency, season, and the way back to dates."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from jaxtyping import Int
from pandas.tseries.frequencies import to_offset

from forecast.errors import DataError
from forecast.times.calendars import calendar_of
from forecast.times.formats import with_ends_of_days
from forecast.times.ticks import INDEX, continued

Place = Callable[[int], str]
"""Names the file and line of a row."""

MOST_SKIPPED = 2
"""Days that a zone skipped by changing sides of the date line, at most."""
LAST_MOMENT, LAST_INTEGER = pd.Timestamp.max.value, 2**63 - 1
LAST_TICK = LAST_MOMENT - 32 * 86_400 * 10**9
"""So that the month after it can be told."""
CLOCK = (pd.tseries.offsets.Tick, pd.tseries.offsets.Day)
"""Steps that are always as long, days but for zones; of newer pandas days are no ticks."""
PLAIN = re.compile(
    r"(?:\d{4}-\d\d-\d\d(?:[ T](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?)?\n)++", re.ASCII
)
"""Lines of ISO 8601 without a zone; possessive, for there is no other way to read them."""
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
        frequency: pandas offset, the step of integer times, or `index`.
        timezone: zone in which days begin and dates are written; None: naive or integer times.
        ticks: of `index`, the known times as `origin`, which is the first of them, rising.
    """

    origin: int
    frequency: str | int
    timezone: str | None = None
    ticks: tuple[int, ...] = field(default=(), repr=False)

    @property
    def is_integer(self) -> bool:
        """Whether times are integers rather than dates."""
        return isinstance(self.frequency, int)

    @property
    def rises(self) -> bool:
        """Whether each position is later than the one before it."""
        if isinstance(self.frequency, int):
            return self.frequency > 0
        if self.ticks:
            return self.origin == self.ticks[0] and bool((np.diff(self.ticks) > 0).all())
        if calendar_of(self.frequency):
            return True
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
        return np.where(np.append(grid, pd.NaT.value)[position] == times, position, -1)

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
        return dates_in(self.timezone, self.at(positions))

    def column(self, positions: Int[np.ndarray, " N"]) -> pd.Series:
        """Times at positions as a column of a table: integers or dates."""
        if self.is_integer:
            return pd.Series(self.at(positions))
        return pd.Series(self.dates(positions))

    def text(self, position: int) -> str:
        """The time at a position for a message: of a midnight the date alone."""
        return str(self.column(np.array([position]))[0]).removesuffix(" 00:00:00")

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
        if self.ticks or calendar_of(self.frequency):
            return None
        offset = to_offset(self.frequency)
        if not isinstance(offset, CLOCK) or (
            self.timezone and isinstance(offset, pd.tseries.offsets.Day)
        ):
            return None
        return int(offset.nanos)

    def _moments(
        self, periods: int | None = None, end: pd.Timestamp | None = None
    ) -> Int[np.ndarray, " N"]:
        """Times from the origin on, as a calendar on the wall of the zone counts them.

        A zone that changes sides of the date line skips a day, which is then none of the calendar.
        """
        start = self._wall(self.origin)
        if self.ticks:
            return self._known_and_following(periods or 0, end)
        if self.timezone and self.origin == _first_moment(start.normalize(), self.timezone):
            start = start.normalize()
        try:
            dates = _ticks(str(self.frequency), start, periods, end)
        except (ValueError, OverflowError):  # and what pandas derives from them
            raise self._too_late() from None
        if self.timezone is None:
            return nanoseconds(dates)
        return np.unique(nanoseconds(first_moments(dates, self.timezone)))

    def _known_and_following(self, periods: int, end: pd.Timestamp | None) -> Int[np.ndarray, " N"]:
        """The ticks until an end, or so many times, those that are likely to follow among them."""
        known = np.array(self.ticks, dtype=np.int64)
        if end is not None or periods <= len(known):
            return known
        walls = nanoseconds(dates_in(self.timezone, known).tz_localize(None))
        count = periods - len(known)
        ahead = continued(walls, count)
        if len(ahead) and not walls[-1] < ahead[-1] < LAST_TICK:
            raise self._too_late()
        dates = pd.DatetimeIndex(ahead.view("datetime64[ns]"))
        dates = first_moments(dates, self.timezone) if self.timezone else dates
        return np.concatenate([known, nanoseconds(dates)])

    def going_on(self, count: int, other: TimeAxis) -> TimeAxis:
        """Of `index`, the ticks with those of another axis behind the first so many among them."""
        later = (tick for tick in other.ticks if tick > self.ticks[count - 1])
        return replace(self, ticks=tuple(sorted({*self.ticks, *later})))

    def beginning_at(self, position: int) -> TimeAxis:
        """Of `index`, the axis without the ticks before a position."""
        return replace(self, origin=self.ticks[position], ticks=self.ticks[position:])

    def _too_late(self) -> DataError:
        origin = self.origin if self.is_integer else self._wall(self.origin)
        last = LAST_INTEGER if self.is_integer else "2262, the last year"
        return DataError(f"steps of {self.frequency} from {origin} on pass {last}; take fewer")

    def _grid_until(self, time: int) -> Int[np.ndarray, " N"]:
        return self._moments(end=self._wall(time))

    def _wall(self, time: int) -> pd.Timestamp:
        stamp = pd.Timestamp(time, unit="ns")
        if self.timezone is None:
            return stamp
        return stamp.tz_localize("UTC").tz_convert(self.timezone).tz_localize(None)


def _ticks(
    frequency: str, start: pd.Timestamp, periods: int | None, end: pd.Timestamp | None
) -> pd.DatetimeIndex:
    """Ticks on the wall of a zone: so many of them, or all until an end.

    Raises:
        ValueError, OverflowError: if they leave the calendar.
    """
    calendar = calendar_of(frequency)
    if calendar is None:
        if end is not None:
            return pd.date_range(start, end=end, freq=frequency, unit="ns")
        return pd.date_range(start, periods=periods or 0, freq=frequency, unit="ns")
    edges = np.array([start.value, 0 if end is None else end.value + 1])
    first, stop = (int(number) for number in calendar.numbers(edges))
    stop = first + periods if periods is not None else stop
    if stop > calendar.numbers(np.array([LAST_TICK]))[0]:
        raise OverflowError
    return pd.DatetimeIndex(calendar.walls(np.arange(first, stop)).view("datetime64[ns]"))


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


def dates_in(timezone: str | None, times: Int[np.ndarray, " N"]) -> pd.DatetimeIndex:
    """Dates of times in nanoseconds, in a zone if there is one."""
    dates = pd.DatetimeIndex(times.astype("datetime64[ns]"))
    return dates.tz_localize("UTC").tz_convert(timezone) if timezone else dates


def are_plain(texts: pd.Series) -> bool:
    """Whether all are ISO 8601 dates, or times without a zone, which are read without a look at
    each."""
    return PLAIN.fullmatch("\n".join(map(str, texts)) + "\n") is not None


def iso_dates(texts: pd.Series, utc: bool) -> pd.DatetimeIndex:
    """ISO 8601 dates; NaT for anything else, also for `now` and for `1700.5`."""
    written = texts
    if not are_plain(texts):
        written = texts.where(texts.str.match(r"\d{4}(?!\.\d*$)"))
        written = written.str.replace(r"(?<=\d) ?(?:UTC|GMT)$", "Z", regex=True)
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
    if isinstance(frequency, int) or frequency == INDEX:
        return 1
    if calendar := calendar_of(frequency):
        return calendar.season
    offset = to_offset(frequency)
    assert offset is not None
    base = offset.rule_code.split("-")[0]
    if base in SECONDS:
        length = offset.n * SECONDS[base]
        season = 3600 if length < 60 else 86_400 if length < 86_400 else 7 * 86_400
        return max(1, season // length)
    return max(1, SEASONS.get(base, 1) // offset.n)
