"""The one reader of tables: CSV, Parquet and DataFrames, with the line of every row for messages.

pyarrow reads a file some rows at a time, so that little memory is needed beside the result. It is
given an open file, never a name, and refuses rows that are not well formed; `explain_csv` then says
which one, and why.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from forecast.config.data import DataConfig
from forecast.errors import DataError, did_you_mean, shown
from forecast.tables.cells import holds_integers, number_cells, text_cells
from forecast.tables.compact import ColumnKindError, end_to_end
from forecast.tables.csv_blocks import most_rows
from forecast.tables.csv_cells import (
    Lines,
    TimesKind,
    checked_header,
    csv_columns,
    csv_frames,
    place_of_names,
)
from forecast.tables.numbers import Place, finite_numbers
from forecast.tables.parquet import parquet_types
from forecast.tables.parquet_columns import ParquetColumns
from forecast.tables.parts import SUFFIXES, Part
from forecast.tables.places import Files, place_of
from forecast.tables.remote import fetched, is_address, is_named
from forecast.tables.thousands import refuse_thousands
from forecast.tables.unpack import as_text

LONG = 2**24
"""Bytes of a CSV from which on times are dates: as text they would need too much memory."""


@runtime_checkable
class Columns(Protocol):
    """Columns by name: a frame, or files of which each column is read when it is asked for."""

    def __getitem__(self, name: str, /) -> pd.Series:
        """A whole column."""

    def __len__(self) -> int:
        """Rows of each column."""


@dataclass(frozen=True)
class Table:
    """Columns of a file or a frame: categories for ids and texts, float64 for numbers.

    The column of times holds categories of texts, dates, or integers.
    """

    frame: Columns
    source: str
    lines: Lines
    """Line of each row in a CSV; its number from 0 elsewhere."""
    is_csv: bool = True
    files: Files = ()
    """Of a table that is a folder."""
    integers: frozenset[str] = frozenset()
    """Columns of texts that were integers."""

    def place(self, row: int) -> str:
        """Where a row stands, for the start of an error message."""
        return place_of(self.source, self.is_csv, self.files, int(self.lines[row]))


@contextlib.contextmanager
def opened(path: str, where: str = "data.path") -> Iterator[BinaryIO]:
    """Open a local file once, for every reader of the block: none of them is given its name.

    Readers such as `pandas.read_csv` take some names for addresses: they would fetch
    `http://...`, and run what the templates of `reference://...` say. Here a name is a name.

    Args:
        path: name of a regular file.
        where: what names it, for the message: "data.path", or "the path".

    Raises:
        DataError: if there is no such file, or it cannot be opened.
    """
    if is_named(path):
        with fetched(path) as file, file if is_parquet(path) else as_text(file) as readable:
            yield readable
        return
    try:
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - closed below
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "") if os.path.isfile(path) else _what_else(path)
        raise DataError(f"{path}: {reason}; check {where}") from None
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise DataError(f"{path}: {_what_else(path)}; check {where}")
        with file if is_parquet(path) else as_text(file) as readable:
            yield readable


def _what_else(path: str) -> str:
    """What stands where a file should be."""
    if is_address(path):
        return (
            "an address is read where the command line names it (data.path=... or --data ...); in"
            " Python give the table that pandas reads from it"
        )
    if re.match(r"[a-z][a-z0-9+.-]+://", path) and not os.path.exists(path):
        return "no such file, for addresses of this kind are not read; fetch the file first"
    if os.path.isdir(path):
        return "is a folder, not a file"
    if os.path.exists(path):  # a FIFO, a socket or a device, as of `<(...)` in a shell
        return "is a pipe or a device, not a file that can be read twice"
    if path == "data":
        return "no such file, for so is a table called that Python gave; give it, or a file"
    if path.startswith("~"):
        return "no such file, for ~ is no folder here; write your home folder out"
    return "no such file"


def _without_waiting(path: str, flags: int) -> int:
    """A descriptor; a pipe without a writer is opened at once, to be refused."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def is_parquet(path: Path | str) -> bool:
    """Whether a file is Parquet by its name; everything else is CSV."""
    return Path(path).suffix.lower() in SUFFIXES


def columns_of(file: BinaryIO, separator: str) -> list[str]:
    """The column names of an open file.

    Raises:
        DataError: if its first line is no text, or the file no Parquet.
    """
    if is_parquet(file.name):
        return [*parquet_types(file)]
    return csv_columns(file, separator)


def columns_of_part(part: Part) -> list[str]:
    """The columns that a file of a folder has, in its rows or by the names of its folders."""
    with part.opened() as file:
        return [*parquet_types(file), *part.cells]


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
        return read_parts([Part(file.name, lambda: contextlib.nullcontext(file))], numeric, text)
    marks = config.separator, config.decimal
    wanted = [*numeric, *text]
    require_columns(checked_header(file, *marks, wanted), wanted, place_of_names(file))
    is_long = os.fstat(file.fileno()).st_size >= LONG and config.time_format is None
    kinds: tuple[TimesKind, ...] = ("dates", "integers", "text") if is_long else ("text",)

    grouped = config.thousands if config.thousands not in ("auto", "none") else ""
    units = {name: config.units[name] for name in numeric if name in config.units}

    def frames(kind: TimesKind) -> Iterator[tuple[pd.DataFrame, Lines]]:
        as_texts = bool(grouped or units)
        for frame, lines in csv_frames(file, *marks, kind, numeric, text, as_texts):
            place = Table(frame, file.name, lines).place
            yield _with_numbers(frame, numeric, config.decimal, grouped, units, place), lines

    table = _joined(frames, kinds, most_rows(file), file.name)
    if config.thousands == "auto":
        columns = {name: table.frame[name].to_numpy() for name in numeric}
        refuse_thousands(columns, table.place, file, *marks, units)
    return table


def read_parts(
    parts: Sequence[Part], numeric: Sequence[str], text: Sequence[str], source: str | None = None
) -> Table:
    """A table of Parquet files, whose columns are read as they are asked for.

    Args:
        parts: the files; they must stay as they are until the last column was read.
        numeric, text: as for `read_table`.
        source: what messages call the table; None: what its file is called.

    Raises:
        DataError: for a damaged file, a missing column, or no rows.
    """
    for part in parts:
        require_columns(columns_of_part(part), [*text, *numeric], part.name)
    columns = ParquetColumns(parts, numeric, text)
    name = source or parts[0].name
    if not len(columns):
        raise _no_rows(name)
    files = columns.files if source else ()
    lines = range(len(columns))
    return Table(columns, name, lines, False, files, columns.integers())


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
    require_columns([str(label) for label in frame.columns], [*text, *numeric], source)
    if not len(frame):
        raise _no_rows(source)
    labels = {str(label): label for label in frame.columns}
    lines = range(len(frame))
    place = Table(frame, source, lines, is_csv=False).place
    given = {name: _without_index(frame[labels[name]]) for name in (*text, *numeric)}
    columns = {
        name: text_cells(given[name], name, place, keeps_integers=name == text[0]) for name in text
    }
    columns |= {name: number_cells(given[name], name, place) for name in numeric}
    integers = frozenset(name for name in text if holds_integers(given[name]))
    return Table(pd.DataFrame(columns, copy=False), source, lines, False, (), integers)


def _without_index(column: pd.Series) -> pd.Series:
    """The same column with rows from 0 on; of NumPy's types without a look at its cells."""
    if isinstance(column.dtype, np.dtype):
        return pd.Series(column.to_numpy(), dtype=column.dtype, copy=False)
    return pd.Series(column.array, copy=False)


def _with_numbers(
    frame: pd.DataFrame,
    numeric: Sequence[str],
    decimal: str,
    thousands: str,
    units: Mapping[str, str],
    place: Place,
) -> pd.DataFrame:
    """Rows of a CSV with their numeric columns as finite float64 or NaN."""
    columns = {str(name): column for name, column in frame.items()}
    for name in numeric:
        values = finite_numbers(columns[name], name, decimal, place, thousands, units.get(name, ""))
        columns[name] = pd.Series(values, copy=False)
    return pd.DataFrame(columns, copy=False)


def _joined(
    frames: Callable[[TimesKind], Iterator[tuple[pd.DataFrame, Lines]]],
    kinds: Sequence[TimesKind],
    most: int,
    source: str,
) -> Table:
    """The parts of a CSV as one, by the first way of reading times that suits all of them.

    Args:
        frames: the parts, read in one way, and their lines.
        kinds: ways to try; the last of them suits any column.
        most: rows of all parts together, at most.
        source: the file.
    """
    for kind in kinds:
        lines: list[Lines] = []
        with contextlib.suppress(ColumnKindError):
            frame = end_to_end(_frames(frames(kind), lines), most)
            if not len(frame):
                raise _no_rows(source)
            return Table(frame, source, _all_lines(lines))
    raise AssertionError("any column can be text")


def _frames(
    parts: Iterator[tuple[pd.DataFrame, Lines]], lines: list[Lines]
) -> Iterator[pd.DataFrame]:
    """The frames of parts; their lines are added to a list."""
    for frame, of_frame in parts:
        lines.append(of_frame)
        yield frame


def _all_lines(parts: Sequence[Lines]) -> Lines:
    """Lines of all parts; a range where each of them is one, for they follow on one another."""
    ranges = [part for part in parts if isinstance(part, range)]
    if len(ranges) == len(parts):
        return range(ranges[0].start, ranges[-1].stop)
    return np.concatenate([np.asarray(part) for part in parts])


def _no_rows(source: str) -> DataError:
    return DataError(f"{source}: no rows below the header; add one row a time step")
