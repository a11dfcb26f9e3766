"""Tables against what was written: every cell, every line number, every bad file."""

import contextlib
import csv
import io
import math
import os
import sys
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.config.data import DataConfig
from forecast.data import csv_blocks, csv_cells, parquet, table
from forecast.data.assemble import read_panel
from forecast.data.csv_blocks import blocks_of
from forecast.data.explain_csv import line_ends
from forecast.data.table import Table, columns_of, from_frame, opened, read_table, require_columns
from forecast.errors import DataError
from forecast.init.sniff import read_any
from tests.helpers import refusal

FLOAT32_MAX = float(np.finfo(np.float32).max)
GOOD = "ds,y\n2024-01-01,1\n2024-01-02,2\n"


def write(folder, content, name="data.csv"):
    path = folder / name
    if isinstance(content, str):
        content = content.encode()
    path.write_bytes(content)
    return str(path)


def read(path, numeric=("y",), text=("ds",), **options) -> Table:
    with opened(path) as file:
        return read_table(file, DataConfig(path=path, **options), numeric, text)


def test_reads_named_columns_with_their_lines(tmp_path):
    path = write(tmp_path, "note,ds,y,z\nx,2024-01-01,1.5,-2\n,2024-01-02,,3e2\n")
    table = read(path, numeric=["z", "y"])
    assert table.frame["ds"].tolist() == ["2024-01-01", "2024-01-02"]
    np.testing.assert_array_equal(table.frame["y"], [1.5, np.nan])
    assert table.frame["z"].tolist() == [-2.0, 300.0]
    assert table.frame["y"].dtype == table.frame["z"].dtype == np.float64
    assert [*table.lines] == [2, 3]
    assert table.place(1) == f"{path}:3"


def test_text_stays_as_written(tmp_path):
    cells = ["007", "NA", "nan", "None", "1e3", " a ", "TRUE", "1.0", "naïve", '"']
    with open(tmp_path / "data.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "y"], *([cell, 1] for cell in cells)])
    table = read(str(tmp_path / "data.csv"), text=["id"])
    assert table.frame["id"].tolist() == cells


@pytest.mark.parametrize(
    "cell", ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A", " "]
)
def test_empty_number_cells_are_nan(tmp_path, cell):
    path = write(tmp_path, f"ds,y\na,1\nb,{cell}\nc,3\n")
    np.testing.assert_array_equal(read(path).frame["y"], [1, np.nan, 3])
    texts = pd.DataFrame({"ds": ["a", "b", "c"], "y": ["1", cell, "3"]})
    np.testing.assert_array_equal(
        from_frame(texts, "data", ["y"], ["ds"]).frame["y"], [1, np.nan, 3]
    )


def test_column_without_any_number_is_nan(tmp_path):
    path = write(tmp_path, "ds,y\na,\nb,\n")
    assert np.isnan(read(path).frame["y"]).all()


numbers = st.floats(-FLOAT32_MAX, FLOAT32_MAX, width=64) | st.just(math.nan)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(texts, numbers), min_size=1, max_size=8),
    separator=st.sampled_from(",;\t|"),
    decimal=st.sampled_from(".,"),
    newline=st.sampled_from(["\n", "\r\n"]),
    has_mark=st.booleans(),
)
def test_written_cells_read_back_equal(
    tmp_path_factory, rows, separator, decimal, newline, has_mark
):
    rows = [(f"x{text}", number) for text, number in rows]
    buffer = io.StringIO()
    buffer.write("\ufeff" if has_mark else "")
    writer = csv.writer(buffer, delimiter=separator, lineterminator=newline)
    writer.writerow(["id", "y"])
    for text, number in rows:
        writer.writerow([text, "" if math.isnan(number) else repr(number).replace(".", decimal)])
    path = write(tmp_path_factory.mktemp("tables"), buffer.getvalue())
    table = read(path, text=["id"], separator=separator, decimal=decimal)
    assert table.frame["id"].tolist() == [text for text, _ in rows]
    expected = np.array([number for _, number in rows])
    np.testing.assert_array_equal(
        table.frame["y"].to_numpy().view(np.int64)[~np.isnan(expected)],
        expected.view(np.int64)[~np.isnan(expected)],
    )
    assert np.isnan(table.frame["y"].to_numpy()[np.isnan(expected)]).all()


def test_a_blank_line_at_the_end_where_pandas_gives_read_only_arrays(tmp_path):
    """As pandas 3 always does."""
    is_old = int(pd.__version__.split(".")[0]) < 3
    with pd.option_context("mode.copy_on_write", True) if is_old else contextlib.nullcontext():
        table = read(write(tmp_path, GOOD + "\n"))
    assert table.frame["y"].tolist() == [1, 2]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.none() | st.lists(st.text('ab"\n\r, ', max_size=5), min_size=2, max_size=2), max_size=8
    ),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_line_of_every_row_with_quoted_newlines_and_blank_lines(tmp_path_factory, rows, newline):
    content, line, expected, lines = f"id,k{newline}", 2, [], []
    for row in rows:
        record = "" if row is None else ",".join('"' + c.replace('"', '""') + '"' for c in row)
        if row is not None and any(row):
            expected.append(row)
            lines.append(line)
        content += record + newline
        line += len(io.StringIO(record + newline, newline="").readlines())
    path = write(tmp_path_factory.mktemp("tables"), content)
    if not expected:
        assert refusal(read, path, [], ["id", "k"]).startswith(f"{path}: no rows below the header")
        return
    table = read(path, [], ["id", "k"])
    assert table.frame[["id", "k"]].to_numpy().tolist() == expected
    assert [*table.lines] == lines


def rows_or_error(body) -> tuple[list[list[str]], str]:
    try:
        return [*csv.reader(io.StringIO(body, newline=""), strict=True)], ""
    except csv.Error as error:
        return [], str(error)


@settings(max_examples=60, deadline=None)
@given(body=st.text('ab"\n\r,, \u2028\x1c\t', max_size=30))
def test_any_text_is_read_as_the_csv_module_reads_it_or_refused(tmp_path_factory, body):
    path = write(tmp_path_factory.mktemp("tables"), "id,k\n" + body)
    rows, error = rows_or_error(body)
    if error:
        assert error in refusal(read, path, [], ["id", "k"])
        return
    ragged = [row for row in rows if len(row) not in (0, 2)]
    filled = [row for row in rows if any(row)]
    if ragged:
        message = f": {len(ragged[0])} cells, but the header has 2"
        assert message in refusal(read, path, [], ["id", "k"])
    elif not filled:
        assert "no rows below the header" in refusal(read, path, [], ["id", "k"])
    else:
        assert read(path, [], ["id", "k"]).frame[["id", "k"]].to_numpy().tolist() == filled


def test_file_without_last_newline(tmp_path):
    assert len(read(write(tmp_path, GOOD.rstrip())).frame) == 2


def test_rows_of_empty_cells_are_blank_lines(tmp_path):
    table = read(write(tmp_path, "ds,y,z\na,1,\n,,\n,,x\nb,,\n\nc,3,\n\n,,\n"))
    assert table.frame["ds"].tolist() == ["a", "b", "c"]
    assert [*table.lines] == [2, 5, 7]
    assert [*table.frame["ds"].cat.categories] == ["a", "b", "c"], "no empty time is left"
    text = "ds,y\n,\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n"
    assert read_panel(DataConfig(path=write(tmp_path, text))).lines.tolist() == [3, 4, 5]


def test_byte_order_mark(tmp_path):
    assert read(write(tmp_path, b"\xef\xbb\xbf" + GOOD.encode())).frame["y"].tolist() == [1, 2]
    with opened(write(tmp_path, b"\xef\xbb\xbf" + GOOD.encode())) as file:
        assert columns_of(file) == ["ds", "y"]


def test_suffix_of_a_compressed_file_does_not_matter(tmp_path):
    assert read(write(tmp_path, GOOD, "data.gz")).frame["y"].tolist() == [1, 2]


BAD_FILES = {
    "empty": (b"", ":1: the file is empty; the first line must name the columns"),
    "only a mark": (b"\xef\xbb\xbf", ":1: the first line is blank; the first line must name"),
    "blank first line": ("\nds,y\na,1\n", ":1: the first line is blank; the first line must name"),
    "header only": ("ds,y\n", ": no rows below the header; add one row a time step"),
    "blank rows only": ("ds,y\n\n,\n", ": no rows below the header; add one row a time step"),
    "no column": ("ds,Y\na,1\n", ":1: no column 'y'; known: ds, Y"),
    "no such column": ("ds,price\na,1\n", ":1: no column 'y'; known: ds, price"),
    "repeated column": ("ds,y,y\na,1,2\n", ":1: column 'y' appears twice; rename one"),
    "text": (
        "ds,y\na,1\nb,x\n",
        ":3: column 'y' holds 'x', not a number; mend the cell, or leave it",
    ),
    "hexadecimal": ("ds,y\na,1\nb,0x1A\n", ":3: column 'y' holds '0x1A', not a number"),
    "underscore": ("ds,y\na,1\nb,1_000\n", ":3: column 'y' holds '1_000', not a number"),
    "number after text": ("ds,y\n\na,x\nb,1\n", ":3: column 'y' holds 'x', not a number"),
    "quoted newline before": ('ds,y\n"a\n\nb",1\nb,x\n', ":5: column 'y' holds 'x', not a number"),
    "truth": (
        "ds,y\na,True\nb,False\n",
        ":2: column 'y' holds 'True', not a number; mend the cell",
    ),
    "some truth": ("ds,y\na,1\nb,true\n", ":3: column 'y' holds 'true', not a number"),
    "decimal commas": (
        'ds,y\na,"1,5"\n',
        ":2: column 'y' holds '1,5', not a number; set data.decimal: ','",
    ),
    "thousands": (
        'ds,y\na,"1,234.5"\n',
        ":2: column 'y' holds '1,234.5', not a number; thousands separators are not read; write the"
        " numbers without them",
    ),
    "infinity": (
        "ds,y\na,1\nb,inf\n",
        ":3: column 'y' holds inf, which is no finite 32-bit number; mend",
    ),
    "minus infinity": ("ds,y\na,-Infinity\n", ":2: column 'y' holds -inf, which is no finite"),
    "1e39": (
        "ds,y\na,1e39\n",
        ":2: column 'y' holds 1e+39, which is no finite 32-bit number; mend it or",
    ),
    "1e400": ("ds,y\na,1e400\n", ":2: column 'y' holds inf, which is no finite 32-bit number"),
    "too many cells": (
        "ds,y\na,1\nb,1,5\n",
        ":3: 3 cells, but the header has 2; write empty cells too,",
    ),
    "too few cells": (
        "ds,x,y\na,1,2\nb,1\n",
        ":3: 2 cells, but the header has 3; write empty cells too,",
    ),
    "ragged after newline": ('ds,y\n"a\nb",1\nb\n', ":4: 1 cells, but the header has 2"),
    "ragged with newline": ('ds,y\na,1\n"b\nc",1,2\n', ":3: 3 cells, but the header has 2"),
    "trailing separators": ("ds,y\na,1,\n", ":2: 3 cells, but the header has 2"),
    "open quote": (
        'ds,y\na,1\n"b,2\nc,3\n',
        ":3: unexpected end of data; mend the quotes of this row",
    ),
    "text after quote": (
        'ds,y\na,1\n"b"x,2\n',
        ":3: ',' expected after '\"'; mend the quotes of this row",
    ),
    "UTF-16": (GOOD.encode("utf-16"), ":1: not UTF-8 text; save the file as CSV in UTF-8"),
    "UTF-16 without mark": (GOOD.encode("utf-16-le"), ":1: not UTF-8 text; save the file as CSV"),
    "Latin-1": (
        "ds,y\na,1\nMünchen,2\n".encode("latin-1"),
        ":3: not UTF-8 text; save the file as CSV",
    ),
    "Latin-1 header": (
        "ds,y,Größe\na,1,1\n".encode("latin-1"),
        ":1: not UTF-8 text; save the file",
    ),
    "NUL in a number": ("ds,y\na,1\nb,4\x002\n", ":3: a NUL character is no text; take it out"),
    "NUL in a time": ("ds,y\na\0b,1\n", ":2: a NUL character is no text"),
    "NUL elsewhere": ("ds,y,z\na,1,2\n\nb,1,\0\n", ":4: a NUL character is no text"),
    "semicolons": (
        "ds;y\na;1\n",
        ":1: the cells are separated by ';', not ','; set data.separator: ';'",
    ),
    "tabs": (
        "ds\ty\na\t1\n",
        ":1: the cells are separated by '\\t', not ','; set data.separator: '\\t'",
    ),
}


@pytest.mark.parametrize("block", [4, 2**20])
@pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_file_is_one_clear_line(tmp_path, content, message, block, monkeypatch):
    monkeypatch.setattr(csv_blocks, "BLOCK", block)
    path = write(tmp_path, content)
    assert refusal(read, path).startswith(path + message)


def test_far_cell_that_is_not_utf8(tmp_path):
    rows = "".join(f"2024,{number}\n" for number in range(40_000))
    path = write(tmp_path, b"ds,y\n" + rows.encode() + b"M\xfcnchen,2\n")
    assert refusal(read, path).startswith(f"{path}:40002: not UTF-8 text")


@pytest.mark.parametrize(
    "name",
    ["reference://x.csv::refs.json", "http://127.0.0.1:9/x.csv", "file://x.csv", "~/x.csv"],
)
@pytest.mark.parametrize("suffix", ["", ".parquet"])
def test_a_name_like_an_address_is_that_of_a_local_file(tmp_path, monkeypatch, name, suffix):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/nowhere")
    path = f"{name}{suffix}"
    (tmp_path / path).parent.mkdir(parents=True)
    parquet = pd.read_csv(io.StringIO(GOOD)).to_parquet()
    (tmp_path / path).write_bytes(parquet if suffix else GOOD.encode())
    monkeypatch.setitem(sys.modules, "fsspec", None)  # importing it fails
    assert read(path).frame["y"].tolist() == [1, 2]
    assert read_any(path)[0]["y"].tolist() == [1, 2]
    assert read_panel(DataConfig(path=path, frequency="D")).values.tolist() == [[1], [2]]


def test_a_file_that_is_replaced_while_it_is_read_is_the_one_that_was_checked(tmp_path):
    path = write(tmp_path, GOOD)
    with opened(path) as file:
        assert columns_of(file) == ["ds", "y"]
        (tmp_path / "other.csv").write_text(GOOD.replace(",1", ",666"))
        (tmp_path / "other.csv").rename(path)
        table = read_table(file, DataConfig(path=path), ["y"], ["ds"])
    assert table.frame["y"].tolist() == [1, 2]


@pytest.mark.timeout(10)
def test_a_pipe_or_device_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (str(tmp_path / "pipe.csv"), "/dev/null", "a\0b", "x" * 300, f"{tmp_path}/x/../y"):
        assert refusal(read, path).endswith(": no such file; check data.path")


def test_missing_file_and_folder(tmp_path):
    for path in (str(tmp_path / "no.csv"), str(tmp_path / "no.parquet"), str(tmp_path)):
        assert (
            refusal(read_panel, DataConfig(path=path)) == f"{path}: no such file; check data.path"
        )
        assert refusal(read, path) == f"{path}: no such file; check data.path"


def test_message_cuts_a_long_cell(tmp_path):
    path = write(tmp_path, f"ds,y\na,{'x' * 5000}\n")
    assert len(refusal(read, path)) < len(path) + 200


def test_semicolons_and_decimal_commas(tmp_path):
    path = write(tmp_path, "ds;y\na;1,5\nb;-2\nc;1,5e3\nd;\n")
    values = read(path, separator=";", decimal=",").frame["y"]
    np.testing.assert_array_equal(values, [1.5, -2, 1500, np.nan])


@pytest.mark.parametrize("rows", ["a;1.5\nb;2\n", "a;1\nb;1.5\nc;2,5\n", "a;2,5\nb;1.500,5\n"])
def test_decimal_points_are_refused_where_commas_are_configured(tmp_path, rows):
    path = write(tmp_path, f"ds;y\n{rows}")
    line, cell = next(
        (line, row.split(";")[1])
        for line, row in enumerate(rows.splitlines(), start=2)
        if "." in row
    )
    message = refusal(read, path, separator=";", decimal=",")
    assert message.startswith(f"{path}:{line}: column 'y' holds '{cell}', not a number;")
    assert ("set data.decimal: '.'" in message) == ("," not in cell)


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize(
    ("cell", "is_grouped"),
    [
        *((cell, True) for cell in ("1.008,16", "1,008.16", "1 234", "1'234", "-12.345.678,9")),
        *((cell, True) for cell in ("1,234,567", "1.234.567", "1\u00a0234,5", "1\u2019234.5")),
        *((cell, False) for cell in ("12 34", "1,23.4", "1.2.3", "1234,567.8", "1 234 56", "x")),
    ],
)
def test_thousands_separators_have_a_remedy_of_their_own(tmp_path, decimal, cell, is_grouped):
    path = write(tmp_path, f"ds;y\na;{cell}\n")
    message = refusal(read, path, separator=";", decimal=decimal)
    assert message.startswith(f"{path}:2: column 'y' holds ")
    remedy = "not a number; thousands separators are not read; write the numbers without them"
    assert message.endswith(remedy) == is_grouped


@pytest.mark.parametrize("mark", ["separator", "decimal"])
def test_marks_that_pyarrow_cannot_use(tmp_path, mark):
    path = write(tmp_path, GOOD.replace(",", "§"))
    separator = {"separator": "§"}
    message = refusal(read, path, **{**separator, mark: "§"})
    assert message == (
        f"{path}: data.separator '§' cannot be read, for it is no ASCII character; write the file"
        " with another one"
    )


def test_misspelt_column(tmp_path):
    path = write(tmp_path, "day,passengers\na,1\n")
    message = refusal(read, path, numeric=["passenger"], text=["day"])
    assert message == f"{path}:1: no column 'passenger'; did you mean 'passengers'?"


@pytest.mark.parametrize(
    "cell", [" 1.5", "1.5 ", "+1.5", "1.5e0", "01.5", "1.50000000000000000000"]
)
def test_ways_to_write_a_number(tmp_path, cell):
    assert read(write(tmp_path, f"ds,y\na,{cell}\nb,2\n")).frame["y"].tolist() == [1.5, 2]


def test_integers_beyond_64_bits(tmp_path):
    path = write(tmp_path, "ds,y\na,123456789012345678901234567890\nb,0.1\n")
    assert read(path).frame["y"].tolist() == [123456789012345678901234567890.0, 0.1]


def test_frame_columns_of_every_number_type():
    frame = pd.DataFrame(
        {
            "ds": ["a", "b"],
            "integer": [1, 2],
            "nullable": pd.array([1, None], dtype="Int64"),
            "arrow": pd.array([1.5, None], dtype="float64[pyarrow]"),
            "object": np.array([1, None], dtype=object),
            "text": ["0.1", "1e-3"],
            "category": pd.Categorical([3, 4]),
            7: [5, 6],
        },
        index=[9, 9],
    )
    table = from_frame(frame, "data", [str(name) for name in frame.columns[1:]], ["ds"])
    expected = {
        "integer": [1, 2],
        "nullable": [1, np.nan],
        "arrow": [1.5, np.nan],
        "object": [1, np.nan],
        "text": [0.1, 0.001],
        "category": [3, 4],
        "7": [5, 6],
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(table.frame[name], values)
        assert table.frame[name].dtype == np.float64
    assert table.place(1) == "data row 1"


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        (["1", "x"], "'x'"),
        ([1, True], "'True'"),
        ([False, True], "'False'"),
        (pd.to_datetime(["2024-01-01", "2024-01-02"]), "'2024-01-01 00:00:00'"),
        (pd.to_timedelta([1, 2]), "'0 days 00:00:00.000000001'"),
        ([1j, 2j], "'1j'"),
        ([[1], [2]], "'[1]'"),
    ],
)
def test_frame_column_without_numbers(cells, value):
    frame = pd.DataFrame({"ds": ["a", "b"], "y": cells})
    message = refusal(from_frame, frame, "data", ["y"], ["ds"])
    row = 1 if value in ("'x'", "'True'") else 0
    assert message.startswith(f"data row {row}: column 'y' holds {value}, not a number;")


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
    from_parquet = read(str(tmp_path / "data.parquet"), text=["id", "day"])
    from_csv = read(str(tmp_path / "data.csv"), text=["id", "day"])
    pd.testing.assert_frame_equal(from_parquet.frame, from_csv.frame, check_like=True)
    with opened(str(tmp_path / "data.parquet")) as file:
        assert columns_of(file) == list(frame.columns)
    assert from_parquet.place(2) == f"{tmp_path / 'data.parquet'} row 2"


def test_parquet_index_is_a_column(tmp_path):
    frame = pd.DataFrame({"y": [1.0, 2.0]}, index=pd.Index(["a", "b"], name="ds"))
    frame.to_parquet(tmp_path / "data.pq")
    table = read(str(tmp_path / "data.pq"))
    assert table.frame["ds"].tolist() == ["a", "b"]


@pytest.mark.parametrize("size", [0, 3, 100, -20])
def test_parquet_that_is_none(tmp_path, size):
    pd.DataFrame({"ds": ["a", "b"], "y": [1.0, 2.0]}).to_parquet(tmp_path / "whole.parquet")
    content = (tmp_path / "whole.parquet").read_bytes()[:size]
    path = write(tmp_path, content, "data.parquet")
    message = refusal(read, path)
    assert message.startswith(f"{path}: ")
    assert message.endswith("; write the file again as Parquet")


def test_parquet_without_column(tmp_path):
    path = str(tmp_path / "data.parquet")
    pd.DataFrame({"ds": ["a"], "Y": [1.0]}).to_parquet(path)
    assert refusal(read, path) == f"{path}: no column 'y'; known: ds, Y"


# ------------------------------------------------------------------ blocks, and long files

DATES = ("2024-01-01", "2024-01-02", "2024-01-03T00:00:00", "2024-01-04 00:00", "2024-01-05 24:00")
ODD_DATES = ("", "20240106", "2024-1-7", "2024-01-08Z", "1600-01-01", "07/01/2024", " 2024-01-09")
NUMBERS = ("1", "-2.5", "1e3", "", "NA", "nan", " 4", "5 ", '"6"', ".5", "7.", "+1", "  ")
ODD_NUMBERS = ("NAN", "inf", "-Infinity", "1e39", "1e400", "x", "0x10", "1,5", "1 000", "--1")
NAMES = ("a", "b", "NA", "ä", '"c d"', '"e""f"', " a", '"i\nj"', '"g,h"')
ODD_NAMES = ("", '""', 'k"l', "\ufeffm", '"n"o', '"p,"q', '""r', '"s')


def cells(usual, odd):
    """Mostly usual ones, for one odd cell is enough."""
    return st.sampled_from(usual * 8 + odd)


ROWS = st.lists(
    st.tuples(
        cells(DATES, ODD_DATES) | st.sampled_from(["1", "20", "300", "40"]),
        cells(NUMBERS, ODD_NUMBERS),
        cells(NAMES, ODD_NAMES),
    ),
    max_size=8,
)
LINES = st.sampled_from([*[None] * 20, "", ",,", "1", "2024-01-01,1,a,b", " "])


def outcome(path, block, long, **options):
    """The panel of a file that is read in blocks of so many bytes, or why there is none."""
    config = DataConfig(path=str(path), missing="mask", sort=True, **options)
    with mock.patch.object(csv_blocks, "BLOCK", block), mock.patch.object(table, "LONG", long):
        try:
            return read_panel(config)
        except DataError as error:
            return str(error)


def assert_same(found, wanted):
    """The same panel, or both are refused: of two faults the one in an earlier block is named."""
    if isinstance(wanted, str) or isinstance(found, str):
        assert isinstance(wanted, str), found
        assert isinstance(found, str), wanted
        return
    assert (found.ids, found.axis, found.columns) == (wanted.ids, wanted.axis, wanted.columns)
    for name in ("values", "offsets", "starts", "lines"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), name)


@settings(max_examples=100, deadline=None)
@given(
    rows=ROWS,
    odd_line=LINES,
    place=st.integers(0, 8),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    is_ended=st.booleans(),
    mark=st.sampled_from(["", "\ufeff"]),
    separator=st.sampled_from([",", ";"]),
    block=st.sampled_from([4, 40, 100]),
)
def test_a_file_is_read_alike_in_blocks_of_any_size_and_with_dates_or_texts_for_times(
    rows, odd_line, place, end, is_ended, mark, separator, block, tmp_path_factory
):
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    lines = [separator.join(row) for row in rows]
    lines[place:place] = [] if odd_line is None else [odd_line.replace(",", separator)]
    lines = [separator.join(("ds", "y", "unique_id")), *lines]
    path.write_bytes((mark + end.join(lines) + end * is_ended).encode())
    options = {"frequency": "D", "separator": separator}
    wanted = outcome(path, 2**20, 2**60, **options)
    assert_same(outcome(path, block, 2**60, **options), wanted)
    assert_same(outcome(path, block, 0, **options), wanted)


@settings(max_examples=100, deadline=None)
@given(body=st.text('ab"\n\r,, ', max_size=40), block=st.sampled_from([4, 12]))
def test_blocks_hold_the_rows_of_the_csv_module(body, block, tmp_path_factory):
    path = write(tmp_path_factory.mktemp("tables"), "id,k\n" + body)
    rows, error = rows_or_error(body)
    with mock.patch.object(csv_blocks, "BLOCK", block), opened(path) as file:
        if error:
            with pytest.raises(DataError, match=error):
                [*blocks_of(file, ",")]
            return
        blocks = [*blocks_of(file, ",")]
    assert b"".join(each.data for each in blocks).decode() == body
    parts = [rows_or_error(each.data.decode())[0] for each in blocks]
    assert [row for part in parts for row in part] == rows
    lines = [2 + line_ends(b"".join(b.data for b in blocks[:n])) for n in range(len(blocks))]
    assert [each.line for each in blocks] == lines


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
    found = read(path, ["y"], ["ds", "unique_id", "kind"], separator=separator, decimal=decimal)
    np.testing.assert_array_equal(found.frame["y"], frame["y"])
    assert found.frame["ds"].dtype == np.dtype("datetime64[ns]")
    np.testing.assert_array_equal(found.frame["ds"], frame["ds"])
    assert found.frame["kind"].tolist() == frame["kind"].tolist()
    assert found.lines == range(2, len(frame) + 2)


def test_a_number_too_large_is_named_with_its_line(tmp_path):
    frame = made(tmp_path / "t.csv")
    frame.iloc[1234, 3] = 1e39
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert ":1236: column 'y' holds 1e+39" in outcome(tmp_path / "t.csv", 10_000, 0)


def test_integer_times_of_parquet_with_a_late_empty_cell_are_text(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 2)
    frame = pd.DataFrame({"ds": pd.array([1, 2, 3, None], dtype="Int64"), "y": 1.0})
    frame.to_parquet(tmp_path / "t.parquet")
    message = refusal(read_panel, DataConfig(path=str(tmp_path / "t.parquet")))
    assert message.endswith("t.parquet row 3: column 'ds' is empty; every row needs its time")
