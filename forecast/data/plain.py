"""Plain tables in a tenth of a millisecond: ISO dates or integers, numbers, and no gaps.

Most requests to a service are plain, and the one reader takes eight milliseconds for any table.
What is not plain in every cell is left to that reader, which knows all the rules and refuses in
words: here a table is read exactly as there, or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from forecast.config.data import DataConfig
from forecast.data.panel import Panel, offsets_of
from forecast.tables.thousands import may_be_thousands

Columns = Mapping[str, Sequence[object]]
"""Cells by column: texts, or numbers as JSON has them."""
DATES = re.compile(r"(?:\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d)?\n)*", re.ASCII)
INTEGERS = re.compile(r"(?:(?:0|-?[1-9]\d{0,4})\n)*", re.ASCII)
"""So short that nobody writes a date like that."""
NUMBERS = re.compile(r"(?:-?\d{1,15}(?:\.\d{1,15})?\n)*", re.ASCII)
FIRST, LAST = np.array(["1700-01-01", "2200-01-01"], dtype="datetime64[ns]")


@dataclass(frozen=True)
class PlainTable:
    """Rows of some series that the model was trained on, in order of time."""

    ids: tuple[str, ...]
    times: Int[np.ndarray, " N"]
    """As on a `TimeAxis`."""
    values: Float[np.ndarray, "N C"]
    """Targets and past covariates."""
    lengths: tuple[int, ...]
    """Rows of each series."""


def is_plain(config: DataConfig, known: Panel) -> bool:
    """Whether tables like that of a training can be plain at all."""
    is_usual = not (config.time_parts or config.time_format or config.timezone or config.future)
    is_usual &= not config.units
    is_numeric = not (known.axis.timezone or known.static_columns or known.categories)
    is_numeric &= not known.axis.ticks  # newer rows bring ticks of their own
    return bool(is_usual and is_numeric and config.thousands in ("auto", "none"))


def plain_table(columns: Columns, config: DataConfig, known: Panel) -> PlainTable | None:
    """The rows of a table if all of them are plain; None leaves it to the one reader.

    Args:
        columns: all of the same length.
        config: of a model for which `is_plain` holds.
        known: the training table.
    """
    if any(name in columns for name in config.ids) != known.has_ids or len(config.ids) > 1:
        return None
    series = _series(columns[config.ids[0]], known) if known.has_ids else None
    if known.has_ids and series is None:
        return None
    times = _times(columns.get(config.time, ()), known.axis.is_integer)
    values = [_numbers(columns.get(name, ()), config) for name in known.columns]
    if times is None or not len(times):
        return None
    numbers = [each for each in values if each is not None]
    if len(numbers) < len(values) or any(len(each) != len(times) for each in numbers):
        return None
    ids, lengths = series or (known.ids, (len(times),))
    return PlainTable(ids, times, np.column_stack(numbers), lengths)


def _series(
    cells: Sequence[object], known: Panel
) -> tuple[tuple[str, ...], tuple[int, ...]] | None:
    """Names of known series, each of whose rows stand together, and how many these are."""
    names, counts = list[str](), list[int]()
    for cell in cells:
        if not isinstance(cell, str):
            return None
        if names and names[-1] == cell:
            counts[-1] += 1
        else:
            names.append(cell)
            counts.append(1)
    is_known = {*names} <= {*known.ids} and len({*names}) == len(names)
    return (tuple(names), tuple(counts)) if is_known else None


def _times(cells: Sequence[object], is_integer: bool) -> Int[np.ndarray, " N"] | None:
    text = _lines(cells, int if is_integer else str)
    if is_integer:
        return np.array(text.split(), dtype=np.int64) if INTEGERS.fullmatch(text) else None
    if not DATES.fullmatch(text):
        return None
    try:
        dates = np.array(cells, dtype="datetime64[ns]")
    except ValueError:  # the 30th of February, or the hour 24
        return None
    inside = len(dates) and dates.min() >= FIRST and dates.max() < LAST
    return dates.view(np.int64) if inside else None


def _numbers(cells: Sequence[object], config: DataConfig) -> Float[np.ndarray, " N"] | None:
    """Numbers of JSON, or texts of digits that no rule of thousands can read in another way."""
    if {*map(type, cells)} <= {int, float}:
        try:
            values = np.array(cells, dtype=np.float64)
        except OverflowError:  # an integer of more than 308 digits
            return None
        return values if (np.abs(values) <= np.finfo(np.float32).max).all() else None
    text = _lines(cells, str)
    if config.decimal != "." or not NUMBERS.fullmatch(text):
        return None
    values = np.array(cells, dtype=np.float64)
    is_open = config.thousands == "auto" and may_be_thousands(values)
    return None if is_open else values


def _lines(cells: Sequence[object], also: type) -> str:
    """Cells as lines of text; neither date nor number where one is of another type."""
    if not {*map(type, cells)} <= {str, also}:
        return "other"
    return "".join([f"{cell}\n" for cell in cells])


def joined(tables: Sequence[PlainTable], known: Panel, names: Sequence[str]) -> Panel | None:
    """The series of several tables in one panel on the axis of training.

    Args:
        tables: plain ones.
        known: the training table.
        names: of all series; each is there once.

    Returns:
        None if a time is off the axis, or rows are not one step apart: the one reader says which.
    """
    lengths = np.array([length for table in tables for length in table.lengths], dtype=np.int64)
    offsets = offsets_of(lengths)
    positions = known.axis.positions(np.concatenate([table.times for table in tables]))
    steps = np.diff(positions)
    steps[offsets[1:-1] - 1] = 1  # from one series to the next
    if (positions < 0).any() or (steps != 1).any():
        return None
    return Panel(
        values=np.concatenate([table.values for table in tables]),
        offsets=offsets,
        ids=tuple(names),
        starts=positions[offsets[:-1]],
        axis=known.axis,
        columns=known.columns,
        num_targets=known.num_targets,
        static=np.empty((len(lengths), 0)),
        source="history",
        has_ids=known.has_ids,
        integer_ids=known.integer_ids,
    )
