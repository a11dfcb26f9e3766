"""Which column holds the times of a table: dates, or integers that are dates, that tick evenly."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from jaxtyping import Int

from forecast.config.data import EXCEL
from forecast.errors import DataError, listed, named
from forecast.times.axis import iso_dates, nanoseconds
from forecast.times.formats import begins_of, code_format, formats_of, read_formatted

NAMES = ("ds", "date", "datetime", "time", "timestamp", "month", "week", "day", "year")
"""Names that a time column often has, likeliest first."""
LIKE_A_TIME = re.compile(
    r"date|time|stamp|month|week|quarter|period|year|day|datum|fecha"
    r"|^(?:ds|ts|zeit\w*|tag|monat|woche|quartal|jahr|mois|année|jour|mes|año)$",
    re.I,
)
LIKE_A_DAY = re.compile(
    r"date|datum|fecha|^(?:ds|ts|time|timestamp|day|tag|month|monat|week)$", re.I
)
"""Names of columns in which whole numbers may be the days of a spreadsheet."""
HEAD_ROWS = 50
"""Rows by which a column of dates is known."""
EVEN = 0.5
"""Share of the steps of a time column that are the usual one, a month as good as any."""


def time_column(
    frame: pd.DataFrame, path: str, time_format: str | None, has_lines: bool = True
) -> str:
    """The column of times: of dates those that tick evenly, and of these the finest.

    Args:
        frame: the table.
        path: what messages call it.
        time_format: as in the section `data`; None: as written.
        has_lines: whether it is a CSV, in which a line names the columns.

    Raises:
        DataError: if there is none.
    """
    by_name = [n for name in NAMES for n in frame.columns if n.lower() == name]
    by_value = [n for n in frame.columns if holds_dates(frame[n], time_format)]
    if time_format is None:
        by_value += [n for n in frame.columns if integer_format(frame[n])]
    dates = [*[n for n in by_name if n in by_value], *[n for n in by_value if n not in by_name]]
    if len(frame.columns) == 1 and not dates and not has_lines:
        raise DataError(
            f"{path}: beside {named(frame.columns[0])} there are no times; give them a column or,"
            " in pandas, the index; a column alone, without a frame, has the times 0, 1, ..."
        )
    if len(frame.columns) == 1 and not dates:
        raise DataError(
            f"{path}: the first line names one column, {named(frame.columns[0])}; it must name the"
            " times and what is forecast, with , ; | or a tab between: delete what stands above it"
            " and quotes around it, or add a column of times"
        )
    texts = [n for n in frame.columns if not pd.api.types.is_numeric_dtype(frame[n])]
    by_name = by_name or [n for n in texts if LIKE_A_TIME.search(n)]
    if not (dates or by_name):
        above = ", or delete what stands above the line that names the columns" if has_lines else ""
        raise DataError(
            f"{path}: none of the columns {listed(frame.columns)} holds times; name it with"
            f" --time{above}"
        )
    if len(dates) < 2:
        return (dates or by_name)[0]
    even = [name for name in dates if evenness(frame[name], time_format) >= EVEN]
    return max(even or dates, key=lambda name: int(frame[name].nunique()))


def integer_format(column: pd.Series) -> str | None:
    """The format of numbers that are times, by their digits and the name of their column."""
    is_named = LIKE_A_TIME.search(str(column.name))
    if not is_named or not pd.api.types.is_numeric_dtype(column) or not len(column):
        return None
    values = column.to_numpy()
    if values.dtype.kind not in "iuf" or not abs(values).max() < 2**63:
        return None
    code = code_format(values.astype(np.int64))
    if code == EXCEL:
        return code if LIKE_A_DAY.search(str(column.name)) else None
    return code if (values % 1 == 0).all() else None


def holds_dates(column: pd.Series, time_format: str | None) -> bool:
    """Whether the first cells of a column are dates; numbers are none."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return True
    if not len(column) or (pd.api.types.is_numeric_dtype(column) and time_format is None):
        return False
    head = begins_of(column.head(HEAD_ROWS).astype(str).str.strip().reset_index(drop=True))
    try:
        if time_format is not None:
            return not np.any(read_formatted(head, time_format).isna())
    except (ValueError, re.error) as error:
        raise DataError(f"data.time_format {time_format!r}: {error}") from None
    return not np.any(iso_dates(head, utc=True).isna()) or bool(formats_of(head))


def are_intervals(column: pd.Series) -> bool:
    """Whether the first cells of a column of times are intervals, each from one time to another."""
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_numeric_dtype(column):
        return False
    texts = column.head(HEAD_ROWS).astype(str).str.strip()
    return begins_of(texts) is not texts


def has_several_offsets(column: pd.Series) -> bool:
    """Whether times are written with more than one distance to UTC."""
    offset = r"[+-]\d\d:?\d\d"
    first = str(column.iloc[0]) if pd.api.types.is_string_dtype(column.dtype) else ""
    if not re.search(rf"\d:\d\d.*{offset}\s*$", first):  # 05-02-2010 has none
        return False
    ends = column.astype(str).str.strip().str[-len("+00:00") :].drop_duplicates()
    return ends.str.extract(f"({offset})$")[0].nunique(dropna=False) > 1


def dates_of(
    column: pd.Series, time_format: str | None
) -> tuple[pd.DatetimeIndex, Int[np.ndarray, " N"]]:
    """The distinct times of a column, NaT for those that cannot be read, and which each row has.

    An empty cell is row -1.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        rows, found = pd.factorize(column)
        return pd.DatetimeIndex(found), rows
    rows, cells = pd.factorize(column)
    texts = begins_of(pd.Series([*map(str, cells)], dtype=object).str.strip())
    return _read(texts, time_format or integer_format(column)), rows


def evenness(column: pd.Series, time_format: str | None) -> float:
    """Share of the steps between distinct times that are the usual one, a month as good as any."""
    dates = dates_of(column, time_format)[0].dropna().unique()
    if len(dates) < 3:
        return 0.0
    steps = np.diff(np.sort(nanoseconds(dates)))
    days = steps // pd.Timedelta(days=1).value
    month = ((days >= 28) & (days <= 31)).mean()
    return float(max(month, np.unique(steps, return_counts=True)[1].max() / len(steps)))


def _read(texts: pd.Series, time_format: str | None) -> pd.DatetimeIndex:
    """Dates; NaT for what cannot be read."""
    if time_format is not None:
        return read_formatted(texts, time_format)
    dates = iso_dates(texts, utc=True)
    if np.any(dates.isna()):
        found = formats_of(texts)
        dates = next(iter(found.values()), dates)
    return dates
