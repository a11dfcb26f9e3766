"""Tables that would fill the memory are refused, and no more of them is read than that takes."""

import os
import tracemalloc
from contextlib import contextmanager
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from forecast.tables import csv_blocks, csv_cells, limits
from forecast.tables import parquet as reader
from tests.helpers import refusal
from tests.init.looking import read_any
from tests.tables.helpers import read_file, write


@contextmanager
def at_most(megabytes):
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("head", [b"", b"ds,y\n2024-01-01,1\n"])
@pytest.mark.parametrize("read", [read_file, read_any])
def test_three_gigabytes_of_nul_are_refused_in_little_memory(tmp_path, head, read):
    path = write(tmp_path, head)
    os.truncate(path, 2**28)  # a hole: it takes no room on the disk
    with at_most(130):
        message = refusal(read, path)
    line = 1 + head.count(b"\n")
    assert message.startswith(f"{path}:{line}: ")
    assert message.endswith(
        ("a NUL character is no text; take it out", "save the file as CSV in UTF-8")
    )


@pytest.mark.parametrize("head", [b"", b"ds,y\n2024-01-01,1\n", b'ds,y\n2024-01-01,"'])
@pytest.mark.parametrize("read", [read_file, read_any])
def test_a_line_without_an_end_is_refused_in_little_memory(tmp_path, head, read):
    path = write(tmp_path, head + b"1234567," * 2**20)
    longest = 2**18
    with (
        mock.patch.object(csv_blocks, "LONGEST_ROW", longest),
        mock.patch.object(csv_cells, "LONGEST_ROW", longest),
        mock.patch.object(csv_blocks, "BLOCK", 2**16),
        at_most(30),
    ):
        message = refusal(read, path)
    says = f"a row of more than {longest} bytes; write a line for each time step"
    assert message == f"{path}:{1 + head.count(10)}: {says}"


def test_a_long_row_below_the_limit_is_read(tmp_path):
    names = [f"column_{number:07}" for number in range(100_000)]
    path = write(tmp_path, f"ds,{','.join(names)}\n1,{','.join(['2'] * len(names))}\n")
    table = read_file(path, numeric=[names[0], names[-1]])
    assert table.frame.iloc[0].tolist() == ["1", 2, 2]
    assert len(refusal(read_file, path, numeric=["nothing"])) < 2000


@pytest.mark.parametrize("read", [read_file, read_any])
def test_hundreds_of_millions_of_equal_rows_are_refused_unread(tmp_path, read):
    path = str(tmp_path / "bomb.parquet")
    column = pa.array(np.zeros(10**6, dtype=np.int64))
    parquet.write_table(pa.table({"ds": column, "y": column}), path)
    with mock.patch.object(reader, "MOST_ROWS", 10**6 - 1), at_most(20):
        assert refusal(read, path) == f"{path}: 1000000 rows, more than 999999; split the table"


def test_a_parquet_of_very_many_cells_is_not_looked_at_whole(tmp_path):
    path = str(tmp_path / "wide.parquet")
    parquet.write_table(pa.table({"ds": [1, 2, 3], "y": [1.0, 2, 3], "z": [1, 2, 4]}), path)
    with mock.patch.object(reader, "MOST_CELLS", 8):
        message = refusal(read_any, path)
    assert message.startswith(f"{path}: 3 rows of 3 columns, more than 8 cells; write the columns")
    assert len(read_file(path).frame) == 3


def test_a_csv_of_very_many_lines_is_refused(tmp_path):
    path = write(tmp_path, "ds,y\n" + "\n" * 100)
    with mock.patch.object(csv_blocks, "MOST_ROWS", 50):
        assert refusal(read_file, path) == f"{path}: more than 50 lines; split the table"


def test_limits_are_those_of_the_documentation():
    with open("SECURITY.md", encoding="utf-8") as file:
        text = file.read()
    for name in ("MOST_ROWS", "MOST_CELLS", "LONGEST_ROW", "MOST_UNPACKED"):
        assert f"{getattr(limits, name):,}" in text
