"""Ticks that no pandas offset has: some days and hours of the week, and a day of the month.

`D MON-FRI,SUN` are days without Saturdays, `30min MON-FRI 09:30-15:30` half hours of trading, and
`MS-15` the 15th of each month; where a month is shorter, its last day.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Int
from pandas.tseries.frequencies import to_offset

DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
DAY, WEEK = 86_400 * 10**9, 7 * 86_400 * 10**9
MONDAY = 4 * DAY
"""The first Monday after 1970 began, in nanoseconds."""
RANGES = r"[A-Z]{3}(?:-[A-Z]{3})?(?:,[A-Z]{3}(?:-[A-Z]{3})?)*"
HOURS = r"\d\d:\d\d-\d\d:\d\d(?:,\d\d:\d\d-\d\d:\d\d)*"
MASK = re.compile(rf"(D|\d*(?:h|min)) ?(?: ({RANGES}))?(?: ({HOURS}))?")
Walls = Int[np.ndarray, " N"]
"""Nanoseconds since 1970 on the wall of a zone."""


@dataclass(frozen=True)
class WeekMask:
    """Ticks at the same times of every week; their numbers rise by one."""

    slots: tuple[int, ...]
    """Nanoseconds from the beginning of the week on."""

    @property
    def season(self) -> int:
        """Ticks of a day, where days have several; else those of a week."""
        days = len({slot // DAY for slot in self.slots})
        return max(1, len(self.slots) // days) if days < len(self.slots) else days

    def numbers(self, walls: Walls) -> Walls:
        """Number of the first tick at or after each time."""
        week, rest = np.divmod(walls - MONDAY, WEEK)
        return np.asarray(week * len(self.slots) + np.searchsorted(self._array, rest))

    def walls(self, numbers: Walls) -> Walls:
        """Times of ticks."""
        week, place = np.divmod(numbers, len(self.slots))
        return np.asarray(MONDAY + week * WEEK + self._array[place])

    @cached_property
    def _array(self) -> Int[np.ndarray, " slots"]:
        return np.array(self.slots, dtype=np.int64)


@dataclass(frozen=True)
class MonthDay:
    """One tick a month, at the beginning of a day; the last day of a month that is shorter."""

    day: int
    season: int = 12

    def numbers(self, walls: Walls) -> Walls:
        """Number of the first tick at or after each time."""
        months = walls.view("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
        return np.asarray(months + (self.walls(months) < walls))

    def walls(self, numbers: Walls) -> Walls:
        """Times of ticks."""
        months = (numbers.astype("datetime64[M]"), (numbers + 1).astype("datetime64[M]"))
        first, following = (each.astype("datetime64[D]") for each in months)
        days = np.minimum(self.day, (following - first).astype(np.int64)) - 1
        ahead = days.astype("timedelta64[D]")
        return np.asarray((first + ahead).astype("datetime64[ns]").astype(np.int64))


Calendar = WeekMask | MonthDay


@lru_cache
def calendar_of(frequency: str) -> Calendar | None:
    """The calendar that a frequency names; None for a pandas offset, or what is no frequency."""
    if month := re.fullmatch(r"MS-([12]?\d|3[01])", frequency):
        return MonthDay(int(month[1])) if int(month[1]) else None
    found = MASK.fullmatch(frequency)
    if found is None or not (found[2] or found[3]):
        return None
    offset = to_offset(found[1])
    step = int(getattr(offset, "nanos", 0))
    days = _days(found[2] or "MON-SUN")
    clock = _clock(found[3] or "00:00-23:59", step) if 0 < step <= DAY else []
    if not days or not clock or DAY % step:
        return None
    return WeekMask(tuple(day * DAY + time for day in days for time in clock))


def mask_text(step: str, days: list[int], times: list[int], length: int) -> str:
    """A mask as `calendar_of` reads it.

    Args:
        step: pandas offset of neighbouring ticks.
        days: of the week, 0 is Monday, rising.
        times: nanoseconds of the day, rising.
        length: nanoseconds of the step.
    """
    parts = [step]
    if len(days) < len(DAYS):
        runs = _runs(days, 1)
        parts.append(",".join(DAYS[a] if a == b else f"{DAYS[a]}-{DAYS[b]}" for a, b in runs))
    if len(times) * length < DAY:
        parts.append(",".join(f"{_hhmm(a)}-{_hhmm(b)}" for a, b in _runs(times, length)))
    return " ".join(parts)


def _days(text: str) -> list[int]:
    """Numbers of days; none for a name that is not one."""
    days: set[int] = set()
    for part in text.split(","):
        names = part.split("-")
        if not set(names) <= {*DAYS}:
            return []
        first, last = DAYS.index(names[0]), DAYS.index(names[-1])
        days |= {day % 7 for day in range(first, last + 1 + (7 if last < first else 0))}
    return sorted(days)


def _clock(text: str, step: int) -> list[int]:
    """Times of the day, a step apart within each range."""
    times: set[int] = set()
    for part in text.split(","):
        first, last = (_nanoseconds(each) for each in part.split("-"))
        times |= {*range(first, last + 1, step)}
    return sorted(time for time in times if time < DAY)


def _nanoseconds(text: str) -> int:
    hours, minutes = text.split(":")
    return (int(hours) * 60 + int(minutes)) * 60 * 10**9


def _hhmm(time: int) -> str:
    minutes = time // (60 * 10**9)
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _runs(values: list[int], step: int) -> list[tuple[int, int]]:
    """First and last of each run of values that are a step apart."""
    edges = [i for i, (a, b) in enumerate(itertools.pairwise(values), 1) if b - a != step]
    firsts, lasts = [0, *edges], [*(edge - 1 for edge in edges), len(values) - 1]
    return [(values[a], values[b]) for a, b in zip(firsts, lasts, strict=True)]
