"""Columns that would be numbers but for some of their cells, so that a refusal can name one."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from forecast.errors import shown
from forecast.init.time_column import holds_dates

PLAIN = re.compile(r"[-+]?(?:\d[\d., '\u2019\u00a0\u202f]*|[.,]\d+)(?:[eE][-+]?\d+)?")
"""Digits with marks of decimals and thousands."""
WITH_UNIT = re.compile(r"[^\d\s]{0,3}\s?[-+]?\d[\d., '\u2019\u00a0\u202f]*[^\d\s]{0,3}")
"""$12.50, 3 %, 12 kg."""
MOST = 0.5
"""Share of the distinct cells of a column of numbers that are such."""


def hindrance(frame: pd.DataFrame, names: Iterable[str]) -> str:
    """What keeps the first column that is nearly one of numbers from being one; else empty.

    Args:
        frame: a table of columns that are texts where a cell is no number.
        names: columns that might be forecast.
    """
    for name in names:
        column = frame[name]
        if not pd.api.types.is_string_dtype(column.dtype) or holds_dates(column, None):
            continue
        cells, odd = _cells(column)
        if odd and len(odd) < (1 - MOST) * len(cells):
            return (
                f"column {shown(name)} holds {shown(odd[0])} among its numbers; mend it, or leave"
                " the cell empty"
            )
        if cells and not odd:
            return (
                f"column {shown(name)} holds {shown(max(cells, key=len))}; write its numbers with"
                " one mark of decimals, and without others"
            )
        if odd and all(WITH_UNIT.fullmatch(cell) for cell in cells):
            return f"column {shown(name)} holds {shown(odd[0])}; write the number alone"
    return ""


def are_nearly_numbers(column: pd.Series) -> bool:
    """Whether texts are numbers but for some odd ones, rather than the names of categories."""
    cells, odd = _cells(column)
    return len(odd) < (1 - MOST) * len(cells)


def _cells(column: pd.Series) -> tuple[list[str], list[str]]:
    """The distinct texts of a column, and those among them that are no numbers."""
    cells = [str(cell).strip() for cell in column.dropna().unique()]
    return cells, [cell for cell in cells if not PLAIN.fullmatch(cell)]
