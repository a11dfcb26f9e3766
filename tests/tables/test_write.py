"""Tables out, exact and whole."""

import io
import json
from pathlib import Path

import pandas as pd
import pytest

from forecast.errors import ConfigError
from forecast.tables.csv_text import to_csv
from forecast.tables.write import for_spreadsheets, require_format, to_json, write_table

TABLE = pd.DataFrame(
    {
        "unique_id": ["007", "NA"],
        "ds": pd.to_datetime(["2024-01-01", "2024-01-02"]),
        "forecast": [0.1, 1 / 3],
    }
)


def test_json_holds_the_times_and_numbers_of_the_csv() -> None:
    assert json.loads(to_json(TABLE)) == [
        {"unique_id": "007", "ds": "2024-01-01", "forecast": 0.1},
        {"unique_id": "NA", "ds": "2024-01-02", "forecast": 1 / 3},
    ]
    assert "0.1\n" in to_json(TABLE)
    hours = pd.date_range("2024-10-27 03:00", periods=2, freq="h", tz="Europe/Berlin")
    zoned = to_json(pd.DataFrame({"ds": hours, "step": [1, 2]}))
    assert json.loads(zoned) == [
        {"ds": "2024-10-27 03:00:00+01:00", "step": 1},
        {"ds": "2024-10-27 04:00:00+01:00", "step": 2},
    ]


@pytest.mark.parametrize("name", ["x.csv", "x.CSV", "x.txt", "x", "x.parquet", "x.PQ", "/dev/fd/1"])
def test_formats_that_are_written(name: str) -> None:
    require_format(name)


@pytest.mark.parametrize("name", ["x.xlsx", "x.csv.gz", "x.v2"])
def test_a_suffix_of_no_format_is_refused(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        require_format(name)
    assert str(caught.value) == f"{name}: write .csv, .parquet or .pq"


@pytest.mark.parametrize("suffix", [".parquet", ".pq", ".PARQUET"])
def test_parquet_reads_back_equal(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table{suffix}"
    write_table(TABLE, path)
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(path.read_bytes())), TABLE)


@pytest.mark.parametrize("suffix", [".csv", ".txt", ""])
def test_any_other_suffix_is_csv(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table{suffix}"
    write_table(TABLE, path)
    assert path.read_text() == to_csv(TABLE)


def test_a_table_that_cannot_be_written_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(OSError, match="No space left"):
            write_table(TABLE, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"]
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    "name", ["=cmd|' /C calc'!A0", "+1+cmd", "-2+3", "@SUM(A1)", " =1", "\t=1"]
)
def test_texts_that_a_spreadsheet_would_run_are_guarded(name: str) -> None:
    table = TABLE.assign(unique_id=["007", name]).rename(columns={"forecast": name})
    guarded = for_spreadsheets(table)
    assert [*guarded.columns] == ["unique_id", "ds", f"'{name}"]
    assert guarded["unique_id"].tolist() == ["007", f"'{name}"]
    assert guarded[f"'{name}"].tolist() == [0.1, 1 / 3]
    assert table["unique_id"].tolist() == ["007", name]


def test_other_texts_and_numbers_are_not_guarded() -> None:
    table = TABLE.assign(unique_id=["-3", "a=b"], forecast=[-0.5, 1.0])
    pd.testing.assert_frame_equal(for_spreadsheets(table), table)


@pytest.mark.parametrize("dtype", [object, "string"])
def test_texts_of_every_kind_are_guarded(dtype):
    table = pd.DataFrame({"a": pd.Series(["=1+1", "x"], dtype=dtype)})
    assert for_spreadsheets(table)["a"].tolist() == ["'=1+1", "x"]
