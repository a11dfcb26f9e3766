"""Tables of files and of DataFrames: which file, which columns, and long files as short ones."""

import csv
import io
import os
import sys

import numpy as np
import pandas as pd
import pytest

from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.errors import printable
from forecast.tables import csv_blocks, csv_cells, table
from forecast.tables.table import columns_of, from_frame, opened, read_table, require_columns
from tests.helpers import refusal
from tests.init.looking import read_any
from tests.tables.helpers import GOOD, assert_refused, read_file, write


def test_reads_named_columns_with_their_lines(tmp_path):
    path = write(tmp_path, "note,ds,y,z\nx,2024-01-01,1.5,-2\n,2024-01-02,,3e2\n")
    table = read_file(path, numeric=["z", "y"])
    assert table.frame["ds"].tolist() == ["2024-01-01", "2024-01-02"]
    np.testing.assert_array_equal(table.frame["y"], [1.5, np.nan])
    assert table.frame["z"].tolist() == [-2.0, 300.0]
    assert table.frame["y"].dtype == table.frame["z"].dtype == np.float64
    assert [*table.lines] == [2, 3]
    assert table.place(1) == f"{path}:3"


BAD_COLUMNS = {
    "header only": ("ds,y\n", ": no rows below the header; add one row a time step"),
    "blank rows only": ("ds,y\n\n,\n", ": no rows below the header; add one row a time step"),
    "no column": ("ds,Y\na,1\n", ":1: no column 'y'; known: ds, Y"),
    "repeated column": ("ds,y,y\na,1,2\n", ":1: column 'y' appears twice; rename one"),
    "misspelt column": ("ds,yy\na,1\n", ":1: no column 'y'; did you mean 'yy'?"),
}


@pytest.mark.parametrize(("content", "message"), BAD_COLUMNS.values(), ids=BAD_COLUMNS)
def test_bad_column_is_one_clear_line(tmp_path, content, message):
    assert_refused(write(tmp_path, content), message)


ODD_NAMES = "data.gz reference://x.csv::refs.json http://127.0.0.1:9/x.csv file://x.csv ~/x.csv"


@pytest.mark.parametrize("name", ODD_NAMES.split())
@pytest.mark.parametrize("suffix", ["", ".parquet"])
def test_a_name_like_an_address_is_that_of_a_local_file(tmp_path, monkeypatch, name, suffix):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/nowhere")
    path = f"{name}{suffix}"
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    parquet = pd.read_csv(io.StringIO(GOOD)).to_parquet()
    (tmp_path / path).write_bytes(parquet if suffix else GOOD.encode())
    monkeypatch.setitem(sys.modules, "fsspec", None)  # importing it fails
    assert read_file(path).frame["y"].tolist() == [1, 2]
    assert read_any(path)[0]["y"].tolist() == [1, 2]
    assert read_panel(DataConfig(path=path, frequency="D")).values.tolist() == [[1], [2]]


def test_a_file_that_is_replaced_while_it_is_read_is_the_one_that_was_checked(tmp_path):
    path = write(tmp_path, GOOD)
    with opened(path) as file:
        assert columns_of(file, ",") == ["ds", "y"]
        (tmp_path / "other.csv").write_text(GOOD.replace(",1", ",666"))
        (tmp_path / "other.csv").rename(path)
        table = read_table(file, DataConfig(path=path), ["y"], ["ds"])
    assert table.frame["y"].tolist() == [1, 2]


@pytest.mark.timeout(10)
def test_what_is_no_file_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo(tmp_path / "pipe.csv")
    names = ("pipe.csv", "no.csv", "no.parquet", "x/../y")
    for path in (*(str(tmp_path / name) for name in names), "/dev/null", "a\0b", "x" * 300):
        is_there = path == "/dev/null" or path.endswith("pipe.csv")
        device = "is a pipe or a device, not a file that can be read twice"
        says = device if is_there else "no such file"
        message = f"{printable(path)}: {says}; check data.path"
        assert refusal(read_file, path) == message
        if "\0" not in path:  # which a configuration refuses
            assert refusal(read_panel, DataConfig(path=path)) == message
    for path, why in (
        ("~/x.csv", "~ is no folder here; write your home folder out"),
        ("https://x.org/y.csv", "addresses of this kind are not read; fetch the file first"),
        ("data", "so is a table called that Python gave; give it, or a file"),
    ):
        message = refusal(read_panel, DataConfig(path=path))
        assert message == f"{path}: no such file, for {why}; check data.path"
    folder = str(tmp_path)
    assert refusal(read_file, folder) == f"{folder}: is a folder, not a file; check data.path"


def test_frame_text_of_every_type():
    frame = pd.DataFrame(
        {
            "object": ["007", None, "NA"],
            "string": pd.array(["007", None, "NA"], dtype="string"),
            "arrow": pd.array(["007", None, "NA"], dtype="string[pyarrow]"),
            "category": pd.Categorical(["007", None, "NA"]),
            "integer": pd.array([7, None, 8], dtype="Int64"),
            "number": [1700.0, np.nan, 1701.0],
            "mixed": [7, "7", None],
        }
    )
    table = from_frame(frame, "data", [], list(frame.columns))
    found = table.frame.astype(object).where(table.frame.notna(), None)
    for name in ("object", "string", "arrow", "category"):
        assert found[name].tolist() == ["007", None, "NA"]
    assert found["integer"].tolist() == ["7", None, "8"]
    assert found["number"].tolist() == ["1700.0", None, "1701.0"]
    assert found["mixed"].tolist() == ["7", "7", None]


def test_frame_is_not_changed():
    frame = pd.DataFrame({"ds": [1, 2], "y": ["1", "2"]})
    before = frame.copy(deep=True)
    from_frame(frame, "data", ["y"], ["ds"])
    pd.testing.assert_frame_equal(frame, before)


def test_frame_without_rows_or_columns():
    frame = pd.DataFrame({"ds": ["a"], "y": [1]})
    assert refusal(from_frame, frame[:0], "data", ["y"], ["ds"]).startswith("data: no rows below")
    assert refusal(from_frame, frame, "data", ["z"], ["ds"]) == "data: no column 'z'; known: ds, y"
    twice = frame.set_axis(["ds", "ds"], axis=1)
    assert refusal(from_frame, twice, "data", [], ["ds"]) == (
        "data: column 'ds' appears twice; rename one"
    )


def test_require_columns():
    require_columns(["a", "b", "b"], ["a"], "x")
    assert refusal(require_columns, ["a", "b", "b"], ["a", "b"], "x").startswith("x: column 'b'")


LABELS = ["ds", "unique_id", "kind"]


def made(path, rows=3000, **options):
    """A file with two series, gaps, a category and an unread column."""
    random = np.random.default_rng(0)
    times = pd.date_range("2024-01-01", periods=rows, freq="h")
    frame = pd.DataFrame(
        {
            "ds": np.tile(times, 2),
            "note": "unread, \u00e9",
            "unique_id": np.repeat(["b", "a"], rows),
            "y": random.normal(size=2 * rows),
            "kind": random.choice(["x", "NA", ""], 2 * rows),
        }
    )
    frame.loc[random.random(2 * rows) < 0.1, "y"] = np.nan
    frame = frame[random.random(2 * rows) < 0.9]
    frame.to_csv(path, index=False, **options)
    return frame


@pytest.mark.parametrize(("decimal", "separator"), [(".", ","), (",", ";"), (".", "\t")])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_long_file_is_read_as_dates_and_numbers(
    tmp_path, decimal, separator, quoting, monkeypatch
):
    monkeypatch.setattr(table, "LONG", 0)
    monkeypatch.setattr(csv_blocks, "BLOCK", 10_000)
    monkeypatch.setattr(csv_cells, "rows_of", None)  # rows that are lines need no csv module
    path = str(tmp_path / "t.csv")
    frame = made(path, decimal=decimal, sep=separator, quoting=quoting)
    found = read_file(path, ["y"], LABELS, separator=separator, decimal=decimal)
    np.testing.assert_array_equal(found.frame["y"], frame["y"])
    assert found.frame["ds"].dtype == np.dtype("datetime64[ns]")
    np.testing.assert_array_equal(found.frame["ds"], frame["ds"])
    assert found.frame["kind"].tolist() == frame["kind"].tolist()
    assert found.lines == range(2, len(frame) + 2)


def test_a_number_too_large_is_named_with_its_line(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "LONG", 0)
    monkeypatch.setattr(csv_blocks, "BLOCK", 10_000)
    path = str(tmp_path / "t.csv")
    frame = made(path)
    frame.iloc[1234, 3] = 1e39
    frame.to_csv(path, index=False)
    assert ":1236: column 'y' holds 1e+39" in refusal(read_file, path, text=LABELS)
