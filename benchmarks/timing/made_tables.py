"""Tables of random walks, written block by block."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv, parquet

BLOCK = 300_000
"""Rows that are made at once."""


def blocks(series: int, rows: int) -> Iterator[pa.Table]:
    """Columns unique_id (of several series), ds, a row a minute, and y."""
    rng = np.random.default_rng(0)
    times = pd.date_range("1990-01-01", periods=rows, freq="min", unit="s").to_numpy()
    at_once = max(1, BLOCK // rows)
    for first in range(0, series, at_once):
        names = [f"series-{n}" for n in range(first, min(first + at_once, series))]
        walks = rng.normal(size=(len(names), rows)).cumsum(axis=1).round(3).astype(np.float32)
        columns = {"ds": np.tile(times, len(names)), "y": walks.ravel()}
        if series > 1:
            columns = {"unique_id": np.repeat(names, rows), **columns}
        yield pa.table(columns)


def made_table(path: Path, series: int, rows: int) -> Path:
    """Write a CSV or a Parquet file, and return its path."""
    write = csv.CSVWriter if path.suffix == ".csv" else parquet.ParquetWriter
    made = blocks(series, rows)
    first = next(made)
    with write(path, first.schema) as writer:
        writer.write_table(first)
        for block in made:
            writer.write_table(block)
    return path


def made_etth1(folder: Path, rows: int) -> None:
    """An ETTh1.csv whose seven columns are a day's wave and noise: good for times alone."""
    rng, hours = np.random.default_rng(0), np.arange(rows)
    names = ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]
    wave = np.sin(2 * np.pi * hours / 24)
    table = pd.DataFrame({name: (wave + rng.normal(size=rows)).round(3) for name in names})
    table.insert(0, "date", pd.date_range("2016-07-01", periods=rows, freq="h"))
    table.to_csv(folder / "ETTh1.csv", index=False)
