"""The panel: one or more series end to end in one table of numbers, each row on a time axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from forecast.data.names import parts_of
from forecast.errors import named
from forecast.tables.places import Files, place_of
from forecast.times.axis import TimeAxis

Offsets = Int[np.ndarray, " _"]
"""(S + 1,) first row of each series, and N."""
Ranges = Int[np.ndarray, "S 2"]
"""First row, and row after the last, of a part of each series."""


TICKS_KEPT = 500
"""A tail keeps at least so many times of frequency `index`: those to come follow from them."""


@dataclass(frozen=True)
class Panel:
    """Series with the same columns, end to end; every series is complete on the axis.

    A row that the table lacked is there, with NaN in all columns.
    """

    values: Float[np.ndarray, "N C"]
    """float64: targets, past and future covariates; NaN where nothing is known."""
    offsets: Offsets
    ids: tuple[str, ...]
    starts: Int[np.ndarray, " S"]
    """Position of each series' first row on the axis."""
    axis: TimeAxis
    columns: tuple[str, ...]
    num_targets: int
    static: Float[np.ndarray, "S D"]
    """Static covariates."""
    static_columns: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Categories of each categorical column; the column holds their numbers."""
    lines: Int[np.ndarray, " N"] | range | None = None
    """Row or CSV line of each row, -1 where the table had none; None: unknown."""
    time_format: str | None = None
    """As times are written in the table; None: ISO 8601, dates of a frame, or integers."""
    ahead: Panel | None = None
    """Rows after the last known target of some series: covariates known over the horizon."""
    source: str = "data"
    is_csv: bool = False
    files: Files = ()
    """Of a table that is a folder."""
    has_ids: bool = False
    """Whether the table named its series."""
    integer_ids: tuple[bool, ...] = (False,)
    """Whether the names were integers, as they will be in a forecast; of each column of them."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the columns to forecast."""
        return self.columns[: self.num_targets]

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Number of each series by its name."""
        return {name: number for number, name in enumerate(self.ids)}

    @cached_property
    def largest(self) -> Float[np.ndarray, "S C"]:
        """The largest size of each series and column; NaN where nothing is known."""
        return np.asarray(np.fmax.reduceat(np.abs(self.values), self.offsets[:-1], axis=0))

    @property
    def is_category(self) -> Bool[np.ndarray, " C"]:
        """(C,) which covariates hold numbers of categories."""
        covariates = self.columns[self.num_targets :]
        named = [name in self.categories for name in covariates]
        return np.array([False] * self.num_targets + named, dtype=bool)

    @property
    def id_values(self) -> list[Shaped[np.ndarray, " S"]]:
        """The names of the series, column by column, as the table had them: texts or integers."""
        if not self.has_ids:
            return []
        parts = zip(*(parts_of(name, len(self.integer_ids)) for name in self.ids), strict=True)
        return [
            np.array([*map(int, names)]) if is_integer else np.array(names, dtype=object)
            for names, is_integer in zip(parts, self.integer_ids, strict=True)
        ]

    @property
    def num_series(self) -> int:
        """Number of series."""
        return len(self.ids)

    @property
    def lengths(self) -> Int[np.ndarray, " S"]:
        """(S,) rows of each series."""
        return np.diff(self.offsets)

    @property
    def in_table(self) -> Bool[np.ndarray, " N"]:
        """(N,) whether the table had each row; all of them where that is unknown."""
        if isinstance(self.lines, np.ndarray):
            return np.asarray(self.lines >= 0)
        return np.ones(len(self.values), dtype=bool)

    def lines_at(self, rows: Int[np.ndarray, " R"]) -> Int[np.ndarray, " R"] | None:
        """The lines of some rows."""
        if isinstance(self.lines, range):
            return np.asarray(self.lines.start + rows)
        return None if self.lines is None else self.lines[rows]

    def series_of(self, rows: Int[np.ndarray, " R"]) -> Int[np.ndarray, " R"]:
        """Number of the series to which each row belongs."""
        return np.asarray(np.searchsorted(self.offsets, rows, side="right") - 1)

    def positions(self, rows: Int[np.ndarray, " R"]) -> Int[np.ndarray, " R"]:
        """Position of each row on the axis."""
        series = self.series_of(rows)
        return np.asarray(self.starts[series] + rows - self.offsets[series])

    def place(self, row: int) -> str:
        """Where a row stands, for the start of a message: file and line, or series and time."""
        if self.lines is not None and self.lines[row] >= 0:
            return place_of(self.source, self.is_csv, self.files, int(self.lines[row]))
        rows = np.array([row])
        time = self.axis.column(self.positions(rows))[0]
        return f"{self.source}, {time}{self.of_series(int(self.series_of(rows)[0]))}"

    def of_series(self, number: int) -> str:
        """Which series is meant, for a message; nothing where the table names none."""
        return f" of series {named(self.ids[number])}" if self.has_ids else ""

    def tail(self, rows: int) -> Panel:
        """The last rows of every series."""
        kept = np.minimum(self.lengths, rows)
        index = ragged_ranges(self.offsets[1:] - kept, kept)
        tail = replace(
            self,
            values=self.values[index],
            offsets=offsets_of(kept),
            starts=self.starts + self.lengths - kept,
            lines=self.lines_at(index),
        )
        spare = min(int(tail.starts.min()), len(self.axis.ticks) - TICKS_KEPT)
        return tail._beginning_at(spare) if spare > 0 else tail

    def _beginning_at(self, position: int) -> Panel:
        """The panel on an axis of `index` without the ticks before its first row."""
        return replace(
            self,
            starts=self.starts - position,
            axis=self.axis.beginning_at(position),
            ahead=None if self.ahead is None else self.ahead._beginning_at(position),
        )

    def select(self, series: Int[np.ndarray, " R"]) -> Panel:
        """Only some series, by number."""
        index = ragged_ranges(self.offsets[series], self.lengths[series])
        return replace(
            self,
            values=self.values[index],
            offsets=offsets_of(self.lengths[series]),
            ids=tuple(self.ids[number] for number in series),
            starts=self.starts[series],
            static=self.static[series],
            lines=self.lines_at(index),
        )

    def extend(self, values: Float[np.ndarray, "S H C"]) -> Panel:
        """Append the same number of rows to every series.

        Args:
            values: (S, H, C) rows in the user's units, NaN where unknown.
        """
        steps = values.shape[1]
        lengths = self.lengths + steps
        longer = np.full((int(lengths.sum()), self.values.shape[1]), np.nan)
        offsets = offsets_of(lengths)
        longer[ragged_ranges(offsets[:-1], self.lengths)] = self.values
        longer[ragged_ranges(offsets[1:] - steps, np.full(len(lengths), steps))] = values.reshape(
            -1, values.shape[2]
        )
        return replace(self, values=longer, offsets=offsets, lines=None)


def ragged_ranges(
    first: Int[np.ndarray, " S"], counts: Int[np.ndarray, " S"]
) -> Int[np.ndarray, " N"]:
    """Concatenation of `first[i] ... first[i] + counts[i] - 1`, without a loop."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.asarray(np.arange(total) + np.repeat(first - (ends - counts), counts))


def looked_up(
    table: Shaped[np.ndarray, " C"], numbers: Float[np.ndarray, "*R"]
) -> Shaped[np.ndarray, "*R"]:
    """Entries of a table by numbers of categories; the last entry stands for NaN."""
    return np.asarray(table[np.where(np.isnan(numbers), -1, numbers).astype(np.int64)])


def evenly_spaced(count: int, most: int) -> Int[np.ndarray, " _"]:
    """Numbers from 0 to count - 1, rising: all of them, or so many that lie evenly apart."""
    kept = min(count, most)
    return np.arange(kept) * count // max(kept, 1)


def range_mask(ranges: Ranges, rows: int) -> Bool[np.ndarray, " N"]:
    """(rows,) whether each row lies in one of some ranges (S, 2) that do not overlap."""
    edges = np.zeros(rows + 1, dtype=np.int8)
    np.add.at(edges, ranges[:, 0], 1)
    np.subtract.at(edges, ranges[:, 1], 1)
    return np.cumsum(edges, out=edges)[:rows].astype(bool)


def offsets_of(lengths: Int[np.ndarray, " S"]) -> Offsets:
    """Series offsets from series lengths."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
