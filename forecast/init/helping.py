"""Columns that help to forecast: how each is encoded, and which ones where `auto` is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Columns:
    """The columns of a table, looked at series by series."""

    frame: pd.DataFrame
    series: Int[np.ndarray, " N"]
    """Number of the series of each row."""

    @classmethod
    def of(cls, frame: pd.DataFrame, ids: Sequence[str]) -> Columns:
        """The columns of a table.

        Args:
            frame: the table.
            ids: columns that name its series; none: there is one.
        """
        if not ids:
            return cls(frame, np.zeros(len(frame), dtype=np.int64))
        groups = frame.groupby([*ids], sort=False, dropna=False, observed=True)
        return cls(frame, groups.ngroup().to_numpy())

    def helping(
        self, targets: Sequence[str], free: Sequence[str], asked: Mapping[str, Sequence[str]]
    ) -> dict[str, tuple[Column, ...]]:
        """The columns of each role, those that `auto` stands for among them.

        A column that is known behind the last target is known ahead; one that does not change
        within a series is static; other columns are known up to the origin.

        Args:
            targets: of the table.
            free: columns without a role that may help.
            asked: `past`, `future` and `static`: names of columns, or `auto`.
        """
        frame = self.frame
        is_auto = {role: AUTO in names and AUTO not in frame for role, names in asked.items()}
        named = {role: [n for n in names if n in frame] for role, names in asked.items()}
        taken = {name for names in named.values() for name in names}
        useful = [name for name in free if name not in taken and self._is_useful(name)]
        static = self.static(useful)
        found = {
            "future": self.known_ahead(targets, useful) if is_auto.get("future") else [],
            "static": static if any(is_auto.values()) else [],
        }
        rest = [name for name in useful if name not in (*found["future"], *static)]
        found["past"] = rest if is_auto.get("past") else []
        roles = {role: (*named.get(role, ()), *found[role][:MOST_AUTO]) for role in found}
        order = ("past", "future", "static")
        return {r: tuple(encoded(frame, name) for name in roles[r]) for r in order if roles[r]}

    def known_ahead(self, targets: Sequence[str], names: Sequence[str]) -> list[str]:
        """Those of some columns that are known behind the last target, and change in a series."""
        ahead = self._rows_ahead(targets)
        known = [n for n in names if ahead.any() and self.frame[n][ahead].notna().all()]
        return [name for name in known if self._is_useful(name) and not self._is_static(name)]

    def static(self, names: Sequence[str]) -> list[str]:
        """Those of some columns that have one value in each of several series."""
        return [name for name in names if self._is_static(name)]

    def with_long_gaps(self, names: Sequence[str]) -> list[str]:
        """Those of some columns of which many rows lie in long empty runs.

        Rows in which all of them are empty do not count.
        """
        is_held = self.frame[list(names)].notna().any(axis=1).to_numpy()
        held = Columns(self.frame[is_held], self.series[is_held])
        return [name for name in names if held._has_long_gaps(name)]

    def ending_early(self, names: Sequence[str]) -> list[str]:
        """Those of some columns that end some rows before all others, in every series: what is to
        be forecast."""
        behind = {name: self._rows_ahead([name]) for name in names if self.frame[name].hasnans}
        early = [n for n in behind if np.bincount(self.series, behind[n]).min() >= FEWEST_AHEAD]
        others = [name for name in names if name not in early]
        if not (early and others):
            return []
        ahead = behind[early[0]]
        is_alike = all(np.array_equal(behind[name], ahead) for name in early)
        return early if is_alike and self.frame[others][ahead].notna().all(axis=None) else []

    def _has_long_gaps(self, name: str) -> bool:
        order = np.argsort(self.series, kind="stable")
        lengths = np.unique(self.series, return_counts=True)[1]
        empty = self.frame[name].isna().to_numpy()[order]
        if not empty.any():
            return False
        offsets = offsets_of(lengths)
        runs = true_runs(empty, offsets)
        own = lengths[np.searchsorted(offsets, runs[:, 0], side="right") - 1]
        is_long = (runs[:, 1] > LONG_RUN * own) & (runs[:, 1] > 1)
        return bool(runs[is_long, 1].sum() > MOST_IN_LONG_RUNS * len(empty))

    def _rows_ahead(self, targets: Sequence[str]) -> Bool[np.ndarray, " N"]:
        """Whether each row stands behind the last one of its series with a known target."""
        known = self.frame[list(targets)].notna().any(axis=1).reset_index(drop=True)
        return ~known[::-1].groupby(self.series[::-1]).cummax()[::-1].to_numpy(dtype=bool)

    def _is_static(self, name: str) -> bool:
        """Whether a column has one value in each of several series."""
        column, series = self.frame[name], self.series
        if not len(series) or not series.max() or column.isna().any():
            return False
        cells, first = column.to_numpy(), np.unique(series, return_index=True)[1]
        return bool((cells == cells[first][series]).all())

    def _is_useful(self, name: str) -> bool:
        """Whether a column may help: it changes, is seldom empty, and is no name or remark."""
        column = self.frame[name]
        levels = column.nunique()
        if levels < 2 or self._has_long_gaps(name):
            return False
        is_text = pd.api.types.is_string_dtype(column.dtype)
        is_text |= isinstance(column.dtype, pd.CategoricalDtype)
        if is_text and levels > MOST_ONE_HOT and are_nearly_numbers(column):
            return False
        is_number = pd.api.types.is_numeric_dtype(column)
        return is_number or (is_text and levels <= min(MOST_LEVELS, len(column) // 5))
