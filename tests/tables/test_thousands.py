"""A mark with three digits behind it: between thousands where the column or a neighbour says so."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.tables.thousands import seems_grouped
from tests.helpers import refusal
from tests.init.looking import read_any
from tests.tables.helpers import read_file, write


def german(values):
    """Whole numbers as a German export writes them."""
    return [f"{value:,}".replace(",", ".") for value in values]


def table(cells, temperatures=None):
    rows = ["ds;y" + (";t" if temperatures else "")]
    for number, cell in enumerate(cells):
        rows.append(f"{number};{cell}" + (f";{temperatures[number]}" if temperatures else ""))
    return "\n".join(rows) + "\n"


@given(st.lists(st.integers(1000, 999_999), min_size=2), st.lists(st.integers(1, 999), min_size=2))
def test_numbers_of_both_sizes_tell_without_a_neighbour(large, small):
    assert seems_grouped(german([*large, *small]), ".")


@pytest.mark.parametrize("cell", ["1.26", "0.125", "1.2634", "1263.125", "1.5e3", "x"])
def test_one_fraction_among_them_tells_otherwise(cell):
    others = [["12,6", "11,55"]]
    assert seems_grouped(german([1263, 867, 2001, 12]), ".", others)
    assert not seems_grouped([*german([1263, 867, 2001, 12]), cell], ".", others)


@pytest.mark.parametrize(
    ("neighbour", "expected"),
    [
        (["12,6", "9"], True),
        (["1,263", "2,001"], False),  # it may be either as well
        (["12,6 C", "9"], False),
        (["a", "b"], False),
        (["", "12,5"], True),
    ],
)
def test_a_neighbour_tells_by_its_decimals(neighbour, expected):
    assert seems_grouped(["1.263", "2.154"], ".", [neighbour]) == expected
    assert not seems_grouped(["1.263", "2.154"], ".")


SALES = [1001, 1149, 867, 12, 2001]
WITH_NEIGHBOUR = table(german(SALES), ["10,0", "11,5", "3", "", "7,25"])
TWO_ROWS = table(german(SALES[:2]), ["1,5", "2"])


@pytest.mark.parametrize("text", [WITH_NEIGHBOUR, table(german(SALES)), TWO_ROWS])
def test_a_column_that_seems_to_have_them_is_refused_or_read_as_is_said(tmp_path, text):
    path = write(tmp_path, text)
    says = (
        ":2: column 'y' holds '1.001', which seems to be 1001; set data.thousands: '.' and"
        " data.decimal: ',', or data.thousands: none if it is a fraction"
    )
    assert refusal(read_file, path, separator=";") == path + says
    fractions = read_file(path, separator=";", thousands="none").frame["y"]
    np.testing.assert_array_equal(fractions[:2], [1.001, 1.149])
    values = read_file(path, separator=";", decimal=",", thousands=".").frame["y"].to_numpy()
    np.testing.assert_array_equal(values, SALES[: len(values)])


def test_the_first_look_finds_the_marks(tmp_path):
    frame, marks = read_any(write(tmp_path, WITH_NEIGHBOUR))
    assert marks == {"separator": ";", "decimal": ",", "thousands": "."}
    np.testing.assert_array_equal(frame["t"], [10, 11.5, 3, np.nan, 7.25])
    assert frame["y"].tolist() == SALES
    frame, marks = read_any(write(tmp_path, table(german(SALES))))
    assert (frame["y"].tolist(), marks["thousands"]) == (SALES, ".")
    frame, marks = read_any(write(tmp_path, 'ds,y\n1,"1,263.5"\n2,"867"\n'))
    assert (frame["y"].tolist(), marks) == ([1263.5, 867], {"thousands": ","})
    frame, marks = read_any(write(tmp_path, "ds;y\n1;1.263\n2;1.26\n3;867\n4;12\n"))
    assert (frame["y"].tolist(), marks) == ([1.263, 1.26, 867, 12], {"separator": ";"})


@pytest.mark.parametrize("mark", [".", ",", " ", "'", "_", "\u00a0", "\u202f", "\u2019"])
def test_every_mark_is_read(tmp_path, mark):
    decimal = "," if mark == "." else "."
    cells = [f"1{mark}234{mark}567{decimal}5", f"-12{mark}345", f"7{decimal}25", "", "1000"]
    path = write(tmp_path, table(cells))
    values = read_file(path, separator=";", decimal=decimal, thousands=mark).frame["y"]
    np.testing.assert_array_equal(values, [1234567.5, -12345, 7.25, np.nan, 1000])
    odd = write(tmp_path, table([f"12{mark}34"]))
    assert "not a number" in refusal(read_file, odd, separator=";", decimal=decimal, thousands=mark)
