"""Tables in and out: CSV, Parquet and DataFrames, with the line of every row for error messages."""

from __future__ import annotations

import contextlib
import csv
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.data.config import DataConfig
from forecast.errors import DataError, did_you_mean, shown

THOUSANDS = re.compile(
    r"[-+]?\d{1,3}(?:([ '\u2019\u00a0\u202f])\d{3}(?:\1\d{3})*(?:[.,]\d+)?"
    r"|([.,])\d{3}(?:\2\d{3})*(?!\2)[.,]\d+|([.,])\d{3}(?:\3\d{3})+)"
)
"""1 234, 1'234, 1.234,5 or 1,234,567; one mark alone may be that of decimals."""
EMPTY = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A")


@dataclass(frozen=True)
class Table:
    """Columns of a file or a frame: text for time, id and categories, float64 for the rest."""

    frame: pd.DataFrame
    source: str
    lines: np.ndarray
    """Line of each row in a CSV; its number from 0 elsewhere."""
    is_csv: bool = True

    def place(self, row: int) -> str:
        """Where a row stands, for the start of an error message."""
        number = int(self.lines[row])
        return f"{self.source}:{number}" if self.is_csv else f"{self.source} row {number}"


def read_table(path: str, config: DataConfig, numeric: Sequence[str], text: Sequence[str]) -> Table:
    """Read the named columns of a CSV or Parquet file.

    Args:
        path: the file; `.parquet` and `.pq` are Parquet, everything else is CSV.
        config: separator and decimal mark.
        numeric: columns of numbers; an empty cell is NaN.
        text: columns kept as written, so that `007` and `NA` stay what they are.

    Raises:
        DataError: with file and line, for a missing file or column, or text among numbers.
    """
    if is_parquet(path):
        return from_frame(_read_parquet(path, [*numeric, *text]), path, numeric, text)
    _check_header(path, config, [*numeric, *text])
    lines = _lines(path, config.separator)
    frame = _read_csv(path, config, numeric, text)
    assert len(frame) == len(lines)
    table = _without_empty_rows(Table(frame, path, lines), text[0])
    return _with_numbers(table, numeric, config.decimal)


def from_frame(
    frame: pd.DataFrame, source: str, numeric: Sequence[str], text: Sequence[str]
) -> Table:
    """The named columns of a DataFrame, checked like a file."""
    names = [*text, *numeric]
    require_columns([str(label) for label in frame.columns], names, source)
    labels = {str(label): label for label in frame.columns}
    columns = frame[[labels[name] for name in names]].reset_index(drop=True)
    columns = columns.set_axis(names, axis="columns")
    columns = columns.assign(**{name: _as_text(columns[name]) for name in text})
    table = Table(columns, source, np.arange(len(columns)), is_csv=False)
    return _with_numbers(table, numeric, ".")


def is_parquet(path: Path | str) -> bool:
    """Whether a file is Parquet by its name; everything else is CSV."""
    return Path(path).suffix.lower() in (".parquet", ".pq")


def columns_of(path: str, separator: str = ",") -> list[str]:
    """The column names of a file."""
    if not Path(path).is_file():
        raise DataError(f"{path}: no such file; check data.path")
    if is_parquet(path):
        return list(_from_parquet("read_schema", path).names)
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file, delimiter=separator), [])
    except UnicodeDecodeError:
        raise _not_utf8(path) from None
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path}:1: {reason}; the first line must name the columns") from None
    if "\0" in "".join(header):
        raise _not_utf8(path)
    return header


def require_columns(present: Iterable[str], wanted: Sequence[str], source: str) -> None:
    """Raise a DataError if one of the wanted columns is not there, or is there twice."""
    known = [*present]
    for name in wanted:
        if name not in known:
            raise DataError(f"{source}: no column {name!r}; {did_you_mean(name, known)}")
        if known.count(name) > 1:
            raise DataError(f"{source}: column {name!r} appears twice; rename one")


def _check_header(path: str, config: DataConfig, wanted: Sequence[str]) -> None:
    header = columns_of(path, config.separator)
    if not header:
        what = "the first line is blank" if Path(path).stat().st_size else "the file is empty"
        raise DataError(f"{path}:1: {what}; the first line must name the columns")
    other = [mark for mark in ";\t|," if mark != config.separator and mark in "".join(header)]
    if len(header) == 1 and other and wanted != header:
        raise DataError(
            f"{path}:1: the cells are separated by {other[0]!r}, not {config.separator!r};"
            f" set data.separator: {other[0]!r}"
        )
    require_columns(header, wanted, f"{path}:1")


def _lines(path: str, separator: str) -> np.ndarray:
    """Line at which each row below the header begins, blank lines too.

    Every row must have as many cells as the header: pandas would fill up a short one and cut a
    long one without a word. The rows are counted by the csv module, not by a loop.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=separator, strict=True)
            cells = np.fromiter(map(len, reader), dtype=np.int64)
            is_line_a_row = reader.line_num == len(cells)
    except UnicodeDecodeError:
        raise _not_utf8(path) from None
    except csv.Error as error:
        *_, line = 0, *_row_ends(path, separator)
        raise DataError(f"{path}:{line + 1}: {error}; mend the quotes of this row") from None
    ends = np.arange(1, len(cells) + 1)
    if not is_line_a_row:
        ends = np.array([*_row_ends(path, separator)])
    ragged = (cells != cells[0]) & (cells > 0)
    if ragged.any():
        row = int(np.argmax(ragged))
        raise DataError(
            f"{path}:{ends[row - 1] + 1}: {cells[row]} cells, but the header has {cells[0]}; write"
            f" empty cells too, and put a cell that holds {separator!r} in quotes"
        )
    return ends[:-1] + 1


def _row_ends(path: str, separator: str) -> Iterator[int]:
    """Last line of each row, until the end or the first row that cannot be read."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=separator, strict=True)
        with contextlib.suppress(csv.Error):
            for _ in reader:
                yield reader.line_num


def _without_empty_rows(table: Table, first: str) -> Table:
    """The table without blank lines and rows of empty cells; `first` is one of its columns."""
    empty = (table.frame[first].isna() | (table.frame[first] == "")).to_numpy()
    if not empty.any():
        return table
    rows = table.frame[empty]
    empty[empty] = (rows.isna() | (rows == "")).all(axis=1)
    return replace(
        table, frame=table.frame[~empty].reset_index(drop=True), lines=table.lines[~empty]
    )


def _not_utf8(path: str) -> DataError:
    line = 1
    try:
        Path(path).read_bytes().decode()
    except UnicodeDecodeError as error:
        line += error.object.count(b"\n", 0, error.start)
    return DataError(f"{path}:{line}: not UTF-8 text; save the file as CSV in UTF-8")


def _read_csv(
    path: str, config: DataConfig, numeric: Sequence[str], text: Sequence[str]
) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                path,
                sep=config.separator,
                decimal=config.decimal,
                encoding="utf-8-sig",
                usecols=[*numeric, *text],
                dtype=dict.fromkeys(text, "object"),
                na_values={name: list(EMPTY) for name in numeric},
                keep_default_na=False,
                skip_blank_lines=False,
                index_col=False,
                low_memory=False,
                float_precision="round_trip",
                compression=None,
            )
    except (ValueError, pd.errors.ParserWarning) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: {reason}; check data.separator and data.decimal") from None


def _with_numbers(table: Table, numeric: Sequence[str], decimal: str) -> Table:
    """The table with its numeric columns as finite float64 or NaN."""
    if len(table.frame) == 0:
        raise DataError(f"{table.source}: no rows below the header; add one row a time step")
    columns = {}
    for name in numeric:
        values = _numbers(table, name, decimal)
        too_large = np.abs(values) > np.finfo(np.float32).max
        if too_large.any():
            row = int(np.argmax(too_large))
            raise DataError(
                f"{table.place(row)}: column {name!r} holds {values[row]:g}, which is no finite"
                " 32-bit number; mend it or leave the cell empty"
            )
        columns[name] = values
    return replace(table, frame=table.frame.assign(**columns))


def _numbers(table: Table, name: str, decimal: str) -> np.ndarray:
    """float64 of a column; text among numbers is refused."""
    column = table.frame[name]
    if column.dtype.kind in "iuf":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    texts = column.astype("string").str.strip()
    texts = texts.mask(texts.isin(EMPTY))
    if decimal != ".":
        has_point = texts.str.contains(".", regex=False).fillna(False)
        texts = texts.mask(has_point, "point").str.replace(decimal, ".", regex=False)
    bad = (pd.to_numeric(texts, errors="coerce").isna() & texts.notna()).to_numpy()
    if bad.any():
        raise _not_a_number(table, name, int(np.argmax(bad)), decimal)
    return texts.to_numpy(dtype=np.float64, na_value=np.nan)


def _not_a_number(table: Table, name: str, row: int, decimal: str) -> DataError:
    cell = str(table.frame[name].iloc[row])
    other = "," if decimal == "." else "."
    is_number = cell.replace(other, "").lstrip("-+").isdigit() and other in cell
    if THOUSANDS.fullmatch(cell.strip()):
        remedy = "thousands separators are not read; write the numbers without them"
    elif is_number:
        remedy = f"set data.decimal: {other!r}"
    else:
        remedy = "mend the cell, or leave it empty and set data.missing"
    return DataError(
        f"{table.place(row)}: column {name!r} holds {shown(cell)}, not a number; {remedy}"
    )


def _as_text(column: pd.Series) -> pd.Series:
    """A column as text or None; dates stay dates. Each distinct cell is converted once."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return column
    if pd.api.types.infer_dtype(column, skipna=True) == "string":
        return column.astype(object)
    codes, distinct = pd.factorize(column)
    texts = np.array([*map(str, distinct), None], dtype=object)
    return pd.Series(texts[codes], dtype=object)


def _read_parquet(path: str, columns: Sequence[str]) -> pd.DataFrame:
    require_columns(columns_of(path), columns, path)
    frame: pd.DataFrame = _from_parquet("read_table", path, columns=list(columns)).to_pandas()
    return frame.reset_index() if set(columns) - set(frame.columns) else frame


def _from_parquet(function: str, path: str, **options: Any) -> Any:
    try:
        from pyarrow import parquet
    except ImportError:
        raise DataError("reading Parquet needs pyarrow: pip install 'forecast[parquet]'") from None
    try:
        return getattr(parquet, function)(path, **options)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(f"{path}: {reason}; write the file again as Parquet") from None
