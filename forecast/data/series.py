"""Which series each row of a table belongs to, by the column or the columns that name them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Int

from forecast.config.data import DataConfig
from forecast.data.names import as_known, name_of, parts_of
from forecast.data.panel import Panel
from forecast.errors import DataError, shown
from forecast.tables.compact import distinct_texts
from forecast.tables.table import Table

INTEGER = re.compile(r"-?(0|[1-9]\d*)", re.ASCII)
Series = tuple[tuple[str, ...], Int[np.ndarray, " N"]]
"""Names in order of appearance, and the number of each row's."""


def id_columns(config: DataConfig, present: Sequence[str], may_lack: bool) -> tuple[str, ...]:
    """The columns of series; a table may lack the default one, but not those that were named."""
    may_lack |= config.id == DataConfig.model_fields["id"].default
    is_there = any(name in present for name in config.ids)
    return config.ids if is_there or not may_lack else ()


def series_of(table: Table, columns: Sequence[str], known: Sequence[str] = ()) -> Series:
    """The series of a table.

    Args:
        table: with these columns.
        columns: that name the series together; none: there is one series.
        known: series of training, whose names are taken for those that differ by type alone.

    Raises:
        DataError: for a row without a name.
    """
    if not columns:
        return ("series",), np.zeros(len(table.frame), dtype=np.int8)
    parts = [*zip(*(parts_of(name, len(columns)) for name in known), strict=True)]
    each = [tuple(dict.fromkeys(names)) for names in parts] or [()] * len(columns)
    return together([_named(table, *both) for both in zip(columns, each, strict=True)])


def together(columns: Sequence[Series]) -> Series:
    """The series that several columns tell apart together."""
    if len(columns) == 1:
        return columns[0]
    codes, parts = np.asarray(columns[0][1]), [(name,) for name in columns[0][0]]
    for names, numbers in columns[1:]:
        # Two at a time, so that the product of their counts stays within 64 bits.
        codes, found = pd.factorize(codes.astype(np.int64) * len(names) + numbers)
        firsts, seconds = np.divmod(found, len(names))
        parts = [(*parts[a], names[b]) for a, b in zip(firsts, seconds, strict=True)]
    return tuple(map(name_of, parts)), codes


def are_integers(
    table: Table, columns: Sequence[str], names: Sequence[str], known: Panel | None
) -> tuple[bool, ...]:
    """Whether the names in each column were integers, and can be so again.

    A CSV does not tell the integer 7 from the text; there it is what the training table had.
    """
    integers = table.integers
    if table.is_csv and known is not None:
        integers = frozenset(itertools.compress(columns, known.integer_ids))
    parts = zip(*(parts_of(name, len(columns) or 1) for name in names), strict=True)
    return tuple(
        column in integers and all(map(INTEGER.fullmatch, part))
        for column, part in zip(columns or ("",), parts, strict=True)
    )


def _named(table: Table, column: str, known: Sequence[str]) -> Series:
    codes, distinct = distinct_texts(table.frame[column])
    names = tuple(as_known([*map(str, distinct)], known))
    empty = codes < 0
    if "" in names:
        empty |= codes == names.index("")
    if empty.any():
        row = int(np.argmax(empty))
        raise DataError(
            f"{table.place(row)}: column {shown(column)} is empty; name the series, or delete"
            " the row if it is a total"
        )
    numbers, found = pd.factorize(np.array(names, dtype=object))
    return (names, codes) if len(found) == len(names) else (tuple(found), numbers[codes])
