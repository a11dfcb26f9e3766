"""The rows of a table on a time axis: put in order, checked, and each given its place."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from forecast.data.panel import offsets_of
from forecast.errors import DataError, named, shown
from forecast.tables.compact import rows_differing_from_previous
from forecast.tables.table import Table
from forecast.times.axis import CLOCK, LAST_MOMENT, TimeAxis
from forecast.times.calendars import calendar_of
from forecast.times.frequency import INDEXED, NUMBERED, infer_frequency
from forecast.times.ticks import INDEX

SHOWN_DUPLICATES = 10
"""Lines of duplicate times that a message names, after the first."""
MOST_INVENTED, FEW = 2, 10
"""So many times the rows of a table, and 10 more, a frequency that was guessed may make of it."""
MAX_GAP_GROWTH = 20
"""Filling gaps may make a panel at most this many times longer (plus 10,000 rows)."""


@dataclass(frozen=True)
class OrderedRows:
    """The rows of a table series by series, each series in order of time."""

    table: Table
    time: str
    """Column of times."""
    ids: tuple[str, ...]
    """Names of the series; empty if the table does not name them."""
    order: Int[np.ndarray, " N"] | None
    """Row of the table that each row is; None: the same, as in most tables."""
    series: Int[np.ndarray, " N"]
    times: Int[np.ndarray, " N"]
    timezone: str | None

    def place(self, row: int) -> str:
        """File and line, for the start of a message about a row."""
        return self.table.place(self.table_row(row))

    def cell(self, row: int) -> object:
        """The time of a row, as it is written."""
        return self.table.frame[self.time][self.table_row(row)]

    def table_row(self, row: int) -> int:
        """Its number in the table."""
        return row if self.order is None else int(self.order[row])

    def reordered(self, order: Int[np.ndarray, " N"]) -> OrderedRows:
        """The rows of a table as it is, put in another order."""
        assert self.order is None
        return OrderedRows(
            self.table,
            self.time,
            self.ids,
            order,
            self.series[order],
            self.times[order],
            self.timezone,
        )

    def at(self, rows: Int[np.ndarray, " kept"]) -> OrderedRows:
        """Some of the rows."""
        order = rows if self.order is None else self.order[rows]
        return replace(self, order=order, series=self.series[rows], times=self.times[rows])

    def rows_where(
        self, compare: Callable[[np.ndarray, np.ndarray], np.ndarray]
    ) -> Int[np.ndarray, " rows"]:
        """Rows whose time compares so with that of the row before, in the same series."""
        return rows_differing_from_previous(
            len(self.times),
            lambda before, after: (
                (self.series[after] == self.series[before])
                & compare(self.times[after], self.times[before])
            ),
        )


@dataclass(frozen=True)
class Grid:
    """Where the rows of a table stand among all rows of a panel, missing ones too."""

    axis: TimeAxis
    starts: Int[np.ndarray, " S"]
    """Position of each series' first row on the axis."""
    lengths: Int[np.ndarray, " S"]
    """Rows of each series, missing ones too."""
    rows: Int[np.ndarray, " N"] | None
    """Place of each row of the table among all rows; None: no row is missing."""


def in_time_order(rows: OrderedRows, may_sort: bool, may_repeat: bool) -> OrderedRows:
    """The rows of a table, sorted by series, and by time if that is allowed.

    Args:
        rows: as the table has them.
        may_sort: whether rows may be put in order of time, as `data.sort` says.
        may_repeat: whether times may appear twice, as `data.duplicates` says.

    Raises:
        DataError: with file and line, for a row out of order, or a time that appears twice.
    """
    given, series = rows, rows.series
    if len(rows_differing_from_previous(len(series), lambda a, b: series[b] < series[a])):
        rows = given.reordered(np.argsort(series, kind="stable"))
    backwards = rows.rows_where(np.less)
    if len(backwards) and not may_sort:
        first = int(backwards[0])
        raise DataError(
            f"{rows.place(first)}: column {shown(rows.time)}: {rows.cell(first)} comes after"
            f" {rows.cell(first - 1)}; sort the rows by time, set data.sort: true"
            f"{_other_remedies(rows, first)}"
        )
    if len(backwards):
        rows = given.reordered(np.lexsort((given.times, series)))
    twice = rows.rows_where(np.equal)
    if len(twice) and not may_repeat:
        first = int(twice[0])
        name = f" of series {named(rows.ids[rows.series[first]])}" if rows.ids else ""
        raise DataError(
            f"{rows.place(first)}: column {shown(rows.time)}: {rows.cell(first)}{name} appears"
            f" twice{_further(rows, twice[1:])}; keep one row a time, set data.duplicates: mean"
            f" (or sum, first, last){_other_remedies(rows, first)}"
            f"{', or write the year of each, if they begin again' if _begin_again(given) else ''}"
        )
    return rows


def _begin_again(rows: OrderedRows) -> bool:
    """Whether times are numbers that count up and begin again, as weeks of years do."""
    steps = np.diff(rows.times)
    is_begin = rows.times[1:] == rows.times.min()
    return bool((is_begin | (steps == 1)).all() and (steps[is_begin] < 0).all())


def _further(rows: OrderedRows, twice: Int[np.ndarray, " rows"]) -> str:
    """Where the duplicates after the first stand."""
    if not len(twice):
        return ""
    table_rows = twice if rows.order is None else rows.order[twice]
    lines = np.sort(np.asarray(rows.table.lines)[table_rows]).tolist()
    named = ", ".join(map(str, lines[:SHOWN_DUPLICATES]))
    more = f" and {len(lines) - SHOWN_DUPLICATES} more" if len(lines) > SHOWN_DUPLICATES else ""
    return f", other times again in {'line' if rows.table.is_csv else 'row'} {named}{more}"


def _other_remedies(rows: OrderedRows, row: int) -> str:
    named = "" if rows.ids else ", or name the column of series in data.id"
    is_local = rows.timezone is None and ":" in str(rows.cell(row))
    return f"{named}{', or set data.timezone if times are local' if is_local else ''}"


def grid_of(
    rows: OrderedRows, offsets: Int[np.ndarray, " _"], frequency: str | int, is_integer: bool
) -> Grid:
    """The places of all rows on the axis of a frequency.

    Args:
        rows: in order.
        offsets: (S + 1,) first row of each series, and N.
        frequency: as configured; "auto" is inferred from the longest series.
        is_integer: whether times are integers.

    Raises:
        DataError: with file and line, for a row off the axis, or one so far from the others that
            the rows between them would fill the memory.
    """
    axis = _axis(rows, offsets, frequency, is_integer)
    if _is_even(rows.times, offsets, axis.step()):  # then the first rows tell all others
        starts = axis.positions(rows.times[offsets[:-1]])
        _refuse_off_axis(rows, offsets[:-1], starts < 0, axis)
        return Grid(axis, starts, np.diff(offsets), None)
    positions = axis.positions(rows.times)
    _refuse_off_axis(rows, np.arange(len(positions)), positions < 0, axis)
    starts = positions[offsets[:-1]]
    lengths = positions[offsets[1:] - 1] - starts + 1
    _refuse_far_rows(rows, positions, offsets, int(lengths.sum()))
    if frequency == "auto":
        _refuse_invented_rows(rows, positions, offsets, int(lengths.sum()), axis.frequency)
    # A row's place is its distance to the first row of its series, behind all earlier series.
    shift = offsets_of(lengths)[:-1] - starts
    return Grid(axis, starts, lengths, positions + np.repeat(shift, np.diff(offsets)))


def _is_even(
    times: Int[np.ndarray, " N"], offsets: Int[np.ndarray, " _"], step: int | None
) -> bool:
    """Whether the times of every series are one step apart; no array of all rows is made."""
    if step is None:
        return False
    odd = rows_differing_from_previous(len(times), lambda a, b: times[b] - times[a] != step)
    return bool((offsets[np.searchsorted(offsets, odd)] == odd).all())  # they begin a series


def _axis(
    rows: OrderedRows, offsets: Int[np.ndarray, " _"], frequency: str | int, is_integer: bool
) -> TimeAxis:
    if frequency == "auto":
        longest = int(np.argmax(np.diff(offsets)))
        first, last = int(offsets[longest]), int(offsets[longest + 1])
        times = rows.times[first:last]
        frequency = infer_frequency(
            times, rows.timezone, is_integer, lambda row: rows.place(first + row)
        )
    elif frequency == INDEX:
        ticks = np.unique(rows.times)
        return TimeAxis(int(ticks[0]), INDEX, rows.timezone, tuple(ticks.tolist()))
    elif isinstance(frequency, str):
        frequency = _checked_offset(frequency)
    return TimeAxis(int(rows.times.min()), frequency, rows.timezone)


def _checked_offset(frequency: str) -> str:
    if calendar_of(frequency):
        return frequency
    try:
        with warnings.catch_warnings(action="error", category=FutureWarning):
            offset = pd.tseries.frequencies.to_offset(frequency)
    except (ValueError, OverflowError, FutureWarning):
        offset = None
    is_too_long = isinstance(offset, CLOCK) and offset.nanos > LAST_MOMENT
    if offset is None or offset.n < 1 or is_too_long:
        raise DataError(
            f"data.frequency {frequency!r} is no pandas offset; write e.g. h, D, W-SUN, MS, ME,"
            " MS-15, D MON-FRI or index"
        )
    return str(offset.freqstr)


def _refuse_off_axis(
    rows: OrderedRows,
    numbers: Int[np.ndarray, " R"],
    is_off: Bool[np.ndarray, " R"],
    axis: TimeAxis,
) -> None:
    if is_off.any():
        row = int(numbers[np.argmax(is_off)])
        origin = axis.column(np.zeros(1, dtype=np.int64))[0]
        raise DataError(
            f"{rows.place(row)}: column {shown(rows.time)}: {rows.cell(row)} is off the grid of"
            f" frequency {axis.frequency} that begins at {origin}; mend the time, or set"
            " data.frequency"
        )


def _refuse_invented_rows(
    rows: OrderedRows,
    positions: Int[np.ndarray, " N"],
    offsets: Int[np.ndarray, " _"],
    all_rows: int,
    frequency: str | int,
) -> None:
    """A frequency that was guessed must not make a table of which most rows are missing."""
    if all_rows <= MOST_INVENTED * len(positions) + FEW:
        return
    before = int(np.argmax(_steps(positions, offsets) > 1))
    set_it = f"set data.frequency: {frequency} if they are"
    raise DataError(
        f"{rows.place(before + 1)}: column {shown(rows.time)}: most rows of frequency {frequency}"
        f" are missing, {all_rows - len(positions)} of {all_rows}, the first before"
        f" {rows.cell(before + 1)}; {set_it}"
        f"{NUMBERED if isinstance(frequency, int) else INDEXED}"
    )


def _refuse_far_rows(
    rows: OrderedRows,
    positions: Int[np.ndarray, " N"],
    offsets: Int[np.ndarray, " _"],
    all_rows: int,
) -> None:
    """A mistyped year must not fill the memory with missing rows."""
    if all_rows <= MAX_GAP_GROWTH * len(positions) + 10_000:
        return
    steps = _steps(positions, offsets)
    before = int(np.argmax(steps))
    raise DataError(
        f"{rows.place(before + 1)}: column {shown(rows.time)}: {int(steps[before]) - 1} rows are"
        f" missing before {rows.cell(before + 1)}; mend the time, or set data.frequency"
    )


def _steps(
    positions: Int[np.ndarray, " N"], offsets: Int[np.ndarray, " _"]
) -> Int[np.ndarray, " steps"]:
    """From each row to the next; 0 from one series to the next."""
    steps = np.diff(positions)
    steps[offsets[1:-1] - 1] = 0
    return steps
