"""Which column is what: the id and target columns of a table, by their names and values."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from forecast.data.table import require_columns
from forecast.data.time_parsing import parse_times
from forecast.errors import DataError, shown
from forecast.init.helping import AUTO, MOST_ONE_HOT, Column, chosen, name_of, with_long_gaps
from forecast.init.labels import holds_labels, label_columns
from forecast.init.nearly import hindrance
from forecast.init.time_column import holds_dates

ID_NAME = "unique_id"
TARGET_NAMES = ("y", "target", "value")
LEAST_ROWS_OF_SERIES, MOST_IDS = 5, 8
"""Of columns that tell series apart together: rows a value, and how many columns are looked at."""
MOST_TARGETS = 7
"""Columns that are forecast where none is named; more are seldom what is meant."""


@dataclass(frozen=True)
class Roles:
    """What the columns of a table are."""

    time: str
    id: str | None
    targets: tuple[str, ...]
    helping: Mapping[str, tuple[Column, ...]] = field(default_factory=dict)
    """`past`, `future` and `static`: the columns of each that has any."""
    gappy: tuple[str, ...] = ()
    """Columns that are no targets, because long runs of them are empty."""
    further: tuple[str, ...] = ()
    """Columns that might be targets as well."""
    time_parts: tuple[str, ...] = ()
    """Columns that make up the time."""
    are_labels: tuple[bool, ...] = ()
    """Of each target, whether it is a label."""

    @property
    def target(self) -> tuple[Column, ...]:
        """The targets as the section `data` has them."""
        return tuple(
            {name: {"encoding": "label"}} if is_label else name
            for name, is_label in zip(self.targets, self.are_labels, strict=True)
        )

    @property
    def used(self) -> set[str | None]:
        """All columns that have a role."""
        return {
            self.time,
            *self.time_parts,
            self.id,
            *self.targets,
            *map(name_of, itertools.chain(*self.helping.values())),
        }


def find_roles(
    frame: pd.DataFrame,
    path: str,
    time: str,
    id_column: str | None,
    targets: Sequence[str] | None,
    marks: Mapping[str, str],
    helping: Mapping[str, tuple[str, ...]],
    labels: bool = False,
) -> Roles:
    """Find the id and target columns that are not given.

    Args:
        frame: the table.
        path: what messages call it.
        time: column of times.
        id_column, targets: columns; None: to be found.
        marks: what the section `data` says of the format, `timezone` and `time_format` among it.
        helping: columns that help, by their role, or `auto`; none is a time, id or target.
        labels: whether targets are labels, numbers too; otherwise texts and truth values alone
            are, which are taken where no column of numbers is found.

    Raises:
        DataError: if a column that is given is not there, or no target column is found.
    """
    others = [n for n in itertools.chain(*helping.values()) if n != AUTO or n in frame]
    given = [name for name in (time, id_column, *(targets or ()), *others) if name is not None]
    require_columns(map(str, frame.columns), given, path)
    rest = [name for name in frame.columns if name != time and name not in others]
    if id_column is None:
        candidates = [name for name in rest if name not in (targets or ())]
        id_column = _id_column(frame, time, candidates, marks)
        if id_column is None and "duplicates" not in marks:
            _refuse_several_ids(frame, path, time, candidates, marks)
    free = [name for name in rest if name != id_column]
    possible = ([] if labels else _targets(frame, free)) or label_columns(frame, free)
    if not (targets or possible):
        kind = "labels" if labels else "changing numbers"
        remedy = hindrance(frame, free) or "name one with --target"
        raise DataError(f"{path}: no column of {kind} to forecast; {remedy}")
    slips = [name for name in targets or () if frame[name].nunique() > MOST_ONE_HOT]
    if not labels and (said := hindrance(frame, slips)):
        raise DataError(f"{path}: {said}")
    gappy = () if targets else with_long_gaps(frame, id_column, possible)
    whole = [name for name in possible if name not in gappy] or possible
    found = tuple(targets or whole[:MOST_TARGETS])
    free = [n for n in rest if n not in (id_column, *found) and not holds_dates(frame[n], None)]
    return Roles(
        time,
        id_column,
        found,
        chosen(frame, id_column, found, free, helping),
        tuple(name for name in gappy if name not in found),
        () if targets else tuple(name for name in whole if name not in found),
        are_labels=tuple(labels or holds_labels(frame[name]) for name in found),
    )


def _id_column(
    frame: pd.DataFrame, time: str, candidates: Sequence[str], marks: Mapping[str, str]
) -> str | None:
    """The column that tells the rows of one time apart: words rather than whole numbers."""
    if ID_NAME in candidates:
        return ID_NAME
    if not frame[time].duplicated().any() or _has_repeated_hours_only(frame[time], marks):
        return None
    names = [n for n in candidates if n.lower() not in TARGET_NAMES and frame[n].notna().all()]
    words = [n for n in names if not pd.api.types.is_numeric_dtype(frame[n])]
    words = [n for n in words if not holds_dates(frame[n], None)]
    whole = [n for n in names if pd.api.types.is_integer_dtype(frame[n])]
    for group in (words, whole):
        telling = [n for n in group if not frame.duplicated([n, time]).any()]
        if telling:
            return min(telling, key=lambda name: int(frame[name].nunique()))
    return None


def _refuse_several_ids(
    frame: pd.DataFrame, path: str, time: str, candidates: Sequence[str], marks: Mapping[str, str]
) -> None:
    """Raise a DataError if it takes two columns or three to tell the rows of one time apart."""
    if not frame[time].duplicated().any() or _has_repeated_hours_only(frame[time], marks):
        return
    few = [
        name
        for name in candidates
        if frame[name].notna().all()
        and not pd.api.types.is_float_dtype(frame[name])
        and frame[name].nunique() <= len(frame) // LEAST_ROWS_OF_SERIES
    ][:MOST_IDS]
    for count in (2, 3):
        for names in itertools.combinations(few, count):
            if not frame.duplicated([*names, time]).any():
                joined = "/".join(str(frame[name].iloc[0]) for name in names)
                raise DataError(
                    f"{path}: it takes columns {', '.join(map(shown, names))} to tell the series"
                    f" apart; add one column that joins them, e.g. {shown(joined)}, and name it"
                    " with --id, or add the rows of one time up with --duplicates sum"
                )


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


def _targets(frame: pd.DataFrame, candidates: Sequence[str]) -> list[str]:
    """The column that is called a target, or all that change; flags only if there is nothing else.

    A flag is a column of zeros and ones: it may help, but is seldom what one wants to forecast. Of
    a column that changes in the later half alone nothing could be learned.
    """
    numbers = [name for name in candidates if _varies(frame[name])]
    called = [name for name in numbers if name.lower() in TARGET_NAMES]
    measured = [name for name in numbers if not frame[name].dropna().isin((0, 1)).all()]
    early = [name for name in measured if _varies(frame[name].head(len(frame) // 2))]
    return called[:1] or early or measured or numbers


def _varies(column: pd.Series) -> bool:
    """Whether a column holds numbers that differ."""
    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return is_number and column.nunique() > 1
