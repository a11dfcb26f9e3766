"""Marks at numbers are taken off where all cells of a column have the same, else refused."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.tables.units import number_of, unit_of
from tests.helpers import refusal
from tests.proposed import propose, read_unconfigured
from tests.tables.helpers import write

DAYS = [f"2024-01-{day:02}" for day in range(1, 21)]
UNITS = ["$", "€", "US$", "CHF", "%", "kg", "kWh", "°C", "km/h"]


def table(cell, mark=","):
    return "\n".join([f"ds{mark}y", *(f"{d}{mark}{cell(i)}" for i, d in enumerate(DAYS))])


@given(
    st.lists(st.decimals(-9999, 9999, places=2), min_size=1),
    st.sampled_from(UNITS),
    st.text(" ", max_size=1),
)
def test_marks_before_and_behind_are_found_and_taken_off(numbers, unit, blank):
    cells = [f"{number}{blank}{unit}" for number in numbers]
    if unit in ("$", "€", "US$", "CHF"):
        cells = [re.sub(r"\A(-?)(.*)", rf"\1{unit}{blank}\2", str(number)) for number in numbers]
    assert unit_of(cells) == unit
    assert [number_of(cell, unit) for cell in cells] == [*map(str, numbers)]


@pytest.mark.parametrize(
    "cells",
    [
        ["$1", "€2"],
        ["$1", "2$"],
        ["$1", "2"],
        ["5 kg", "6 g"],
        ["1st", "2nd"],
        ["Q1", "Q2"],
        ["A1", "A2"],
        ["shop 1", "shop 2"],
        ["S 1", "S 2"],
        ["kg", "kg"],
        ["2024-01-01", "2024-01-02"],
        ["12:00", "13:00"],
        ["1,5", "2,5"],
        ["(5)", "(6)"],
        ["1e5", "2e5"],
        [],
    ],
)
def test_what_is_no_common_mark(cells):
    assert unit_of(cells) == ""


@pytest.mark.parametrize(
    ("cell", "mark", "marks", "seventh"),
    [
        ('"$1,{0:03}.50"', ",", {"thousands": ",", "units": {"y": "$"}}, 1007.5),
        ("-$1.{0:03}", ",", {"units": {"y": "$"}}, -1.007),
        ("€ {0}", ",", {"units": {"y": "€"}}, 7),
        ("1.{0:03},5 EUR", ";", {"decimal": ",", "thousands": ".", "units": {"y": "EUR"}}, 1007.5),
        ("{0},5 %", ";", {"decimal": ",", "units": {"y": "%"}}, 7.5),
        ("{0}kg", ",", {"units": {"y": "kg"}}, 7),
    ],
)
def test_a_table_with_marks_is_proposed_and_read(tmp_path, cell, mark, marks, seventh):
    text = table(lambda i: "" if i == 3 else cell.format(i), mark)
    path = write(tmp_path, text)
    found = read_unconfigured(path)
    assert found.marks == ({} if mark == "," else {"separator": mark}) | marks
    assert found.panel.values[7, 0] == seventh
    assert np.isnan(found.panel.values[3, 0])
    assert "  # taken off these numbers\n" in propose(path)
    again = read_panel(found.data)
    np.testing.assert_array_equal(again.values, found.panel.values)


def test_other_marks_are_refused_wherever_they_stand(tmp_path):
    mixed = write(tmp_path, table(lambda i: f"${i}" if i < 15 else f"€{i}"))
    said = refusal(read_unconfigured, mixed, targets=["y"])
    assert (
        said
        == f"{mixed}:2: column 'y' holds '$0' and '€15', with other marks; write the number alone"
    )
    config = DataConfig(path=mixed, target=("y",), units={"y": "$"})
    assert f"{mixed}:17: column 'y' holds '€15', not a number" in refusal(read_panel, config)


def test_thousands_behind_a_mark_are_seen_as_without_it(tmp_path):
    path = write(tmp_path, table(lambda i: f"$1.{200 + i}" if i % 2 else f"${700 + i}"))
    said = refusal(read_panel, DataConfig(path=path, target=("y",), units={"y": "$"}))
    assert "column 'y' holds '1.201', which seems to be 1201" in said
    assert read_unconfigured(path).marks["thousands"] == "."
