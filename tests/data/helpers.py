"""Tables and panels out of written files, which the tests of this room share."""

import csv
import io
from dataclasses import replace
from unittest import mock

import numpy as np
import pandas as pd

from forecast.config.data import DataConfig
from forecast.data import csv_blocks
from forecast.data.assemble import read_panel
from forecast.data.panel import Panel
from forecast.data.table import Table, opened, read_table
from tests.helpers import refusal

GOOD = "ds,y\n2024-01-01,1\n2024-01-02,2\n"


def write(folder, content, name="data.csv"):
    path = folder / name
    if isinstance(content, str):
        content = content.encode()
    path.write_bytes(content)
    return str(path)


def read_file(path, numeric=("y",), text=("ds",), **options) -> Table:
    """A table with all its columns, which of Parquet would be read when they are asked for."""
    with opened(path) as file:
        table = read_table(file, DataConfig(path=path, **options), numeric, text)
        whole = pd.DataFrame({name: table.frame[name] for name in (*text, *numeric)})
        return replace(table, frame=whole)


def read_frame(frame, require_targets=True, **options) -> Panel:
    return read_panel(DataConfig(path="none", **options), frame, require_targets)


def read_text(folder, text, **options) -> Panel:
    return read_panel(DataConfig(path=write(folder, text), **options))


def series_of(panel: Panel, number: int) -> np.ndarray:
    return panel.values[panel.offsets[number] : panel.offsets[number + 1]]


def assert_same(first: Panel, second: Panel, lines=True):
    np.testing.assert_array_equal(first.values, second.values)
    np.testing.assert_array_equal(first.offsets, second.offsets)
    np.testing.assert_array_equal(first.starts, second.starts)
    np.testing.assert_array_equal(first.static, second.static)
    if lines:
        np.testing.assert_array_equal(first.lines, second.lines)
    names = ("ids", "axis", "columns", "num_targets", "static_columns", "categories", "has_ids")
    for name in names:
        assert getattr(first, name) == getattr(second, name), name


def rows_or_error(body) -> tuple[list[list[str]], str]:
    try:
        return [*csv.reader(io.StringIO(body, newline=""), strict=True)], ""
    except csv.Error as error:
        return [], str(error)


def assert_refused(path: str, message: str) -> None:
    """A file is refused in one line that begins so, in blocks of four bytes as well as whole."""
    for block in (4, 2**20):
        with mock.patch.object(csv_blocks, "BLOCK", block):
            assert refusal(read_file, path).startswith(path + message)
