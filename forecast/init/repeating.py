"""Columns that repeat the time of a table, a part of it such as the day of the week, or their own
value all day long."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Int, Shaped

from forecast.init.time_column import dates_of
from forecast.times.formats import code_format, read_formatted

CALENDAR = ("year", "quarter", "month", "day", "day_of_year", "day_of_week", "hour", "minute")
"""Parts of a time that pandas names, which a column may repeat."""
OFTEN = 4
"""Times of each number, so that it is no chance."""
FIRST_ROWS = 1000
"""By which most columns are told to repeat nothing."""
FEWEST_DAYS, ROWS_A_DAY, FEWEST_VALUES = 7, 4, 3
"""Of a table that says which of its columns hold one value for each day."""
NEAR_YEARS, NEAR = 0.1, pd.Timedelta(days=32)
"""From a time to the end of its step, in another zone, or to the month that a code names."""


def repeating_time(
    frame: pd.DataFrame, names: Sequence[str], time: str, time_format: str | None
) -> tuple[str, ...]:
    """Columns of numbers that are the time again, or number its weekdays, months or other parts.

    Args:
        frame: the table.
        names: columns to look at.
        time: column of times.
        time_format: as in the section `data`; None: as written.
    """
    numbers = [n for n in names if frame[n].dtype.kind in "iuf" and not frame[n].hasnans]
    dates, rows = dates_of(frame[time], time_format) if numbers else (pd.DatetimeIndex([]), None)
    if rows is None or len(dates) < 2 or (rows < 0).any() or dates.hasnans:
        return ()
    again = [name for name in numbers if _is_time(frame[name].to_numpy(), dates, rows)]
    whole = [n for n in numbers if n not in again and frame[n].dtype.kind in "iu"]
    parts = [np.asarray(getattr(dates, name), dtype=np.int64) for name in CALENDAR]
    parts.append(dates.isocalendar()["week"].to_numpy(dtype=np.int64))
    part = [name for name in whole if any(_numbers_part(frame[name], p, rows) for p in parts)]
    return (*again, *part)


def held_for_days(
    frame: pd.DataFrame,
    names: Sequence[str],
    time: str,
    time_format: str | None,
    ids: Sequence[str],
) -> tuple[str, ...]:
    """Columns that change from day to day alone, as weather of the day beside counts of the hour.

    Args:
        frame: the table.
        names: columns of numbers, to look at.
        time: column of times.
        time_format: as in the section `data`; None: as written.
        ids: columns that name the series.
    """
    left = [*names]
    for some in (frame.head(FIRST_ROWS), frame):
        dates, rows = dates_of(some[time], time_format)
        if not left or (rows < 0).any() or dates.hasnans:
            return ()
        days = pd.Series(pd.factorize(dates.normalize())[0][rows], index=some.index, name="day")
        groups = some.groupby([days, *(some[name] for name in ids)], sort=False, observed=True)
        left = _constant_within(some[left], groups.ngroup().to_numpy())
    has_many = len(frame) >= ROWS_A_DAY * groups.ngroups and days.nunique() >= FEWEST_DAYS
    return tuple(n for n in left if frame[n].nunique() > FEWEST_VALUES) if has_many else ()


def _constant_within(frame: pd.DataFrame, group: Int[np.ndarray, " N"]) -> list[str]:
    """Columns of numbers with one value at most in each group of rows, empty cells left out."""
    order = np.argsort(group, kind="stable")
    begins = np.flatnonzero(np.diff(group[order], prepend=-2))  # -1: a series without a name
    values = frame.to_numpy(np.float64, na_value=np.nan)[order]
    least, most = (each.reduceat(values, begins) for each in (np.fmin, np.fmax))
    return [*frame.columns[((least == most) | np.isnan(least)).all(axis=0)]]


def _is_time(
    values: Shaped[np.ndarray, " N"], dates: pd.DatetimeIndex, rows: Int[np.ndarray, " N"]
) -> bool:
    """Whether numbers are the times of their rows, as years with a fraction or codes, or end them.

    Args:
        values: of any kind of numbers.
        dates: the distinct times.
        rows: the number of the time of each row.
    """
    for head in (slice(FIRST_ROWS), slice(None)):
        some, when = values[head], dates.tz_localize(None)[rows[head]]
        years = when.year + (when.day_of_year - 1) / 365.25
        if np.abs(some - years).max() < NEAR_YEARS:
            continue
        if np.abs(some).max() >= 2**63 or (some % 1 != 0).any():  # infinity has no remainder
            return False
        code = code_format(some.astype(np.int64))
        if code is None:
            return False
        texts = pd.Series(some.astype(np.int64)).astype(str)
        read = read_formatted(texts, code).tz_localize(None)
        if not (np.abs(read - when) < NEAR).all():
            return False
    return bool(np.ptp(values) > 0)


def _numbers_part(
    column: pd.Series, part: Int[np.ndarray, " times"], rows: Int[np.ndarray, " N"]
) -> bool:
    """Whether a column gives each value of a part of the time a number of its own.

    Args:
        column: without empty cells.
        part: of the distinct times.
        rows: the number of the time of each row.
    """
    if column.hasnans:
        return False
    for head in (slice(FIRST_ROWS), slice(None)):
        pairs = pd.DataFrame({"part": part[rows[head]], "number": column.to_numpy()[head]})
        distinct = pairs.drop_duplicates()
        if distinct["part"].duplicated().any() or distinct["number"].duplicated().any():
            return False
    count = len(distinct)
    is_counting = bool(np.ptp(distinct["number"]) == count - 1)
    is_equal = bool((distinct["number"] == distinct["part"]).all())
    return 2 <= count <= len(part) // OFTEN and (is_counting or is_equal)
