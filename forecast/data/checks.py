"""What is worth knowing of a table before training: gaps, empty cells, constants, outliers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from pandas.tseries.frequencies import to_offset

from forecast.data.panel import Offsets, Panel
from forecast.errors import named, shown
from forecast.times.axis import TimeAxis
from forecast.times.calendars import calendar_of
from forecast.times.ticks import INDEX

OUTLIER = 10.0
"""A value is an outlier if its distance to the mean of its neighbours is this many times the usual
one of its series (median absolute deviation, scaled to a normal distribution)."""
FEWEST_CODES, FEWEST_OTHERS = 3, 10
"""Rows that hold a code, and different values beside it: of few, one may be far from the others."""
MOST_FALLS, NEARLY_ZERO = 0.15, 0.1
"""Share of the steps of a counter that fall, and of its value that is left: a sum of the year so
far, by months, falls in a twelfth."""
SHOWN = 3
"""Outliers named of each column."""


@dataclass(frozen=True)
class Finding:
    """One thing that is odd, and where."""

    kind: str
    """gap, future, empty, constant, outlier, code or counter."""
    message: str


def findings(panel: Panel) -> list[Finding]:
    """All that is odd in a panel, each with column and place."""
    found = _gaps(panel) + _future(panel)
    for column, name in enumerate(panel.columns):
        found += _empty(panel, column, name)
        found += _constant(panel, column, name)
        if name not in panel.categories:
            found += _outliers(panel, column, name)
    return found + doubtful(panel)


def _gaps(panel: Panel) -> list[Finding]:
    runs = true_runs(~panel.in_table, panel.offsets)
    if not len(runs):
        return []
    first, longest = (panel.place(int(row) - 1) for row in _first_and_longest(runs))
    count, rows = len(runs), int(runs[:, 1].sum())
    remedy = local_time_remedy(panel.axis)
    if count == 1:
        return [Finding("gap", f"{first}: after this row {_rows(rows)} missing{remedy}")]
    return [
        Finding(
            "gap",
            f"{first}: {_rows(rows)} missing in {count} gaps; the first after this row, the longest"
            f" ({runs[:, 1].max()} rows) after {longest}{remedy}",
        )
    ]


def _future(panel: Panel) -> list[Finding]:
    if panel.ahead is None:
        return []
    count, series = len(panel.ahead.values), panel.ahead.num_series
    of = f" in {series} series" if panel.has_ids else ""
    where = panel.ahead.place(0)
    said = f"from here on {_rows(count)} without a target{of}: the future, which is forecast"
    return [Finding("future", f"{where}: {said}")]


def local_time_remedy(axis: TimeAxis) -> str:
    """End of a message about missing rows: an hour that clocks skip looks like one of them."""
    frequency = axis.frequency
    if isinstance(frequency, int) or frequency == INDEX or calendar_of(frequency):
        return ""
    offset = to_offset(frequency)
    is_clock = isinstance(offset, pd.tseries.offsets.Tick)
    if axis.timezone or not is_clock or isinstance(offset, pd.tseries.offsets.Day):
        return ""
    return "; if the times are local set data.timezone"


def _empty(panel: Panel, column: int, name: str) -> list[Finding]:
    runs = true_runs(np.isnan(panel.values[:, column]) & panel.in_table, panel.offsets)
    if not len(runs):
        return []
    first, longest = (panel.place(int(row)) for row in _first_and_longest(runs))
    count, cells = len(runs), int(runs[:, 1].sum())
    where = f"{first}: column {shown(name)} is empty"
    if count == 1:
        rows = "in this row" if cells == 1 else f"in {cells} rows from here on"
        return [Finding("empty", f"{where} {rows}")]
    return [
        Finding(
            "empty",
            f"{where} in {cells} rows, in {count} runs; the first begins here, the longest"
            f" ({runs[:, 1].max()} rows) at {longest}",
        )
    ]


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count} rows are"


def _first_and_longest(runs: Int[np.ndarray, "runs 2"]) -> tuple[int, int]:
    """First rows of the first and of the longest run."""
    return int(runs[0, 0]), int(runs[np.argmax(runs[:, 1]), 0])


def _extremes(panel: Panel, column: int) -> tuple[Float[np.ndarray, " S"], Float[np.ndarray, " S"]]:
    """The lowest and the highest value of each series; NaN where none is known."""
    values, firsts = panel.values[:, column], panel.offsets[:-1]
    with np.errstate(invalid="ignore"):
        return np.fmin.reduceat(values, firsts), np.fmax.reduceat(values, firsts)


def _constant(panel: Panel, column: int, name: str) -> list[Finding]:
    lowest, highest = _extremes(panel, column)
    constant = np.flatnonzero(lowest == highest)
    if not len(constant):
        return []
    number = int(constant[0])
    level = lowest[number]
    value = panel.categories[name][int(level)] if name in panel.categories else f"{level:g}"
    message = f"is always {named(value)}"
    if panel.has_ids:
        message = (
            f"is constant in {len(constant)} of {panel.num_series} series; the first is"
            f" {named(panel.ids[number])} ({named(value)})"
        )
    return [Finding("constant", f"{panel.source}: column {shown(name)} {message}")]


def _outliers(panel: Panel, column: int, name: str) -> list[Finding]:
    values, rows = panel.values[:, column], outlying_rows(panel, column)
    if not len(rows):
        return []
    places = [f"{values[row]:g} at {panel.place(int(row))}" for row in rows[:SHOWN]]
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    message = f"column {shown(name)} is far from its neighbours: {', '.join(places)}{more}"
    return [Finding("outlier", message)]


def doubtful(panel: Panel) -> list[Finding]:
    """Columns that may not hold what is to be forecast: codes for no value, and counters."""
    numbers = [name for name in panel.columns if name not in panel.categories]
    return [
        each
        for name in numbers
        for find in (_codes, _counter)
        for each in find(panel, panel.columns.index(name), name)
    ]


def _counter(panel: Panel, column: int, name: str) -> list[Finding]:
    """Whether some series rise in most rows, and elsewhere fall to nearly 0, as meters that are
    changed and sums of a year so far do."""
    known = np.flatnonzero(~np.isnan(panel.values[:, column]))
    values, series = panel.values[known, column], panel.series_of(known)
    own = series[1:] == series[:-1]
    falls, rises = own & (values[1:] < values[:-1]), own & (values[1:] > values[:-1])
    is_reset = falls & (values[1:] >= 0) & (values[1:] <= NEARLY_ZERO * values[:-1])
    steps, fallen, risen, reset = (
        np.bincount(series[1:][rows], minlength=panel.num_series)
        for rows in (own, falls, rises, is_reset)
    )
    is_counter = (fallen > 0) & (fallen == reset) & (fallen <= MOST_FALLS * steps)
    is_counter &= risen > steps / 2
    rows = known[1:][falls & is_counter[series[1:]]]
    if not len(rows):
        return []
    message = (
        f"{panel.place(int(rows[0]))}: column {shown(name)} falls to nearly 0 here, in {len(rows)}"
        " of its rows, and rises in most others, like a counter; forecast what it rises by instead"
    )
    return [Finding("counter", message)]


def _codes(panel: Panel, column: int, name: str) -> list[Finding]:
    """Values that come again and again beyond all others, as devices write for no value.

    A series that holds one value alone is constant, whatever the others hold.
    """
    changes = np.repeat(np.not_equal(*_extremes(panel, column)), panel.lengths)
    known = panel.values[changes, column]
    values, counts = np.unique(known, return_counts=True, equal_nan=True)
    counts = counts[~np.isnan(values)]
    values = values[~np.isnan(values)]
    found = []
    for end, others in ((0, values[1:]), (-1, values[:-1])):
        if len(others) < FEWEST_OTHERS or counts[end] < FEWEST_CODES or values[end] == 0:
            continue
        if np.abs(others - values[end]).min() > np.ptp(others):
            message = (
                f"column {shown(name)} is {values[end]:g} in {counts[end]} rows, far from all other"
                f" values; if it stands for none, empty these cells and set data.missing"
            )
            found.append(Finding("code", message))
    return found


def outlying_rows(panel: Panel, column: int) -> Int[np.ndarray, " R"]:
    """Rows of a column whose values are outliers, the farthest first."""
    values = panel.values[:, column]
    known = np.flatnonzero(~np.isnan(values))
    ratio = _outlyingness(values[known], np.searchsorted(known, panel.offsets))
    around = np.concatenate([[0.0], ratio, [0.0]])
    # A spike makes its neighbours look odd as well, but less so.
    is_peak = (ratio > around[:-2]) & (ratio >= around[2:])
    odd = np.flatnonzero((ratio > OUTLIER) & is_peak)
    return np.asarray(known[odd[np.argsort(-ratio[odd], kind="stable")]])


def _outlyingness(values: Float[np.ndarray, " N"], offsets: Offsets) -> Float[np.ndarray, " N"]:
    """(N,) distance of each value to the mean of the two beside it, in the usual distance.

    0 at the ends of a series, where a value has only one neighbour.
    """
    distance = np.full(len(values), np.nan)
    distance[1:-1] = np.abs(values[1:-1] - (values[:-2] + values[2:]) / 2)
    filled = np.diff(offsets) > 0
    distance[offsets[:-1][filled]] = np.nan
    distance[offsets[1:][filled] - 1] = np.nan
    usual = 1.4826 * _series_medians(distance, offsets)
    return np.nan_to_num(distance / np.where(usual > 0, usual, np.nan))


def _series_medians(values: Float[np.ndarray, " N"], offsets: Offsets) -> Float[np.ndarray, " N"]:
    """(N,) the median of each row's series; NaN left out."""
    series = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    return np.asarray(pd.Series(values).groupby(series).transform("median"))


def true_runs(flags: Bool[np.ndarray, " N"], offsets: Offsets) -> Int[np.ndarray, "runs 2"]:
    """(runs, 2) first row and length of each run of true flags; runs end with their series."""
    begins = flags.copy()
    begins[1:] &= ~flags[:-1]
    begins[offsets[:-1]] = flags[offsets[:-1]]
    ends = flags.copy()
    ends[:-1] &= ~flags[1:]
    ends[offsets[1:] - 1] = flags[offsets[1:] - 1]
    first, last = np.flatnonzero(begins), np.flatnonzero(ends)
    return np.column_stack([first, last - first + 1])
