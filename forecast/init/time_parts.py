"""Columns that make up the time together: year and month, year and week, a date and a clock."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from forecast.errors import DataError, shown
from forecast.init.time_column import EVEN, evenness, holds_dates, integer_format
from forecast.times.month_names import month_of
from forecast.times.parts import QUARTER_CELL, joined_times

Bounds = tuple[int, int]
NUMBERS: Mapping[str, Bounds] = {
    "year|yr|yyyy|jahr|année|annee|año|anno|jaar|ano": (1678, 2261),
    "month|mo|mth|mnth|mm|monat|mois|mes|mese|maand|mês": (1, 12),
    "day|dy|dd|tag|jour|día|dia|giorno|dag": (1, 31),
    "(?:hour|hr)s?(?:.?(?:end|ending|begin|beginning|of.?day|no|number))?"
    "|he|hh|stunde|heure|hora|ora|uur": (0, 24),
    "minute|min|mm": (0, 59),
}
"""Names of parts of a time, with the bounds of their numbers, in their order."""
YEAR, MONTH, _, HOUR, _ = NUMBERS
WITHIN_YEAR: Mapping[str, Bounds] = {
    "quarter|qtr|quartal|trimestre|trimester|kwartaal": (1, 4),
    "(?:iso.?)?week(?:.?(?:no|num|number|of.?year))?|wk|woche|kalenderwoche|kw|semaine|semana": (
        1,
        53,
    ),
    "doy|y(?:ear)?.?day|day.?of.?(?:the.?)?year|julian.?day": (1, 366),
}
"""What may stand beside a year alone."""
LETTERED = {MONTH: r"[Mm](?:0?[1-9]|1[0-2])", next(iter(WITHIN_YEAR)): QUARTER_CELL}
"""Cells that tell months and quarters, also in a column of periods."""
PERIOD = "(?:.*[ _.-])?period"
"""Beside a year it may be fiscal: its cells must tell what it counts."""
PART_OF_TIME = re.compile(
    r"(?:.*(?:[ _.-]|(?-i:(?<=[a-z])(?=[A-Z]))))?(?:time|clock|uhrzeit|hours?|hr|he|stunde|heure"
    r"|hora|ora|uur|period|month|monat|mois|quarter|quartal|week|woche|semaine|day|interval|slot)"
    r"(?:[ _.-](?:no|number|nr))?",
    re.I,
)
"""Names of columns whose numbers rather go on with the time than name a series."""
FIRST_ROWS = 1000
"""By which most columns are told."""
DAY_ALONE = r"\d[\d/.-]*\d(?: 00:00:00)?"
CLOCK = (
    r"(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?: ?[AaPp][Mm])?"
    r"(?:\s?[-\u2013]\s?\d\d?:[0-5]\d)?|(?:[01]?\d|2[0-4])\.[0-5]\d\.[0-5]\d"
    r"|(?:0?[1-9]|1[0-2]) ?[AaPp][Mm]|(?:[01]\d|2[0-4])[0-5]\d"
    r"|(?:[01]\d|2[0-4])\s?[-\u2013]\s?(?:[01]\d|2[0-4])"
)
"""18:00, 18:00:00, 6:00 PM, 6 PM, 1800, 18.00.00, and hours until others: 18:00-19:00, 18-19."""


def time_parts(frame: pd.DataFrame) -> tuple[str, ...]:
    """Columns of a year and its month, quarter or week, with day and hour where there are such.

    An hour, or a clock that makes dates tick evenly, may stand beside a column of dates instead.
    None where a column of dates is finer.
    """
    names = [str(name) for name in frame.columns]
    dates = [name for name in names if holds_dates(frame[name], None)]
    dates = [name for name in dates if not _all_match(frame[name], r"\d{4}")]  # years are parts
    dates = dates or [name for name in names if integer_format(frame[name]) == "%Y%m%d"]
    if dates:
        finest = dates[0]
        if len(dates) > 1:
            finest = max(dates, key=lambda name: int(frame[name].nunique()))
        is_day = _all_match(frame[finest], DAY_ALONE)
        hour = _part(frame, names, HOUR, NUMBERS[HOUR]) if is_day else None
        clock = hour or (_clock(frame, finest, names) if is_day else None)
        return (finest, clock) if clock else ()
    found: list[str] = []
    for words, bounds in NUMBERS.items():
        name = _part(frame, [name for name in names if name not in found], words, bounds)
        if name is None:
            break
        found.append(name)
    if len(found) == 1:
        others = (_part(frame, names, words, bounds) for words, bounds in WITHIN_YEAR.items())
        found += [name for name in others if name is not None][:1]
    return tuple(found) if len(found) > 1 else ()


def _all_match(cells: pd.Series, pattern: str) -> bool:
    """Whether all cells are of a pattern; each distinct one is looked at once."""
    for some in (cells.head(1), cells.head(FIRST_ROWS), cells):  # the first ones tell most columns
        if not some.drop_duplicates().astype(str).str.strip().str.fullmatch(pattern).all():
            return False
    return True


def _part(frame: pd.DataFrame, names: Sequence[str], words: str, bounds: Bounds) -> str | None:
    """The column of one of some names with whole numbers within bounds, or Q1, W52, May ..."""
    least, most = bounds
    for name in names:
        column, lettered = frame[name], LETTERED.get(words)
        is_named = lettered and re.fullmatch(f"{PERIOD}|{words}", name.strip(), re.I)
        if lettered and is_named and len(frame) and _all_match(column, lettered):
            return name
        if not re.fullmatch(words, name.strip(), re.I) or not len(frame):
            continue
        if words == MONTH and all(month_of(str(cell)) for cell in column.unique()):
            return name
        if pd.api.types.is_string_dtype(column.dtype):  # Q1 and W52, or 01
            letters = r"[A-Za-z]{0,2}\s?" if words in WITHIN_YEAR else ""
            numbers = column.astype(str).str.extract(rf"^\s*{letters}(\d{{1,4}})\s*$")[0]
            if not numbers.isna().any() and numbers.astype(int).between(least, most).all():
                return name
        if pd.api.types.is_integer_dtype(column) and column.between(least, most).all():
            return name
    return None


def _clock(frame: pd.DataFrame, dates: str, names: Sequence[str]) -> str | None:
    """The column of clocks that makes of repeated dates times that tick evenly within days."""
    for name in names:
        cells = frame[name]
        if name == dates or pd.api.types.is_numeric_dtype(cells):
            continue
        if not _all_match(cells, CLOCK) or cells.nunique() < 2:
            continue
        if not frame[dates].duplicated().any():
            return None
        if evenness(joined_times(frame[[dates, name]]), None) >= EVEN:
            return name
    return None


def refuse_part(frame: pd.DataFrame, path: str, time: str, ids: Sequence[str]) -> None:
    """Raise a DataError for columns that would name series, but seem to go on with the time.

    Args:
        frame: the table.
        path: what messages call it.
        time: column of times.
        ids: columns that tell the rows of one time apart; nobody named them.
    """
    for name in ids:
        cells = frame[name].drop_duplicates().astype(str)
        if PART_OF_TIME.fullmatch(name.strip()) and cells.str.contains(r"\d").all():
            raise DataError(
                f"{path}: columns {shown(time)} and {shown(name)} seem to make up the time"
                f" together; write both as one, such as 2024-01-31 13:30, or number the rows (1, 2,"
                f" 3, ...) in a column and name it with --time; if {shown(name)} names series, give"
                f" --id {shown(name)}"
            )
