"""From a table to a panel: rows in order, on a time axis, with a row for every gap."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.config.data import Covariate, DataConfig
from forecast.data.compact import distinct_texts, rows_differing_from_previous
from forecast.data.panel import Panel, offsets_of
from forecast.data.table import Table, columns_of, from_frame, opened, read_table
from forecast.data.time_parsing import parse_times
from forecast.data.times import Place, TimeAxis, infer_frequency
from forecast.errors import DataError, shown

SHOWN_DUPLICATES = 10
"""Lines of duplicate times that a message names, after the first."""

MAX_GAP_GROWTH = 20
"""Filling gaps may make a panel at most this many times longer (plus 10,000 rows)."""


def read_panel(
    config: DataConfig, frame: pd.DataFrame | None = None, require_targets: bool = True
) -> Panel:
    """Read a table, put its rows on a time axis and its series end to end.

    Args:
        config: what the columns mean.
        frame: a DataFrame in place of the file.
        require_targets: False reads a table of future covariates only, which may lack the ids.

    Raises:
        DataError: with file and line, for a table that cannot be read without guessing.
    """
    columns = _columns(config, require_targets)
    numeric = [c.name for c in columns if not c.is_categorical]
    text = [c.name for c in columns if c.is_categorical]
    table, id_column = _read(config, frame, numeric, text, not require_targets)
    return _assemble(table, config, columns, id_column)


def _read(
    config: DataConfig,
    frame: pd.DataFrame | None,
    numeric: Sequence[str],
    text: Sequence[str],
    may_lack_ids: bool,
) -> tuple[Table, str | None]:
    """The columns of a table, with its times, and its column of series if it has one."""

    def columns_of_text(present: Sequence[str]) -> tuple[str | None, list[str]]:
        id_column = _id_column(config, present, may_lack_ids)
        return id_column, [config.time, *([] if id_column is None else [id_column]), *text]

    if frame is not None:
        id_column, texts = columns_of_text([*map(str, frame.columns)])
        return from_frame(frame, "data", numeric, texts), id_column
    with opened(config.path) as file:
        id_column, texts = columns_of_text(columns_of(file, config.separator))
        return read_table(file, config, numeric, texts), id_column


def _columns(config: DataConfig, require_targets: bool) -> list[Covariate]:
    if not require_targets:
        return list(config.future)
    targets = [Covariate(name=name) for name in config.target]
    return [*targets, *config.past, *config.future, *config.static]


def _id_column(config: DataConfig, present: Sequence[str], may_lack: bool) -> str | None:
    """The column of series; a table may lack the default one, but not one that was named."""
    may_lack |= config.id == DataConfig.model_fields["id"].default
    return config.id if config.id in present or not may_lack else None


def _series(table: Table, id_column: str | None) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the series in order of appearance, and the series number of each row."""
    if id_column is None:
        return ("series",), np.zeros(len(table.frame), dtype=np.int8)
    codes, distinct = distinct_texts(table.frame[id_column])
    names = tuple(map(str, distinct))
    empty = codes < 0
    if "" in names:
        empty |= codes == names.index("")
    if empty.any():
        row = int(np.argmax(empty))
        raise DataError(f"{table.place(row)}: column {id_column!r} is empty; name the series")
    return names, codes


@dataclass(frozen=True)
class _Grid:
    """Where the rows of a table stand, series by series and in order of time."""

    axis: TimeAxis
    offsets: np.ndarray
    """(S + 1,) first row of each series among those of the table, and their number."""
    starts: np.ndarray
    """(S,) position of each series' first row on the axis."""
    lengths: np.ndarray
    """(S,) rows of each series, missing ones too."""
    rows: np.ndarray | None
    """(rows of the table,) place among all rows; None: no row is missing."""


def _assemble(
    table: Table, config: DataConfig, columns: Sequence[Covariate], id_column: str | None
) -> Panel:
    ids, series = _series(table, id_column)
    times, timezone, is_integer = parse_times(
        table.frame[config.time],
        series,
        config.frequency,
        config.time_format,
        config.timezone,
        table.place,
    )
    named = ids if id_column else ()
    order = _time_order(table, config, named, series, times, timezone)
    if order is not None:
        series, times = series[order], times[order]
    offsets = np.searchsorted(series, np.arange(len(ids) + 1, dtype=series.dtype))
    grid = _grid(table, config, order, offsets, times, timezone, is_integer)
    values, categories = _numbers(table, columns)
    is_static = np.array([c in config.static for c in columns], dtype=bool)
    static_names = tuple(c.name for c in columns if c in config.static)
    return Panel(
        values=_complete(values[:, ~is_static] if is_static.any() else values, order, grid),
        offsets=offsets_of(grid.lengths),
        ids=ids,
        starts=grid.starts,
        axis=grid.axis,
        columns=tuple(c.name for c, fixed in zip(columns, is_static, strict=True) if not fixed),
        num_targets=sum(c.name in config.target for c in columns),
        static=_static(table, order, values[:, is_static], offsets, static_names),
        static_columns=static_names,
        categories=categories,
        lines=_complete_lines(table.lines, order, grid),
        source=table.source,
        is_csv=table.is_csv,
        has_ids=id_column is not None,
    )


def _complete(values: np.ndarray, order: np.ndarray | None, grid: _Grid) -> np.ndarray:
    """(N, C) the rows of a table in their places, NaN in the others."""
    values = values if order is None else values[order]
    if grid.rows is None:
        return values
    complete = np.full((int(grid.lengths.sum()), values.shape[1]), np.nan)
    complete[grid.rows] = values
    return complete


def _complete_lines(
    lines: np.ndarray | range, order: np.ndarray | None, grid: _Grid
) -> np.ndarray | range:
    """(N,) the line of each row, -1 where there is none."""
    if order is None and grid.rows is None:
        return lines
    known = np.asarray(lines) if order is None else np.asarray(lines)[order]
    if grid.rows is None:
        return known
    complete = np.full(int(grid.lengths.sum()), -1, dtype=np.int64)
    complete[grid.rows] = known
    return complete


def _in_table(order: np.ndarray | None, row: int) -> int:
    """The row of the table that a row in order is."""
    return row if order is None else int(order[row])


def _grid(
    table: Table,
    config: DataConfig,
    order: np.ndarray | None,
    offsets: np.ndarray,
    times: np.ndarray,
    timezone: str | None,
    is_integer: bool,
) -> _Grid:
    """The places of all rows; a row off the axis, or far from the others, is refused."""

    def place(row: int) -> str:
        return table.place(_in_table(order, row))

    axis = _axis(config, offsets, times, timezone, is_integer, place)
    if _is_even(times, offsets, axis.step()):
        rows, starts = offsets[:-1], axis.positions(times[offsets[:-1]])
        _refuse_off_axis(table, config.time, order, rows, starts, axis)
        return _Grid(axis, offsets, starts, np.diff(offsets), None)
    positions = axis.positions(times)
    _refuse_off_axis(table, config.time, order, np.arange(len(times)), positions, axis)
    starts = positions[offsets[:-1]]
    lengths = positions[offsets[1:] - 1] - starts + 1
    _refuse_far_rows(table, config.time, order, positions, offsets, lengths)
    shift = offsets_of(lengths)[:-1] - starts
    return _Grid(axis, offsets, starts, lengths, positions + np.repeat(shift, np.diff(offsets)))


def _is_even(times: np.ndarray, offsets: np.ndarray, step: int | None) -> bool:
    """Whether the times of every series are one step apart; no array of all rows is made."""
    if step is None:
        return False
    odd = rows_differing_from_previous(
        len(times), lambda before, after: times[after] - times[before] != step
    )
    return bool((offsets[np.searchsorted(offsets, odd)] == odd).all())


def _time_order(
    table: Table,
    config: DataConfig,
    ids: tuple[str, ...],
    series: np.ndarray,
    times: np.ndarray,
    timezone: str | None,
) -> np.ndarray | None:
    """Row numbers by series, then time; unsorted rows and duplicates are refused.

    None if the table is in that order, as most are: then nothing needs to be moved.
    """
    cells = table.frame[config.time]
    order, given = None, (series, times)
    if len(
        rows_differing_from_previous(
            len(series), lambda before, after: series[after] < series[before]
        )
    ):
        order = np.argsort(series, kind="stable")
        series, times = series[order], times[order]
    backwards = _pairs(series, times, np.less)
    if len(backwards) and not config.sort:
        first = int(backwards[0])
        before, row = _in_table(order, first - 1), _in_table(order, first)
        raise DataError(
            f"{table.place(row)}: column {config.time!r}: {cells[row]} comes after {cells[before]};"
            " sort the rows by time, set data.sort: true"
            f"{_other_remedies(ids, timezone, cells[row])}"
        )
    if len(backwards):
        series, times = given
        order = np.lexsort((times, series))
        series, times = series[order], times[order]
    later = _pairs(series, times, np.equal)
    if len(later):
        rows = later if order is None else order[later]
        row = int(rows[0])
        name = f" of series {ids[series[later[0]]]}" if ids else ""
        raise DataError(
            f"{table.place(row)}: column {config.time!r}: {cells[row]}{name} appears twice"
            f"{_further(table, rows[1:])}; keep one row a time"
            f"{_other_remedies(ids, timezone, cells[row])}"
        )
    return order


def _pairs(
    series: np.ndarray, times: np.ndarray, compare: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Rows whose time compares so with that of the row before, in the same series."""
    return rows_differing_from_previous(
        len(times),
        lambda before, after: (
            (series[after] == series[before]) & compare(times[after], times[before])
        ),
    )


def _further(table: Table, rows: np.ndarray) -> str:
    """Where the duplicates after the first stand."""
    if not len(rows):
        return ""
    lines = np.sort(np.asarray(table.lines)[rows]).tolist()
    named = ", ".join(str(line) for line in lines[:SHOWN_DUPLICATES])
    more = f" and {len(lines) - SHOWN_DUPLICATES} more" if len(lines) > SHOWN_DUPLICATES else ""
    return f", other times again in {'line' if table.is_csv else 'row'} {named}{more}"


def _other_remedies(ids: tuple[str, ...], timezone: str | None, cell: object) -> str:
    named = "" if ids else ", or name the column of series in data.id"
    is_local = timezone is None and ":" in str(cell)
    return f"{named}{', or set data.timezone if times are local' if is_local else ''}"


def _axis(
    config: DataConfig,
    offsets: np.ndarray,
    times: np.ndarray,
    timezone: str | None,
    is_integer: bool,
    place: Place,
) -> TimeAxis:
    frequency = config.frequency
    if frequency == "auto":
        longest = int(np.argmax(np.diff(offsets)))
        first, last = int(offsets[longest]), int(offsets[longest + 1])
        frequency = infer_frequency(
            times[first:last], timezone, is_integer, lambda row: place(first + row)
        )
    elif isinstance(frequency, str):
        frequency = _checked_offset(frequency)
    return TimeAxis(int(times.min()), frequency, timezone)


def _checked_offset(frequency: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            offset = pd.tseries.frequencies.to_offset(frequency)
    except (ValueError, FutureWarning):
        offset = None
    if offset is None or offset.n < 1:
        raise DataError(
            f"data.frequency {frequency!r} is no pandas offset; write e.g. h, D, W-SUN, MS, ME"
        )
    return str(offset.freqstr)


def _refuse_off_axis(
    table: Table,
    time: str,
    order: np.ndarray | None,
    rows: np.ndarray,
    positions: np.ndarray,
    axis: TimeAxis,
) -> None:
    off = positions < 0
    if off.any():
        row = _in_table(order, int(rows[np.argmax(off)]))
        raise DataError(
            f"{table.place(row)}: column {time!r}: {table.frame[time][row]} is off the grid of"
            f" frequency {axis.frequency} that begins at"
            f" {axis.column(np.zeros(1, dtype=np.int64))[0]}; mend the time, or set data.frequency"
        )


def _refuse_far_rows(
    table: Table,
    time: str,
    order: np.ndarray | None,
    positions: np.ndarray,
    offsets: np.ndarray,
    lengths: np.ndarray,
) -> None:
    """A mistyped year must not fill the memory with missing rows."""
    if int(lengths.sum()) <= MAX_GAP_GROWTH * len(positions) + 10_000:
        return
    gaps = np.diff(positions)
    gaps[offsets[1:-1] - 1] = 0
    first = int(np.argmax(gaps))
    row = _in_table(order, first + 1)
    raise DataError(
        f"{table.place(row)}: column {time!r}: {int(gaps[first]) - 1} rows are missing before"
        f" {table.frame[time][row]}; mend the time, or set data.frequency"
    )


def _numbers(
    table: Table, columns: Sequence[Covariate]
) -> tuple[np.ndarray, dict[str, tuple[str, ...]]]:
    """(rows, columns) float64; categories become the numbers of their sorted names."""
    categories: dict[str, tuple[str, ...]] = {}
    if len(columns) == 1 and not columns[0].is_categorical:
        return table.frame[columns[0].name].to_numpy()[:, None], categories  # without a copy
    values = np.empty((len(table.frame), len(columns)))
    for index, column in enumerate(columns):
        cells = table.frame[column.name]
        if column.is_categorical:
            codes, names = distinct_texts(cells)
            known = sorted(name for name in names if name != "")
            number = {name: float(place) for place, name in enumerate(known)}
            categories[column.name] = tuple(map(str, known))
            values[:, index] = np.array([*(number.get(name, np.nan) for name in names), np.nan])[
                codes
            ]
        else:
            values[:, index] = cells.to_numpy()
    return values, categories


def _static(
    table: Table,
    order: np.ndarray | None,
    values: np.ndarray,
    offsets: np.ndarray,
    names: Sequence[str],
) -> np.ndarray:
    """(S, D) the one value of each static column in each series."""
    if not names:
        return np.empty((len(offsets) - 1, 0))
    values = values if order is None else values[order]
    first = values[offsets[:-1]]
    expected = np.repeat(first, np.diff(offsets), axis=0)
    different = (values != expected) & ~(np.isnan(values) & np.isnan(expected))
    unknown = np.isnan(values)
    for column, name in enumerate(names):
        bad = different[:, column] | unknown[:, column]
        if bad.any():
            row = _in_table(order, int(np.argmax(bad)))
            raise DataError(
                f"{table.place(row)}: static column {name!r} holds"
                f" {shown(str(table.frame[name][row]))}, so it is empty or changes within its"
                " series; give each series one value, or move it to data.past"
            )
    return np.asarray(first)
