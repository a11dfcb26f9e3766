"""The one reader of tables: CSV, Parquet and DataFrames, with the line of every row for messages.

pyarrow reads a file some rows at a time, so that little memory is needed beside the result. It is
given an open file, never a name, and refuses rows that are not well formed; `explain_csv` then says
which one, and why.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import pandas as pd
from jaxtyping import Int

from forecast.config.data import DataConfig
from forecast.data.compact import (
    ROWS_AT_ONCE,
    ColumnKindError,
    categories,
    distinct_in_runs,
    end_to_end,
    in_nanoseconds,
)
from forecast.data.csv_blocks import blocks_of, line_ends, most_rows
from forecast.data.explain_csv import Block, refuse_rows, rows_of, text_of
from forecast.errors import DataError, did_you_mean, shown

TimesKind = Literal["dates", "integers", "text"]
"""How the column of times is read: plain dates and integers need less memory than their text."""

THOUSANDS = re.compile(
    r"[-+]?\d{1,3}(?:([ '\u2019\u00a0\u202f])\d{3}(?:\1\d{3})*(?:[.,]\d+)?"
    r"|([.,])\d{3}(?:\2\d{3})*(?!\2)[.,]\d+|([.,])\d{3}(?:\3\d{3})+)"
)
"""1 234, 1'234, 1.234,5 or 1,234,567; one mark alone may be that of decimals."""
EMPTY = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A")
"""What an empty cell of a column of numbers may hold."""
PARQUET_BUFFER = 2**20
"""Bytes of a column of Parquet that are read at a time."""
LONG = 2**24
"""Bytes of a CSV from which on times are dates: as text they would need too much memory."""
NO_FILE = (
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.ENXIO,
)
"""What the system says where there is no regular file."""
UNREADABLE = (OSError, ValueError, LookupError, NotImplementedError)
"""What pyarrow raises on a damaged file."""


@dataclass(frozen=True)
class Table:
    """Columns of a file or a frame: categories for ids and texts, float64 for numbers.

    The column of times holds categories of texts, dates, or integers.
    """

    frame: pd.DataFrame
    source: str
    lines: Int[np.ndarray, " N"] | range
    """Line of each row in a CSV; its number from 0 elsewhere."""
    is_csv: bool = True

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
    except ValueError:  # a NUL in the name
        raise DataError(f"{path!r}: no such file{remedy}") from None
    except OSError as error:
        reason = "no such file" if error.errno in NO_FILE else error.strerror
        raise DataError(f"{path}: {reason}{remedy}") from None
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise DataError(f"{path}: no such file{remedy}")
        yield file


def _without_waiting(path: str, flags: int) -> int:
    """A descriptor; a pipe without a writer is opened at once, to be refused."""
    return os.open(path, flags | os.O_NONBLOCK)


def is_parquet(path: Path | str) -> bool:
    """Whether a file is Parquet by its name; everything else is CSV."""
    return Path(path).suffix.lower() in (".parquet", ".pq")


def columns_of(file: BinaryIO, separator: str = ",") -> list[str]:
    """The column names of an open file.

    Raises:
        DataError: if its first line is no text, or the file no Parquet.
    """
    file.seek(0)
    if is_parquet(file.name):
        return list(_from_parquet("read_schema", file).names)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        header = next(csv.reader(text, delimiter=separator), [])
    except UnicodeDecodeError:
        header = ["\0"]
    except csv.Error as error:
        raise DataError(f"{file.name}:1: {error}; the first line must name the columns") from None
    finally:
        text.detach()  # so that the file stays open
    if "\0" in "".join(header):
        raise _not_utf8(file)
    return header


def _not_utf8(file: BinaryIO) -> DataError:
    """The refusal of a file whose header is no text; a NUL is as good as no text."""
    file.seek(0)
    try:
        text_of(Block(file.read(), file.name, 1, ""))
    except DataError as error:
        return error
    return DataError(f"{file.name}:1: not UTF-8 text; save the file as CSV in UTF-8")


def require_columns(present: Iterable[str], wanted: Sequence[str], source: str) -> None:
    """Raise a DataError if one of the wanted columns is not there, or is there twice."""
    known = [*present]
    for name in wanted:
        if name not in known:
            raise DataError(f"{source}: no column {name!r}; {did_you_mean(name, known)}")
        if known.count(name) > 1:
            raise DataError(f"{source}: column {name!r} appears twice; rename one")


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
    header = _checked_header(file, config, [*numeric, *text])
    is_long = os.fstat(file.fileno()).st_size >= LONG and config.time_format is None
    kinds: tuple[TimesKind, ...] = ("dates", "integers", "text") if is_long else ("text",)

    def tables(kind: TimesKind) -> Iterator[Table]:
        for block in filter(lambda block: block.data, blocks_of(file, config.separator)):
            table = _parsed(block, header, kind, config.decimal, numeric, text)
            yield _with_numbers(_without_empty_rows(table, text[0]), numeric, config.decimal)

    return _joined(tables, kinds, most_rows(file), file.name)


def from_frame(
    frame: pd.DataFrame, source: str, numeric: Sequence[str], text: Sequence[str]
) -> Table:
    """The named columns of a DataFrame, checked like those of a file; see `read_table`."""
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
    columns = {name: pd.Series(frame[labels[name]].array, copy=False) for name in (*text, *numeric)}
    for name in text:
        if name != text[0] or kind == "text" or not _is_integer(columns[name]):
            columns[name] = _as_text(columns[name])
    lines = range(first, first + len(frame))
    table = Table(pd.DataFrame(columns, copy=False), source, lines, is_csv=False)
    return _with_numbers(table, numeric, ".")


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
        parts: list[Table] = []

        def frames(kind: TimesKind = kind, parts: list[Table] = parts) -> Iterator[pd.DataFrame]:
            for table in tables(kind):
                parts.append(replace(table, frame=pd.DataFrame()))
                yield table.frame

        with contextlib.suppress(ColumnKindError):
            frame = end_to_end(frames(), most)
            if not len(frame):
                raise _no_rows(source)
            return replace(parts[0], frame=frame, lines=_lines_of(parts))
    raise AssertionError("any column can be text")


def _lines_of(parts: Sequence[Table]) -> Int[np.ndarray, " N"] | range:
    """Lines of all parts; a range where each of them is one, for they follow on one another."""
    ranges = [part.lines for part in parts if isinstance(part.lines, range)]
    if len(ranges) == len(parts):
        return range(ranges[0].start, ranges[-1].stop)
    return np.concatenate([np.asarray(part.lines) for part in parts])


def _no_rows(source: str) -> DataError:
    return DataError(f"{source}: no rows below the header; add one row a time step")


# ------------------------------------------------------------------ CSV


def _checked_header(file: BinaryIO, config: DataConfig, wanted: Sequence[str]) -> list[str]:
    """The column names; a header without a wanted column is refused, as are odd marks."""
    header = columns_of(file, config.separator)
    if not header:
        is_empty = os.fstat(file.fileno()).st_size == 0
        what = "the file is empty" if is_empty else "the first line is blank"
        raise DataError(f"{file.name}:1: {what}; the first line must name the columns")
    other = [mark for mark in ";\t|," if mark != config.separator and mark in "".join(header)]
    if len(header) == 1 and other and wanted != header:
        raise DataError(
            f"{file.name}:1: the cells are separated by {other[0]!r}, not {config.separator!r};"
            f" set data.separator: {other[0]!r}"
        )
    require_columns(header, wanted, f"{file.name}:1")
    for key, mark in (("separator", config.separator), ("decimal", config.decimal)):
        if not mark.isascii():
            raise DataError(
                f"{file.name}: data.{key} {mark!r} cannot be read, for it is no ASCII character;"
                " write the file with another one"
            )
    return header


def _parsed(
    block: Block,
    header: Sequence[str],
    kind: TimesKind,
    decimal: str,
    numeric: Sequence[str],
    text: Sequence[str],
) -> Table:
    """The columns of a block; those of numbers are text where pyarrow cannot read them.

    Raises:
        DataError: with file and line, for a row that is not well formed.
        ColumnKindError: if a time is not of the kind.
    """
    import pyarrow as pa

    texts = pa.dictionary(pa.int32(), pa.string())
    times = {"dates": pa.timestamp("s"), "integers": pa.int64(), "text": texts}[kind]
    types = {**dict.fromkeys(text, texts), text[0]: times}
    cells = _cells(block, header, {**types, **dict.fromkeys(numeric, pa.float64())}, decimal)
    if cells is None:
        refuse_rows(block, len(header))
        cells = _cells(block, header, {**types, **dict.fromkeys(numeric, pa.string())}, decimal)
    if cells is None or cells[text[0]].null_count:  # an empty cell is no date
        raise ColumnKindError
    columns = {name: _series(cells[name]) for name in (*text, *numeric)}
    if kind == "dates":
        columns[text[0]] = in_nanoseconds(columns[text[0]])
    frame = pd.DataFrame(columns, copy=False)
    return Table(frame, block.source, _row_lines(block, len(frame)))


def _cells(
    block: Block, header: Sequence[str], types: Mapping[str, Any], decimal: str
) -> dict[str, Any] | None:
    """Some columns of a block as arrays of pyarrow; None if a cell is not of the given type."""
    import pyarrow as pa
    from pyarrow import csv

    places = {name: str(header.index(name)) for name in types}  # other names may be repeated
    options = {
        "read_options": csv.ReadOptions(
            block_size=len(block.data) + 1,
            column_names=[str(place) for place in range(len(header))],
        ),
        "parse_options": csv.ParseOptions(delimiter=block.separator, newlines_in_values=True),
        "convert_options": csv.ConvertOptions(
            column_types={places[name]: kind for name, kind in types.items()},
            include_columns=[*places.values()],
            null_values=[*EMPTY],
            strings_can_be_null=False,
            decimal_point=decimal,
        ),
    }
    try:
        table = csv.read_csv(pa.BufferReader(block.data), **options)
    except pa.ArrowInvalid:
        return None
    return {name: table[place].combine_chunks() for name, place in places.items()}


def _series(cells: Any) -> pd.Series:
    """An array of pyarrow as a column, without a copy where there can be none; null is NaN."""
    if str(cells.type) == "double":
        return pd.Series(cells.to_numpy(zero_copy_only=False), copy=False)
    column: pd.Series = cells.to_pandas()
    return column


def _row_lines(block: Block, rows: int) -> Int[np.ndarray, " N"] | range:
    """The line at which each row of a block begins, but for blank lines."""
    lines = line_ends(block.data) + (block.data[-1:] not in (b"\n", b"\r"))
    if rows == lines:
        return range(block.line, block.line + lines)
    return np.array([first for first, _, cells in rows_of(block) if cells], dtype=np.int64)


def _without_empty_rows(table: Table, first: str) -> Table:
    """The table without rows of empty cells; `first` is one of its columns of text."""
    is_first_empty = (table.frame[first] == "").to_numpy()
    if not is_first_empty.any():
        return table
    rows = table.frame[is_first_empty]
    is_empty = is_first_empty.copy()  # pandas gives arrays that cannot be written to
    is_empty[is_first_empty] = (rows.isna() | (rows == "")).all(axis=1)
    kept = table.frame[~is_empty].reset_index(drop=True)
    return replace(table, frame=kept, lines=np.asarray(table.lines)[~is_empty])


# ------------------------------------------------------------------ numbers


def _with_numbers(table: Table, numeric: Sequence[str], decimal: str) -> Table:
    """The table with its numeric columns as finite float64 or NaN."""
    columns = {str(name): column for name, column in table.frame.items()}
    most = np.finfo(np.float32).max
    for name in numeric:
        values = _numbers(table, name, decimal)
        if np.fmax.reduce(values, initial=0) > most or np.fmin.reduce(values, initial=0) < -most:
            row = int(np.argmax(np.abs(values) > most))
            raise DataError(
                f"{table.place(row)}: column {name!r} holds {values[row]:g}, which is no finite"
                " 32-bit number; mend it or leave the cell empty"
            )
        columns[name] = pd.Series(values, copy=False)
    return replace(table, frame=pd.DataFrame(columns, copy=False))


def _numbers(table: Table, name: str, decimal: str) -> np.ndarray:
    """float64 of a column; text among numbers is refused."""
    column = table.frame[name]
    if column.dtype.kind in "iuf":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    texts = column.astype("string").str.strip()
    texts = texts.mask(texts.isin(EMPTY))
    if decimal != ".":
        has_point = texts.str.contains(".", regex=False).fillna(False)
        texts = texts.mask(has_point, "point").str.replace(decimal, ".", regex=False)
    bad = (pd.to_numeric(texts, errors="coerce").isna() & texts.notna()).to_numpy()
    if bad.any():
        raise _not_a_number(table, name, int(np.argmax(bad)), decimal)
    return texts.to_numpy(dtype=np.float64, na_value=np.nan)


def _not_a_number(table: Table, name: str, row: int, decimal: str) -> DataError:
    cell = str(table.frame[name].iloc[row])
    other = "," if decimal == "." else "."
    is_number = cell.replace(other, "").lstrip("-+").isdigit() and other in cell
    if THOUSANDS.fullmatch(cell.strip()):
        remedy = "thousands separators are not read; write the numbers without them"
    elif is_number:
        remedy = f"set data.decimal: {other!r}"
    else:
        remedy = "mend the cell, or leave it empty and set data.missing"
    return DataError(
        f"{table.place(row)}: column {name!r} holds {shown(cell)}, not a number; {remedy}"
    )


# ------------------------------------------------------------------ Parquet


def _read_parquet(file: BinaryIO, numeric: Sequence[str], text: Sequence[str]) -> Table:
    require_columns(columns_of(file), [*numeric, *text], file.name)
    schema = _from_parquet("read_schema", file)
    strings = [name for name in text if str(schema.field(name).type) in ("string", "large_string")]
    parquet = _from_parquet(
        "ParquetFile",
        file,
        pre_buffer=False,  # else the file is held whole
        buffer_size=PARQUET_BUFFER,
        read_dictionary=strings,
    )

    def tables(kind: TimesKind) -> Iterator[Table]:
        first = 0
        for frame in _batches(parquet, file.name, [*text, *numeric]):
            yield _from_frame(frame, file.name, numeric, text, first, kind)
            first += len(frame)

    return _joined(tables, ("integers", "text"), parquet.metadata.num_rows, file.name)


def look_at_parquet(file: BinaryIO) -> pd.DataFrame:
    """A Parquet file as it is; an index that has a name becomes a column."""
    parquet = _from_parquet("ParquetFile", file)
    try:
        frame: pd.DataFrame = parquet.read().to_pandas()
    except UNREADABLE as error:
        raise _damaged(file.name, error) from None
    return frame if frame.index.name is None else frame.reset_index()


def _batches(parquet: Any, path: str, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Some rows at a time."""
    try:
        for batch in parquet.iter_batches(ROWS_AT_ONCE, columns=list(columns)):
            pairs = zip(batch.schema.names, batch.columns, strict=True)
            yield pd.DataFrame({name: cells.to_pandas() for name, cells in pairs}, copy=False)
    except UNREADABLE as error:
        raise _damaged(path, error) from None


def _from_parquet(function: str, file: BinaryIO, **options: Any) -> Any:
    from pyarrow import parquet

    try:
        return getattr(parquet, function)(file, **options)
    except UNREADABLE as error:
        raise _damaged(file.name, error) from None


def _damaged(path: str, error: Exception) -> DataError:
    reason = str(error).splitlines()[0].rstrip(".")
    return DataError(f"{path}: {reason}; write the file again as Parquet")
