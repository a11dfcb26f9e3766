"""The one reader of tables: CSV, Parquet and DataFrames, with the line of every row for messages.

pyarrow reads a file some rows at a time, so that little memory is needed beside the result. It is
given an open file, never a name, and refuses rows that are not well formed; `explain_csv` then says
which one, and why.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from forecast.config.data import DataConfig
from forecast.data.compact import (
    ColumnKindError,
    categories,
    distinct_in_runs,
    end_to_end,
    in_nanoseconds,
)
from forecast.data.csv_blocks import most_rows
from forecast.data.csv_cells import Lines, TimesKind, checked_header, csv_columns, csv_frames
from forecast.data.numbers import finite_numbers
from forecast.data.objects import require_single_values
from forecast.data.parquet import parquet_batches, parquet_columns, parquet_rows
from forecast.data.thousands import refuse_thousands
from forecast.data.unpack import as_text
from forecast.errors import DataError, did_you_mean, shown

LONG = 2**24
"""Bytes of a CSV from which on times are dates: as text they would need too much memory."""


@dataclass(frozen=True)
class Table:
    """Columns of a file or a frame: categories for ids and texts, float64 for numbers.

    The column of times holds categories of texts, dates, or integers.
    """

    frame: pd.DataFrame
    source: str
    lines: Lines
    """Line of each row in a CSV; its number from 0 elsewhere."""
    is_csv: bool = True
    integers: frozenset[str] = frozenset()
    """Columns of texts that were integers."""

    def place(self, row: int) -> str:
        """Where a row stands, for the start of an error message."""
        number = int(self.lines[row])
        return f"{self.source}:{number}" if self.is_csv else f"{self.source} row {number}"


@contextlib.contextmanager
def opened(path: str, remedy: str = "; check data.path") -> Iterator[BinaryIO]:
    """Open a local file once, for every reader of the block: none of them is given its name.

    Readers such as `pandas.read_csv` take some names for addresses: they would fetch
    `http://...`, and run what the templates of `reference://...` say. Here a name is a name.

    Args:
        path: name of a regular file.
        remedy: end of the message where there is none.

    Raises:
        DataError: if there is no such file, or it cannot be opened.
    """
    try:
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - closed below
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "") if os.path.isfile(path) else _what_else(path)
        raise DataError(f"{path}: {reason}{remedy}") from None
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise DataError(f"{path}: {_what_else(path)}{remedy}")
        with file if is_parquet(path) else as_text(file) as readable:
            yield readable


def _what_else(path: str) -> str:
    """What stands where a file should be."""
    return "is a folder, not a file" if os.path.isdir(path) else "no such file"


def _without_waiting(path: str, flags: int) -> int:
    """A descriptor; a pipe without a writer is opened at once, to be refused."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def is_parquet(path: Path | str) -> bool:
    """Whether a file is Parquet by its name; everything else is CSV."""
    return Path(path).suffix.lower() in (".parquet", ".pq")


def columns_of(file: BinaryIO, separator: str = ",") -> list[str]:
    """The column names of an open file.

    Raises:
        DataError: if its first line is no text, or the file no Parquet.
    """
    if is_parquet(file.name):
        return parquet_columns(file)
    return csv_columns(file, separator)


def require_columns(present: Iterable[str], wanted: Sequence[str], source: str) -> None:
    """Raise a DataError if a column is missing, or is there twice.

    Args:
        present: the columns of the table.
        wanted: those that are needed.
        source: begin of the message: the file, and its first line if it is a CSV.
    """
    known = [*present]
    for name in wanted:
        if name not in known:
            raise DataError(f"{source}: no column {shown(name)}; {did_you_mean(name, known)}")
        if known.count(name) > 1:
            raise DataError(f"{source}: column {shown(name)} appears twice; rename one")


def read_table(
    file: BinaryIO, config: DataConfig, numeric: Sequence[str], text: Sequence[str]
) -> Table:
    """Read the named columns of a CSV or Parquet file.

    Args:
        file: of `opened`; named `.parquet` or `.pq` it is Parquet, else CSV.
        config: separator, decimal mark, and whether times have a format of their own.
        numeric: columns of numbers; an empty cell is NaN.
        text: columns kept as written, so that `007` and `NA` stay what they are; the first one
            holds the times.

    Raises:
        DataError: with file and line, for a missing column, a row that is not well formed, or text
            among numbers.
    """
    if is_parquet(file.name):
        return _read_parquet(file, numeric, text)
    marks = config.separator, config.decimal
    wanted = [*numeric, *text]
    require_columns(checked_header(file, *marks, wanted), wanted, f"{file.name}:1")
    is_long = os.fstat(file.fileno()).st_size >= LONG and config.time_format is None
    kinds: tuple[TimesKind, ...] = ("dates", "integers", "text") if is_long else ("text",)

    grouped = config.thousands if config.thousands not in ("auto", "none") else ""

    def tables(kind: TimesKind) -> Iterator[Table]:
        for frame, lines in csv_frames(file, *marks, kind, numeric, text, bool(grouped)):
            yield _with_numbers(Table(frame, file.name, lines), numeric, config.decimal, grouped)

    table = _joined(tables, kinds, most_rows(file), file.name)
    if config.thousands == "auto":
        columns = {name: table.frame[name].to_numpy() for name in numeric}
        refuse_thousands(columns, table.place, file, *marks)
    return table


def _read_parquet(file: BinaryIO, numeric: Sequence[str], text: Sequence[str]) -> Table:
    wanted = [*text, *numeric]
    require_columns(parquet_columns(file), wanted, file.name)

    def tables(kind: TimesKind) -> Iterator[Table]:
        first = 0
        for frame in parquet_batches(file, wanted, text):
            yield _from_frame(frame, file.name, numeric, text, first, kind)
            first += len(frame)

    return _joined(tables, ("integers", "text"), parquet_rows(file), file.name)


def from_frame(
    frame: pd.DataFrame, source: str, numeric: Sequence[str], text: Sequence[str]
) -> Table:
    """The named columns of a DataFrame, checked like those of a file.

    Args:
        frame: any index; it is not changed.
        source: what messages call it.
        numeric, text: as for `read_table`.

    Raises:
        DataError: with the row, for a missing column or text among numbers.
    """
    table = _from_frame(frame, source, numeric, text)
    if not len(frame):
        raise _no_rows(source)
    return table


def _from_frame(
    frame: pd.DataFrame,
    source: str,
    numeric: Sequence[str],
    text: Sequence[str],
    first: int = 0,
    kind: TimesKind = "integers",
) -> Table:
    """As `from_frame`, of a frame that may be empty and whose first row has a given number."""
    require_columns([str(label) for label in frame.columns], [*text, *numeric], source)
    labels = {str(label): label for label in frame.columns}
    lines = range(first, first + len(frame))
    place = Table(frame, source, lines, is_csv=False).place
    columns = {name: pd.Series(frame[labels[name]].array, copy=False) for name in (*text, *numeric)}
    for name, column in columns.items():
        require_single_values(column, name, place)
    integers = frozenset(name for name in text if _holds_integers(columns[name]))
    for name in text:
        if name != text[0] or kind == "text" or not _is_integer(columns[name]):
            columns[name] = _as_text(columns[name])
    table = Table(pd.DataFrame(columns, copy=False), source, lines, False, integers)
    return _with_numbers(table, numeric, ".")


def _with_numbers(
    table: Table, numeric: Sequence[str], decimal: str, thousands: str | None = None
) -> Table:
    """The table with its numeric columns as finite float64 or NaN."""
    columns = {str(name): column for name, column in table.frame.items()}
    for name in numeric:
        values = finite_numbers(columns[name], name, decimal, table.place, thousands)
        columns[name] = pd.Series(values, copy=False)
    return replace(table, frame=pd.DataFrame(columns, copy=False))


def _holds_integers(column: pd.Series) -> bool:
    """Whether a column, or its categories, is of a type of integers."""
    dtype = column.dtype
    dtype = dtype.categories.dtype if isinstance(dtype, pd.CategoricalDtype) else dtype
    return dtype.kind in "iu"


def _is_integer(column: pd.Series) -> bool:
    """Whether a column holds integers of up to 18 digits and nothing else."""
    return column.dtype.kind in "iu" and not column.hasnans and bool(column.abs().max() < 10**18)


def _as_text(column: pd.Series) -> pd.Series:
    """A column as categories of texts; dates stay dates. Each distinct cell is converted once."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return in_nanoseconds(column)
    if column.dtype == object and pd.api.types.infer_dtype(column, skipna=False) == "string":
        return categories(*distinct_in_runs(column.to_numpy()))
    codes, distinct = pd.factorize(column)
    numbers, texts = pd.factorize(np.array([*map(str, distinct)], dtype=object))
    return categories(np.append(numbers, -1)[codes], texts)


def _joined(
    tables: Callable[[TimesKind], Iterator[Table]],
    kinds: Sequence[TimesKind],
    most: int,
    source: str,
) -> Table:
    """The parts of a table as one, by the first way of reading times that suits all of them.

    Args:
        tables: the parts, read in one way.
        kinds: ways to try; the last of them suits any column.
        most: rows of all parts together, at most.
        source: the file.
    """
    for kind in kinds:
        lines: list[Lines] = []
        integers: list[frozenset[str]] = []
        with contextlib.suppress(ColumnKindError):
            frame = end_to_end(_frames(tables(kind), lines, integers), most)
            if not len(frame):
                raise _no_rows(source)
            is_csv = not is_parquet(source)
            everywhere = frozenset.intersection(*integers)
            return Table(frame, source, _all_lines(lines), is_csv, everywhere)
    raise AssertionError("any column can be text")


def _frames(
    tables: Iterator[Table], lines: list[Lines], integers: list[frozenset[str]]
) -> Iterator[pd.DataFrame]:
    """The frames of tables; what else they tell is added to lists."""
    for table in tables:
        lines.append(table.lines)
        integers.append(table.integers)
        yield table.frame


def _all_lines(parts: Sequence[Lines]) -> Lines:
    """Lines of all parts; a range where each of them is one, for they follow on one another."""
    ranges = [part for part in parts if isinstance(part, range)]
    if len(ranges) == len(parts):
        return range(ranges[0].start, ranges[-1].stop)
    return np.concatenate([np.asarray(part) for part in parts])


def _no_rows(source: str) -> DataError:
    return DataError(f"{source}: no rows below the header; add one row a time step")
