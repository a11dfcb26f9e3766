"""The history that a forecast goes on from: read, long enough, filled, and known to the model."""

from __future__ import annotations

import logging
import os
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.data.missing import require_complete
from forecast.data.panel import Panel, ragged_ranges
from forecast.data.pipeline import Pipeline
from forecast.data.windows import Windows
from forecast.errors import FEW_NAMES, DataError, listed, shown
from forecast.forecasting.far import far_values
from forecast.tables.frames import TableOrPath

log = logging.getLogger("forecast")


def read_history(data: TableOrPath, config: DataConfig, tail: Panel) -> Panel:
    """Newer history, on an axis like that of training; local times are in its zone.

    Args:
        data: a frame, a file or an open CSV with the columns of training.
        config: of the training table.
        tail: the end of the training table.

    Raises:
        DataError: for a table that is unlike that of training, or has too few rows a step.
    """
    axis = tail.axis
    config = config.model_copy(update={"timezone": axis.timezone or config.timezone})
    if isinstance(data, str | os.PathLike):
        panel = read_panel(config.model_copy(update={"path": os.fsdecode(data)}), known=tail)
    else:
        panel = read_panel(config, data, known=tail)
    step = _fewest_steps_between_rows(panel)
    if step > _fewest_steps_between_rows(tail):
        raise DataError(
            f"{panel.source}: all rows are {step} or more steps of frequency {axis.frequency}"
            " apart; give history of the frequency that the model was trained on"
        )
    return panel


def _fewest_steps_between_rows(panel: Panel) -> int:
    """Between two rows of a series that the table holds, rows on the grid put in between apart."""
    if (is_row := panel.in_table).all():
        return 1
    rows = np.flatnonzero(is_row)
    steps = np.diff(rows)[np.diff(panel.series_of(rows)) == 0]
    return int(steps.min()) if len(steps) else 1


class SkippedError(DataError):
    """A table of which every series is short enough to be skipped."""


def usable(history: Panel, least: int, needed: int, pipeline: Pipeline, data: DataConfig) -> Panel:
    """The series with the rows and values that a forecast needs.

    Args:
        history: of all series.
        least: rows of each.
        needed: last rows of each that are read.
        pipeline: knows how missing values are filled.
        data: `short_series` tells whether other series are left out with a warning.

    Raises:
        DataError: for a series that is too short, unless it is skipped and others are left.
    """
    skips_short = data.short_series == "skip"
    history = _long_enough(history, least, skips_short)
    is_filled = are_fillable(history, needed, pipeline)
    if not skips_short or is_filled.all():
        return history
    names = [history.ids[number] for number in np.flatnonzero(~is_filled)]
    log.warning(
        "%d series with too few known values to forecast from: %s",
        len(names),
        listed(names, FEW_NAMES),
    )
    return history.select(np.flatnonzero(is_filled))


def _long_enough(history: Panel, needed: int, skips_short: bool) -> Panel:
    short = history.lengths < needed
    if not short.any():
        return history
    number = int(np.argmax(short))
    if short.all() or not skips_short:
        kind = SkippedError if skips_short else DataError
        raise kind(
            f"{history.source}: {int(history.lengths[number])} rows{history.of_series(number)}"
            f" are too few to forecast from; the model needs the last {needed}"
        )
    names = [history.ids[number] for number in np.flatnonzero(short)]
    log.warning(
        "%d series %s too short to forecast from: %s",
        len(names),
        "is" if len(names) == 1 else "are",
        listed(names, FEW_NAMES),
    )
    return history.select(np.flatnonzero(~short))


def are_fillable(history: Panel, needed: int, pipeline: Pipeline) -> Bool[np.ndarray, " S"]:
    """Whether the last rows of each series are known, or filled from rows before them.

    Where that is none of them, or nothing is filled, all count: they are refused later on.

    Args:
        history: of all series.
        needed: rows of each.
        pipeline: knows how missing values are filled.
    """
    everyone = np.ones(history.num_series, dtype=bool)
    if pipeline.missing == "error" or not np.isnan(history.values).any():
        return everyone
    filled = pipeline.filled(history, history.offsets)
    tail = replace(history, values=filled).tail(needed)
    unknown = np.logical_or.reduceat(np.isnan(tail.values).any(axis=1), tail.offsets[:-1])
    return everyone if unknown.all() else ~unknown


def last_rows(history: Panel, needed: int, pipeline: Pipeline) -> Panel:
    """The last rows of every series, with what is missing filled from those before them.

    Args:
        history: of all series, each long enough.
        needed: rows of each.
        pipeline: knows how missing values are filled.

    Raises:
        DataError: for a missing value where `data.missing` is error.
    """
    tail = history.tail(needed)
    if not np.isnan(tail.values).any():
        return tail
    if pipeline.missing == "error":
        # Only the last rows count: the others are taken for complete, and every row keeps its line.
        recent = ragged_ranges(history.offsets[1:] - tail.lengths, tail.lengths)
        values = np.zeros_like(history.values)
        values[recent] = tail.values
        require_complete(replace(history, values=values))
    warn_of_held(history)
    filled = pipeline.filled(history, history.offsets)
    return replace(history, values=filled).tail(needed)


def warn_of_held(panel: Panel) -> None:
    """Name the columns that are empty in the last row of a series: their last values go on."""
    is_held = np.isnan(panel.values[panel.offsets[1:] - 1]).any(axis=0) & ~panel.is_category
    if is_held.any():
        names = [shown(name) for name, is_one in zip(panel.columns, is_held, strict=True) if is_one]
        log.warning(
            "empty in the last rows, where the last value goes on: %s", listed(names, FEW_NAMES)
        )


def refuse_unknown(windows: Windows, panel: Panel, pipeline: Pipeline) -> None:
    """Raise a DataError if an input that the model reads is missing.

    Args:
        windows: one a series.
        panel: names the series.
        pipeline: knows how many rows the differences need before a window.
    """
    rows = windows.rows(windows.starts)  # (S, L + H)
    unknown = windows.inputs.isnan()  # (N, C)
    unknown_ahead = unknown[:, unknown.shape[1] - windows.num_future :]
    past = unknown.any(dim=1)[rows[:, : windows.lookback]].any(dim=1)  # (S,)
    ahead = unknown_ahead.any(dim=1)[rows[:, windows.lookback :]].any(dim=1)
    if (past | ahead).any():
        series = int((past | ahead).nonzero()[0])
        needed = windows.lookback + pipeline.chain.rows_lost
        raise DataError(
            f"{panel.source}: the last {needed} rows{panel.of_series(series)} hold values that"
            " are missing and cannot be filled; give more history"
        )


INFINITE_FORECAST = (
    "the forecast{series} is not finite; its history is far from what the model was trained on"
)
INFINITE_INTERVALS = (
    "the intervals{series} are not finite: an inverse transform has no end so far away; ask for"
    " lower levels, or train with other transforms"
)


def refuse_infinite(
    values: Float[np.ndarray, "S H K Q"], panel: Panel, message: str = INFINITE_FORECAST
) -> None:
    """Refuse forecasts that are not finite.

    Args:
        values: forecasts in the user's units.
        panel: the series forecast.
        message: with a place for the name of the first series that is concerned.

    Raises:
        DataError: with that message.
    """
    bad = ~np.isfinite(values).all(axis=(1, 2, 3))
    if bad.any():
        series = panel.of_series(int(np.argmax(bad)))
        raise DataError(f"{panel.source}: {message.format(series=series)}")


def warn_of_series(panel: Panel, pipeline: Pipeline) -> None:
    """Name the series that the model was not trained on."""
    new = np.flatnonzero(pipeline.series_numbers(panel.ids) < 0)
    if not len(new):
        return
    names = f" {listed([panel.ids[number] for number in new], FEW_NAMES)}" if panel.has_ids else ""
    log.warning(
        "series%s %s not in training: the test scores say nothing of %s",
        names,
        "was" if len(new) == 1 else "were",
        "it" if len(new) == 1 else "them",
    )


def warn_of_values(
    panel: Panel, ahead: Float[np.ndarray, "S H C"], pipeline: Pipeline, tail: Panel
) -> None:
    """Name the categories that the model was not trained on, and numbers that are far from all.

    Args:
        panel: the rows that the model reads.
        ahead: the rows to come.
        pipeline: knows the categories of training.
        tail: the last rows of training.
    """
    _warn_of_categories(panel, ahead, pipeline)
    if far := far_values(panel, ahead, tail):
        log.warning(
            "far from the last rows of training, so the forecast means little: %s; check the unit",
            listed(far, FEW_NAMES),
        )


def _warn_of_categories(
    panel: Panel, ahead: Float[np.ndarray, "S H C"], pipeline: Pipeline
) -> None:
    values = np.concatenate([panel.values, ahead.reshape(-1, len(panel.columns))])  # (N + S * H, C)
    columns = {
        **dict(zip(panel.columns, values.T, strict=True)),
        **dict(zip(panel.static_columns, panel.static.T, strict=True)),
    }
    covariates = pipeline.covariates
    new = []
    for fitted in (*covariates.past, *covariates.future, *covariates.static):
        if fitted.option.is_categorical:
            name = fitted.option.name
            used = np.unique(columns[name][~np.isnan(columns[name])]).astype(np.int64)
            names = [panel.categories[name][number] for number in used]
            new += [f"{name} {shown(each)}" for each in names if each not in fitted.categories]
    labels = pipeline.labels.unseen(panel) if pipeline.labels else {}
    new += [f"{name} {shown(label)}" for name, known in labels.items() for label in known]
    if new:
        log.warning("not seen in training, so treated as unknown: %s", listed(new, FEW_NAMES))
