"""Parquet files against the same table as CSV, and damaged ones."""

import numpy as np
import pandas as pd
import pytest

from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.tables import parquet
from forecast.tables.table import columns_of, opened
from tests.helpers import refusal
from tests.tables.helpers import read_file, write


def test_parquet_as_csv(tmp_path):
    frame = pd.DataFrame(
        {
            "id": ["007", "NA", "x"],
            "day": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"]).date,
            "y": [0.1, np.nan, 3],
            "other": ["a", "b", "c"],
        }
    )
    frame.to_parquet(tmp_path / "data.parquet")
    frame.to_csv(tmp_path / "data.csv", index=False)
    from_parquet = read_file(str(tmp_path / "data.parquet"), text=["id", "day"])
    from_csv = read_file(str(tmp_path / "data.csv"), text=["id", "day"])
    pd.testing.assert_frame_equal(from_parquet.frame, from_csv.frame, check_like=True)
    with opened(str(tmp_path / "data.parquet")) as file:
        assert columns_of(file, ",") == list(frame.columns)
    assert from_parquet.place(2) == f"{tmp_path / 'data.parquet'} row 2"


def test_parquet_index_is_a_column(tmp_path):
    frame = pd.DataFrame({"y": [1.0, 2.0]}, index=pd.Index(["a", "b"], name="ds"))
    frame.to_parquet(tmp_path / "data.pq")
    table = read_file(str(tmp_path / "data.pq"))
    assert table.frame["ds"].tolist() == ["a", "b"]


@pytest.mark.parametrize("size", [0, 3, 100, -20])
def test_parquet_that_is_none(tmp_path, size):
    pd.DataFrame({"ds": ["a", "b"], "y": [1.0, 2.0]}).to_parquet(tmp_path / "whole.parquet")
    content = (tmp_path / "whole.parquet").read_bytes()[:size]
    path = write(tmp_path, content, "data.parquet")
    message = refusal(read_file, path)
    assert message.startswith(f"{path}: ")
    assert message.endswith("; write the file again as Parquet")


def test_parquet_without_column(tmp_path):
    path = str(tmp_path / "data.parquet")
    pd.DataFrame({"ds": ["a"], "Y": [1.0]}).to_parquet(path)
    assert refusal(read_file, path) == f"{path}: no column 'y'; known: ds, Y"


def test_parquet_with_a_column_twice(tmp_path):
    import pyarrow as pa
    from pyarrow.parquet import write_table

    path = str(tmp_path / "data.parquet")
    days = pa.array(pd.date_range("2024", periods=3))
    write_table(pa.table([days, pa.array([1.0] * 3), pa.array([2.0] * 3)], ["ds", "y", "y"]), path)
    says = f"{path}: column 'y' appears twice; rename one"
    assert refusal(read_file, path) == says
    with opened(path) as file:
        assert refusal(parquet.whole_parquet, file) == says


def test_integer_times_of_parquet_with_a_late_empty_cell_are_text(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 2)
    frame = pd.DataFrame({"ds": pd.array([1, 2, 3, None], dtype="Int64"), "y": 1.0})
    frame.to_parquet(tmp_path / "t.parquet")
    message = refusal(read_panel, DataConfig(path=str(tmp_path / "t.parquet")))
    assert message.endswith(
        "t.parquet row 3: column 'ds' is empty; every row needs its time;"
        " give it one, or delete the row"
    )


def test_a_file_with_other_rows_than_it_says_is_damaged(tmp_path, monkeypatch):
    from pyarrow.parquet import ParquetFile

    path = tmp_path / "data.parquet"
    pd.DataFrame({"ds": pd.date_range("2024", periods=3), "y": 1.0}).to_parquet(path)
    monkeypatch.setattr(ParquetFile, "iter_batches", lambda *_, **__: iter(()))
    message = refusal(read_panel, DataConfig(path=str(path)))
    assert message.endswith(": 0 rows, but 3 by its own account; write the file again as Parquet")
