"""Cells of a frame or of a Parquet file as a table has them: numbers, texts, dates or integers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from forecast.tables.compact import (
    as_they_appear,
    categories,
    distinct_in_runs,
    distinct_texts,
    in_nanoseconds,
)
from forecast.tables.numbers import Place, finite_numbers
from forecast.tables.objects import require_single_values


def number_cells(cells: pd.Series, name: str, place: Place) -> pd.Series:
    """Cells of a column of numbers as finite float64, NaN where they are empty.

    Args:
        cells: of a frame or of a Parquet file.
        name: of the column, for messages.
        place: names a row in messages.

    Raises:
        DataError: with the place, for text, or a number that float32 cannot hold.
    """
    require_single_values(cells, name, place)
    return pd.Series(finite_numbers(cells, name, ".", place), copy=False)


def text_cells(cells: pd.Series, name: str, place: Place, keeps_integers: bool) -> pd.Series:
    """Cells as categories of texts; dates stay dates, and integers where that is said.

    Args:
        cells, name, place: as for `number_cells`.
        keeps_integers: whether a column of nothing but integers stays one, as one of times may.

    Raises:
        DataError: with the place, for a cell that is no single value.
    """
    if cells.dtype == object and pd.api.types.infer_dtype(cells, skipna=False) == "string":
        codes, texts = distinct_in_runs(cells.to_numpy())  # of long columns most of the time
        if "\0" not in "".join(texts):
            return categories(codes, texts)
    if isinstance(cells.dtype, pd.CategoricalDtype):
        codes, texts = distinct_texts(cells)
        if pd.api.types.infer_dtype(texts) == "string" and "\0" not in "".join(texts):
            return categories(*as_they_appear(codes, texts))
    require_single_values(cells, name, place)
    return cells if keeps_integers and _is_integer(cells) else _as_text(cells)


def holds_integers(column: pd.Series) -> bool:
    """Whether a column, or its categories, is of a type of numbers, or all its cells are integers.

    Of floating-point numbers the texts tell: 7.0 is no integer, and that of a series 7 is.
    """
    dtype = column.dtype
    cells = dtype.categories if isinstance(dtype, pd.CategoricalDtype) else column
    if cells.dtype == object:
        return pd.api.types.infer_dtype(cells, skipna=False) == "integer"
    return cells.dtype.kind in "iuf"


def _is_integer(column: pd.Series) -> bool:
    """Whether a column holds integers of up to 18 digits and nothing else."""
    return column.dtype.kind in "iu" and not column.hasnans and bool(column.abs().max() < 10**18)


def _as_text(column: pd.Series) -> pd.Series:
    """A column as categories of texts; dates stay dates. Each distinct cell is converted once."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return in_nanoseconds(column)
    codes, distinct = pd.factorize(column)
    numbers, texts = pd.factorize(np.array([*map(str, distinct)], dtype=object))
    return categories(np.append(numbers, -1)[codes], texts)
