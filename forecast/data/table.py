"""Tables in and out: CSV, Parquet and DataFrames, with the line of every row for error messages."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import os
import re
import stat
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np
import pandas as pd

from forecast.config.data import DataConfig
from forecast.data.compact import (
    ROWS_AT_ONCE,
    UnlikeError,
    categories,
    compacted,
    distinct_in_runs,
    end_to_end,
    in_nanoseconds,
)
from forecast.data.plain_csv import read_plain_csv
from forecast.errors import DataError, did_you_mean, shown

THOUSANDS = re.compile(
    r"[-+]?\d{1,3}(?:([ '\u2019\u00a0\u202f])\d{3}(?:\1\d{3})*(?:[.,]\d+)?"
    r"|([.,])\d{3}(?:\2\d{3})*(?!\2)[.,]\d+|([.,])\d{3}(?:\3\d{3})+)"
)
"""1 234, 1'234, 1.234,5 or 1,234,567; one mark alone may be that of decimals."""
BLOCK = 2**20
"""Bytes of a CSV that are looked through at a time."""
UNREADABLE = (OSError, ValueError, LookupError, NotImplementedError)
"""What pyarrow raises on a damaged file."""
PARQUET_BUFFER = 2**20
"""Bytes of a column that are read at a time."""
NO_FILE = (
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.ENXIO,
)
"""What the system says where there is no regular file."""
EMPTY = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A")


@dataclass(frozen=True)
class Table:
    """Columns of a file or a frame: text for time, id and categories, float64 for the rest.

    Text is objects, or categories where a file is long; times may be dates or int64.
    """

    frame: pd.DataFrame
    source: str
    lines: np.ndarray | range
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


@contextlib.contextmanager
def _text_of(file: BinaryIO) -> Iterator[TextIO]:
    """The text of an open file from its start; the file stays open."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        yield text
    finally:
        text.detach()


def read_table(
    file: BinaryIO, config: DataConfig, numeric: Sequence[str], text: Sequence[str]
) -> Table:
    """Read the named columns of a CSV or Parquet file.

    Args:
        file: of `opened`; named `.parquet` or `.pq` it is Parquet, else CSV.
        config: separator and decimal mark.
        numeric: columns of numbers; an empty cell is NaN.
        text: columns kept as written, so that `007` and `NA` stay what they are; the first one
            holds the times.

    Raises:
        DataError: with file and line, for a missing column, or text among numbers.
    """
    if is_parquet(file.name):
        return _read_parquet(file, config, numeric, text)
    _check_header(file, config, [*numeric, *text])
    count = _count_of_lines(file)
    if config.time_format is None and len(config.separator) == 1:
        marks = config.separator, config.decimal
        frame = read_plain_csv(file, *marks, numeric, text, EMPTY, count)
        if frame is not None:
            table = Table(frame, file.name, range(2, len(frame) + 2))
            return _with_rows(_with_numbers(table, numeric, config.decimal))
    lines = _lines(file, config.separator)

    def chunks() -> Iterator[Table]:
        first = 0
        for frame in _read_csv(file, config, numeric, text):
            here = lines[first : first + len(frame)]
            first += len(frame)
            table = Table(frame.reset_index(drop=True), file.name, here)
            yield _with_numbers(_without_empty_rows(table, text[0]), numeric, config.decimal)

    return _with_rows(_joined(chunks, len(lines), config, text))


def from_frame(
    frame: pd.DataFrame, source: str, numeric: Sequence[str], text: Sequence[str]
) -> Table:
    """The named columns of a DataFrame, checked like a file."""
    return _with_rows(_from_frame(frame, source, numeric, text))


def _from_frame(
    frame: pd.DataFrame, source: str, numeric: Sequence[str], text: Sequence[str], first: int = 0
) -> Table:
    """As `from_frame`, of a frame that may be empty and whose first row has a given number."""
    require_columns([str(label) for label in frame.columns], [*text, *numeric], source)
    labels = {str(label): label for label in frame.columns}
    columns = {name: pd.Series(frame[labels[name]].array, copy=False) for name in (*text, *numeric)}
    columns |= {name: _as_text(columns[name]) for name in text[1:]}
    if not _is_integer(columns[text[0]]):
        columns[text[0]] = _as_text(columns[text[0]])
    lines = range(first, first + len(frame))
    table = Table(pd.DataFrame(columns, copy=False), source, lines, is_csv=False)
    return _with_numbers(table, numeric, ".")


def is_parquet(path: Path | str) -> bool:
    """Whether a file is Parquet by its name; everything else is CSV."""
    return Path(path).suffix.lower() in (".parquet", ".pq")


def columns_of(file: BinaryIO, separator: str = ",") -> list[str]:
    """The column names of an open file."""
    if is_parquet(file.name):
        return list(_from_parquet("read_schema", file).names)
    try:
        with _text_of(file) as text:
            header = next(csv.reader(text, delimiter=separator), [])
    except UnicodeDecodeError:
        raise _not_utf8(file) from None
    except csv.Error as error:
        raise DataError(f"{file.name}:1: {error}; the first line must name the columns") from None
    if "\0" in "".join(header):
        raise _not_utf8(file)
    return header


def require_columns(present: Iterable[str], wanted: Sequence[str], source: str) -> None:
    """Raise a DataError if one of the wanted columns is not there, or is there twice."""
    known = [*present]
    for name in wanted:
        if name not in known:
            raise DataError(f"{source}: no column {name!r}; {did_you_mean(name, known)}")
        if known.count(name) > 1:
            raise DataError(f"{source}: column {name!r} appears twice; rename one")


def _check_header(file: BinaryIO, config: DataConfig, wanted: Sequence[str]) -> None:
    header = columns_of(file, config.separator)
    if not header:
        what = "the first line is blank" if os.fstat(file.fileno()).st_size else "the file is empty"
        raise DataError(f"{file.name}:1: {what}; the first line must name the columns")
    other = [mark for mark in ";\t|," if mark != config.separator and mark in "".join(header)]
    if len(header) == 1 and other and wanted != header:
        raise DataError(
            f"{file.name}:1: the cells are separated by {other[0]!r}, not {config.separator!r};"
            f" set data.separator: {other[0]!r}"
        )
    require_columns(header, wanted, f"{file.name}:1")


def _count_of_lines(file: BinaryIO) -> int:
    """Lines of a file, 0 if they end in carriage returns alone.

    A NUL is refused, where pandas would end the cell: 4, NUL, 2 would be 4.
    """
    newlines, lone_returns, end = 0, 0, b""
    file.seek(0)
    while block := file.read(BLOCK):
        if (place := block.find(b"\0")) >= 0:
            line = newlines + block.count(b"\n", 0, place) + 1
            raise DataError(f"{file.name}:{line}: a NUL character is no text; take it out")
        newlines += block.count(b"\n")
        lone_returns += block.count(b"\r") - (end + block).count(b"\r\n")
        end = block[-1:]
    return 0 if lone_returns else newlines + (end not in (b"", b"\n"))


def _lines(file: BinaryIO, separator: str) -> np.ndarray | range:
    """Line at which each row below the header begins, blank lines too.

    Every row must have as many cells as the header: pandas would fill up a short one and cut a
    long one without a word. The rows are counted by the csv module, not by a loop.
    """
    try:
        with _text_of(file) as lines:
            reader = csv.reader(lines, delimiter=separator, strict=True)
            cells = np.fromiter(map(len, reader), dtype=np.int32)
            is_line_a_row = reader.line_num == len(cells)
    except UnicodeDecodeError:
        raise _not_utf8(file) from None
    except csv.Error as error:
        *_, line = 0, *_row_ends(file, separator)
        raise DataError(f"{file.name}:{line + 1}: {error}; mend the quotes of this row") from None
    ends: np.ndarray | range = range(1, len(cells) + 1)
    if not is_line_a_row:
        ends = np.array([*_row_ends(file, separator)])
    ragged = (cells != cells[0]) & (cells > 0)
    if ragged.any():
        row = int(np.argmax(ragged))
        raise DataError(
            f"{file.name}:{ends[row - 1] + 1}: {cells[row]} cells, but the header has {cells[0]};"
            f" write empty cells too, and put a cell that holds {separator!r} in quotes"
        )
    return range(2, len(cells) + 1) if isinstance(ends, range) else ends[:-1] + 1


def _row_ends(file: BinaryIO, separator: str) -> Iterator[int]:
    """Last line of each row, until the end or the first row that cannot be read."""
    with _text_of(file) as lines:
        reader = csv.reader(lines, delimiter=separator, strict=True)
        with contextlib.suppress(csv.Error):
            for _ in reader:
                yield reader.line_num


def _without_empty_rows(table: Table, first: str) -> Table:
    """The table without blank lines and rows of empty cells; `first` is one of its columns."""
    is_first_empty = (table.frame[first].isna() | (table.frame[first] == "")).to_numpy()
    if not is_first_empty.any():
        return table
    empty = is_first_empty.copy()  # pandas gives arrays that cannot be written to
    rows = table.frame[is_first_empty]
    empty[is_first_empty] = (rows.isna() | (rows == "")).all(axis=1)
    lines = np.asarray(table.lines)[~empty]
    return replace(table, frame=table.frame[~empty].reset_index(drop=True), lines=lines)


def _not_utf8(file: BinaryIO) -> DataError:
    line = 1
    file.seek(0)
    try:
        file.read().decode()
    except UnicodeDecodeError as error:
        line += error.object.count(b"\n", 0, error.start)
    return DataError(f"{file.name}:{line}: not UTF-8 text; save the file as CSV in UTF-8")


def _joined(
    chunks: Callable[[], Iterator[Table]], rows: int, config: DataConfig, text: Sequence[str]
) -> Table:
    """All chunks of a file; a file that fits into one stays as it is written."""
    if rows <= ROWS_AT_ONCE:
        return next(chunks(), Table(pd.DataFrame(), config.path, range(0)))
    for plain_times in (config.time_format is None, False):
        parts: list[Table] = []
        with contextlib.suppress(UnlikeError):
            frame = end_to_end(_compacted(chunks(), text, plain_times, parts), rows)
            return replace(parts[0], frame=frame, lines=_lines_of(parts))
    raise AssertionError("all texts are categories")


def _compacted(
    chunks: Iterator[Table], text: Sequence[str], plain_times: bool, parts: list[Table]
) -> Iterator[pd.DataFrame]:
    """The compact frame of each chunk; the rest of the chunk goes to `parts`."""
    for chunk in chunks:
        parts.append(replace(chunk, frame=pd.DataFrame()))
        yield compacted(chunk.frame, text, plain_times)


def _lines_of(parts: Sequence[Table]) -> np.ndarray | range:
    """Lines of all parts."""
    ranges = [part.lines for part in parts if isinstance(part.lines, range)]
    if len(ranges) == len(parts):
        return range(ranges[0].start, ranges[-1].stop)
    return np.concatenate([np.asarray(part.lines) for part in parts])


def _read_csv(
    file: BinaryIO, config: DataConfig, numeric: Sequence[str], text: Sequence[str]
) -> Iterator[pd.DataFrame]:
    """Some rows at a time."""
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            reader = pd.read_csv(
                file,
                chunksize=ROWS_AT_ONCE,
                sep=config.separator,
                decimal=config.decimal,
                encoding="utf-8-sig",
                usecols=[*numeric, *text],
                dtype=dict.fromkeys(text, "object"),
                na_values={name: list(EMPTY) for name in numeric},
                keep_default_na=False,
                skip_blank_lines=False,
                index_col=False,
                low_memory=False,
                float_precision="round_trip",
                compression=None,
            )
            with reader:
                yield from reader
    except (ValueError, pd.errors.ParserWarning) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{file.name}: {reason}; check data.separator and data.decimal") from None


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


def _with_rows(table: Table) -> Table:
    """A table, unless it is empty."""
    if len(table.frame) == 0:
        raise DataError(f"{table.source}: no rows below the header; add one row a time step")
    return table


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


def _is_integer(column: pd.Series) -> bool:
    """Whether a column holds integers of up to 18 digits and nothing else."""
    return column.dtype.kind in "iu" and not column.hasnans and bool(column.abs().max() < 10**18)


def _as_text(column: pd.Series) -> pd.Series:
    """A column as text or categories; dates stay dates. Each distinct cell is converted once."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return in_nanoseconds(column)
    if column.dtype == object and pd.api.types.infer_dtype(column, skipna=False) == "string":
        return categories(*distinct_in_runs(column.to_numpy()))
    if pd.api.types.infer_dtype(column, skipna=True) == "string":
        return column.astype(object)
    codes, distinct = pd.factorize(column)
    numbers, texts = pd.factorize(np.array([*map(str, distinct)], dtype=object))
    return categories(np.append(numbers, -1)[codes], texts)


def _read_parquet(
    file: BinaryIO, config: DataConfig, numeric: Sequence[str], text: Sequence[str]
) -> Table:
    require_columns(columns_of(file), [*numeric, *text], file.name)
    options = {"pre_buffer": False, "buffer_size": PARQUET_BUFFER}  # else the file is held whole
    texts = _texts_among(file, text)
    parquet = _from_parquet("ParquetFile", file, read_dictionary=texts, **options)

    def chunks() -> Iterator[Table]:
        first = 0
        for frame in _batches(parquet, file.name, [*text, *numeric]):
            yield _from_frame(frame, file.name, numeric, text, first)
            first += len(frame)

    return _with_rows(_joined(chunks, parquet.metadata.num_rows, config, text))


def look_at_parquet(file: BinaryIO) -> pd.DataFrame:
    """A Parquet file as it is; an index that has a name becomes a column."""
    parquet = _from_parquet("ParquetFile", file)
    try:
        frame: pd.DataFrame = parquet.read().to_pandas()
    except UNREADABLE as error:
        raise _damaged(file.name, error) from None
    return frame if frame.index.name is None else frame.reset_index()


def _texts_among(file: BinaryIO, columns: Sequence[str]) -> list[str]:
    """Columns of text, which are read faster as numbers of distinct texts."""
    schema = _from_parquet("read_schema", file)
    return [name for name in columns if str(schema.field(name).type) in ("string", "large_string")]


def _batches(parquet: Any, path: str, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Some rows at a time."""
    try:
        for batch in parquet.iter_batches(ROWS_AT_ONCE, columns=list(columns)):
            pairs = zip(batch.schema.names, batch.columns, strict=True)
            yield pd.DataFrame({name: cells.to_pandas() for name, cells in pairs}, copy=False)
    except UNREADABLE as error:
        raise _damaged(path, error) from None


def _from_parquet(function: str, file: BinaryIO, **options: Any) -> Any:
    try:
        from pyarrow import parquet
    except ImportError:
        raise DataError("reading Parquet needs pyarrow: pip install 'forecast[parquet]'") from None
    try:
        return getattr(parquet, function)(file, **options)
    except UNREADABLE as error:
        raise _damaged(file.name, error) from None


def _damaged(path: str, error: Exception) -> DataError:
    reason = str(error).splitlines()[0].rstrip(".")
    return DataError(f"{path}: {reason}; write the file again as Parquet")
