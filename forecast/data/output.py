"""Tables out: CSV and Parquet, whole or not at all; and a first look at a table."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd

from forecast.errors import ConfigError, DataError
from forecast.files import write_atomically


def to_csv(table: pd.DataFrame) -> str:
    """A table as CSV text; numbers with the digits that read back equal."""
    return table.to_csv(index=False, lineterminator="\n")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as the suffix says: `.parquet` or `.pq`, else CSV.

    Raises:
        ConfigError: if Parquet is asked for without pyarrow.
    """
    if path.suffix.lower() not in (".parquet", ".pq"):
        write_atomically(path, to_csv(table))
        return
    buffer = io.BytesIO()
    try:
        table.to_parquet(buffer, index=False)
    except ImportError:
        raise ConfigError(
            f"{path}: writing Parquet needs pyarrow: pip install 'forecast[parquet]'"
        ) from None
    write_atomically(path, buffer.getvalue())


def read_any(path: str) -> pd.DataFrame:
    """A table as it is, to look at its columns.

    Raises:
        DataError: if it cannot be read.
    """
    if not Path(path).is_file():
        raise DataError(f"{path}: no such file")
    try:
        if Path(path).suffix.lower() in (".parquet", ".pq"):
            return pd.read_parquet(path)
        return pd.read_csv(path, encoding="utf-8-sig", low_memory=False)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path}: {' '.join(str(error).split())}") from None
