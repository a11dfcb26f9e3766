"""Times that are spread over columns: year, month, day and hour, or a date and an hour."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from forecast.tables.compact import categories, distinct_texts
from forecast.tables.table import Columns, Table
from forecast.times.month_names import month_of

MARKS = ("", "-", "-", " ", ":", ":")
"""Before year, month, day, hour, minute and second."""
MONTH_PLACE = 1
QUARTER = re.compile("quart|qtr|trimes|kwart", re.I)
QUARTER_CELL = r"\s*[Qq]\s?0?[1-4]\s*"
DAY_OF_YEAR = re.compile(r"doy|y(?:ear)?.?day|day.?of.?(?:the.?)?year|julian", re.I)
WEEK = re.compile("week|woche|semain|semana|(?<![a-z])(?:kw|wk|cw)(?![a-z])", re.I)
"""In names of columns that count within a year."""
UNTIL = re.compile(r"(?<=\d)\s?[-\u2013]\s?\d.*")
"""The end of an hour behind its begin: 01-02, or 01:00 - 02:00."""
FOUR = re.compile(r"^(\d\d)(\d\d)$")
"""A clock such as 1800."""
DOTTED = re.compile(r"(\d{1,2})\.(\d\d)(?:\.(\d\d))?$")
"""A clock such as 18.00.00."""


def with_joined_times(table: Table, time: str, parts: Sequence[str]) -> Table:
    """A table with a column of times made of others.

    Args:
        table: with these columns.
        time: name of the column that is made.
        parts: of the time, the longest first.
    """
    joined = joined_times(pd.DataFrame({name: table.frame[name] for name in parts}))
    codes, texts = pd.factorize(joined)
    column = categories(codes, texts.to_numpy(dtype=object)).rename(time)
    return replace(table, frame=_WithTimes(table.frame, time, column))


@dataclass(frozen=True)
class _WithTimes:
    """Columns with one of times that the table has not."""

    columns: Columns
    time: str
    times: pd.Series

    def __getitem__(self, name: str) -> pd.Series:
        return self.times if name == self.time else self.columns[name]

    def __len__(self) -> int:
        return len(self.times)


def joined_times(parts: pd.DataFrame) -> pd.Series:
    """Texts of times; an empty part makes an empty text.

    Args:
        parts: columns in order, the first of them years or dates; beside a year there may be a
            quarter or a week, which their names tell.
    """
    first, *others = (_texts(parts[name]) for name in parts)
    names = [str(name) for name in parts][1:]
    is_empty = first == ""
    is_date = bool(first.str.contains(r"\D|^\d{8}$").any())
    joined = first
    for place, (name, text) in enumerate(zip(names, others, strict=True), 3 if is_date else 1):
        is_empty |= text == ""
        if QUARTER.search(name) or bool((is_empty | text.str.fullmatch(QUARTER_CELL)).all()):
            joined = joined + "-Q" + _number(text).str.lstrip("0")
        elif place == MONTH_PLACE and DAY_OF_YEAR.search(name):
            joined = joined + "-" + text.str.zfill(3)
        elif WEEK.search(name):
            joined = joined + "-W" + _number(text).str.zfill(2)
        else:
            if place == MONTH_PLACE:
                text = text.map({cell: str(month_of(cell) or cell) for cell in text.unique()})
                text = _number(text)
            text = _clock(text) if is_date else text
            joined = joined + MARKS[min(place, len(MARKS) - 1)] + text.str.zfill(2)
    if len(others) == (1 if is_date else 3):  # an hour is a time with its minutes alone
        joined = joined.where(joined.str.contains(r":|[AaPp][Mm]$"), joined + ":00")
    return joined.mask(is_empty, "")


def _clock(texts: pd.Series) -> pd.Series:
    """Hours and clocks with colons, without the hour that they last until."""
    begins = texts.str.replace(UNTIL, "", regex=True).str.replace(FOUR, r"\1:\2", regex=True)
    return begins.str.replace(DOTTED, lambda hit: ":".join(filter(None, hit.groups())), regex=True)


def _number(texts: pd.Series) -> pd.Series:
    """Q1, W52 and M01 without their letters."""
    return texts.str.replace(r"^[A-Za-z]{1,2}\s?(?=\d)", "", regex=True)


def _texts(column: pd.Series) -> pd.Series:
    """Cells as texts, `2024.0` as `2024`."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.astype(str).str[:10].reset_index(drop=True)
    codes, texts = distinct_texts(column.astype(str) if column.dtype.kind in "iuf" else column)
    distinct = pd.Series([*texts, ""], dtype=object).astype(str).str.strip()
    distinct = distinct.str.replace(r"^(\d+)\.0+$", r"\1", regex=True)
    return pd.Series(distinct.to_numpy(dtype=object)[codes], dtype=object).reset_index(drop=True)
