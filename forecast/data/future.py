"""Covariates that are known over the horizon, from a table of the future."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Int

from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.data.panel import Panel, looked_up
from forecast.errors import ConfigError, DataError, listed, shown
from forecast.tables.frames import AnyTable, TableOrPath

log = logging.getLogger("forecast")


def future_rows(
    config: DataConfig,
    history: Panel,
    future: TableOrPath | None,
    steps: int,
    horizon: int,
) -> tuple[Panel, Float[np.ndarray, "S steps C"]]:
    """The history with all categories known, and the rows to come.

    Args:
        config: names the covariates.
        history: the series that are forecast.
        future: a table of the future, or its file; None: there is none.
        steps: rows to come of each series.
        horizon: rows that must be known; the last ones are held beyond it.

    Returns:
        The history, and rows with the future-known covariates; everything else in them is NaN.

    Raises:
        DataError: if a row that must be known is missing, or has an empty number.
        ConfigError: for a table of the future where no covariate is read from it.
    """
    rows = np.full((history.num_series, steps, len(history.columns)), np.nan)
    wanted = config.future
    if not wanted:
        if future is not None:
            raise ConfigError(
                "the model reads no covariates of the future; leave `future` (in the command:"
                " --future FILE) out, or name some in data.future and train"
            )
        return history, rows
    names = listed(covariate.name for covariate in wanted)
    tables = _tables(config, history, future, names)
    is_known = np.zeros(rows.shape[:2], dtype=bool)
    for known in tables:
        if history.axis.ticks:
            end = int((history.starts + history.lengths).max())
            history = replace(history, axis=history.axis.going_on(end, known.axis))
        found = _rows_after(known, history, steps)
        history = with_categories(history, known.categories)
        is_known |= found >= 0
        for column, covariate in enumerate(wanted):
            values = known.values[:, column]
            if covariate.is_categorical:
                numbers = known.categories[covariate.name]
                values = _renumbered(values, numbers, history, covariate.name)
            place = history.columns.index(covariate.name)
            rows[..., place] = np.where(found >= 0, values[found], rows[..., place])
    _refuse_gaps(is_known[:, :horizon], tables[-1], history, names)
    if not is_known.all():
        log.warning("future values beyond step %d are unknown: the last ones are held", horizon)
        last = np.maximum.accumulate(np.where(is_known, np.arange(steps), -1), axis=1)
        rows = np.take_along_axis(rows, last[..., None], axis=1)
    return history, rows


def _tables(
    config: DataConfig, history: Panel, future: TableOrPath | None, names: str
) -> list[Panel]:
    """Where future values are found; what stands in a table of its own comes last, and counts."""
    tables = [] if history.ahead is None else [history.ahead]
    tables += [] if future is None else [_read(config, future, history)]
    if not tables:
        raise DataError(
            f"the model needs the future values of {names}; give them as `future` (in the command:"
            " --future FILE), or in rows of the table that have no target yet"
        )
    return tables


def _read(config: DataConfig, future: TableOrPath, history: Panel) -> Panel:
    """A table of the future, its times in the zone of the history; it needs no column of ids."""
    zone = history.axis.timezone
    frame: AnyTable | None = None
    if isinstance(future, str | os.PathLike):
        config = config.model_copy(update={"path": os.fsdecode(future)})
    else:
        frame = future
    config = config.model_copy(update={"timezone": zone or config.timezone})
    known = read_panel(config, frame, require_targets=False, known=history)
    if known.axis.timezone != zone:
        raise DataError(
            f"{known.source}: column {shown(config.time)} has the time zone {known.axis.timezone},"
            " the history has none; write the times of both alike"
        )
    return known


def _rows_after(known: Panel, history: Panel, steps: int) -> Int[np.ndarray, "S steps"]:
    """(S, steps) rows of a table of the future for the steps after each series; -1: there is none.

    A table without an id column serves every series.
    """
    numbers = {name: number for number, name in enumerate(known.ids)}
    series = np.array([numbers.get(name, -1) if known.has_ids else 0 for name in history.ids])
    positions = (history.starts + history.lengths)[:, None] + np.arange(steps)
    times = history.axis.at(positions.ravel())
    step = known.axis.positions(times).reshape(positions.shape) - known.starts[series][:, None]
    inside = (step >= 0) & (step < known.lengths[series][:, None]) & (series[:, None] >= 0)
    rows = np.where(inside, known.offsets[series][:, None] + step, -1)
    is_number = [name not in known.categories for name in known.columns]
    complete = ~np.isnan(known.values[:, is_number]).any(axis=1)
    complete &= known.in_table
    return np.where(inside & complete[rows], rows, -1)


def _refuse_gaps(
    is_known: Bool[np.ndarray, "S H"], known: Panel, history: Panel, names: str
) -> None:
    if is_known.all():
        return
    series, step = (int(index) for index in np.argwhere(~is_known)[0])
    position = history.starts[series] + history.lengths[series] + step
    time = history.axis.column(np.array([position]))[0]
    row = f"the row{history.of_series(series)} for {time}"
    raise DataError(f"{known.source}: {row} is missing or empty; it needs {names}")


def with_categories(panel: Panel, categories: Mapping[str, tuple[str, ...]]) -> Panel:
    """The panel with the categories of another table behind its own."""
    both = {
        name: tuple(dict.fromkeys((*own, *categories.get(name, ()))))
        for name, own in panel.categories.items()
    }
    return replace(panel, categories=both)


def _renumbered(
    values: Float[np.ndarray, " N"], categories: tuple[str, ...], panel: Panel, column: str
) -> Float[np.ndarray, " N"]:
    """Category numbers of one table as those of a panel that knows all its categories."""
    numbers = {name: number for number, name in enumerate(panel.categories[column])}
    table = np.array([*(numbers[name] for name in categories), np.nan])
    return looked_up(table, values)
