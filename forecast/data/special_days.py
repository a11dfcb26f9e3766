"""Days that are not like others, public holidays and terms of a table, as shares of each step.

A model keeps the days themselves, some years ahead: so a forecast follows the rules that training
did, and needs neither the package `holidays` nor the table.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from pandas.tseries.frequencies import to_offset

from forecast.config.data import DataConfig
from forecast.config.days import Holidays
from forecast.errors import ConfigError, DataError, extra_missing, named, shown
from forecast.tables.table import Table, opened, read_table
from forecast.times.axis import TimeAxis, iso_dates
from forecast.times.calendars import WeekMask, calendar_of

log = logging.getLogger("forecast")

YEARS_AHEAD = 20
"""Years after the last row of which a model keeps the holidays."""
MOST_TERMS, MOST_NAMES, LONGEST = 10_000, 50, 400
"""Rows of a table of terms, names in it, and days of a term."""
TERM_COLUMNS = ("first", "last", "name")
ONE_DAY = ("B", "C", "bh", "cbh")
"""Frequencies whose steps are days or less, though the next one may come after a weekend."""
DAY, MOST_DAYS = 86_400 * 10**9, 110_000
"""Nanoseconds; and days from 1970 to either end of the calendar, at most."""


@dataclass(frozen=True)
class SpecialDays:
    """Days under one name, and from when to when they are known; all as days since 1970."""

    name: str
    days: tuple[int, ...]
    first: int
    last: int

    def shares(
        self, begins: Int[np.ndarray, " N"], ends: Int[np.ndarray, " N"]
    ) -> Float[np.ndarray, " N"]:
        """(N,) which share of the days from `begins` up to, not with, `ends` are among them."""
        before_end, before = (np.searchsorted(self.days, each) for each in (ends, begins))
        return np.asarray((before_end - before) / (ends - begins))


def special_days(config: DataConfig, axis: TimeAxis, last: int) -> tuple[SpecialDays, ...]:
    """All that a configuration asks for.

    Args:
        config: names a place for its holidays, a table of terms, both or neither.
        axis: of the table.
        last: position of its last row.

    Raises:
        ConfigError: for integer times, a place that is not known, or a package that is not there.
        DataError: for a table of terms that cannot be read.
    """
    if config.holidays is None and config.terms is None:
        return ()
    if axis.is_integer:
        key = "terms" if config.holidays is None else "holidays"
        raise ConfigError(
            f"data.{key}: needs dates, but the times are integers; set data.time_format, or leave"
            f" data.{key} out"
        )
    years = axis.dates(np.array([0, last])).year
    found = [*_terms(config, config.terms)] if config.terms else []
    if config.holidays:
        found.insert(0, _holidays(config.holidays, int(years[0]), int(years[1]) + YEARS_AHEAD))
    return tuple(found)


def _holidays(place: Holidays, first: int, last: int) -> SpecialDays:
    """The public holidays of some years."""
    try:
        import holidays
    except ImportError:
        raise extra_missing("data.holidays", "holidays", "holidays") from None
    known = holidays.list_supported_countries()
    if place.country not in known:
        raise ConfigError(
            f"data.holidays.country: {shown(place.country)} is not known; write a code of ISO 3166"
            " such as DE"
        )
    try:
        dates = holidays.country_holidays(
            place.country, subdiv=place.subdivision, years=range(first, last + 1)
        )
    except NotImplementedError:
        raise ConfigError(
            f"data.holidays.subdivision: {place.country} has no {shown(place.subdivision)}; known:"
            f" {', '.join(known[place.country]) or 'none'}"
        ) from None
    days = np.array(sorted(dates), dtype="datetime64[D]").astype(np.int64)
    edges = np.array([f"{first}-01-01", f"{last}-12-31"], dtype="datetime64[D]").astype(np.int64)
    return SpecialDays("holidays", tuple(days.tolist()), *edges.tolist())


def _terms(config: DataConfig, path: str) -> list[SpecialDays]:
    """The terms of a table: one entry a name, by the order in which they begin."""
    with opened(path, "data.terms") as file:
        table = read_table(file, config, (), TERM_COLUMNS)
    if len(table.frame) > MOST_TERMS:
        raise DataError(f"{path}: {len(table.frame)} terms; at most {MOST_TERMS} are read")
    first, last = (_days_in(table, column) for column in TERM_COLUMNS[:2])
    _refuse_lengths(table, first, last)
    names = [str(name) for name in table.frame["name"]]
    distinct = [*dict.fromkeys(names)]
    if len(distinct) > MOST_NAMES:
        raise DataError(f"{path}: {len(distinct)} names of terms; at most {MOST_NAMES} are read")
    edges, found = (int(first.min()), int(last.max())), []
    for name in distinct:
        own = [number for number, each in enumerate(names) if each == name]
        days = {day for number in own for day in range(first[number], last[number] + 1)}
        found.append(SpecialDays(f"terms={name}", tuple(sorted(days)), *edges))
    return found


def _days_in(table: Table, column: str) -> Int[np.ndarray, " N"]:
    """A column of dates as days since 1970."""
    texts = table.frame[column].astype(str).reset_index(drop=True)
    dates = iso_dates(texts, utc=False)
    is_none = np.asarray(dates.isna())
    if is_none.any():
        row = int(np.argmax(is_none))
        raise DataError(
            f"{table.place(row)}: column {column} is {shown(texts[row])}; write YYYY-MM-DD"
        )
    return _numbers_of_days(dates)


def _refuse_lengths(table: Table, first: np.ndarray, last: np.ndarray) -> None:
    days = last - first + 1
    wrong = (days < 1) | (days > LONGEST)
    if not wrong.any():
        return
    row = int(np.argmax(wrong))
    what = "ends before it begins" if days[row] < 1 else f"has more than {LONGEST} days"
    name = named(table.frame["name"].iloc[row])
    raise DataError(f"{table.place(row)}: term {name} {what}; mend first or last")


def share_of_days(
    axis: TimeAxis, positions: Int[np.ndarray, " N"], special: Sequence[SpecialDays]
) -> Float[np.ndarray, "N columns"]:
    """Which share of the days of each step is among each kind of special days.

    The days of a step are those from its time up to the next one, by the zone of the axis; of
    frequencies that name the end of their steps, as pandas resamples (W, ME, QE, ...), those after
    the time before. Within a day it is that day.

    Args:
        axis: an axis of dates.
        positions: (N,) positions on the axis, which may lie in the future.
        special: kinds of days.

    Returns:
        (N, len(special)) float64 in [0, 1].
    """
    if not special:
        return np.empty((len(positions), 0))
    distinct, inverse = np.unique(positions, return_inverse=True)
    begins, ends = _edges(axis, distinct)
    return np.stack([each.shares(begins, ends) for each in special], axis=1)[inverse]


def shares_by_day(
    axis: TimeAxis, special: Sequence[SpecialDays]
) -> tuple[Int[np.ndarray, " D"], Float[np.ndarray, "D columns"]]:
    """The shares of all steps that may hold special days, by the day on which each step lies.

    Args:
        axis: an axis of dates, not of counted rows, whose steps to come are not known.
        special: kinds of days.

    Returns:
        Days since 1970, rising: every one where steps are a day or shorter, else those on which
        the axis has a step. Behind the last one no step holds special days.
    """
    first, last = min(each.first for each in special), max(each.last for each in special)
    if is_within_a_day(axis):
        days = np.arange(first, last + 1)
        return days, np.stack([each.shares(days, days + 1) for each in special], axis=1)
    behind = axis.first_at_or_after(str(np.datetime64(last + 1, "D")))
    positions = np.arange(behind + 1)
    return _days(axis, positions), share_of_days(axis, positions, special)


def _edges(
    axis: TimeAxis, positions: Int[np.ndarray, " N"]
) -> tuple[Int[np.ndarray, " N"], Int[np.ndarray, " N"]]:
    """First day of each step, and the day after its last."""
    here = _days(axis, positions)
    if is_within_a_day(axis):
        return here, here + 1
    if not _names_its_end(axis):
        return here, np.maximum(_days(axis, positions + 1), here + 1)
    earliest = axis.dates(np.array([0])).tz_localize(None) - to_offset(str(axis.frequency))
    before = np.where(
        positions > 0, _days(axis, np.maximum(positions - 1, 0)), _numbers_of_days(earliest)
    )
    return before + 1, here + 1


def _days(axis: TimeAxis, positions: Int[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
    """Days since 1970 on which positions lie, by the wall of the zone."""
    return _numbers_of_days(axis.dates(positions).tz_localize(None))


def _numbers_of_days(dates: pd.DatetimeIndex) -> Int[np.ndarray, " N"]:
    return np.asarray(dates.to_numpy(dtype="datetime64[D]").astype(np.int64))


def is_within_a_day(axis: TimeAxis) -> bool:
    """Whether no step of an axis of dates is longer than the day on which it lies."""
    frequency = str(axis.frequency)
    if axis.ticks:
        return False
    if calendar := calendar_of(frequency):
        return isinstance(calendar, WeekMask)
    offset = to_offset(frequency)
    step = axis.step()
    is_short = step is not None and step <= DAY
    if is_short or offset is None or frequency == "D":
        return True
    return offset.rule_code.split("-")[0] in ONE_DAY


def _names_its_end(axis: TimeAxis) -> bool:
    """Whether pandas labels a step of this frequency by its end: weeks, ends of months, years."""
    if axis.ticks or calendar_of(str(axis.frequency)):
        return False
    base = to_offset(str(axis.frequency)).rule_code.split("-")[0]
    return base == "W" or base.endswith("E")


def warn_of_unknown_days(
    special: Sequence[SpecialDays], axis: TimeAxis, first: int, last: int
) -> None:
    """Say that days before or behind those that are known count as ordinary ones.

    Args:
        special: kinds of days.
        axis: an axis of dates.
        first, last: positions that are read.
    """
    if not special:
        return
    begin, end = _days(axis, np.array([first, last])).tolist()
    for each in {
        (each.name.split("=")[0], each.first, each.last): each for each in special
    }.values():
        if begin < each.first or end > each.last:
            known = pd.to_datetime([each.first, each.last], unit="D").strftime("%Y-%m-%d")
            log.warning(
                "data.%s: known from %s to %s; other days count as ordinary ones",
                each.name.split("=")[0],
                *known,
            )
