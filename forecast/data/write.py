"""Tables out: CSV and Parquet, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pandas as pd

from forecast.data.table import is_parquet
from forecast.errors import ConfigError
from forecast.runs.files import write_atomically

TEXT_SUFFIXES = ("", ".csv", ".txt")


def to_csv(table: pd.DataFrame) -> str:
    """A table as CSV text; numbers with the digits that read back equal."""
    text = table.to_csv(index=False, lineterminator="\n")
    if "\r" not in text:
        return text
    # Python before 3.13 leaves a cell with a carriage return unquoted: readers end a row there.
    return table.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)


def to_json(table: pd.DataFrame) -> str:
    """A table as a JSON list of rows, with the times and the numbers of the CSV."""
    columns = {
        name: column.to_csv(index=False, header=False).splitlines()
        if pd.api.types.is_datetime64_any_dtype(column)
        else column.tolist()
        for name, column in table.items()
    }
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return json.dumps(rows, indent=2)


def require_format(path: str) -> None:
    """Raise a ConfigError for a suffix that names no format of `write_table`."""
    if not is_parquet(path) and Path(path).suffix.lower() not in TEXT_SUFFIXES:
        raise ConfigError(f"{path}: write .csv, .parquet or .pq")


def write_table(table: pd.DataFrame, path: Path, is_new: bool = False) -> None:
    """Write a table as the suffix says: `.parquet` or `.pq`, else CSV.

    Args:
        table: to write.
        path, is_new: of the file, as for `write_atomically`.
    """
    if not is_parquet(path):
        write_atomically(path, to_csv(table), is_new)
        return
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    write_atomically(path, buffer.getvalue(), is_new)
