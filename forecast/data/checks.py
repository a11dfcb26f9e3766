"""What is worth knowing of a table before training: gaps, empty cells, constants, outliers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.data.panel import Panel

OUTLIER = 10.0
"""A value is an outlier if its distance to the mean of its neighbours is this many times the usual
one of its series (median absolute deviation, scaled to a normal distribution)."""
SHOWN = 3
"""Outliers named of each column."""


@dataclass(frozen=True)
class Finding:
    """One thing that is odd, and where."""

    kind: str
    """gap, empty, constant or outlier."""
    message: str


def findings(panel: Panel) -> list[Finding]:
    """All that is odd in a panel, each with column and place."""
    found = _gaps(panel)
    for column, name in enumerate(panel.columns):
        found += _empty(panel, column, name)
        found += _constant(panel, column, name)
        if name not in panel.levels:
            found += _outliers(panel, column, name)
    return found


def _gaps(panel: Panel) -> list[Finding]:
    if panel.lines is None:
        return []
    runs = true_runs(panel.lines < 0, panel.offsets)
    if not len(runs):
        return []
    first, longest = runs[0], runs[np.argmax(runs[:, 1])]
    return [
        Finding(
            "gap",
            f"{panel.place(int(first[0]) - 1)}: {int(runs[:, 1].sum())} rows are missing in"
            f" {len(runs)} gaps; the first after this row, the longest ({int(longest[1])} rows)"
            f" after {panel.place(int(longest[0]) - 1)}",
        )
    ]


def _empty(panel: Panel, column: int, name: str) -> list[Finding]:
    in_table = np.ones(len(panel.values), bool) if panel.lines is None else panel.lines >= 0
    runs = true_runs(np.isnan(panel.values[:, column]) & in_table, panel.offsets)
    if not len(runs):
        return []
    first, longest = runs[0], runs[np.argmax(runs[:, 1])]
    return [
        Finding(
            "empty",
            f"{panel.place(int(first[0]))}: column {name!r} has {int(runs[:, 1].sum())} empty"
            f" cells in {len(runs)} runs; the first here, the longest ({int(longest[1])} rows) at"
            f" {panel.place(int(longest[0]))}",
        )
    ]


def _constant(panel: Panel, column: int, name: str) -> list[Finding]:
    values = panel.values[:, column]
    with np.errstate(invalid="ignore"):
        lowest = np.fmin.reduceat(values, panel.offsets[:-1])
        highest = np.fmax.reduceat(values, panel.offsets[:-1])
    constant = np.flatnonzero(lowest == highest)
    if not len(constant):
        return []
    number = int(constant[0])
    if not panel.has_ids:
        return [Finding("constant", f"{panel.source}: column {name!r} is always {lowest[0]:g}")]
    return [
        Finding(
            "constant",
            f"{panel.source}: column {name!r} is constant in {len(constant)} of {panel.num_series}"
            f" series; the first is {panel.ids[number]} ({lowest[number]:g})",
        )
    ]


def _outliers(panel: Panel, column: int, name: str) -> list[Finding]:
    values = panel.values[:, column]
    distance = np.full(len(values), np.nan)
    distance[1:-1] = np.abs(values[1:-1] - (values[:-2] + values[2:]) / 2)
    distance[panel.offsets[:-1]] = np.nan
    distance[panel.offsets[1:] - 1] = np.nan
    usual = 1.4826 * _series_medians(distance, panel.offsets)
    ratio = distance / np.where(usual > 0, usual, np.nan)
    rows = np.flatnonzero(ratio > OUTLIER)
    if not len(rows):
        return []
    rows = rows[np.argsort(-ratio[rows], kind="stable")]
    named = ", ".join(f"{values[row]:g} at {panel.place(int(row))}" for row in rows[:SHOWN])
    return [Finding("outlier", f"column {name!r}: {len(rows)} outliers, e.g. {named}")]


def _series_medians(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(N,) the median of each row's series; NaN left out."""
    import pandas as pd

    series = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    return np.asarray(pd.Series(values).groupby(series).transform("median"))


def true_runs(flags: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(runs, 2) first row and length of each run of true flags; runs end with their series."""
    begins = flags.copy()
    begins[1:] &= ~flags[:-1]
    begins[offsets[:-1]] = flags[offsets[:-1]]
    ends = flags.copy()
    ends[:-1] &= ~flags[1:]
    ends[offsets[1:] - 1] = flags[offsets[1:] - 1]
    first, last = np.flatnonzero(begins), np.flatnonzero(ends)
    return np.column_stack([first, last - first + 1])
