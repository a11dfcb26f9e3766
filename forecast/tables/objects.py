"""Cells of Python objects that are no single value: lists, mappings, bytes, texts with a NUL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int, Shaped

from forecast.errors import DataError, shown

SINGLE = {"empty", "boolean", "integer", "floating", "mixed-integer-float", "decimal", "date"}
"""Kinds of columns, as pandas names them, of which every cell is a single value."""


def require_single_values(column: pd.Series, name: str, place: Callable[[int], str]) -> None:
    """Raise a DataError for a cell that is no single value; pandas merges `a\\0b` and `a\\0c`.

    Args:
        column: of a frame, or out of a Parquet file.
        name: of the column, for messages.
        place: names a row in messages.
    """
    codes, objects = _objects(column)
    kind = pd.api.types.infer_dtype(objects, skipna=True) if len(objects) else "empty"
    if kind in SINGLE or (kind == "string" and "\0" not in "".join(map(str, set(objects)))):
        return
    is_wrong = _has_nul if kind == "string" else _is_no_value
    wrong = next((number for number, cell in enumerate(objects) if is_wrong(cell)), None)
    if wrong is None:
        return
    row = wrong if codes is None else int(np.argmax(codes == wrong))
    cell = objects[wrong]
    why = "a NUL character is no text; take it out"
    if not _has_nul(cell):
        why = f"a {type(cell).__name__}; write one number or text in each cell"
    raise DataError(f"{place(row)}: column {shown(name)} holds {shown(cell)}: {why}")


def is_single_valued(column: pd.Series) -> bool:
    """Whether no cell of a column is a list, a mapping or bytes."""
    if column.dtype != object or pd.api.types.infer_dtype(column) in (*SINGLE, "string"):
        return True
    return not any(isinstance(cell, bytes) or not _is_scalar(cell) for cell in column)


def _objects(
    column: pd.Series,
) -> tuple[Int[np.ndarray, " N"] | None, Shaped[np.ndarray, " distinct"]]:
    """The number of each cell and the distinct cells of categories; else the cells alone."""
    cells: Any = column.array
    if isinstance(column.dtype, pd.CategoricalDtype):
        return cells.codes, np.asarray(cells.categories, dtype=object)
    if column.dtype == object or pd.api.types.is_string_dtype(column.dtype):
        return None, column.to_numpy(dtype=object)
    return None, np.empty(0, dtype=object)


def _has_nul(cell: object) -> bool:
    return isinstance(cell, str) and "\0" in cell


def _is_no_value(cell: object) -> bool:
    return _has_nul(cell) or isinstance(cell, bytes) or not _is_scalar(cell)


def _is_scalar(cell: object) -> bool:
    return bool(pd.api.types.is_scalar(cell))
