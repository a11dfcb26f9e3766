"""Tables out, exact and whole; and the first look at a table of any format."""

import builtins
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.data.write import require_format, to_csv, to_json, write_table
from forecast.errors import ConfigError, DataError
from forecast.init.sniff import read_any

TABLE = pd.DataFrame(
    {
        "unique_id": ["007", "NA"],
        "ds": pd.to_datetime(["2024-01-01", "2024-01-02"]),
        "forecast": [0.1, 1 / 3],
    }
)


def test_csv_is_plain_lines() -> None:
    assert to_csv(TABLE) == (
        "unique_id,ds,forecast\n007,2024-01-01,0.1\nNA,2024-01-02,0.3333333333333333\n"
    )


@given(st.lists(st.floats(allow_nan=False, width=64), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_numbers_read_back_equal(values: list[float]) -> None:
    lines = to_csv(pd.DataFrame({"y": values})).splitlines()
    found = [float(line) for line in lines[1:]]
    assert found == values
    assert np.signbit(found).tolist() == np.signbit(values).tolist()


def test_times_keep_their_zone() -> None:
    hours = pd.date_range("2024-10-27 00:00", periods=4, freq="h", tz="Europe/Berlin")
    assert to_csv(pd.DataFrame({"ds": hours})).splitlines() == [
        "ds",
        "2024-10-27 00:00:00+02:00",
        "2024-10-27 01:00:00+02:00",
        "2024-10-27 02:00:00+02:00",
        "2024-10-27 02:00:00+01:00",
    ]


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


def test_parquet_without_pyarrow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_arrow(*_: object, **__: object) -> None:
        raise ImportError("no engine")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", without_arrow)
    path = tmp_path / "table.parquet"
    with pytest.raises(ConfigError) as caught:
        write_table(TABLE, path)
    assert str(caught.value) == (
        f"{path}: writing Parquet needs pyarrow: pip install 'forecast[parquet]'"
    )
    assert list(tmp_path.iterdir()) == []


def test_reading_parquet_without_pyarrow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.parquet"
    write_table(TABLE, path)
    real = builtins.__import__

    def without_arrow(name: str, *rest):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_arrow)
    with pytest.raises(DataError, match=r"pip install 'forecast\[parquet\]'"):
        read_any(str(path))


def looked_at(tmp_path: Path, text: str | bytes, name: str = "table.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_any(str(path))


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("ds,y\n2024-01-01,1.5\n2024-01-02,2\n", {}),
        ("ds;y\n2024-01-01;1.5\n2024-01-02;2\n", {"separator": ";"}),
        ("ds;y\n2024-01-01;1,5\n2024-01-02;2\n", {"separator": ";", "decimal": ","}),
        ("ds\ty\n2024-01-01\t1.5\n2024-01-02\t2\n", {"separator": "\t"}),
        ("ds|y\n2024-01-01|1.5\n2024-01-02|2\n", {"separator": "|"}),
        ("\ufeffds,y\r\n2024-01-01,1.5\r\n2024-01-02,2\r\n", {}),
    ],
)
def test_separator_and_decimal_mark_are_found(tmp_path: Path, text: str, marks: dict) -> None:
    frame, found = looked_at(tmp_path, text)
    assert found == marks
    assert frame.to_dict("list") == {"ds": ["2024-01-01", "2024-01-02"], "y": [1.5, 2.0]}


def test_other_marks_within_names_and_cells_do_not_mislead(tmp_path: Path) -> None:
    frame, marks = looked_at(tmp_path, 'ds,"price; net",note\n2024-01-01,1,"a;b;c|d"\n')
    assert marks == {}
    assert list(frame.columns) == ["ds", "price; net", "note"]


def test_columns_without_a_name_of_their_own_are_left_out(tmp_path: Path) -> None:
    frame, _ = looked_at(tmp_path, ",ds,y,x,x\n0,2024-01-01,5,1,2\n")
    assert frame.to_dict("list") == {"ds": ["2024-01-01"], "y": [5]}


def test_a_named_index_of_a_parquet_file_is_a_column(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    TABLE.set_index("ds").to_parquet(path)
    frame, marks = read_any(str(path))
    assert set(frame.columns) == {"ds", "unique_id", "forecast"}
    assert marks == {}
    np.testing.assert_array_equal(frame["ds"], TABLE["ds"])


NO_NAME = "is no name of a column; the first line must name the columns, and every time step have"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "{}:1: the first line is empty; it must name the columns"),
        ("\n\nds,y\n", "{}:1: the first line is empty; it must name the columns"),
        ("ds,y\n", "{}: no rows below the header; add one row a time step"),
        ("2024-01-01,5\n2024-01-02,6\n", f"{{}}:1: '2024-01-01' {NO_NAME} a row"),
        ("shop,2024-01-01,2024-01-02\nA,5,6\n", f"{{}}:1: '2024-01-01' {NO_NAME} a row"),
        ("1;-2.5\n2;3e5\n", f"{{}}:1: '1' {NO_NAME} a row"),
        (b"ds,y\n2024-01-01,\xff\n", "{}:2: not UTF-8 text; save the file as CSV in UTF-8"),
    ],
)
def test_a_file_without_names_or_rows_is_refused_in_one_line(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        looked_at(tmp_path, text)
    path = tmp_path / "table.csv"
    assert str(caught.value) == message.replace("{}", str(path))


def test_a_missing_file_and_a_folder_are_no_tables(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(DataError) as caught:
            read_any(str(path))
        assert str(caught.value) == f"{path}: no such file"


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"table\.parquet: .*; write the file again as Parquet"):
        looked_at(tmp_path, b"ds,y\n", "table.parquet")


def test_an_empty_parquet_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    TABLE.head(0).to_parquet(path)
    with pytest.raises(DataError, match=r"table\.parquet: no rows below the header"):
        read_any(str(path))


def test_codes_with_leading_zeros_are_kept_as_written(tmp_path: Path) -> None:
    path = tmp_path / "shops.csv"
    path.write_text("ds,shop,y\n2020-01-01,007,1\n2020-01-02,NA,NA\n")
    frame, _ = read_any(str(path))
    assert frame["shop"].tolist() == ["007", "NA"]
    assert frame["y"].tolist()[0] == 1
    assert frame["y"].isna().tolist() == [False, True]
