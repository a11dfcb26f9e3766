"""Tables with a column for each month, hour or other time, which hold a series in many columns."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from forecast.errors import DataError, shown
from forecast.init.time_column import LIKE_A_TIME, holds_dates
from forecast.times.month_names import month_of

YEAR = re.compile(r"years?|jahr|ann[ée]e|a[ñn]o|anno|ano|yr|yyyy", re.IGNORECASE)
DATED = re.compile(r"(?:yr?|year)?[ _]?(?:1[6-9]|20)\d\d", re.IGNORECASE)
MANY = 12
"""Numbered columns, of a table without a column of times."""
FEWEST = 3
"""Last columns whose names are times, which tell that all times stand side by side."""
KINDS = (
    ("months of a year", re.compile(r"(?:m|month)?[ _]?0?(\d{1,2})", re.I), (range(1, 13),), True),
    ("quarters of a year", re.compile(r"(?:q|qtr|quarter) ?([1-4])", re.I), (range(1, 5),), True),
    (
        "hours of a day",
        re.compile(r"(?:(?:h|he|hr|hour)[ _]?0?|0?(?=\d{1,2}:00))(\d{1,2})(?::00)?", re.I),
        (range(24), range(1, 25)),
        False,
    ),
)
"""What columns may be together, their names, all of their numbers, and whether a column of years
must stand beside them."""


def refuse_side_by_side(frame: pd.DataFrame, path: str) -> None:
    """Raise a DataError for columns of numbers that are the months, quarters or hours of a row.

    Args:
        frame: a table of which nobody said what is to be forecast.
        path: what messages call it.
    """
    names = [str(name) for name in frame if pd.api.types.is_numeric_dtype(frame[name])]
    months = {name: number for name in names if (number := month_of(name))}
    found = [("months of a year", months)] if len({*months.values()}) == 12 else []
    has_years = any(YEAR.fullmatch(str(name).strip()) for name in frame)
    for what, pattern, counts, needs_years in KINDS:
        hits = {name: int(hit[1]) for name in names if (hit := pattern.fullmatch(name.strip()))}
        is_whole = any(sorted(hits.values()) == [*count] for count in counts)
        if is_whole and (has_years or not needs_years):
            found.append((what, hits))
    are_times = len(names) >= FEWEST and all(map(_is_time, names[-FEWEST:]))
    if are_times and not found and not any(holds_dates(frame[name], None) for name in frame):
        found.append(("times", {name: 0 for name in names if _is_time(name)}))
    if not found and not any(_may_be_time(frame[name]) for name in frame):
        found += [
            ("times, it seems", run)
            for run in _numbered(names)
            if 2 * len(run) > len(frame.columns)
        ]
    if found:
        what, columns = found[0]
        raise DataError(
            f"{path}: {side_by_side([*columns], what)}, or name what is forecast with --target"
        )


def side_by_side(columns: Sequence[str], what: str) -> str:
    """What is said of columns that are times, and what to do about it."""
    return (
        f"columns {shown(columns[0])} to {shown(columns[-1])} are the {what}; write them one below"
        " the other, each with its time and its value (pandas.melt does)"
    )


def _may_be_time(column: pd.Series) -> bool:
    return bool(LIKE_A_TIME.search(str(column.name))) or holds_dates(column, None)


def _numbered(names: Sequence[str]) -> list[dict[str, int]]:
    """Columns of one name and consecutive numbers, d_1, d_2, ..., of which there are many."""
    runs: dict[str, dict[str, int]] = {}
    for name in names:
        if hit := re.fullmatch(r"(.*?)(\d+)", name.strip()):
            runs.setdefault(hit[1], {})[name] = int(hit[2])
    many = [run for run in runs.values() if len(run) >= MANY]
    return [run for run in many if (np.diff([*run.values()]) == 1).all()]


def _is_time(name: str) -> bool:
    return bool(DATED.fullmatch(name.strip())) or holds_dates(pd.Series([name]), None)
