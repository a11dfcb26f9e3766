"""A CSV that is read in blocks of any size against the same one read whole."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.errors import DataError
from forecast.tables import csv_blocks, table
from forecast.tables.csv_blocks import blocks_of
from forecast.tables.explain_csv import line_ends
from forecast.tables.table import opened
from tests.tables.helpers import assert_refused, rows_or_error, write

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


@given(body=st.text('ab"\n\r,, ', max_size=40), block=st.sampled_from([4, 12]))
@example(body='"\naaaaa""\na"', block=4)
@example(body='"\naaaaaa""\na', block=4)
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


NULS = {
    "NUL in a number": ("ds,y\na,1\nb,4\x002\n", ":3: a NUL character is no text; take it out"),
    "NUL in a time": ("ds,y\na\0b,1\n", ":2: a NUL character is no text"),
    "NUL elsewhere": ("ds,y,z\na,1,2\n\nb,1,\0\n", ":4: a NUL character is no text"),
}


@pytest.mark.parametrize(("content", "message"), NULS.values(), ids=NULS)
def test_bad_nul_is_one_clear_line(tmp_path, content, message):
    assert_refused(write(tmp_path, content), message)
