"""Numbers out of cells: finite float64 or NaN; text among numbers is refused with its place."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecast.errors import DataError, shown

Place = Callable[[int], str]
"""Names the file and line of a row."""
THOUSANDS = re.compile(
    r"[-+]?\d{1,3}(?:([ '\u2019\u00a0\u202f])\d{3}(?:\1\d{3})*(?:[.,]\d+)?"
    r"|([.,])\d{3}(?:\2\d{3})*(?!\2)[.,]\d+|([.,])\d{3}(?:\3\d{3})+)"
)
"""1 234, 1'234, 1.234,5 or 1,234,567; one mark alone may be that of decimals."""
EMPTY = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A")
"""What an empty cell of a column of numbers may hold."""


def finite_numbers(
    column: pd.Series, name: str, decimal: str, place: Place
) -> Float[np.ndarray, " N"]:
    """The cells of a column of numbers, NaN where they are empty.

    Args:
        column: numbers, or texts in which one of `EMPTY` is an empty cell.
        name: of the column, for messages.
        decimal: decimal mark of the texts.
        place: names a row in messages.

    Raises:
        DataError: with the place, for text, or a number that float32 cannot hold.
    """
    values = _numbers(column, name, decimal, place)
    most = np.finfo(np.float32).max
    if np.fmax.reduce(values, initial=0) > most or np.fmin.reduce(values, initial=0) < -most:
        row = int(np.argmax(np.abs(values) > most))
        raise DataError(
            f"{place(row)}: column {shown(name)} holds {values[row]:g}, which is no finite"
            " 32-bit number; mend it or leave the cell empty"
        )
    return values


def _numbers(column: pd.Series, name: str, decimal: str, place: Place) -> Float[np.ndarray, " N"]:
    if column.dtype.kind in "iuf":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    texts = column.astype("string").str.strip()
    texts = texts.mask(texts.isin(EMPTY))
    if decimal != ".":
        has_point = texts.str.contains(".", regex=False).fillna(False)
        texts = texts.mask(has_point, "point").str.replace(decimal, ".", regex=False)
    bad = (pd.to_numeric(texts, errors="coerce").isna() & texts.notna()).to_numpy()
    if bad.any():
        row = int(np.argmax(bad))
        cell = str(column.iloc[row])
        raise DataError(
            f"{place(row)}: column {shown(name)} holds {shown(cell)}, not a number;"
            f" {_remedy(cell, decimal)}"
        )
    return texts.to_numpy(dtype=np.float64, na_value=np.nan)


def _remedy(cell: str, decimal: str) -> str:
    """What to do about a cell that is no number."""
    other = "," if decimal == "." else "."
    if THOUSANDS.fullmatch(cell.strip()):
        return "thousands separators are not read; write the numbers without them"
    if other in cell and cell.replace(other, "").lstrip("-+").isdigit():
        return f"set data.decimal: {other!r}"
    return "mend the cell, or leave it empty and set data.missing"
