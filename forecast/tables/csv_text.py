"""A table as the text of a CSV, column by column: what Python writes, in a fifth of its time."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecast.tables.compact import distinct_texts

SMALL, LARGE = 1e-4, 1e10
"""Sizes between which pyarrow writes a number as Python does, but for the `.0` of whole ones."""
QUOTED = re.compile(r'[,"\r\n]')


def to_csv(table: pd.DataFrame) -> str:
    """The names of the columns and a line for each row, a missing cell being empty."""
    import pyarrow as pa
    from pyarrow import compute

    empty = '""' if table.shape[1] == 1 else ""  # an empty line would be no row
    header = ",".join(_quoted(str(name)) or empty for name in table.columns)
    if table.empty:
        return f"{header}\n"
    cells = [_cells(column, empty) for _, column in table.items()]
    rows = compute.binary_join_element_wise(
        *cells, _text(","), null_handling="replace", null_replacement=empty
    )
    whole = pa.LargeListArray.from_arrays([0, len(rows)], rows)
    return f"{header}\n{compute.binary_join(whole, _text(chr(10)))[0].as_py()}\n"


def _cells(column: pd.Series, empty: str) -> Any:
    """What is written of a column, as an array of pyarrow.

    Args:
        column: of any kind.
        empty: what is written of a text without a letter.
    """
    if column.dtype in (np.float32, np.float64):
        return _numbers(column.to_numpy())
    codes, texts = _distinct(column)
    written = [_quoted(text) or empty for text in texts]
    return _array([*written, None]).take(np.where(codes < 0, len(written), codes))


def _distinct(column: pd.Series) -> tuple[Any, Any]:
    """Numbers of the texts of a column, -1 where there is none, and the texts."""
    if pd.api.types.is_datetime64_any_dtype(column):
        codes, times = pd.factorize(column)
        return codes, pd.Series(times).to_csv(index=False, header=False).splitlines()
    if column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) != "string":
        codes = np.where(column.isna(), -1, np.arange(len(column)))  # 1 and True are equal
        return codes, [*map(str, column)]
    codes, cells = distinct_texts(column)
    return codes, [*map(str, cells)]


def _numbers(values: Float[np.ndarray, " N"]) -> Any:
    """Numbers with the digits that read back equal, as Python writes them."""
    import pyarrow as pa
    from pyarrow import compute

    texts = compute.cast(pa.array(values, from_pandas=True), pa.large_string())
    size = np.abs(values)
    is_plain = (size == 0) | (size >= SMALL) & (size < LARGE)
    is_whole = is_plain & (values == np.round(values))
    if is_whole.any():
        whole = compute.binary_join_element_wise(texts, _text(".0"), _text(""))
        texts = compute.if_else(pa.array(is_whole), whole, texts)
    is_other = ~is_plain & ~np.isnan(values)
    if is_other.any():
        some = values[is_other]
        others = some.astype(str) if some.dtype == np.float32 else map(repr, some.tolist())
        texts = compute.replace_with_mask(texts, pa.array(is_other), _array([*others]))
    return texts


def _quoted(text: str) -> str:
    """A text as a cell: in quotes if a mark in it would end the cell or the row."""
    return '"' + text.replace('"', '""') + '"' if QUOTED.search(text) else text


def _array(texts: list[str | None]) -> Any:
    import pyarrow as pa

    return pa.array(texts, pa.large_string())


def _text(text: str) -> Any:
    import pyarrow as pa

    return pa.scalar(text, pa.large_string())
