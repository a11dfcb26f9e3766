"""The cells of a CSV by pyarrow, block by block; what it refuses is explained by `explain_csv`."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Literal

import numpy as np
import pandas as pd
from jaxtyping import Int

from forecast.errors import DataError
from forecast.tables.compact import ColumnKindError, in_nanoseconds
from forecast.tables.csv_blocks import blocks_of, head_of, too_long
from forecast.tables.explain_csv import Block, refuse_rows, rows_of, text_of
from forecast.tables.limits import LONGEST_ROW
from forecast.tables.numbers import EMPTY

TimesKind = Literal["dates", "integers", "text"]
"""How the column of times is read: plain dates and integers need less memory than their text."""
UNNAMED = "Unnamed: 0"
NO_TABLE = re.compile(
    r"\s*(?:(?P<markup><(?:!doctype|html|table|\?xml))|\[?\s*\{\s*[\"']|[\[{]\s*$)", re.IGNORECASE
)
"""How a file begins that is no CSV, though it is text."""
FIRST_ROWS = 50
"""Rows by which a header is compared with what stands below it."""
Lines = Int[np.ndarray, " _"] | range
"""(N,) line of each row."""


def csv_columns(file: BinaryIO, separator: str) -> list[str]:
    """The column names in the first line of an open file; none if that is blank. The first alone
    may have none, as pandas writes an index, and is then called as pandas calls it.

    Raises:
        DataError: if the line is no text.
    """
    try:
        header = next(csv.reader(_lines(file), delimiter=separator), [])
    except UnicodeDecodeError:
        header = ["\0"]
    except csv.Error as error:
        raise DataError(
            f"{place_of_names(file)}: {error}; the first line must name the columns"
        ) from None
    if "\0" in "".join(header):
        raise _not_utf8(file)
    if found := NO_TABLE.match(separator.join(header)):
        kind = "HTML or XML" if found["markup"] else "JSON"
        raise DataError(f"{file.name}: is {kind}, no CSV; write the table as CSV or Parquet")
    if len(header) > 1 and not header[0].strip() and UNNAMED not in header:
        header[0] = UNNAMED
    return header


def place_of_names(file: BinaryIO) -> str:
    """The line that names the columns, for the start of an error message."""
    return f"{file.name}:{head_of(file).line}"


def rows_agree(file: BinaryIO, separator: str) -> bool:
    """Whether the first two lines of an open file whose header is text have as many cells."""
    try:
        first, second = itertools.islice(csv.reader(_lines(file), delimiter=separator), 2)
    except (ValueError, csv.Error):  # fewer lines, or one that cannot be told apart
        return False
    return len(first) == len(second)


def rows_below(file: BinaryIO, separator: str) -> bool:
    """Whether a cell stands below the first line of an open file."""
    return any(
        any(row) for row in itertools.islice(csv.reader(_lines(file), delimiter=separator), 1, 9)
    )


def first_widths(file: BinaryIO, separator: str) -> list[int]:
    """Cells of the first rows of an open file that hold any, the header among them."""
    widths = []
    with contextlib.suppress(UnicodeDecodeError, csv.Error):  # told when all is read
        for row in itertools.islice(csv.reader(_lines(file), delimiter=separator), FIRST_ROWS):
            if any(row):
                widths.append(len(row))
    return widths


def line_of(file: BinaryIO, separator: str, name: str, cell: str) -> int:
    """The first line of an open file with a cell in a column, but for blanks around; 0: none is
    found, or a cell before it is longer than Python's reader of CSV takes."""
    place = csv_columns(file, separator).index(name)
    first = head_of(file).line
    reader = csv.reader(_lines(file), delimiter=separator)
    lines = (
        first + reader.line_num - 1 - sum(each.count("\n") for each in row)
        for row in reader
        if row[place : place + 1] and row[place].strip() == cell
    )
    try:
        return next(lines, 0)
    except csv.Error:
        return 0


def _lines(file: BinaryIO) -> Iterator[str]:
    """The lines of a file from its header on, no more than a row may have.

    Raises:
        DataError: for a line that is too long; one with a NUL is cut to that.
        UnicodeDecodeError: for one that is not UTF-8.
    """
    file.seek(head_of(file).start)
    while line := file.readline(LONGEST_ROW):
        if b"\0" in line:
            yield "\0"
            return
        if len(line) == LONGEST_ROW:
            raise too_long(file.name, 1)
        yield from io.StringIO(line.decode(), newline="")


def _not_utf8(file: BinaryIO) -> DataError:
    """The refusal of a file whose header is no text; a NUL is as good as no text."""
    file.seek(0)
    try:
        text_of(Block(file.readline(LONGEST_ROW), file.name, 1, ""))
    except DataError as error:
        return error
    return DataError(f"{file.name}:1: not UTF-8 text; save the file as CSV in UTF-8")


def checked_header(
    file: BinaryIO, separator: str, decimal: str, wanted: Sequence[str]
) -> list[str]:
    """The column names, if the marks may be those of the file.

    Args:
        file: open.
        separator, decimal: a letter each.
        wanted: names of columns, which tell a wrong separator from a file of one column.

    Raises:
        DataError: for a blank line, another separator, or a mark that pyarrow cannot use.
    """
    header = csv_columns(file, separator)
    if not header:
        is_empty = os.fstat(file.fileno()).st_size == 0
        what = "the file is empty" if is_empty else "the first line is blank"
        raise DataError(f"{place_of_names(file)}: {what}; the first line must name the columns")
    other = [mark for mark in ";\t|," if mark != separator and mark in "".join(header)]
    if len(header) == 1 and other and wanted != header:
        raise DataError(
            f"{place_of_names(file)}: the cells are separated by {other[0]!r}, not {separator!r};"
            f" set data.separator: {other[0]!r}"
        )
    for key, mark in (("separator", separator), ("decimal", decimal)):
        if not mark.isascii():
            raise DataError(
                f"{file.name}: data.{key} {mark!r} cannot be read, for it is no ASCII character;"
                " write the file with another one"
            )
    return header


def csv_frames(
    file: BinaryIO,
    separator: str,
    decimal: str,
    kind: TimesKind,
    numeric: Sequence[str],
    text: Sequence[str],
    grouped: bool,
) -> Iterator[tuple[pd.DataFrame, Lines]]:
    """Some columns of a file block by block, and the line of each row; empty rows are left out.

    Args:
        file: open, with a header.
        separator, decimal: a letter each.
        kind: of the times.
        numeric: columns of numbers; a block of them is text where pyarrow cannot read one.
        text: columns of text, which become categories; the first one holds the times.
        grouped: numbers have marks between thousands, so they are left as text.

    Raises:
        DataError: with file and line, for a row that is not well formed.
        ColumnKindError: if a time is not of the kind.
    """
    header = csv_columns(file, separator)
    for block in blocks_of(file, separator):
        frame = _parsed(block, header, decimal, kind, numeric, text, grouped)
        yield _without_empty_rows(frame, _row_lines(block, len(frame)), text[0])


def _parsed(
    block: Block,
    header: Sequence[str],
    decimal: str,
    kind: TimesKind,
    numeric: Sequence[str],
    text: Sequence[str],
    grouped: bool,
) -> pd.DataFrame:
    import pyarrow as pa

    texts = pa.dictionary(pa.int32(), pa.string())
    times = {"dates": pa.timestamp("s"), "integers": pa.int64(), "text": texts}[kind]
    types = {**dict.fromkeys(text, texts), text[0]: times}
    numbers = pa.string() if grouped else pa.float64()
    cells = _cells(block, header, {**types, **dict.fromkeys(numeric, numbers)}, decimal)
    if cells is None:
        refuse_rows(block, len(header))
        cells = _cells(block, header, {**types, **dict.fromkeys(numeric, pa.string())}, decimal)
    if cells is None or cells[text[0]].null_count:  # an empty cell is no date
        raise ColumnKindError
    columns = {name: _series(cells[name]) for name in (*text, *numeric)}
    if kind == "dates":
        columns[text[0]] = in_nanoseconds(columns[text[0]])
    return pd.DataFrame(columns, copy=False)


def look_at_csv(file: BinaryIO, separator: str, names: Sequence[str]) -> pd.DataFrame:
    """Columns of a CSV as categories of texts; rows of too few or too many cells are left out.

    Args:
        file: open.
        separator: a letter.
        names: columns to read, each of which appears once in the header.

    Raises:
        DataError: with file and line, for text that is not UTF-8, or quotes that do not match.
    """
    import pyarrow as pa

    header = csv_columns(file, separator)
    types = dict.fromkeys(names, pa.dictionary(pa.int32(), pa.large_string()))
    found: dict[str, list[Any]] = {name: [] for name in names}
    for block in blocks_of(file, separator):
        for name, cells in (_cells(block, header, types, skip_ragged=True) or {}).items():
            found[name].append(cells)
    nothing = pa.array([], pa.large_string()).dictionary_encode()  # pyarrow 17 joins no parts
    columns = {
        name: _series(pa.chunked_array(parts or [nothing]).unify_dictionaries().combine_chunks())
        for name, parts in found.items()
    }
    return pd.DataFrame(columns, copy=False)


def _cells(
    block: Block,
    header: Sequence[str],
    types: Mapping[str, Any],
    decimal: str = ".",
    skip_ragged: bool = False,
) -> dict[str, Any] | None:
    """Some columns of a block as arrays of pyarrow; None if a cell is not of the given type."""
    import pyarrow as pa
    from pyarrow import csv

    first = {name: str(place) for place, name in reversed([*enumerate(header)])}
    places = {name: first[name] for name in types}  # other names may be repeated
    options = {
        "read_options": csv.ReadOptions(
            block_size=len(block.data) + 1,
            column_names=[str(place) for place in range(len(header))],
        ),
        "parse_options": csv.ParseOptions(
            delimiter=block.separator,
            newlines_in_values=True,
            invalid_row_handler=(lambda _: "skip") if skip_ragged else None,
        ),
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
    columns = zip(places, table.itercolumns(), strict=True)
    return {name: column.combine_chunks() for name, column in columns}


def _series(cells: Any) -> pd.Series:
    """An array of pyarrow as a column, without a copy where there can be none; null is NaN."""
    if str(cells.type) == "double":
        return pd.Series(cells.to_numpy(zero_copy_only=False), copy=False)
    column: pd.Series = cells.to_pandas()
    return column


def _row_lines(block: Block, rows: int) -> Lines:
    """The line at which each row of a block begins, but for blank lines."""
    lines = block.line_ends + (block.data[-1:] not in (b"\n", b"\r"))
    if rows == lines:
        return range(block.line, block.line + lines)
    return np.array([first for first, _, cells in rows_of(block) if cells], dtype=np.int64)


def _without_empty_rows(
    frame: pd.DataFrame, lines: Lines, first: str
) -> tuple[pd.DataFrame, Int[np.ndarray, " kept"] | range]:
    """The frame without rows of empty cells, and their lines; `first` is a column of text."""
    is_first_empty = (frame[first] == "").to_numpy()
    if not is_first_empty.any():
        return frame, lines
    rows = frame[is_first_empty]
    is_empty = is_first_empty.copy()  # pandas gives arrays that cannot be written to
    is_empty[is_first_empty] = (rows.isna() | (rows == "")).all(axis=1)
    kept = frame[~is_empty].reset_index(drop=True)
    for name in kept.select_dtypes("category"):  # else "" would still be one of the categories
        kept[name] = kept[name].cat.remove_unused_categories()
    return kept, np.asarray(lines)[~is_empty]
