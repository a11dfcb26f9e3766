"""A first look at a table whose columns nobody has named yet: separator, decimal mark, kinds."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from jaxtyping import Shaped
from pandas.api.types import is_numeric_dtype

from forecast.config.formats import THOUSANDS
from forecast.errors import DataError, listed, shown
from forecast.init.side_by_side import FEWEST, side_by_side
from forecast.init.time_column import holds_dates
from forecast.tables.compact import categories, distinct_texts
from forecast.tables.csv_blocks import blocks_of, head_of
from forecast.tables.csv_cells import (
    UNNAMED,
    csv_columns,
    first_widths,
    look_at_csv,
    place_of_names,
    rows_agree,
    rows_below,
)
from forecast.tables.explain_csv import refuse_rows
from forecast.tables.numbers import EMPTY, without_thousands
from forecast.tables.parquet import whole_parquet
from forecast.tables.table import is_parquet
from forecast.tables.thousands import are_all_grouped, seems_grouped
from forecast.tables.units import MINUS, number_of, unit_of

log = logging.getLogger("forecast")
DATE, NUMBER = r"\d{4}-\d\d(-\d\d.*)?", r"[-+]?[\d.]+([eE][-+]?\d+)?"
"""Cells that are hardly the name of a column."""
MARKS = ((".", ""), (",", ""), (",", "."), (".", ","))
"""Of decimals and between thousands, likeliest first."""
RARE = THOUSANDS[4:]
"""Further marks between thousands, tried where the first distinct cells have them."""
LOOKED_AT = 200
"""Distinct cells by which most columns and marks are told."""
DOTTED = re.compile(r"\d{1,2}\.\d{1,2}\.\d{2}")
"""The begin of a date such as 31.12.2024."""
LEADING_ZERO = re.compile(r"0\d+")
TRUTHS = ("True", "False")


def read_any(file: BinaryIO) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A table as it is, to look at its columns, and what `data` must say of its format.

    Args:
        file: of `opened`.

    Raises:
        DataError: if it cannot be read, or its first line does not name the columns.
    """
    frame, marks = (whole_parquet(file), {}) if is_parquet(file.name) else _look_at_csv(file)
    if not len(frame):
        raise DataError(f"{file.name}: no rows below the header; add one row a time step")
    return frame, marks


def with_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """A table in which no column is of numbers, with those that hold them as texts or decimals."""
    if any(is_numeric_dtype(kind) for kind in frame.dtypes):
        return frame
    found = {}
    for name, kind in frame.dtypes.items():
        if not (pd.api.types.is_object_dtype(kind) or pd.api.types.is_string_dtype(kind)):
            continue
        texts = frame[name].dropna().astype(str).str.strip()
        texts = texts[~texts.isin(EMPTY)]
        numbers = pd.to_numeric(texts, errors="coerce")
        if len(texts) and not numbers.isna().any() and not texts.str.fullmatch(r"0\d+").any():
            found[str(name)] = numbers.reindex(frame.index)
    return frame.assign(**found) if found else frame


def _look_at_csv(file: BinaryIO) -> tuple[pd.DataFrame, dict[str, Any]]:
    separator = head_of(file).separator or max(",;\t|", key=lambda mark: _likeliness(file, mark))
    names = csv_columns(file, separator)
    _require_names(names, place_of_names(file))
    texts = look_at_csv(file, separator, [name for name in names if names.count(name) == 1])
    if not len(texts):
        _refuse_ragged(file, separator, names)
    _refuse_title(file, separator)
    marks: dict[str, Any] = {} if separator == "," else {"separator": separator}
    texts, units = _without_units(texts)
    frame, (decimal, thousands) = _best_reading(texts, separator)
    if not thousands and any(_seems_grouped(texts, frame, str(name), decimal) for name in frame):
        decimal, thousands = "," if decimal == "." else ".", decimal
        frame = _typed(texts, decimal, thousands)
    frame = _of_named_columns(frame, names, place_of_names(file))
    if not thousands and decimal == "." and separator != ",":
        _warn_of_points(texts, frame)
    repeated = [name for name in names if name.strip() and names.count(name) > 1]
    if repeated and not _count_numbers(frame):
        raise DataError(
            f"{place_of_names(file)}: column {shown(repeated[0])} is named twice; give each column"
            " a name of its own"
        )
    if repeated:
        log.warning("named twice, and not read: %s", listed(dict.fromkeys(repeated)))
    marks |= {} if decimal == "." else {"decimal": decimal}
    marks |= {"thousands": thousands} if thousands else {}
    numeric = {name for name in frame if is_numeric_dtype(frame[name])}
    units = {name: unit for name, unit in units.items() if name in numeric}
    return frame, marks | ({"units": units} if units else {})


def _warn_of_points(texts: pd.DataFrame, frame: pd.DataFrame) -> None:
    """Say of columns such as 1.234 that they are taken for fractions, beside dates with points:
    where these are usual, a point is no mark of decimals."""
    columns = {str(name): _first_cells(column) for name, column in texts.items()}
    if not any(cells and all(map(DOTTED.match, cells)) for cells in columns.values()):
        return
    for name, cells in columns.items():
        if name in frame and is_numeric_dtype(frame[name]) and are_all_grouped(cells, "."):
            log.warning(
                "column %s holds %s, taken for a fraction; if it is %s, write the numbers without"
                " points",
                shown(name),
                shown(cells[0]),
                cells[0].replace(".", ""),
            )


def _without_units(texts: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Columns without the mark that all of their cells have, and that mark of each such column."""
    units: dict[str, str] = {}
    columns: dict[str, pd.Series] = {}
    for name, column in texts.items():
        codes, distinct = distinct_texts(column)
        if unit := unit_of(cell for cell in _written(distinct) if cell not in EMPTY):
            found = [c if c in EMPTY else number_of(c, unit) for c in _written(distinct)]
            numbers, distinct = pd.factorize(np.array(found, dtype=object))
            units[str(name)] = unit
            columns[str(name)] = categories(np.append(numbers, -1)[codes], distinct)
    return texts.assign(**columns) if units else texts, units


def _written(texts: Iterable[str]) -> Iterator[str]:
    """Texts without blanks around them and with the sign of a program before numbers."""
    return (text.strip().replace(MINUS, "-") for text in texts)


def _best_reading(texts: pd.DataFrame, separator: str) -> tuple[pd.DataFrame, tuple[str, str]]:
    """The columns and the marks with which most of them are numbers; of equal ones the likeliest.

    Most marks are ruled out by a few distinct cells: they make numbers of no column that is text.
    """
    likeliest, *others = _marks_in(texts, separator)
    best, marks = _typed(texts, *likeliest), likeliest
    for pair in others:
        rest = [name for name in texts if not is_numeric_dtype(best[name].dtype)]
        if any(is_numeric_dtype(_typed_column(_few(texts[name]), *pair).dtype) for name in rest):
            frame = _typed(texts, *pair)
            if _count_numbers(frame) > _count_numbers(best):
                best, marks = frame, pair
    return best, marks


def _marks_in(texts: pd.DataFrame, separator: str) -> list[tuple[str, str]]:
    """Marks that the numbers may have; blanks and apostrophes where there are such cells.

    Where commas separate the cells, a comma in 1,234 is not that of decimals unless others tell.
    """
    usual = sorted(MARKS, key=lambda pair: separator == "," and pair[0] == ",")
    seen = {mark for name in texts for cell in _first_cells(texts[name]) for mark in cell}
    return [*usual, *((decimal, mark) for mark in RARE if mark in seen for decimal in (".", ","))]


def _first_cells(column: pd.Series) -> list[str]:
    return [*dict.fromkeys(str(text).strip() for text in distinct_texts(column)[1][:LOOKED_AT])]


def _few(column: pd.Series) -> pd.Series:
    """The first distinct cells of a column, each once."""
    cells = _first_cells(column)
    return categories(np.arange(len(cells)), np.array(cells, dtype=object))


def _refuse_ragged(file: BinaryIO, separator: str, names: list[str]) -> None:
    """Raise a DataError if there are rows, but none with as many cells as the first line."""
    if len(names) == 1 and rows_below(file, separator):
        raise DataError(
            f"{place_of_names(file)}: no row has as many cells as the first line, 1; it must name"
            " the columns: delete what stands above their names"
        )
    for block in blocks_of(file, separator):
        refuse_rows(block, len(names))


def _refuse_title(file: BinaryIO, separator: str) -> None:
    """Raise a DataError if the first two lines have other numbers of cells than most below them."""
    widths = first_widths(file, separator)
    usual = max(widths, key=widths.count)
    if widths[0] > 1 and usual not in widths[:2] and 2 * widths.count(usual) > len(widths):
        raise DataError(
            f"{place_of_names(file)}: the first line has {widths[0]} cells, most have {usual}; it"
            " must name the columns: delete what stands above their names"
        )


def _of_named_columns(frame: pd.DataFrame, names: list[str], place: str) -> pd.DataFrame:
    """The columns that have a name; one without, or the first one, may hold the numbers of rows.

    Raises:
        DataError: if it alone holds dates, or most names are missing and no column holds dates.
    """
    if UNNAMED in frame and not holds_dates(frame[UNNAMED], None):
        frame = frame.drop(columns=UNNAMED)
    blank = sum(not name.strip() for name in names)
    if not blank:
        return frame
    dates = [name for name in frame if holds_dates(frame[name], None)]
    if dates == [""]:
        raise DataError(f"{place}: the column of times has no name; write one into the first line")
    if 2 * blank >= len(names) and not (dates and _count_numbers(frame)):
        raise DataError(
            f"{place}: {blank} of {len(names)} columns have no name; the first line must name"
            " them: delete what stands above their names"
        )
    return frame.drop(columns="", errors="ignore")


def _seems_grouped(texts: pd.DataFrame, frame: pd.DataFrame, name: str, decimal: str) -> bool:
    """Whether the mark of decimals stands between the thousands of a column of numbers."""
    is_number = pd.api.types.is_float_dtype(frame[name])
    return is_number and seems_grouped(distinct_texts(texts[name])[1], decimal)


def _likeliness(file: BinaryIO, mark: str) -> tuple[bool, int]:
    """A mark that cuts header and first row into as many cells comes before one that does not."""
    try:
        cells = len(csv_columns(file, mark))
    except DataError:  # a long header is one cell of another mark, and too long for that
        return False, 0
    return cells > 1 and rows_agree(file, mark), cells


def _require_names(names: list[str], place: str) -> None:
    """Raise a DataError if the first line holds values; a table of dates side by side does too."""
    if not names:
        raise DataError(f"{place}: the first line is empty; it must name the columns")
    values = [name for name in names if re.fullmatch(f"{DATE}|{NUMBER}|", name.strip())]
    dates = [name for name in values if re.fullmatch(DATE, name.strip())]
    if FEWEST <= len(dates) < len(names):
        raise DataError(f"{place}: {side_by_side([date.strip() for date in dates], 'times')}")
    if dates or len(values) == len(names):
        raise DataError(
            f"{place}: {shown((dates or values)[0])} is no name of a column; the first line must"
            " name the columns, and every time step have a row"
        )


def _typed(texts: pd.DataFrame, decimal: str, thousands: str) -> pd.DataFrame:
    """Columns of texts as numbers, truth values, or texts without those of empty cells."""
    columns = {name: _typed_column(each, decimal, thousands) for name, each in texts.items()}
    return pd.DataFrame(columns)


def _typed_column(column: pd.Series, decimal: str, thousands: str) -> pd.Series:
    """A column with cells such as 007 holds names, not numbers, and is kept as written.

    Args:
        column: categories of texts.
        decimal, thousands: marks of the numbers; the second may be empty.
    """
    codes, texts = distinct_texts(column)
    cells = [*map(str.strip, texts)]
    if any(cell.startswith("0") and LEADING_ZERO.fullmatch(cell) for cell in cells):
        return column.astype(object)
    known = [cell for cell in cells if cell not in EMPTY]
    if known and len(known) == len(cells) and all(cell in TRUTHS for cell in cells):
        return pd.Series(np.array([cell == "True" for cell in cells])[codes])
    numbers = _numbers(known[:LOOKED_AT], decimal, thousands)  # most texts end here
    if len(known) > LOOKED_AT and not np.isnan(numbers).any():
        numbers = _numbers(known, decimal, thousands)
    values = np.array(known, dtype=object) if np.isnan(numbers).any() else numbers
    if len(known) < len(cells):
        kind = object if values.dtype == object else float
        spread = np.full(len(cells), np.nan, dtype=kind)
        spread[[cell not in EMPTY for cell in cells]] = values
        values = spread
    return pd.Series(values[codes])


def _numbers(texts: Sequence[str], decimal: str, thousands: str) -> Shaped[np.ndarray, " N"]:
    """Texts that are not empty as numbers; NaN for what is none."""
    written = np.array([*_written(texts)], dtype=object)
    if len(texts) and (thousands or decimal != "."):
        written = _with_points(pd.Series(written), decimal, thousands).to_numpy()
    numbers: Shaped[np.ndarray, " N"] = pd.to_numeric(written, errors="coerce")
    return numbers


def _with_points(texts: pd.Series, decimal: str, thousands: str) -> pd.Series:
    """Texts of numbers as Python reads them."""
    texts = without_thousands(texts, thousands, decimal) if thousands else texts
    if decimal != ".":
        texts = texts.mask(texts.str.contains(".", regex=False), "")
        texts = texts.str.replace(decimal, ".", regex=False)
    return texts


def _count_numbers(frame: pd.DataFrame) -> int:
    return sum(map(is_numeric_dtype, frame.dtypes))
