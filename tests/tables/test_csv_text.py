"""The text of a CSV is what Python's own writers make of a table."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.tables.csv_text import to_csv

TABLE = pd.DataFrame(
    {
        "unique_id": ["007", "NA"],
        "ds": pd.to_datetime(["2024-01-01", "2024-01-02"]),
        "forecast": [0.1, 1 / 3],
    }
)


@pytest.mark.parametrize("name", ["\ra", "a\r", "\r\n", 'a"\r,', "\n"])
def test_a_cell_with_an_end_of_line_stays_one_cell(name: str) -> None:
    table = TABLE.assign(unique_id=["007", name]).rename(columns={"forecast": name})
    rows = list(csv.reader(io.StringIO(to_csv(table), newline="")))
    assert [row[0] for row in rows] == ["unique_id", "007", name]
    assert rows[0][2] == name
    assert [float(row[2]) for row in rows[1:]] == [0.1, 1 / 3]


def test_csv_is_plain_lines() -> None:
    assert to_csv(TABLE) == (
        "unique_id,ds,forecast\n007,2024-01-01,0.1\nNA,2024-01-02,0.3333333333333333\n"
    )


@given(st.lists(st.floats(allow_nan=False) | st.integers(-9999, 9999).map(float), min_size=1))
def test_numbers_are_those_of_python(values: list[float]) -> None:
    assert to_csv(pd.DataFrame({"y": values})).splitlines()[1:] == [*map(repr, values)]


def test_csv_is_what_pandas_writes_of_every_kind_of_column() -> None:
    days = pd.Series(pd.date_range("2024-01-01", periods=4))
    table = pd.DataFrame(
        {
            "text": ["", None, 'a"b', "c,d\ne"],
            "category": pd.Categorical(["b", None, "a", "b"]),
            "day": days,
            "hour": days.mask(days.index == 1) + pd.Timedelta("1h"),
            "zone": days.dt.tz_localize("Europe/Berlin"),
            "float": [np.nan, -0.0, 1e-7, np.inf],
            "single": np.array([0.1, np.nan, 1e17, 3], dtype=np.float32),
            "whole": [1, -2, 3, 10**17],
            "nullable": pd.array([1, None, 3, 4], dtype="Int64"),
            "truth": [True, False, True, True],
            "any": [1, True, 1.0, None],
        }
    )
    assert to_csv(table) == table.to_csv(index=False, lineterminator="\n")
    assert to_csv(table[:0]) == table[:0].to_csv(index=False, lineterminator="\n")


def test_times_keep_their_zone() -> None:
    hours = pd.date_range("2024-10-27 00:00", periods=4, freq="h", tz="Europe/Berlin")
    assert to_csv(pd.DataFrame({"ds": hours})).splitlines() == [
        "ds",
        "2024-10-27 00:00:00+02:00",
        "2024-10-27 01:00:00+02:00",
        "2024-10-27 02:00:00+02:00",
        "2024-10-27 02:00:00+01:00",
    ]


def test_a_row_of_nothing_is_a_row() -> None:
    table = pd.DataFrame({"y": ["", None, "a"]})
    assert to_csv(table) == table.to_csv(index=False, lineterminator="\n")
    numbers = pd.DataFrame({"y": [np.nan, 1.5]})
    assert to_csv(numbers) == numbers.to_csv(index=False, lineterminator="\n")
