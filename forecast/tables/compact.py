"""Long columns in little room: distinct texts, chunks joined without a copy.

Accessors of pandas (`.dt`, `.cat`) are not used: a column and its accessor refer to each other, so
the memory of both is freed only when Python's collector of cycles runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Shaped

ROWS_AT_ONCE = 2**17
"""Rows of a long column that are worked on at a time: what is made of them stays in the cache."""


class ColumnKindError(Exception):
    """A chunk whose columns are not of the kinds of those before; its texts can be joined."""


def blocks(rows: int) -> Iterator[tuple[int, int]]:
    """First row, and row after the last, of each block of `ROWS_AT_ONCE` rows."""
    for first in range(0, rows, ROWS_AT_ONCE):
        yield first, min(first + ROWS_AT_ONCE, rows)


def rows_differing_from_previous(
    rows: int, is_odd: Callable[[slice, slice], Bool[np.ndarray, " R"]]
) -> Int[np.ndarray, " odd"]:
    """Rows that differ from the row before them; no array of all rows is made.

    Args:
        rows: number of rows of a table.
        is_odd: whether each row of a slice (second argument) differs from the one before it (first
            argument); called block by block.

    Returns:
        Numbers of the rows that differ, rising.
    """
    found = [
        np.flatnonzero(is_odd(slice(first, last), slice(first + 1, last + 1))) + first + 1
        for first, last in blocks(rows - 1)
    ]
    return np.concatenate([np.empty(0, dtype=np.int64), *found])


def kept_rows(
    values: Float[np.ndarray, "N C"], is_kept: Bool[np.ndarray, " N"]
) -> Float[np.ndarray, "kept C"]:
    """`values[is_kept]` of (N, C) values, where NumPy would first make a list of row numbers."""
    kept = np.empty((np.count_nonzero(is_kept), *values.shape[1:]), dtype=values.dtype)
    end = 0
    for first, last in blocks(len(values)):
        some = values[first:last][is_kept[first:last]]
        kept[end : end + len(some)] = some
        end += len(some)
    return kept


def distinct_texts(
    column: pd.Series,
) -> tuple[Int[np.ndarray, " N"], Shaped[np.ndarray, " distinct"]]:
    """Numbers (N,) of a column's texts, -1 for a missing one, and the texts, as they first appear.

    Args:
        column: objects, or categories whose order is that of their first appearance.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        cells: Any = column.array
        return cells.codes, cells.categories.to_numpy(dtype=object)
    codes, texts = pd.factorize(column)
    return codes, np.asarray(texts, dtype=object)


def distinct_in_runs(
    texts: Shaped[np.ndarray, " N"],
) -> tuple[Int[np.ndarray, " N"], Shaped[np.ndarray, " distinct"]]:
    """Numbers (N,) of texts, and the texts, as they first appear; fast where like stands by like.

    Args:
        texts: (N,) objects, none of them missing.
    """
    is_first = np.ones(len(texts), dtype=bool)
    np.not_equal(texts[1:], texts[:-1], out=is_first[1:])
    first = np.flatnonzero(is_first)
    codes, distinct = pd.factorize(texts[first])
    return np.repeat(codes, np.diff(first, append=len(texts))), distinct


def as_they_appear(
    codes: Int[np.ndarray, " N"], texts: Shaped[np.ndarray, " distinct"]
) -> tuple[Int[np.ndarray, " N"], Shaped[np.ndarray, " used"]]:
    """Numbers (N,) of texts, -1 for a missing one, and the texts, as they first appear, if at all.

    Args:
        codes: numbers of texts in any order.
        texts: all different.
    """
    used = pd.unique(codes)
    used = used[used >= 0]
    if len(used) == len(texts) and (used[1:] > used[:-1]).all():
        return codes, texts
    numbers = np.full(len(texts) + 1, -1, dtype=np.int64)  # the last one is that of a missing text
    numbers[used] = np.arange(len(used))
    return numbers[codes], texts[used]


def categories(codes: Int[np.ndarray, " N"], texts: Shaped[np.ndarray, " distinct"]) -> pd.Series:
    """A column of categories from their numbers (N,), -1 for a missing one."""
    of_codes: Any = pd.Categorical.from_codes  # whose stubs know neither arrays nor `validate`
    return pd.Series(of_codes(codes, texts, validate=False), copy=False)


def are_in_range(first: Any, last: Any) -> bool:
    """Whether nanoseconds count from one date to another; NaT, of no date at all, is in range."""
    return bool(pd.isna(first) or (first.year >= 1678 and last.year <= 2261))


def in_nanoseconds(dates: pd.Series) -> pd.Series:
    """Dates in nanoseconds, if all of them fit into that unit; otherwise as they are."""
    cells: Any = dates.array
    if cells.unit == "ns" or not are_in_range(dates.min(), dates.max()):
        return dates
    return pd.Series(cells.as_unit("ns"), copy=False)


def end_to_end(frames: Iterable[pd.DataFrame], rows: int) -> pd.DataFrame:
    """Frames with the same columns as one; a column is made once and filled as the frames come.

    Args:
        frames: numbers, dates and categories.
        rows: of all frames together, at least.

    Raises:
        ColumnKindError: if a column changes its kind.
    """
    columns: dict[str, _Column] = {}
    end = 0
    for frame in frames:
        for name, cells in frame.items():
            if name not in columns:
                columns[str(name)] = _Column.like(cells, rows)
            columns[str(name)].put(cells, end)
        end += len(frame)
    return pd.DataFrame({name: each.first(end) for name, each in columns.items()}, copy=False)


def one_column(parts: Iterable[pd.Series], rows: int) -> pd.Series:
    """As `end_to_end`, of one column."""
    column, end = None, 0
    for cells in parts:
        column = column or _Column.like(cells, rows)
        column.put(cells, end)
        end += len(cells)
    return pd.Series(dtype=object) if column is None else column.first(end)


@dataclass(frozen=True)
class _Column:
    """A column that is filled block by block; of categories, the numbers are filled in."""

    values: Shaped[np.ndarray, " N"]
    kind: object
    zone: Any = None
    numbers: dict[object, int] = field(default_factory=dict)

    @staticmethod
    def like(cells: pd.Series, rows: int) -> _Column:
        if isinstance(cells.dtype, pd.CategoricalDtype):
            return _Column(np.empty(rows, dtype=np.int32), pd.CategoricalDtype)
        if isinstance(cells.dtype, pd.DatetimeTZDtype):
            kind = np.dtype(f"datetime64[{cells.dtype.unit}]")
            return _Column(np.empty(rows, dtype=kind), cells.dtype, cells.dtype.tz)
        if not isinstance(cells.dtype, np.dtype) or cells.dtype == object:
            raise ColumnKindError
        return _Column(np.empty(rows, dtype=cells.dtype), cells.dtype)

    def put(self, cells: pd.Series, first: int) -> None:
        """Fill rows from the first one on; ColumnKindError if the cells are of another kind."""
        place = self.values[first : first + len(cells)]
        if isinstance(cells.dtype, pd.CategoricalDtype) and self.kind is pd.CategoricalDtype:
            codes, texts = distinct_texts(cells)
            numbers = [self.numbers.setdefault(text, len(self.numbers)) for text in texts]
            place[:] = np.array([*numbers, -1], dtype=np.int32)[codes]
        elif cells.dtype != self.kind:
            raise ColumnKindError
        else:
            times: Any = cells.array
            place[:] = times.tz_convert(None) if self.zone else times

    def first(self, rows: int) -> pd.Series:
        """The first rows as a column."""
        values = self.values[:rows]
        if self.kind is pd.CategoricalDtype:
            return categories(values, np.array([*self.numbers], dtype=object))
        if self.zone:
            return pd.Series(pd.DatetimeIndex(values).tz_localize("UTC").tz_convert(self.zone))
        return pd.Series(values, copy=False)
