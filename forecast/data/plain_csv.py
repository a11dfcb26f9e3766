"""Long CSV files of the usual kind through pyarrow, several times as fast as through pandas.

Whatever is not plain (another kind of date, a row that is short, blank or wrong, a cell of several
lines) is left to the slow way of `forecast.data.table`, which can say what is wrong and where.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from forecast.data.compact import UnlikeError, end_to_end, in_nanoseconds

LONG = 2**24
"""Bytes from which on a file is worth the import of pyarrow."""
BLOCK = 2**20
"""Bytes that are read at a time; with four times as many the peak is 90 MB higher."""


def read_plain_csv(
    file: BinaryIO,
    separator: str,
    decimal: str,
    numeric: Sequence[str],
    text: Sequence[str],
    empty: Sequence[str],
    lines: int,
) -> pd.DataFrame | None:
    """The columns of a long plain file; None if it is not plain, or pyarrow is not installed.

    Args:
        file: open, with a header.
        separator, decimal: a letter each.
        numeric: columns of numbers, which become float64; one of the `empty` texts is NaN.
        text: columns of text, which become categories; the first one holds dates.
        empty: texts of an empty cell of numbers.
        lines: of the file, the header among them; each is a row, or the file is not plain.
    """
    if os.fstat(file.fileno()).st_size < LONG:
        return None
    try:
        from pyarrow import ArrowException, csv
    except ImportError:
        return None
    file.seek(0)
    try:
        batches = csv.open_csv(file, **_options(separator, decimal, numeric, text, empty))
        frame = end_to_end(_frames(batches, numeric, text, lines), lines)
    except (ArrowException, UnlikeError):
        return None
    return frame if 1 < lines == len(frame) + 1 else None


def _options(
    separator: str, decimal: str, numeric: Sequence[str], text: Sequence[str], empty: Sequence[str]
) -> dict[str, Any]:
    import pyarrow as pa
    from pyarrow import csv

    kinds = {
        **dict.fromkeys(numeric, pa.float64()),
        **dict.fromkeys(text, pa.dictionary(pa.int32(), pa.string())),
        text[0]: pa.timestamp("s"),
    }
    return {
        "read_options": csv.ReadOptions(block_size=BLOCK),
        "parse_options": csv.ParseOptions(
            delimiter=separator, newlines_in_values=True, ignore_empty_lines=False
        ),
        "convert_options": csv.ConvertOptions(
            column_types=kinds,
            include_columns=[*kinds],
            null_values=[*empty],
            strings_can_be_null=False,
            decimal_point=decimal,
        ),
    }


def _frames(
    batches: Any, numeric: Sequence[str], text: Sequence[str], most: int
) -> Iterator[pd.DataFrame]:
    """A frame for each block, of so many rows at most together."""
    for batch in batches:
        most -= batch.num_rows
        if most < 0:
            raise UnlikeError
        cells = dict(zip(batch.schema.names, batch.columns, strict=True))
        columns = {text[0]: _dates(cells[text[0]])}
        columns |= {name: cells[name].to_pandas() for name in text[1:]}
        columns |= {name: _numbers(cells[name]) for name in numeric}
        yield pd.DataFrame(columns, copy=False)


def _dates(cells: Any) -> pd.Series:
    """Nanoseconds."""
    if cells.null_count:
        raise UnlikeError
    dates: pd.Series = in_nanoseconds(cells.to_pandas())
    if dates.dtype != np.dtype("datetime64[ns]"):
        raise UnlikeError
    return dates


def _numbers(cells: Any) -> pd.Series:
    """float64; a number that is none (NAN, say, which is no empty cell) is not plain."""
    values = cells.to_numpy(zero_copy_only=False)
    known = np.isfinite(values)
    if len(values) - np.count_nonzero(known) > cells.null_count:
        raise UnlikeError
    return pd.Series(values, copy=False)
