"""Which columns name the series of a table: those that tell the rows of one time apart."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from forecast.errors import DataError
from forecast.init.time_column import holds_dates
from forecast.times.parsing import parse_times

ID_NAME = "unique_id"
TARGET_NAMES = ("y", "target", "value")
LEAST_ROWS_OF_SERIES, MOST_IDS = 5, 8
"""Of numbers and of columns that tell series apart together: rows a value, and how many columns are
looked at."""
MOST_LEFT = 0.05
"""Share of the rows of one time that a column of series may leave: the message is about these."""
FEW = 2
"""So many times the rows of one time a column of numbers may name series, whatever others do."""


def found_ids(
    frame: pd.DataFrame, time: str, candidates: Sequence[str], marks: Mapping[str, str]
) -> tuple[str, ...]:
    """The column that tells the rows of one time apart, words rather than whole numbers, or the
    two or three that do together; none where rows of one time are to be merged.

    Counts tell rows apart as well, by chance: numbers name few series, and leave another column.
    """
    if ID_NAME in candidates:
        return (ID_NAME,)
    if not frame[time].duplicated().any() or _has_repeated_hours_only(frame[time], marks):
        return ()
    names = [n for n in candidates if n.lower() not in TARGET_NAMES and frame[n].notna().all()]
    words = [n for n in names if not pd.api.types.is_numeric_dtype(frame[n])]
    words = [n for n in words if not holds_dates(frame[n], None)]
    whole = [n for n in names if pd.api.types.is_integer_dtype(frame[n]) and len(candidates) > 1]
    if telling := _telling(frame, time, words):
        return (telling,)
    number = _telling(frame, time, whole)
    most = int(frame[time].value_counts(dropna=False).max())
    if number and frame[number].nunique() <= FEW * most:
        return (number,)
    several = () if "duplicates" in marks else _several_ids(frame, time, candidates)
    if several or number is None:
        return several
    others = [n for n in candidates if n != number and varies(frame[n])]
    return (number,) if others else ()


def _telling(frame: pd.DataFrame, time: str, names: Sequence[str]) -> str | None:
    """Of some columns the one of the fewest series that tells all rows of one time apart, or most;
    the number of a row is none."""
    repeated = [n for n in names if frame[n].duplicated().any()]
    telling = [n for n in repeated if not frame.duplicated([n, time]).any()]
    telling = telling or [n for n in repeated if _nearly_tells(frame, n, time)]
    return min(telling, key=lambda name: int(frame[name].nunique()), default=None)


def _nearly_tells(frame: pd.DataFrame, name: str, time: str) -> bool:
    """Whether a column tells most rows of one time apart, but few, as hours of clocks put back."""
    if frame[name].nunique() > len(frame) // LEAST_ROWS_OF_SERIES:
        return False
    alike, left = frame[time].duplicated().sum(), frame.duplicated([name, time]).sum()
    return bool(left <= MOST_LEFT * alike)


def _several_ids(frame: pd.DataFrame, time: str, candidates: Sequence[str]) -> tuple[str, ...]:
    """The two or three columns that tell the rows of one time apart, words first; or none."""
    few = [
        name
        for name in candidates
        if frame[name].notna().all()
        and name.lower() not in TARGET_NAMES
        and not pd.api.types.is_float_dtype(frame[name])
        and frame[name].nunique() <= len(frame) // LEAST_ROWS_OF_SERIES
    ]
    few.sort(key=lambda name: pd.api.types.is_numeric_dtype(frame[name]))
    for count in (2, 3):
        groups = itertools.combinations(few[:MOST_IDS], count)
        telling = [names for names in groups if not frame.duplicated([*names, time]).any()]
        if telling and count < len(candidates):
            best = min(telling, key=lambda names: len(frame.drop_duplicates([*names])))
            return tuple(name for name in frame if name in best)
    return ()


def _has_repeated_hours_only(column: pd.Series, marks: Mapping[str, str]) -> bool:
    """Whether times appear twice only where clocks are put back."""
    if "timezone" not in marks:
        return False
    one_series = np.zeros(len(column), dtype=np.int64)
    try:
        times = parse_times(
            column, one_series, "auto", marks.get("time_format"), marks["timezone"], str
        )
    except DataError:
        return False
    return len(np.unique(times.values)) == len(column)


def varies(column: pd.Series) -> bool:
    """Whether a column holds numbers that differ."""
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return False
    least, most = column.min(), column.max()
    return bool(pd.notna(least) and least != most)
