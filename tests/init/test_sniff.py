"""The first look at a table of any format."""

from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.errors import DataError
from forecast.init import sniff
from forecast.tables import table as tables
from forecast.tables.compact import categories
from tests.init.looking import read_any
from tests.proposed import read_unconfigured

TABLE = pd.DataFrame(
    {
        "unique_id": ["007", "NA"],
        "ds": pd.to_datetime(["2024-01-01", "2024-01-02"]),
        "forecast": [0.1, 1 / 3],
    }
)


def written_text(tmp_path: Path, lines: list[str]) -> str:
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines))
    return str(path)


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
        ('ds,y\n2024-01-01,"1,500"\n2024-01-02,"2,0"\n', {"decimal": ","}),
        ("ds\ty\n2024-01-01\t1.5\n2024-01-02\t2\n", {"separator": "\t"}),
        ("ds|y\n2024-01-01|1.5\n2024-01-02|2\n", {"separator": "|"}),
        ("\ufeffds,y\r\n2024-01-01,1.5\r\n2024-01-02,2\r\n", {}),
    ],
)
def test_separator_and_decimal_mark_are_found(tmp_path: Path, text: str, marks: dict) -> None:
    frame, found = looked_at(tmp_path, text)
    assert found == marks
    assert frame.to_dict("list") == {"ds": ["2024-01-01", "2024-01-02"], "y": [1.5, 2.0]}


@pytest.mark.parametrize(("separator", "y"), [(",", [1500, 2125]), (";", [1.5, 2.125])])
def test_a_comma_between_commas_is_one_of_thousands(tmp_path, separator, y):
    text = f'ds{separator}y\n1{separator}"1,500"\n2{separator}"2,125"\n'
    frame, _ = looked_at(tmp_path, text)
    assert frame["y"].to_list() == y


def test_other_marks_within_names_and_cells_do_not_mislead(tmp_path: Path) -> None:
    frame, marks = looked_at(tmp_path, 'ds,"price; net",note\n2024-01-01,1,"a;b;c|d"\n')
    assert marks == {}
    assert list(frame.columns) == ["ds", "price; net", "note"]


def test_a_header_that_is_too_long_for_one_cell_has_a_separator(tmp_path: Path) -> None:
    names = [f"column {n}".ljust(1000, "-") for n in range(140)]
    frame, marks = looked_at(tmp_path, f"ds;{';'.join(names)}\n2024-01-01{';1' * 140}\n")
    assert marks == {"separator": ";"}
    assert list(frame.columns) == ["ds", *names]


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
    what = {tmp_path / "absent.csv": "no such file", tmp_path: "is a folder, not a file"}
    for path, says in what.items():
        with pytest.raises(DataError) as caught:
            read_any(str(path))
        assert str(caught.value) == f"{path}: {says}; check the path"


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


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet"])
def test_a_table_is_opened_once_for_all_readings(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"table.{suffix}"
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=40), "y": range(40)})
    frame.to_parquet(path) if suffix == "parquet" else frame.to_csv(path, index=False)
    opened = []
    without_waiting = tables._without_waiting
    monkeypatch.setattr(
        tables, "_without_waiting", lambda *each: opened.append(each) or without_waiting(*each)
    )
    found = read_unconfigured(str(path))
    assert len(opened) == 1
    assert found.panel.values[:, 0].tolist() == [*range(40)]


CELLS = st.sampled_from(
    ["", "NA", "True", "False", "1", "-2.5", "1.263", "1,263", "3,5", "07", "x"]
)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=9))
def test_marks_are_those_of_a_look_at_every_cell(rows: list[tuple[str, str]]) -> None:
    codes = {
        name: pd.factorize(np.array(cells, dtype=object))
        for name, cells in zip("ab", zip(*rows, strict=True), strict=True)
    }
    texts = pd.DataFrame({name: categories(*each) for name, each in codes.items()})
    every = [(sniff._typed(texts, *marks), marks) for marks in sniff._marks_in(texts, ";")]
    expected, marks = max(every, key=lambda each: sniff._count_numbers(each[0]))
    with mock.patch.object(sniff, "LOOKED_AT", 2):
        found, found_marks = sniff._best_reading(texts, ";")
    assert found_marks == marks
    pd.testing.assert_frame_equal(found, expected)


def test_a_first_column_without_a_name_may_hold_the_times(tmp_path):
    """As pandas writes an index; one that holds the numbers of rows is left out."""
    path = written_text(tmp_path, [",a", *(f"2024-01-{day:02},{day % 7}" for day in range(1, 29))])
    found = read_unconfigured(path)
    assert (found.roles.time, found.roles.targets) == ("Unnamed: 0", ("a",))
    rows = [f"{day * day},2024-01-{day:02},{day % 7}" for day in range(1, 29)]
    for names in (",ds,a", "Unnamed: 0,ds,a"):
        assert read_unconfigured(written_text(tmp_path, [names, *rows])).roles.targets == ("a",)


def test_columns_that_are_named_twice_are_told(tmp_path, caplog):
    rows = [f"2024-01-{day:02},{day % 7},{day},{day}" for day in range(1, 29)]
    found = read_unconfigured(written_text(tmp_path, ["ds,a,b,b", *rows]))
    assert found.roles.targets == ("a",)
    assert "named twice, and not read: b" in caplog.text


def test_fractions_of_three_digits_beside_dates_with_points_are_told(tmp_path, caplog):
    said = (
        "column 'a' holds '1.001', taken for a fraction; if it is 1001, write the numbers without"
    )
    for date, mark, is_told in (
        ("{}.01.2024", ";", True),
        ("{}.01.2024", ",", False),
        ("2024-01-{}", ";", False),
    ):
        caplog.clear()
        rows = [f"{date.format(f'{day:02}')}{mark}{day}.{day:03}" for day in range(1, 29)]
        read_unconfigured(written_text(tmp_path, [f"ds{mark}a", *rows]))
        assert (said in caplog.text) == is_told


def test_times_of_several_offsets_are_told(tmp_path, caplog):
    hours = pd.date_range("2024-03-30", periods=48, freq="h", tz="Europe/Berlin")
    rows = [f"{hour.isoformat()},{number % 7}" for number, hour in enumerate(hours)]
    with caplog.at_level("INFO", "forecast"):
        read_unconfigured(written_text(tmp_path, ["ds,a", *rows]))
        assert "the times of 'ds' have several UTC offsets, and are read and" in caplog.text
        caplog.clear()
        read_unconfigured(written_text(tmp_path, ["ds,a", *rows]), timezone="Europe/Berlin")
        read_unconfigured(written_text(tmp_path, ["ds,a", *rows[:20]]))
        weeks = pd.date_range("2010-02-05", periods=90, freq="7D").strftime("%d-%m-%Y")
        weekly = [f"{week},{number % 7}" for number, week in enumerate(weeks)]
        read_unconfigured(written_text(tmp_path, ["ds,a", *weekly]))
        assert caplog.text == ""
