"""Tables in and out: CSV, Parquet and DataFrames, with the line of every row for error messages."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.data.config import DataConfig
from forecast.errors import DataError, did_you_mean

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
    if not Path(path).is_file():
        raise DataError(f"{path}: no such file; check data.path")
    if Path(path).suffix.lower() in (".parquet", ".pq"):
        return from_frame(_read_parquet(path, [*numeric, *text]), path, numeric, text)
    _check_header(path, config, [*numeric, *text])
    frame = _read_csv(path, config, numeric, text)
    lines = np.arange(2, len(frame) + 2)
    kept = ~frame.isin(("",)).where(frame.notna(), True).all(axis=1).to_numpy()
    table = Table(frame[kept].reset_index(drop=True), path, lines[kept])
    return _with_numbers(table, numeric, config.decimal)


def from_frame(
    frame: pd.DataFrame, source: str, numeric: Sequence[str], text: Sequence[str]
) -> Table:
    """The named columns of a DataFrame, checked like a file."""
    require_columns(frame.columns, [*numeric, *text], source)
    columns = frame[[*text, *numeric]].reset_index(drop=True)
    for name in text:
        if not pd.api.types.is_datetime64_any_dtype(columns[name]):
            columns[name] = columns[name].astype("string").astype(object)
    table = Table(columns, source, np.arange(len(columns)), is_csv=False)
    return _with_numbers(table, numeric, ".")


def columns_of(path: str, separator: str = ",") -> list[str]:
    """The column names of a file."""
    if Path(path).suffix.lower() in (".parquet", ".pq"):
        return list(_parquet().read_schema(path).names)
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file, delimiter=separator), [])
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 text; save the file as CSV in UTF-8") from None
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path}: {reason}") from None


def require_columns(present: Iterable[str], wanted: Sequence[str], source: str) -> None:
    """Raise a DataError if one of the wanted columns is not there."""
    known = [str(name) for name in present]
    for name in wanted:
        if name not in known:
            raise DataError(f"{source}: no column {name!r}; {did_you_mean(name, known)}")


def to_csv(frame: pd.DataFrame) -> str:
    """A frame as CSV text; numbers with the digits that read back equal."""
    return frame.to_csv(index=False, lineterminator="\n")


def _check_header(path: str, config: DataConfig, wanted: Sequence[str]) -> None:
    header = columns_of(path, config.separator)
    if not header:
        raise DataError(f"{path}: the file is empty; it needs a header line and rows")
    other = [mark for mark in ";\t|," if mark != config.separator and mark in "".join(header)]
    if len(header) == 1 and other and wanted != header:
        raise DataError(
            f"{path}:1: the cells are separated by {other[0]!r}, not {config.separator!r};"
            f" set data.separator: {other[0]!r}"
        )
    repeated = sorted({name for name in header if header.count(name) > 1} & set(wanted))
    if repeated:
        raise DataError(f"{path}:1: column {repeated[0]!r} appears twice; rename one")
    require_columns(header, wanted, path)


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
            )
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 text; save the file as CSV in UTF-8") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        reason = " ".join(str(error).replace("Error tokenizing data. C error:", "").split())
        raise DataError(f"{path}: {reason}; every line needs as many cells as the header") from None


def _with_numbers(table: Table, numeric: Sequence[str], decimal: str) -> Table:
    """The table with its numeric columns as finite float64 or NaN."""
    if len(table.frame) == 0:
        raise DataError(f"{table.source}: no rows below the header")
    frame = table.frame
    for name in numeric:
        column = frame[name]
        if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            _refuse_text(table, name, decimal)
            column = pd.to_numeric(column)
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        too_large = np.abs(values) > np.finfo(np.float32).max
        if too_large.any():
            row = int(np.argmax(too_large))
            raise DataError(
                f"{table.place(row)}: column {name!r} holds {values[row]:g}, which is no finite"
                " 32-bit number; mend it or leave the cell empty"
            )
        frame = frame.assign(**{name: values})
    return Table(frame, table.source, table.lines, table.is_csv)


def _refuse_text(table: Table, name: str, decimal: str) -> None:
    column = table.frame[name]
    numbers = pd.to_numeric(column.astype("string"), errors="coerce")
    bad = (numbers.isna() & column.notna()).to_numpy()
    if not bad.any():
        return
    row = int(np.argmax(bad))
    cell = str(column.iloc[row])
    other = "," if decimal == "." else "."
    is_number = cell.replace(other, "").lstrip("-+").isdigit() and other in cell
    remedy = (
        f"set data.decimal: {other!r}"
        if is_number
        else "mend the cell, or leave it empty and set data.missing"
    )
    raise DataError(f"{table.place(row)}: column {name!r} holds {cell!r}, not a number; {remedy}")


def _read_parquet(path: str, columns: Sequence[str]) -> pd.DataFrame:
    names = columns_of(path)
    require_columns(names, columns, path)
    frame: pd.DataFrame = _parquet().read_table(path, columns=list(columns)).to_pandas()
    return frame.reset_index() if set(columns) - set(frame.columns) else frame


def _parquet() -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise DataError("reading Parquet needs pyarrow: pip install 'forecast[parquet]'") from None
    return pyarrow.parquet
