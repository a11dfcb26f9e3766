"""Numbers out of cells: every way to write one, and what is none."""

import numpy as np
import pandas as pd
import pytest

from forecast.tables.numbers import without_thousands
from forecast.tables.table import from_frame
from tests.helpers import refusal
from tests.tables.helpers import assert_refused, read_file, write


@pytest.mark.parametrize(
    "cell", ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A", ".", " "]
)
def test_empty_number_cells_are_nan(tmp_path, cell):
    path = write(tmp_path, f"ds,y\na,1\nb,{cell}\nc,3\n")
    np.testing.assert_array_equal(read_file(path).frame["y"], [1, np.nan, 3])
    texts = pd.DataFrame({"ds": ["a", "b", "c"], "y": ["1", cell, "3"]})
    np.testing.assert_array_equal(
        from_frame(texts, "data", ["y"], ["ds"]).frame["y"], [1, np.nan, 3]
    )


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        *((cell, 1.5) for cell in (" 1.5", "1.5 ", "+1.5", "1.5e0", "01.5", f"1.5{'0' * 20}")),
        ("\u22121.5", -1.5),
        ("123456789012345678901234567890", 123456789012345678901234567890.0),
    ],
)
def test_ways_to_write_a_number(tmp_path, cell, value):
    table = read_file(write(tmp_path, f"ds,y\na,{cell}\nb,0.1\n"))
    assert table.frame["y"].tolist() == [value, 0.1]


def test_semicolons_and_decimal_commas(tmp_path):
    path = write(tmp_path, "ds;y\na;1,5\nb;-2\nc;1,5e3\nd;\n")
    values = read_file(path, separator=";", decimal=",").frame["y"]
    np.testing.assert_array_equal(values, [1.5, -2, 1500, np.nan])


@pytest.mark.parametrize("rows", ["a;1.5\nb;2\n", "a;1\nb;1.5\nc;2,5\n", "a;2,5\nb;1.500,5\n"])
def test_decimal_points_are_refused_where_commas_are_configured(tmp_path, rows):
    path = write(tmp_path, f"ds;y\n{rows}")
    line, cell = next(
        (line, row.split(";")[1])
        for line, row in enumerate(rows.splitlines(), start=2)
        if "." in row
    )
    message = refusal(read_file, path, separator=";", decimal=",")
    assert message.startswith(f"{path}:{line}: column 'y' holds '{cell}', not a number;")
    assert ("set data.decimal: '.'" in message) == ("," not in cell)


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize(
    ("cell", "is_grouped"),
    [
        *((cell, True) for cell in ("1.008,16", "1,008.16", "1 234", "1'234", "-12.345.678,9")),
        *(
            (cell, True)
            for cell in ("1,234,567", "12,34,567", "1.234.567", "1\u00a0234,5", "1\u2019234.5")
        ),
        *((cell, False) for cell in ("12 34", "1,23.4", "1.2.3", "1234,567.8", "1 234 56", "x")),
    ],
)
def test_thousands_separators_have_a_remedy_of_their_own(tmp_path, decimal, cell, is_grouped):
    path = write(tmp_path, f"ds;y\na;{cell}\n")
    message = refusal(read_file, path, separator=";", decimal=decimal)
    assert message.startswith(f"{path}:2: column 'y' holds ")
    assert message.endswith(", or write the numbers without the mark") == is_grouped


def test_message_cuts_a_long_cell(tmp_path):
    path = write(tmp_path, f"ds,y\na,{'x' * 5000}\n")
    assert len(refusal(read_file, path)) < len(path) + 200


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
    ],
)
def test_frame_column_without_numbers(cells, value):
    frame = pd.DataFrame({"ds": ["a", "b"], "y": cells})
    message = refusal(from_frame, frame, "data", ["y"], ["ds"])
    row = 1 if value in ("'x'", "'True'") else 0
    assert message.startswith(f"data row {row}: column 'y' holds {value}, not a number;")


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (
            pd.to_timedelta([1, 2]),
            "'0 days 00:00:00.000000001', a duration; make numbers of the column, as"
            " column.dt.total_seconds() does",
        ),
        (
            [1j, 2j],
            "'1j', a complex number; give its real and its imaginary part in columns of their own",
        ),
    ],
)
def test_frame_column_of_another_kind(cells, says):
    frame = pd.DataFrame({"ds": ["a", "b"], "y": cells})
    message = refusal(from_frame, frame, "data", ["y"], ["ds"])
    assert message == f"data row 0: column 'y' holds {says}"


BAD_NUMBERS = {
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
        ":2: column 'y' holds 'True', not a number; write 1 and 0, or set the encoding of the"
        " column to one_hot (of a target: label)",
    ),
    "some truth": ("ds,y\na,1\nb,true\n", ":3: column 'y' holds 'true', not a number"),
    "decimal commas": (
        'ds,y\na,"1,5"\n',
        ":2: column 'y' holds '1,5', not a number; set data.decimal: ','",
    ),
    "thousands": (
        'ds,y\na,"1,234.5"\n',
        ":2: column 'y' holds '1,234.5', not a number; set data.thousands: ',', or write the"
        " numbers without the mark",
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
}


@pytest.mark.parametrize(("content", "message"), BAD_NUMBERS.values(), ids=BAD_NUMBERS)
def test_bad_number_is_one_clear_line(tmp_path, content, message):
    assert_refused(write(tmp_path, content), message)


def test_only_numbers_in_parentheses_are_taken_for_losses():
    for cell, remedy in {
        "(1 263.5)": "write '-1 263.5' if it is below zero",
        "(2+3j)": "mend the cell, or leave it empty and set data.missing",
    }.items():
        table = pd.DataFrame({"ds": ["a"], "y": [cell]})
        message = refusal(from_frame, table, "data", ["y"], ["ds"])
        assert message == f"data row 0: column 'y' holds '{cell}', not a number; {remedy}"


def test_lakhs_are_numbers():
    texts = pd.Series(["12,34,567.5", "-1,00,000", "99,999", "1,23", "1,2,345", "1,23,45"])
    expected = ["1234567.5", "-100000", "99999", "1,23", "1,2,345", "1,23,45"]
    assert without_thousands(texts, ",", ".").tolist() == expected
