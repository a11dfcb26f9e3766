"""Which column is what: the columns of a table by their names and values."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.errors import DataError
from forecast.init.helping import (
    AUTO,
    MOST_AUTO,
    MOST_ONE_HOT,
    Column,
    Columns,
    name_of,
)
from forecast.init.hints import Hints
from forecast.init.ids import TARGET_NAMES, found_ids, varies
from forecast.init.labels import holds_labels, label_columns
from forecast.init.nearly import Hindrance, hindrance
from forecast.init.repeating import held_for_days, repeating_time
from forecast.init.time_column import holds_dates
from forecast.init.time_parts import refuse_part
from forecast.tables.table import require_columns

EVENTS = "; of a list of events, count those of each hour or day first"
FEWEST_SHUFFLED = 12
"""Rows of which numbers 1 by 1, in any order, are those of the rows."""
MOST_TARGETS = 7
"""Columns that are forecast where none is named; more are seldom what is meant."""


@dataclass(frozen=True)
class Roles:
    """What the columns of a table are."""

    time: str
    ids: tuple[str, ...]
    targets: tuple[str, ...]
    helping: Mapping[str, tuple[Column, ...]]
    """`past`, `future` and `static`: the columns of each that has any."""
    gappy: tuple[str, ...]
    """Columns that are no targets, because long runs of them are empty."""
    further: tuple[str, ...]
    """Columns that might be targets as well."""
    daily: tuple[str, ...]
    """Columns that are no targets, because they hold one value for each day, and others do not."""
    ahead: tuple[str, ...]
    """Columns that go on where the targets have ended: what `--future auto` takes."""
    are_labels: tuple[bool, ...]
    """Of each target, whether it is a label."""
    time_parts: tuple[str, ...] = ()
    """Columns that make up the time."""

    @property
    def target(self) -> tuple[Column, ...]:
        """The targets as the section `data` has them."""
        return tuple(
            {name: {"encoding": "label"}} if is_label else name
            for name, is_label in zip(self.targets, self.are_labels, strict=True)
        )

    @property
    def numeric(self) -> set[str]:
        """The columns of numbers among those that have a role."""
        helping = itertools.chain(*self.helping.values())
        targets = (name for name in self.target if isinstance(name, str))
        return {*targets, *(column for column in helping if isinstance(column, str))}

    @property
    def used(self) -> set[str]:
        """All columns that have a role."""
        return {
            self.time,
            *self.time_parts,
            *self.ids,
            *self.targets,
            *map(name_of, itertools.chain(*self.helping.values())),
        }


def find_roles(
    frame: pd.DataFrame,
    path: str,
    time: str,
    hints: Hints,
    marks: Mapping[str, str],
    place: Callable[[Hindrance], str],
) -> Roles:
    """Find the id and target columns that are not given.

    Args:
        frame: the table.
        path: what messages call it.
        time: column of times.
        hints: the columns that are given. Where no target is, columns of numbers are taken, or of
            texts and truth values, as labels, where none is found.
        marks: what the section `data` says of the format, `timezone` and `time_format` among it.
        place: where a cell stands.

    Returns:
        The columns of each role, and those that might be targets as well.

    Raises:
        DataError: if a column that is given is not there, or no target column is found.
    """
    helping = [n for n in itertools.chain(*hints.helping.values()) if n != AUTO or n in frame]
    given = [time, *hints.ids, *(hints.targets or ()), *helping]
    require_columns(map(str, frame.columns), given, path)
    rest = [name for name in frame.columns if name != time and name not in helping]
    candidates = [name for name in rest if name not in (hints.targets or ())]
    ids = (*hints.ids,)
    if not ids:
        ids = found_ids(frame, time, candidates, marks)
        refuse_part(frame, path, time, ids)
    known = () if hints.targets else repeating_time(frame, rest, time, marks.get("time_format"))
    columns = Columns.of(frame, ids)

    def held(names: Sequence[str]) -> tuple[str, ...]:
        return held_for_days(frame, names, time, marks.get("time_format"), ids)

    free = [name for name in rest if name not in ids]
    targets = _targets_of(columns, path, hints, place, free, (*known, *columns.static(free)), held)
    free = [n for n in free if n not in targets.chosen and not holds_dates(frame[n], None)]
    return Roles(
        time,
        ids,
        targets.chosen,
        columns.helping(targets.chosen, free, hints.helping),
        targets.gappy,
        targets.further,
        targets.daily,
        tuple(columns.known_ahead(targets.chosen, free)[:MOST_AUTO]),
        are_labels=tuple(hints.labels or holds_labels(frame[name]) for name in targets.chosen),
    )


@dataclass(frozen=True)
class _Targets:
    """The columns to forecast, and why others are not, as in `Roles`."""

    chosen: tuple[str, ...]
    gappy: tuple[str, ...] = ()
    further: tuple[str, ...] = ()
    daily: tuple[str, ...] = ()


def _targets_of(
    columns: Columns,
    path: str,
    hints: Hints,
    place: Callable[[Hindrance], str],
    free: Sequence[str],
    known: Sequence[str],
    held: Callable[[Sequence[str]], tuple[str, ...]],
) -> _Targets:
    """The targets that are given, or the first of those that are found among the free columns.

    Those that are known for ever, from the time or the series, are taken if there are no others.

    Raises:
        DataError: if there is none, or one that is given holds numbers with slips among them.
    """
    frame, given = columns.frame, hints.targets or ()
    slips = [name for name in given if frame[name].nunique() > MOST_ONE_HOT]
    if not hints.labels and (found := hindrance(frame, slips)):
        raise DataError(f"{place(found)}: {found}")
    if given:
        return _Targets(tuple(given))
    measured = [name for name in free if name not in known]
    numbers = [] if hints.labels else _numbers(frame, measured) or _numbers(frame, free)
    daily = held(numbers) if len(numbers) > 1 else ()
    daily = daily if len(daily) < len(numbers) else ()
    numbers = [name for name in numbers if name not in daily]
    possible = numbers or label_columns(frame, free)
    if not possible:
        kind = "labels" if hints.labels else "changing numbers"
        found = hindrance(frame, free)
        where = place(found) if found else path
        has_numbers = any(pd.api.types.is_numeric_dtype(frame[name]) for name in free)
        events = "" if hints.labels or has_numbers else EVENTS
        remedy = found or f"name one with --target{events}"
        raise DataError(f"{where}: no column of {kind} to forecast; {remedy}")
    gappy = columns.with_long_gaps(possible)
    whole = [name for name in possible if name not in gappy] or possible
    wanted = columns.ending_early(whole) or whole
    chosen = tuple(wanted[:MOST_TARGETS])
    return _Targets(
        chosen,
        tuple(name for name in gappy if name not in chosen),
        tuple(wanted[MOST_TARGETS:]),
        daily,
    )


def _numbers(frame: pd.DataFrame, candidates: Sequence[str]) -> list[str]:
    """Columns of numbers: the one that is called a target, or all that change.

    A flag, a column of zeros and ones, may help, but is seldom what one wants to forecast: flags
    are taken if nothing else changes. Nothing could be learned of a column that changes only in
    the later half.
    """
    numbers = [name for name in candidates if varies(frame[name])]
    numbers = [name for name in numbers if not _counts_rows(frame[name])] or numbers
    called = [name for name in numbers if name.lower() in TARGET_NAMES]
    measured = [name for name in numbers if not frame[name].dropna().isin((0, 1)).all()]
    early = [name for name in measured if varies(frame[name].head(len(frame) // 2))]
    return called[:1] or early or measured or numbers


def _counts_rows(column: pd.Series) -> bool:
    """Whether a column is the number of the row, as of orders, even if rows were shuffled."""
    if not pd.api.types.is_integer_dtype(column) or column.hasnans:
        return False
    numbers = column.to_numpy(np.int64)
    if len(numbers) >= FEWEST_SHUFFLED:  # of fewer, measures may be such by chance
        numbers = np.sort(numbers)
    return bool((np.diff(numbers) == 1).all())
