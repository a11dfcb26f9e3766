"""Numbers out of cells: finite float64 or NaN; text among numbers is refused with its place."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecast.errors import DataError, shown
from forecast.tables.units import DASHES, MINUS, unit_in, without_unit

Place = Callable[[int], str]
"""Names the file and line of a row."""
THOUSANDS = re.compile(
    r"[-+]?\d{1,3}(?:([ '\u2019\u00a0\u202f])\d{3}(?:\1\d{3})*(?:[.,]\d+)?"
    r"|([.,])\d{3}(?:\2\d{3})*(?!\2)[.,]\d+|([.,])\d{3}(?:\3\d{3})+"
    r"|(,)\d\d(?:,\d\d)*,\d{3}(?:\.\d+)?)"
)
"""1 234, 1'234, 1.234,5, 1,234,567 or 12,34,567; one mark alone may be that of decimals."""
NEGATIVE = re.compile(rf"\(([^a-zA-Z]*\d[^a-zA-Z]*)\)|([^-+]*\d)-|[{DASHES}]\s?(.*\d.*)")
"""(1,234), 1234- or a dash before it, as accounts and typesetters write numbers below zero."""
OTHERS = {
    "m": "a duration; make numbers of the column, as column.dt.total_seconds() does",
    "c": "a complex number; give its real and its imaginary part in columns of their own",
}
"""Kinds of columns of NumPy that are no numbers to forecast, and what to do."""
TRUTHS = ("True", "False", "true", "false", "TRUE", "FALSE")
EMPTY = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A", ".")
"""What an empty cell of a column of numbers may hold."""


def finite_numbers(
    column: pd.Series,
    name: str,
    decimal: str,
    place: Place,
    thousands: str | None = None,
    unit: str = "",
) -> Float[np.ndarray, " N"]:
    """The cells of a column of numbers, NaN where they are empty.

    Args:
        column: numbers, or texts in which one of `EMPTY` is an empty cell.
        name: of the column, for messages.
        decimal: decimal mark of the texts.
        place: names a row in messages.
        thousands: mark between thousands in the texts of a CSV, empty: none; None: it is no CSV.
        unit: mark at every number; empty: none.

    Raises:
        DataError: with the place, for text, or a number that float32 cannot hold.
    """
    values = _numbers(column, name, decimal, place, thousands, unit)
    most = np.finfo(np.float32).max
    if np.fmax.reduce(values, initial=0) > most or np.fmin.reduce(values, initial=0) < -most:
        row = int(np.argmax(np.abs(values) > most))
        raise DataError(
            f"{place(row)}: column {shown(name)} holds {values[row]:g}, which is no finite"
            " 32-bit number; mend it or leave the cell empty"
        )
    return values


def _numbers(
    column: pd.Series, name: str, decimal: str, place: Place, thousands: str | None, unit: str
) -> Float[np.ndarray, " N"]:
    if column.dtype.kind in "iuf":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if (other := OTHERS.get(column.dtype.kind)) and len(column):
        cell = shown(str(column.iloc[0]))
        raise DataError(f"{place(0)}: column {shown(name)} holds {cell}, {other}")
    texts = column.astype("string").str.strip().str.replace(MINUS, "-", regex=False)
    texts = texts.mask(texts.isin(EMPTY))
    filled = texts.notna()
    if unit:
        texts = without_unit(texts, unit)
    if thousands:
        texts = without_thousands(texts, thousands, decimal)
    if decimal != ".":
        has_point = texts.str.contains(".", regex=False).fillna(False)
        texts = texts.mask(has_point, "point").str.replace(decimal, ".", regex=False)
    bad = (pd.to_numeric(texts, errors="coerce").isna() & filled).to_numpy()
    if bad.any():
        row = int(np.argmax(bad))
        cell = str(column.iloc[row])
        raise DataError(
            f"{place(row)}: column {shown(name)} holds {shown(cell)}, not a number;"
            f" {_remedy(cell.strip(), name, decimal, thousands is not None, unit)}"
        )
    return texts.to_numpy(dtype=np.float64, na_value=np.nan)


def without_thousands(texts: pd.Series, thousands: str, decimal: str) -> pd.Series:
    """Texts of numbers without the mark between thousands, or as in 12,34,567 between lakhs; others
    are left as they are."""
    mark, point = re.escape(thousands), re.escape(decimal)
    of_three, of_india = rf"\d{{1,3}}(?:{mark}\d{{3}})+", rf"\d{{1,2}}(?:{mark}\d\d)+{mark}\d{{3}}"
    pattern = rf"[-+]?(?:{of_three}|{of_india})(?:{point}\d+)?"
    is_grouped = texts.str.fullmatch(pattern).fillna(False).astype(bool)
    return texts.mask(is_grouped, texts.str.replace(thousands, "", regex=False))


def below_zero(cell: str) -> str:
    """What to do about a number that is marked as below zero by brackets or a dash; else empty."""
    found = NEGATIVE.fullmatch(cell)
    if not found:
        return ""
    return f"write {shown('-' + next(filter(None, found.groups())))} if it is below zero"


def _remedy(cell: str, name: str, decimal: str, is_csv: bool, unit: str) -> str:
    """What to do about a cell that is not a number; only the marks of a CSV can be set."""
    if negative := below_zero(cell):
        return negative
    if cell in TRUTHS:
        return "write 1 and 0, or set the encoding of the column to one_hot (of a target: label)"
    if unit:
        return f"by data.units all cells have the mark {shown(unit)}; write it here, too"
    if is_csv and (found := unit_in(cell)):
        return f"set data.units: {{{name}: {found[0]!r}}} if all cells have it, else mend the cell"
    other = "," if decimal == "." else "."
    grouped = THOUSANDS.fullmatch(cell)
    if grouped and not is_csv:
        return "thousands separators are not read; write the numbers without them"
    if grouped:
        mark = next(filter(None, grouped.groups()))
        rest = cell.replace(mark, "")
        swap = f" and data.decimal: {other!r}" if decimal == mark or other in rest else ""
        return f"set data.thousands: {mark!r}{swap}, or write the numbers without the mark"
    if is_csv and re.fullmatch(rf"[-+]?[1-9]\d{{0,2}}{re.escape(other)}\d{{3}}", cell):
        digits = cell.replace(other, "")
        return f"set data.thousands: {other!r} if it is {digits}, else data.decimal: {other!r}"
    if other in cell and cell.replace(other, "").lstrip("-+").isdigit():
        return f"set data.decimal: {other!r}"
    return "mend the cell, or leave it empty and set data.missing"
