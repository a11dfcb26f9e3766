"""The cells of a CSV against what was written, and headers that will not do."""

import contextlib
import csv
import io
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.tables.csv_cells import csv_columns
from tests.helpers import refusal
from tests.init.looking import read_any
from tests.tables.helpers import GOOD, assert_refused, read_file, write


def test_text_stays_as_written(tmp_path):
    cells = ["007", "NA", "nan", "None", "1e3", " a ", "TRUE", "1.0", "naïve", '"']
    with open(tmp_path / "data.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "y"], *([cell, 1] for cell in cells)])
    table = read_file(str(tmp_path / "data.csv"), text=["id"])
    assert table.frame["id"].tolist() == cells


FLOAT32_MAX = float(np.finfo(np.float32).max)
numbers = st.floats(-FLOAT32_MAX, FLOAT32_MAX, width=64) | st.just(math.nan)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6)


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
    table = read_file(path, text=["id"], separator=separator, decimal=decimal)
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
        table = read_file(write(tmp_path, GOOD + "\n"))
    assert table.frame["y"].tolist() == [1, 2]


def test_rows_of_empty_cells_are_blank_lines(tmp_path):
    table = read_file(write(tmp_path, "ds,y,z\na,1,\n,,\n,,x\nb,,\n\nc,3,\n\n,,\n"))
    assert table.frame["ds"].tolist() == ["a", "b", "c"]
    assert [*table.lines] == [2, 5, 7]
    assert [*table.frame["ds"].cat.categories] == ["a", "b", "c"], "no empty time is left"
    rows = ",,\n2024-01-01,1,a\n2024-01-02,2,a\n2024-01-03,3,a\n"
    panel = read_panel(DataConfig(path=write(tmp_path, "ds,y,unique_id\n" + rows)))
    assert (panel.ids, panel.lines.tolist()) == (("a",), [3, 4, 5]), "nor an empty id"


@pytest.mark.parametrize("mark", ["separator", "decimal"])
def test_marks_that_pyarrow_cannot_use(tmp_path, mark):
    path = write(tmp_path, GOOD.replace(",", "§"))
    separator = {"separator": "§"}
    message = refusal(read_file, path, **{**separator, mark: "§"})
    assert message == (
        f"{path}: data.separator '§' cannot be read, for it is no ASCII character; write the file"
        " with another one"
    )


BAD_HEADERS = {
    "empty": (b"", ":1: the file is empty; the first line must name the columns"),
    "only a mark": (b"\xef\xbb\xbf", ":1: the first line is blank; the first line must name"),
    "blank first line": ("\nds,y\na,1\n", ":1: the first line is blank; the first line must name"),
    "UTF-16 without mark": (GOOD.encode("utf-16-le"), ":1: not UTF-8 text; save the file as CSV"),
    "Latin-1 header": (
        "ds,y,Größe\na,1,1\n".encode("latin-1"),
        ":1: not UTF-8 text; save the file",
    ),
    "semicolons": (
        "ds;y\na;1\n",
        ":1: the cells are separated by ';', not ','; set data.separator: ';'",
    ),
    "tabs": (
        "ds\ty\na\t1\n",
        ":1: the cells are separated by '\\t', not ','; set data.separator: '\\t'",
    ),
}


@pytest.mark.parametrize(("content", "message"), BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_bad_header_is_one_clear_line(tmp_path, content, message):
    assert_refused(write(tmp_path, content), message)


@pytest.mark.parametrize("first", ["sep=;\n", '"sep=;"\r\n', "\ufeffsep=;\n"])
def test_a_first_line_of_excel_that_names_the_separator_is_no_header(tmp_path, first):
    path = write(tmp_path, f"{first}ds;y\n2024-01-01;1.5\n2024-01-02;x\n")
    assert refusal(read_file, path, separator=";").startswith(f"{path}:4: column 'y' holds 'x'")
    path = write(tmp_path, f"{first}ds;y\n2024-01-01;1.5\n2024-01-02;\n")
    table = read_file(path, separator=";")
    assert table.frame["ds"].tolist() == ["2024-01-01", "2024-01-02"]
    assert [*table.lines] == [3, 4]
    frame, marks = read_any(path)
    assert [*frame.columns] == ["ds", "y"]
    assert marks == {"separator": ";"}


@pytest.mark.parametrize(
    ("above", "line"),
    [
        ("# Station 7\n#\n", 3),
        ("\ufeff# exported, 3 columns\r\n\r\n", 3),
        ("#group,false,true\n#datatype,string,double\n\n , \n", 5),
    ],
)
def test_comments_above_the_names_of_the_columns_are_left_out(tmp_path, above, line):
    path = write(tmp_path, f"{above}ds,y\n2024-01-01,1.5\n2024-01-02,x\n")
    assert refusal(read_file, path).startswith(f"{path}:{line + 2}: column 'y' holds 'x'")
    assert refusal(read_file, path, ["z"]).startswith(f"{path}:{line}: no column 'z'")
    path = write(tmp_path, f"{above}ds,y\n2024-01-01,1.5\n2024-01-02,\n# the end,\n")
    table = read_file(path)
    assert table.frame["ds"].tolist() == ["2024-01-01", "2024-01-02", "# the end"]
    assert [*table.lines] == [line + 1, line + 2, line + 3]
    assert [*read_any(path)[0].columns] == ["ds", "y"]


@pytest.mark.parametrize("above", ["", "# Station 7\n"])
def test_a_comment_above_values_may_name_the_columns(tmp_path, above):
    path = write(tmp_path, f"{above}#ds,y\n2024-01-01,1.5\n2024-01-02,2.5\n")
    names = ["# Station 7"] if above else ["#ds", "y"]
    with open(path, "rb") as file:
        assert csv_columns(file, ",") == names
