"""A Parquet file, some rows at a time; whatever pyarrow says of a damaged one is one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

import pandas as pd

from forecast.errors import DataError, shown
from forecast.tables.compact import ROWS_AT_ONCE
from forecast.tables.limits import MOST_CELLS, MOST_ROWS

BUFFER = 2**20
"""Bytes of a column that are read at a time."""
TEXTS_AT_ONCE = 2**19
"""Rows of a column of texts that are read at a time: each time all distinct texts are gone through,
and their numbers take little room."""
UNREADABLE = (OSError, ValueError, LookupError, NotImplementedError)
"""What pyarrow raises on a damaged file."""


def parquet_rows(file: BinaryIO) -> int:
    """The number of rows of an open file.

    Raises:
        DataError: if it is damaged, or holds more rows than a table may have.
    """
    return int(_bounded(file).num_rows)


def parquet_types(file: BinaryIO) -> dict[str, str]:
    """The column names of an open file, each with what pyarrow calls its type."""
    schema = _schema(file)
    return dict(zip(schema.names, map(str, schema.types), strict=True))


def parquet_cells(file: BinaryIO, column: str, is_text: bool) -> Iterator[pd.Series]:
    """The cells of a column, `ROWS_AT_ONCE` or `TEXTS_AT_ONCE` at a time.

    Args:
        file: open.
        column: what to read.
        is_text: whether texts are read as numbers of distinct texts, which is faster.

    Raises:
        DataError: if the file is damaged.
    """
    kind = _schema(file).field(column).type
    parquet = _from_parquet(
        "ParquetFile",
        file,
        pre_buffer=False,  # else the file is held whole
        buffer_size=BUFFER,
        read_dictionary=[column] if is_text and str(kind) in ("string", "large_string") else [],
    )
    found, told = 0, int(parquet.metadata.num_rows)
    try:
        rows = TEXTS_AT_ONCE if is_text else ROWS_AT_ONCE
        for batch in parquet.iter_batches(rows, columns=[column]):
            found += len(batch)
            yield batch.column(0).to_pandas()
    except UNREADABLE as error:
        raise _damaged(file.name, error) from None
    if found != told:
        raise _damaged(file.name, ValueError(f"{found} rows, but {told} by its own account"))


def whole_parquet(file: BinaryIO) -> pd.DataFrame:
    """A Parquet file as it is, its indexes among the columns; columns of lists are left out.

    Raises:
        DataError: if the file is damaged.
    """
    _bounded(file, MOST_CELLS)
    _schema(file)
    parquet = _from_parquet("ParquetFile", file)
    try:
        table = parquet.read()
        kept = table.select([n for n, kind in enumerate(table.schema.types) if not kind.num_fields])
        frame: pd.DataFrame = kept.to_pandas(ignore_metadata=True)
        for name in kept.schema.names:
            if str(kept.schema.field(name).type).startswith("decimal"):
                frame[name] = frame[name].astype("float64")
    except UNREADABLE as error:
        raise _damaged(file.name, error) from None
    return frame


def _bounded(file: BinaryIO, most_cells: int | None = None) -> Any:
    """What a file says of itself, if it is not too large; equal rows take next to no room in it."""
    described = _from_parquet("read_metadata", file)
    rows, columns = described.num_rows, described.num_columns
    if rows > MOST_ROWS:
        raise DataError(f"{file.name}: {rows} rows, more than {MOST_ROWS}; split the table")
    if most_cells is not None and rows * columns > most_cells:
        raise DataError(
            f"{file.name}: {rows} rows of {columns} columns, more than {most_cells} cells; write"
            " the columns that count to a file of their own"
        )
    return described


def _schema(file: BinaryIO) -> Any:
    """The columns of a file, each of which has a name of its own."""
    schema = _from_parquet("read_schema", file)
    counts = Counter(schema.names)
    twice = next((name for name, count in counts.items() if count > 1), None)
    if twice is not None:
        raise DataError(f"{file.name}: column {shown(twice)} appears twice; rename one")
    return schema


def _from_parquet(function: str, file: BinaryIO, **options: Any) -> Any:
    from pyarrow import parquet

    try:
        return getattr(parquet, function)(file, **options)
    except UNREADABLE as error:
        raise _damaged(file.name, error) from None


def _damaged(path: str, error: Exception) -> DataError:
    reason = str(error).splitlines()[0].rstrip(".")
    return DataError(f"{path}: {reason}; write the file again as Parquet")
