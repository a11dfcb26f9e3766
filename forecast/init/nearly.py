"""Columns that would be numbers but for some of their cells, so that a refusal can name one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from forecast.errors import shown
from forecast.init.time_column import holds_dates
from forecast.tables.numbers import OTHERS, below_zero
from forecast.tables.units import unit_in

PLAIN = re.compile(r"[-+]?(?:\d[\d., '\u2019\u00a0\u202f]*|[.,]\d+)(?:[eE][-+]?\d+)?")
"""Digits with marks of decimals and thousands."""
WITH_UNIT = re.compile(
    r"(?:[^\w\s]{0,3}\s?|[^\W\d]{1,3}\s)[-+]?\d[\d., '\u2019\u00a0\u202f]*[^\d\s]{0,3}"
)
"""$12.50, 3 %, 12 kg."""
MEASURE = re.compile(
    r"([^\w\s]{1,2}\s?)?[-+]?\d[\d., '\u2019\u00a0\u202f]*?(\s?[^\w\s]{1,2}|\s[^\d\s]{1,3})?"
)
"""A number between what is a sign, or a word of its own: $5, 3%, 3 %, 12 kg, and not Q1."""
MOST = 0.5
"""Share of the distinct cells of a column of numbers that are such."""


CLOCK = re.compile(r"-?\d{1,4}:[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?")
"""6:45, 00:02:31: a duration, or the time of a day."""


@dataclass(frozen=True)
class Hindrance:
    """What keeps a column from being one of numbers."""

    name: str
    cell: str
    what: str
    """What is wrong with the cell, and what to do."""

    def __str__(self) -> str:
        return f"column {shown(self.name)} holds {shown(self.cell)}{self.what}"


def hindrance(frame: pd.DataFrame, names: Iterable[str]) -> Hindrance | None:
    """What keeps the first column that is nearly one of numbers from being one.

    Args:
        frame: a table of columns that are texts where a cell is not a number.
        names: columns that might be forecast.
    """
    for name in names:
        column = frame[name]
        if column.dtype.kind in OTHERS:
            return Hindrance(name, str(column.iloc[0]), f", {OTHERS[column.dtype.kind]}")
        if not pd.api.types.is_string_dtype(column.dtype) or holds_dates(column, None):
            continue
        if found := _hindrance(*_cells(column)):
            return Hindrance(name, *found)
    return None


def _hindrance(cells: list[str], odd: list[str]) -> tuple[str, str] | None:
    """The first odd cell, and what to do; None: the cells are no numbers at all.

    Args:
        cells: distinct texts.
        odd: those that are not numbers.
    """
    if odd and _are_few(odd, cells):
        remedy = below_zero(odd[0]) or "mend it, or leave the cell empty"
        return odd[0], f" among its numbers; {remedy}"
    if cells and not odd and _has_other_digits(cells):
        return cells[0], "; write its digits as 0 to 9"
    if cells and not odd:
        what = "; write its numbers with one mark of decimals, and without others"
        return max(cells, key=len), what
    if cells and all(CLOCK.fullmatch(cell) for cell in cells):
        return cells[0], ", hours or minutes; write one number, such as 6.75 for 6:45"
    if odd and all(WITH_UNIT.fullmatch(cell) for cell in cells):
        others = [cell for cell in odd if unit_in(cell) != unit_in(odd[0])]
        second = f" and {shown(others[0])}, with other marks" if others else ""
        return odd[0], f"{second}; write the number alone"
    return None


def _are_few(odd: list[str], cells: list[str]) -> bool:
    """Whether most texts are numbers; one in brackets is a number of an account."""
    return sum(not below_zero(cell) for cell in odd) < (1 - MOST) * len(cells)


def _has_other_digits(cells: Iterable[str]) -> bool:
    return any(letter.isdecimal() and not letter.isascii() for letter in "".join(cells))


def are_nearly_numbers(column: pd.Series) -> bool:
    """Whether texts are numbers but for some odd ones, rather than the names of categories."""
    cells, odd = _cells(column)
    return _are_few(odd, cells)


def are_measures(cells: Iterable[str]) -> bool:
    """Whether texts are numbers that all have the same unit, and so are no labels."""
    found = [MEASURE.fullmatch(cell.strip()) for cell in cells]
    units = {match.groups() if match else (None, None) for match in found}
    return len(units) == 1 and units != {(None, None)}


def _cells(column: pd.Series) -> tuple[list[str], list[str]]:
    """The distinct texts of a column, and those among them that are not numbers."""
    cells = [str(cell).strip() for cell in column.dropna().unique()]
    return cells, [cell for cell in cells if not PLAIN.fullmatch(cell)]
