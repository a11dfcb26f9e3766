"""A first look at a table whose columns nobody has named yet: separator, decimal mark, kinds."""

from __future__ import annotations

import functools
import re
import warnings
from typing import Any, BinaryIO

import pandas as pd

from forecast.data.table import columns_of, is_parquet, look_at_parquet, opened
from forecast.errors import DataError, shown

DATE, NUMBER = r"\d{4}-\d\d-\d\d.*", r"[-+]?[\d.]+([eE][-+]?\d+)?"
"""Cells that are hardly the name of a column."""

HEAD_ROWS = 10_000
"""Rows that are looked at as text."""


def read_any(path: str) -> tuple[pd.DataFrame, dict[str, str]]:
    """A table as it is, to look at its columns, and what `data` must say of its format.

    Raises:
        DataError: if it cannot be read, or its first line does not name the columns.
    """
    with opened(path, remedy="") as file:
        frame, marks = (look_at_parquet(file), {}) if is_parquet(path) else _look_at_csv(file)
    if not len(frame):
        raise DataError(f"{path}: no rows below the header; add one row a time step")
    return frame, marks


def _look_at_csv(file: BinaryIO) -> tuple[pd.DataFrame, dict[str, str]]:
    separator = max(",;\t|", key=lambda mark: len(columns_of(file, mark)))
    names = columns_of(file, separator)
    _require_names(names, file.name)
    frame = _look(file, separator, ".", names)
    if separator == ",":
        return frame, {}
    european = _look(file, separator, ",", names)
    if _count_numbers(european) > _count_numbers(frame):
        return european, {"separator": separator, "decimal": ","}
    return frame, {"separator": separator}


def _require_names(names: list[str], path: str) -> None:
    """Raise a DataError if the first line holds values; a table of dates side by side does too."""
    if not names:
        raise DataError(f"{path}:1: the first line is empty; it must name the columns")
    values = [name for name in names if re.fullmatch(f"{DATE}|{NUMBER}|", name.strip())]
    dates = [name for name in values if re.fullmatch(DATE, name.strip())]
    if dates or len(values) == len(names):
        raise DataError(
            f"{path}:1: {shown((dates or values)[0])} is no name of a column; the first line must"
            " name the columns, and every time step have a row"
        )


def _look(file: BinaryIO, separator: str, decimal: str, names: list[str]) -> pd.DataFrame:
    """The columns that have a name of their own; rows that are too long are left out.

    A column with cells such as 007 holds names, not numbers, and is kept as written.
    """
    read: Any = functools.partial(
        pd.read_csv,
        file,
        sep=separator,
        decimal=decimal,
        encoding="utf-8-sig",
        index_col=False,
        low_memory=False,
        on_bad_lines="skip",
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.ParserWarning)
            file.seek(0)
            head = read(dtype=str, keep_default_na=False, nrows=HEAD_ROWS)
            codes = [name for name in head if head[name].str.fullmatch(r"0\d+").any()]
            file.seek(0)
            frame: pd.DataFrame = read(converters=dict.fromkeys(codes, str))
    except (UnicodeDecodeError, pd.errors.ParserError) as error:
        raise DataError(f"{file.name}: {' '.join(str(error).split())}") from None
    labels = pd.Index(names)
    is_unique = ~labels.duplicated(keep=False) & (labels != "")
    return frame.set_axis(labels, axis="columns").loc[:, is_unique]


def _count_numbers(frame: pd.DataFrame) -> int:
    return sum(map(pd.api.types.is_numeric_dtype, frame.dtypes))
