"""Rows of a CSV and their lines against the csv module, and rows that are not well formed."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import refusal
from tests.tables.helpers import assert_refused, read_file, rows_or_error, write


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
        assert refusal(read_file, path, [], ["id", "k"]).startswith(
            f"{path}: no rows below the header"
        )
        return
    table = read_file(path, [], ["id", "k"])
    assert table.frame[["id", "k"]].to_numpy().tolist() == expected
    assert [*table.lines] == lines


@given(body=st.text('ab"\n\r,, \u2028\x1c\t', max_size=30))
def test_any_text_is_read_as_the_csv_module_reads_it_or_refused(tmp_path_factory, body):
    path = write(tmp_path_factory.mktemp("tables"), "id,k\n" + body)
    rows, error = rows_or_error(body)
    if error:
        assert error in refusal(read_file, path, [], ["id", "k"])
        return
    ragged = [row for row in rows if len(row) not in (0, 2)]
    filled = [row for row in rows if any(row)]
    if ragged:
        message = f": {len(ragged[0])} cell{'s' * (len(ragged[0]) > 1)}, but the header has 2"
        assert message in refusal(read_file, path, [], ["id", "k"])
    elif not filled:
        assert "no rows below the header" in refusal(read_file, path, [], ["id", "k"])
    else:
        assert read_file(path, [], ["id", "k"]).frame[["id", "k"]].to_numpy().tolist() == filled


def test_far_cell_that_is_not_utf8(tmp_path):
    rows = "".join(f"2024,{number}\n" for number in range(40_000))
    path = write(tmp_path, b"ds,y\n" + rows.encode() + b"M\xfcnchen,2\n")
    assert refusal(read_file, path).startswith(f"{path}:40002: not UTF-8 text")


BAD_ROWS = {
    "too many cells": (
        "ds,y\na,1\nb,1,5\n",
        ":3: 3 cells, but the header has 2; put a cell that holds ',' in quotes,",
    ),
    "too few cells": (
        "ds,x,y\na,1,2\nb,1\n",
        ":3: 2 cells, but the header has 3; write empty cells too,",
    ),
    "ragged after newline": ('ds,y\n"a\nb",1\nb\n', ":4: 1 cell, but the header has 2"),
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
    "Latin-1": (
        "ds,y\na,1\nMünchen,2\n".encode("latin-1"),
        ":3: not UTF-8 text; save the file as CSV",
    ),
}


@pytest.mark.parametrize(("content", "message"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_bad_row_is_one_clear_line(tmp_path, content, message):
    assert_refused(write(tmp_path, content), message)
