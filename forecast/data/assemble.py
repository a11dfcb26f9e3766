"""From a table to a panel: rows in order, on a time axis, with a row for every gap."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Shaped

from forecast.config.covariates import Covariate
from forecast.config.data import DataConfig
from forecast.data.ahead import without_future
from forecast.data.bounds import require_minimum
from forecast.data.duplicates import Repeated, one_row_a_time
from forecast.data.grid import Grid, OrderedRows, grid_of, in_time_order
from forecast.data.names import Known, as_known
from forecast.data.panel import Panel, offsets_of
from forecast.data.series import are_integers, id_columns, series_of
from forecast.errors import DataError, shown
from forecast.tables.compact import distinct_texts
from forecast.tables.csv_cells import Lines
from forecast.tables.frames import AnyTable, as_frame
from forecast.tables.parts import Part, files_of, is_folder, parts_of
from forecast.tables.streams import Stream, is_stream, of_stream
from forecast.tables.table import (
    Table,
    columns_of,
    columns_of_part,
    from_frame,
    opened,
    read_parts,
    read_table,
)
from forecast.times.parsing import parse_times
from forecast.times.parts import with_joined_times


def read_panel(
    config: DataConfig,
    table: AnyTable | None = None,
    require_targets: bool = True,
    known: Panel | None = None,
) -> Panel:
    """Read a table, put its rows on a time axis and its series end to end.

    Rows behind the last known target of a series are the future: see `Panel.ahead`.

    Args:
        config: what the columns mean.
        table: a table in place of the file, see `as_frame`, an open file, or a file of a folder.
        require_targets: False reads a table of future covariates only, which may lack the ids.
        known: the training table, whose names of series and categories are taken for those of a
            newer one that differ by type alone.

    Raises:
        DataError: with file and line, for a table that cannot be read without guessing.
    """
    columns = _columns(config, require_targets)
    only_target = config.targets[0] if require_targets and len(config.targets) == 1 else None
    time = (config.time_parts or (config.time,))[0]
    given: Any = table
    if table is not None and not is_stream(table) and not isinstance(table, Part):
        given = as_frame(table, time, only_target)
    where = "data.path" if known is None else "the path"
    with _table(config, given, columns, not require_targets, where) as (read, ids):
        if config.time_parts:
            read = with_joined_times(read, config.time, config.time_parts)
        panel = _assemble(read, config, columns, ids, known)
    if not require_targets:
        return panel
    if config.minimum is not None:
        require_minimum(panel, config.minimum)
    return without_future(panel, tuple(covariate.name for covariate in config.future))


@contextlib.contextmanager
def _table(
    config: DataConfig,
    given: pd.DataFrame | Stream | Part | None,
    columns: Sequence[Covariate],
    may_lack_ids: bool,
    where: str,
) -> Iterator[tuple[Table, tuple[str, ...]]]:
    """The columns of a table, with its times, and those that name its series, if it has any.

    Those of Parquet files are read within the block.
    """
    numeric = [column.name for column in columns if not column.is_categorical]
    text = [column.name for column in columns if column.is_categorical]

    def columns_of_text(present: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
        ids = id_columns(config, present, may_lack_ids)
        return ids, [*(config.time_parts or (config.time,)), *ids, *text]

    if isinstance(given, pd.DataFrame):
        ids, texts = columns_of_text([*map(str, given.columns)])
        yield from_frame(given, "data", numeric, texts), ids
    elif isinstance(given, Part):
        ids, texts = columns_of_text(columns_of_part(given))
        yield read_parts([given], numeric, texts), ids
    elif given is None and is_folder(config.path):
        with parts_of(config.path, files_of(config.path)) as parts:
            ids, texts = columns_of_text(columns_of_part(parts[0]))
            yield read_parts(parts, numeric, texts, config.path), ids
    else:
        with opened(config.path, where) if given is None else of_stream(given) as file:
            ids, texts = columns_of_text(columns_of(file, config.separator))
            yield read_table(file, config, numeric, texts), ids


def _columns(config: DataConfig, require_targets: bool) -> list[Covariate]:
    if not require_targets:
        return list(config.future)
    targets = [
        Covariate(name=name, encoding="one_hot" if name in config.labels else "none")
        for name in config.targets
    ]
    return [*targets, *config.past, *config.future, *config.static]


@dataclass(frozen=True)
class _Places:
    """Where the rows of a table stand in the panel; their times are needed no more."""

    ids: tuple[str, ...]
    order: Int[np.ndarray, " R"] | None
    """Row of the table that each row is; None: the same."""
    offsets: Int[np.ndarray, " _"]
    """(S + 1,) first row of each series before gaps are filled, and the number of rows."""
    grid: Grid
    repeated: Repeated | None
    time_format: str | None


def _places(
    table: Table, config: DataConfig, id_columns: Sequence[str], known: Sequence[str]
) -> _Places:
    """Order and places of the rows, by their series and times alone."""
    ids, series = series_of(table, id_columns, known)
    times = parse_times(
        table.frame[config.time],
        series,
        config.frequency,
        config.time_format,
        config.timezone,
        table.place,
    )
    named = ids if id_columns else ()
    rows = OrderedRows(table, config.time, named, None, series, times.values, times.timezone)
    rows = in_time_order(rows, config.sort, config.duplicates != "error")
    rows, repeated = one_row_a_time(rows, config.duplicates)
    offsets = np.searchsorted(rows.series, np.arange(len(ids) + 1, dtype=rows.series.dtype))
    grid = grid_of(rows, offsets, config.frequency, times.is_integer)
    return _Places(ids, rows.order, offsets, grid, repeated, times.time_format)


def _assemble(
    table: Table,
    config: DataConfig,
    columns: Sequence[Covariate],
    id_columns: tuple[str, ...],
    known: Panel | None,
) -> Panel:
    # Places first: series and times of all rows are gone when the values come, which need the room.
    places = _places(table, config, id_columns, () if known is None else known.ids)
    grid = places.grid
    values, categories = _numbers(table, columns, {} if known is None else known.categories)
    if places.repeated is not None:
        values = places.repeated.merged(values, config, [column.name for column in columns])
    is_static = np.array([c in config.static for c in columns], dtype=bool)
    static = tuple(c.name for c in columns if c in config.static)
    return Panel(
        values=_complete(
            values[:, ~is_static] if is_static.any() else values, places.order, grid, np.nan
        ),
        offsets=offsets_of(grid.lengths),
        ids=places.ids,
        starts=grid.starts,
        axis=grid.axis,
        columns=tuple(c.name for c in columns if c not in config.static),
        num_targets=sum(c.name in config.targets for c in columns),
        static=_static(table, places, values[:, is_static], static),
        static_columns=static,
        categories=categories,
        lines=_complete_lines(table.lines, places.order, grid),
        time_format=places.time_format,
        source=table.source,
        is_csv=table.is_csv,
        files=table.files,
        has_ids=bool(id_columns),
        integer_ids=are_integers(table, id_columns, places.ids, known),
    )


def _complete(
    values: Shaped[np.ndarray, "N ..."], order: Int[np.ndarray, " R"] | None, grid: Grid, gap: float
) -> Shaped[np.ndarray, "M ..."]:
    """The rows of a table in their places, and what stands for a missing row in the others."""
    values = values if order is None else values[order]
    if grid.rows is None:
        return values
    complete = np.full((int(grid.lengths.sum()), *values.shape[1:]), gap, dtype=values.dtype)
    complete[grid.rows] = values
    return complete


def _complete_lines(lines: Lines, order: Int[np.ndarray, " R"] | None, grid: Grid) -> Lines:
    """The line of each row, -1 where there is none."""
    if order is None and grid.rows is None:
        return lines
    if isinstance(lines, range):  # which NumPy would read number by number
        lines = np.arange(lines.start, lines.stop)
    return _complete(lines, order, grid, gap=-1.0)


def _numbers(
    table: Table, columns: Sequence[Covariate], all_known: Known
) -> tuple[Float[np.ndarray, "N C"], dict[str, tuple[str, ...]]]:
    """All columns as numbers, and the sorted names of the categories that became numbers."""
    categories: dict[str, tuple[str, ...]] = {}
    if len(columns) == 1 and not columns[0].is_categorical:
        return table.frame[columns[0].name].to_numpy()[:, None], categories  # without a copy
    values = np.empty((len(table.frame), len(columns)))
    for index, column in enumerate(columns):
        cells = table.frame[column.name]
        if column.is_categorical:
            codes, distinct = distinct_texts(cells)
            names = as_known([*map(str, distinct)], all_known.get(column.name, ()))
            present = sorted({name for name in names if name != ""})
            number = {name: float(place) for place, name in enumerate(present)}
            categories[column.name] = tuple(present)
            # The last number is NaN: a missing cell has the code -1.
            numbers = np.array([*(number.get(name, np.nan) for name in names), np.nan])
            values[:, index] = numbers[codes]
        else:
            values[:, index] = cells.to_numpy()
    return values, categories


def _static(
    table: Table, places: _Places, values: Float[np.ndarray, "N D"], names: Sequence[str]
) -> Float[np.ndarray, "S D"]:
    """The one value of each static column in each series; `values` are those of the table."""
    offsets, order = places.offsets, places.order
    if not names:
        return np.empty((len(offsets) - 1, 0))
    values = values if order is None else values[order]
    first = values[offsets[:-1]]
    is_other = values != np.repeat(first, np.diff(offsets), axis=0)  # an unknown one, NaN, too
    for column, name in enumerate(names):
        if is_other[:, column].any():
            found = int(np.argmax(is_other[:, column]))
            row = found if order is None else int(order[found])
            cell = str(table.frame[name][row])
            raise DataError(
                f"{table.place(row)}: static column {shown(name)} holds {shown(cell)}, so it is"
                " empty or changes within its series; give each series one value, or move it to"
                " data.past"
            )
    return np.asarray(first)
