"""Tables out: CSV and Parquet, whole or not at all."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd

from forecast.errors import ConfigError
from forecast.runs.files import write_atomically
from forecast.tables.csv_text import to_csv
from forecast.tables.table import is_parquet

TEXT_SUFFIXES = ("", ".csv", ".txt")
FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r]")
"""Beginning of a text that a spreadsheet runs; the last four are wide letters."""
NUMBER = re.compile(r"[-+]?\d+(\.\d*)?", re.ASCII)


def for_spreadsheets(table: pd.DataFrame) -> pd.DataFrame:
    """A table for a CSV whose texts no spreadsheet takes for a formula: `'=1+1` for `=1+1`.

    Names of series and columns come from the table that was read. A spreadsheet runs what begins
    with `=`, `+`, `-` or `@`, also behind blanks, and it may be a command.
    """
    columns = {
        name: column.map(_guarded) if pd.api.types.is_string_dtype(column.dtype) else column
        for name, column in table.items()
    }
    return pd.DataFrame(columns).rename(columns=_guarded)


def _guarded(cell: Any) -> Any:
    """A text with an apostrophe before it if it may be a formula; a number is none."""
    is_formula = isinstance(cell, str) and FORMULA.match(cell) and not NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def to_json(table: pd.DataFrame) -> str:
    """A table as a JSON list of rows, see `rows_of`."""
    return json.dumps(rows_of(table), indent=2)


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A table as a list of rows, with the times and the numbers of the CSV."""
    columns = {
        str(name): column.to_csv(index=False, header=False).splitlines()
        if pd.api.types.is_datetime64_any_dtype(column)
        else column.tolist()
        for name, column in table.items()
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


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
    # A dictionary of numbers, most of them different, takes two thirds of the time for nothing.
    repeating = [name for name, cells in table.items() if cells.dtype.kind != "f"]
    table.to_parquet(buffer, index=False, use_dictionary=repeating)
    write_atomically(path, buffer.getvalue(), is_new)
