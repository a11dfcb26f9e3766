"""A table that no configuration describes, as a panel: its columns by their names and values."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from forecast.config.data import DataConfig
from forecast.config.tree import config_from
from forecast.data.assemble import read_panel
from forecast.data.panel import Panel
from forecast.errors import ConfigError, DataError, ForecastError, shown
from forecast.init.hints import NO_HINTS, Hints
from forecast.init.ids import ID_NAME
from forecast.init.nearly import Hindrance, hindrance
from forecast.init.roles import Roles, find_roles
from forecast.init.season import seen_season
from forecast.init.side_by_side import refuse_side_by_side
from forecast.init.sniff import read_any, with_numbers
from forecast.init.time_column import (
    are_intervals,
    has_several_offsets,
    integer_format,
    time_column,
)
from forecast.init.time_parts import PART_OF_TIME, time_parts
from forecast.tables.csv_cells import line_of
from forecast.tables.frames import TableOrPath, as_frame
from forecast.tables.objects import is_single_valued, require_single_values
from forecast.tables.streams import is_stream, of_stream
from forecast.tables.table import is_parquet, opened
from forecast.times.axis import season_length
from forecast.times.frequency import UnevenDaysError
from forecast.times.parts import joined_times
from forecast.times.ticks import INDEX

log = logging.getLogger("forecast")
OPTIONS = r"--(time|id|target|horizon|season|duplicates)\b( (?=\d|sum\b))?"
"""Options in messages, which are arguments in Python."""
KEYS = (
    r"data\.(timezone|time_format|id|target|duplicates|frequency|past|future|static)\b"
    r"(: (?=\S)(?!column))?"
)
"""Keys of `data` that have an option of their own where there is no configuration."""


@dataclass(frozen=True)
class Unconfigured:
    """What was found in a table."""

    panel: Panel
    roles: Roles
    marks: Mapping[str, Any]
    """What the section `data` says of its format."""
    data: DataConfig
    """How it was read."""
    unused: tuple[str, ...]
    """Columns without a role."""
    hindered: Hindrance | None
    """What keeps one of them from being numbers, where no target is given."""


def read_unconfigured(
    table: TableOrPath, hints: Hints = NO_HINTS, may_count: bool = False
) -> Unconfigured:
    """Look at a table, then read it.

    Args:
        table: CSV or Parquet file, open or by its name, or a table of Python, see `as_frame`.
        hints: what is known of it; none: everything is found by names and values.
        may_count: whether days that are unevenly apart may count one by one: frequency `index`.

    Returns:
        The table as a panel, and how it was read.

    Raises:
        DataError: if no time column or no number column can be found.
        ConfigError: if a column has two roles, or the format of times is none.
    """
    path = os.fsdecode(table) if isinstance(table, str | os.PathLike) else "data"
    config_from({"data": {"path": path, "time_format": hints.time_format}})
    with _looked_at(table, hints.time) as (given, frame, marks):
        times = {"timezone": hints.timezone, "time_format": hints.time_format}
        marks |= {key: value for key, value in times.items() if value is not None}
        frame = _single_valued(frame, path, (hints.time, *hints.ids, *(hints.targets or ())))
        is_equal = frame.duplicated()
        if hints.duplicates:
            marks["duplicates"] = hints.duplicates
        frame = frame[~is_equal]
        if hints.targets is None:
            refuse_side_by_side(frame, path)
        has_lines = not isinstance(given, pd.DataFrame) and not is_parquet(path)
        frame, time, parts = _with_time(frame, path, hints, has_lines)
        if time in frame and hints.time_format is None and (code := integer_format(frame[time])):
            marks["time_format"] = code
        if time in frame and are_intervals(frame[time]):
            log.info("the times of %s are intervals: their begins are taken", shown(time))
        if time in frame and not hints.timezone and has_several_offsets(frame[time]):
            log.info(
                "the times of %s have several UTC offsets, and are read and forecast in UTC; give"
                " their timezone for local ones",
                shown(time),
            )
        units = marks.pop("units", {})
        place = partial(_place, given, path, marks.get("separator", ","))
        roles = find_roles(frame, path, time, hints, marks, place)
        roles = replace(roles, time_parts=parts)
        if is_equal.any() and not hints.duplicates and _tells_rows(frame, roles, marks):
            log.warning(
                "rows that repeat another one cell for cell: %d; they count once", is_equal.sum()
            )
            marks["duplicates"] = "first"
        if taken := {name: unit for name, unit in units.items() if name in roles.numeric}:
            marks["units"] = taken
            named = ", ".join(f"{shown(unit)} of {shown(name)}" for name, unit in taken.items())
            log.info("marks taken off numbers: %s", named)
        data, panel = _read(_section(path, roles, marks, hints.frequency), given, may_count)
        unused = tuple(name for name in frame.columns if name not in roles.used)
        wanted = (name for name in unused if not PART_OF_TIME.fullmatch(name.strip()))
        hindered = None if hints.targets else hindrance(frame, wanted)
        return Unconfigured(panel, roles, marks, data, unused, hindered)


@contextlib.contextmanager
def _looked_at(
    table: TableOrPath, time: str | None
) -> Iterator[tuple[pd.DataFrame | BinaryIO, pd.DataFrame, dict[str, Any]]]:
    """What is read, its columns as they are, and what `data` must say of their format."""
    if isinstance(table, str | os.PathLike):
        with opened(os.fsdecode(table), "the path") as file:  # one open file for both readings
            yield file, *read_any(file)
        return
    if is_stream(table):
        with of_stream(table) as file:
            yield file, *read_any(file)
        return
    frame = as_frame(table, time).rename(columns=str)
    frame = frame.set_axis(pd.RangeIndex(len(frame)))  # labels of rows may repeat
    if frame.columns.has_duplicates:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"data: column {shown(twice)} appears twice; rename one")
    yield frame, frame, {}


def _place(given: pd.DataFrame | BinaryIO, path: str, separator: str, found: Hindrance) -> str:
    """Where a cell stands that is in the way: of a CSV the line as well."""
    if isinstance(given, pd.DataFrame) or is_parquet(path):
        return path
    line = line_of(given, separator, found.name, found.cell)
    return f"{path}:{line}" if line else path


def _single_valued(frame: pd.DataFrame, path: str, given: Sequence[str | None]) -> pd.DataFrame:
    """The rows that are not empty, without columns of lists, mappings or bytes.

    Raises:
        DataError: if a column that is given is one of these, or there is no row.
    """
    several = [name for name in frame.columns if not is_single_valued(frame[name])]
    for name in several:
        if name in (*given, ID_NAME):
            require_single_values(frame[name], name, lambda row: f"{path}: row {row + 1}")
    frame = with_numbers(_without_empty_rows(frame.drop(columns=several)))
    if not len(frame):
        raise DataError(f"{path}: no rows; add one row a time step")
    return frame


def _without_empty_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with a cell; a column without a gap says of all that they have one."""
    is_full = any(frame[name].notna().all() for name in frame.columns)
    return frame if is_full else frame.dropna(how="all")


def _with_time(
    frame: pd.DataFrame, path: str, hints: Hints, has_lines: bool
) -> tuple[pd.DataFrame, str, tuple[str, ...]]:
    """The table with one column of times, the name of it, and the columns it was joined from."""
    parts = time_parts(frame) if hints.time is None else ()
    if not parts:
        return frame, hints.time or time_column(frame, path, hints.time_format, has_lines), ()
    time = next(name for name in ("ds", "time", "time_made") if name not in frame)
    joined = joined_times(frame[list(parts)]).set_axis(frame.index)
    return frame.drop(columns=list(parts)).assign(**{time: joined}), time, parts


def _tells_rows(frame: pd.DataFrame, roles: Roles, marks: Mapping[str, Any]) -> bool:
    """Whether time and series tell all rows apart; hours of clocks put back are read apart."""
    return "timezone" in marks or not frame.duplicated([roles.time, *roles.ids]).any()


def _section(
    path: str, roles: Roles, marks: Mapping[str, Any], frequency: str | int | None
) -> DataConfig:
    """The section `data` by which the table is read."""
    section: dict[str, object] = {"path": path, "time": roles.time, "target": roles.target}
    filled = "forward_fill" if any(roles.are_labels) else "interpolate"
    section |= {**marks, "id": roles.ids or None, "missing": filled, "sort": True}
    section |= {**roles.helping, "time_parts": roles.time_parts}
    if frequency is not None:
        is_step = isinstance(frequency, str) and frequency.isdecimal()
        section["frequency"] = int(frequency) if is_step else frequency
    return config_from({"data": section}).data


def _read(
    data: DataConfig, given: pd.DataFrame | BinaryIO, may_count: bool
) -> tuple[DataConfig, Panel]:
    """The panel; where days are unevenly apart and may count one by one, they do."""
    try:
        return data, read_panel(data, given)
    except UnevenDaysError:
        if not may_count:
            raise
    data = data.model_copy(update={"frequency": INDEX})
    return data, read_panel(data, given)


@contextlib.contextmanager
def options_named(write: Callable[[str], str]) -> Iterator[None]:
    """Messages about keys of `data` name what sets them where there is no configuration.

    Args:
        write: a key of `data`, as an option or an argument; a value follows it.
    """
    try:
        yield
    except ForecastError as error:
        said = str(error).removeprefix("configuration: ")  # there is none
        said = said.replace(" and set data.missing", "").replace("data.path:", "the path")
        said = re.sub(KEYS, lambda key: write(key[1]) if key[2] else write(key[1])[:-1], said)
        if write is as_argument:
            said = re.sub(OPTIONS, lambda option: option[1] + ("=" if option[2] else ""), said)
        raise type(error)(said) from None


def as_flag(key: str) -> str:
    """An option of the command line, before its value."""
    return f"--{key.replace('_', '-')} "


def as_argument(key: str) -> str:
    """An argument in Python, before its value."""
    return f"{key}="


def season_of(path: str, panel: Panel, wanted: int | None) -> int:
    """Rows in a season: as wanted, else by the frequency, where rows are counted by the values.

    Args:
        path: of the table, for messages.
        panel: the table.
        wanted: by the user; None: nothing is.

    Raises:
        ConfigError: if a season that is wanted does not fit twice into the median series.
    """
    rows = int(np.median(panel.lengths))
    if wanted is not None:
        if not 1 <= wanted <= rows // 2:
            raise ConfigError(
                f"--season {wanted} is not allowed for {rows} rows of {path}; give 1 (none) to"
                f" {max(rows // 2, 1)}"
            )
        return wanted
    is_counted = isinstance(panel.axis.frequency, int) or panel.axis.frequency == INDEX
    if panel.targets[0] in panel.categories and is_counted:
        return 1  # labels have no values in which to see one
    if not is_counted:
        season = season_length(panel.axis.frequency)
        return season if season <= rows // 2 else 1  # never seen twice, it is of no use
    series = np.split(panel.values[:, 0], panel.offsets[1:-1])
    early = [values[: len(values) * 7 // 10] for values in series]  # what will be for training
    return seen_season([values[~np.isnan(values)] for values in early])
