"""Written files, and what is read of them, which the tests of this room share."""

import csv
import io
from dataclasses import replace
from unittest import mock

import pandas as pd

from forecast.config.data import DataConfig
from forecast.tables import csv_blocks
from forecast.tables.table import Table, opened, read_table
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
