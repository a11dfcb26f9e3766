"""Tables out: CSV and Parquet, whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd

from forecast.errors import ConfigError
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
