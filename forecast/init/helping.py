"""Columns that help to forecast: how each is encoded, and which ones where `auto` is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from forecast.data.checks import true_runs
from forecast.data.panel import offsets_of
from forecast.init.nearly import are_nearly_numbers

Column = str | Mapping[str, Mapping[str, str]]
"""As the section `data` has it: `price`, or `{shop: {encoding: one_hot}}`."""
AUTO = "auto"
MOST_ONE_HOT = 12
"""Levels of a text that are a column each; more are an embedding."""
MOST_LEVELS = 100
"""Levels of a text that `auto` takes; more are names or remarks."""
MOST_AUTO = 20
"""Columns that `auto` takes for a role."""
FEWEST_AHEAD = 2
"""Rows in which a target is not known yet and others are; a single one may be late."""
LONG_RUN, MOST_IN_LONG_RUNS = 0.2, 0.1
"""Share of a series from which on an empty run is long, and of all rows that may lie in such."""


def name_of(column: Column) -> str:
    """The name of a column."""
    return column if isinstance(column, str) else next(iter(column))


def encoded(frame: pd.DataFrame, name: str) -> Column:
    """A column as the section `data` has it: texts and truth values are categories.

    Many numbers with a slip among them stay numbers: its cell is named when it is read.
    """
    cells = frame[name]
    if pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells):
        return name
    many = cells.nunique() > MOST_ONE_HOT
    if many and are_nearly_numbers(cells):
        return name
    return {name: {"encoding": "embedding" if many else "one_hot"}}


def series_numbers(frame: pd.DataFrame, ids: Sequence[str]) -> Int[np.ndarray, " N"]:
    """Number of the series of each row.

    Args:
        frame: the table.
        ids: columns that name its series; none: there is one.
    """
    if not ids:
        return np.zeros(len(frame), dtype=np.int64)
    return frame.groupby([*ids], sort=False, dropna=False, observed=True).ngroup().to_numpy()


def helping_columns(
    frame: pd.DataFrame,
    series: Int[np.ndarray, " N"],
    targets: Sequence[str],
    free: Sequence[str],
    asked: Mapping[str, Sequence[str]],
) -> dict[str, tuple[Column, ...]]:
    """The columns of each role, those that `auto` stands for among them.

    A column that is known behind the last target is known ahead; one that does not change within a
    series is static; other columns are known up to the origin.

    Args:
        frame: the table.
        series: number of the series of each row.
        targets: of the table.
        free: columns without a role that may help.
        asked: `past`, `future` and `static`: names of columns, or `auto`.
    """
    is_auto = {role: AUTO in names and AUTO not in frame for role, names in asked.items()}
    named = {role: [n for n in names if n in frame] for role, names in asked.items()}
    taken = {name for names in named.values() for name in names}
    useful = [n for n in free if n not in taken and _is_useful(frame[n], series)]
    static = [n for n in useful if _is_static(frame[n], series)]
    found = {
        "future": known_ahead(frame, series, targets, useful) if is_auto.get("future") else [],
        "static": static if any(is_auto.values()) else [],
    }
    rest = [n for n in useful if n not in (*found["future"], *static)]
    found["past"] = rest if is_auto.get("past") else []
    roles = {role: (*named.get(role, ()), *found[role][:MOST_AUTO]) for role in found}
    order = ("past", "future", "static")
    return {role: tuple(encoded(frame, n) for n in roles[role]) for role in order if roles[role]}


def known_ahead(
    frame: pd.DataFrame,
    series: Int[np.ndarray, " N"],
    targets: Sequence[str],
    names: Sequence[str],
) -> list[str]:
    """Columns that are known behind the last target, and change within a series.

    Args:
        frame: the table.
        series: number of the series of each row.
        targets: of the table.
        names: columns to look at.
    """
    ahead = _rows_ahead(frame[list(targets)], series)
    known = [n for n in names if ahead.any() and frame[n][ahead].notna().all()]
    return [n for n in known if _is_useful(frame[n], series) and not _is_static(frame[n], series)]


def static_columns(
    frame: pd.DataFrame, series: Int[np.ndarray, " N"], names: Sequence[str]
) -> tuple[str, ...]:
    """Columns that have one value in each of several series.

    Args:
        frame: the table.
        series: number of the series of each row.
        names: columns to look at.
    """
    return tuple(name for name in names if _is_static(frame[name], series))


def with_long_gaps(
    frame: pd.DataFrame, series: Int[np.ndarray, " N"], names: Sequence[str]
) -> tuple[str, ...]:
    """Columns of which many rows lie in long empty runs.

    Args:
        frame: the table.
        series: number of the series of each row.
        names: columns to look at; rows in which all of them are empty do not count.
    """
    is_held = frame[list(names)].notna().any(axis=1).to_numpy()
    held, series = frame[is_held], series[is_held]
    return tuple(name for name in names if _has_long_gaps(held[name], series))


def ending_early(
    frame: pd.DataFrame, series: Int[np.ndarray, " N"], names: Sequence[str]
) -> tuple[str, ...]:
    """Columns that end some rows before all others, in every series: what is to be forecast.

    Args:
        frame: the table.
        series: number of the series of each row.
        names: columns to look at.
    """
    behind = {name: _rows_ahead(frame[[name]], series) for name in names}
    early = [n for n in names if np.bincount(series, behind[n]).min() >= FEWEST_AHEAD]
    others = [name for name in names if name not in early]
    if not (early and others):
        return ()
    ahead = behind[early[0]]
    is_alike = all(np.array_equal(behind[name], ahead) for name in early)
    return tuple(early) if is_alike and frame[others][ahead].notna().all(axis=None) else ()


def _has_long_gaps(column: pd.Series, series: Int[np.ndarray, " N"]) -> bool:
    order = np.argsort(series, kind="stable")
    lengths = np.unique(series, return_counts=True)[1]
    empty = column.isna().to_numpy()[order]
    if not empty.any():
        return False
    offsets = offsets_of(lengths)
    runs = true_runs(empty, offsets)
    own = lengths[np.searchsorted(offsets, runs[:, 0], side="right") - 1]
    is_long = (runs[:, 1] > LONG_RUN * own) & (runs[:, 1] > 1)
    return bool(runs[is_long, 1].sum() > MOST_IN_LONG_RUNS * len(empty))


def _rows_ahead(targets: pd.DataFrame, series: Int[np.ndarray, " N"]) -> Bool[np.ndarray, " N"]:
    """Whether each row stands behind the last one of its series with a known target."""
    known = targets.notna().any(axis=1).reset_index(drop=True)
    return ~known[::-1].groupby(series[::-1]).cummax()[::-1].to_numpy(dtype=bool)


def _is_static(column: pd.Series, series: Int[np.ndarray, " N"]) -> bool:
    """Whether a column has one value in each of several series."""
    if not len(series) or not series.max() or column.isna().any():
        return False
    cells = column.to_numpy()
    first = np.unique(series, return_index=True)[1]
    return bool((cells == cells[first][series]).all())


def _is_useful(column: pd.Series, series: Int[np.ndarray, " N"]) -> bool:
    """Whether a column may help: it changes, is seldom empty, and is no name or remark."""
    is_number = pd.api.types.is_numeric_dtype(column)
    levels = column.nunique()
    if levels < 2 or _has_long_gaps(column, series):
        return False
    is_text = pd.api.types.is_string_dtype(column.dtype)
    is_text |= isinstance(column.dtype, pd.CategoricalDtype)
    if is_text and levels > MOST_ONE_HOT and are_nearly_numbers(column):
        return False
    return is_number or (is_text and levels <= min(MOST_LEVELS, len(column) // 5))
