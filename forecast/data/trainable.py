"""Whether there is anything to train on: what a table or a split lacks is said before training."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from forecast.config.windows import WindowConfig
from forecast.data.panel import Panel, Ranges, range_mask
from forecast.data.pipeline import Pipeline
from forecast.data.short import short_series
from forecast.data.split import PARTS, Split
from forecast.data.windows import Windows
from forecast.errors import FEW_NAMES, ConfigError, DataError, listed, named, shown

log = logging.getLogger("forecast")


def warn_of_unseen_labels(pipeline: Pipeline, panel: Panel) -> None:
    """Name the labels that no training row has."""
    found = pipeline.labels.unseen(panel) if pipeline.labels else {}
    if names := [name for each in found.values() for name in each]:
        few = listed(names, FEW_NAMES)
        log.warning("labels that no training row holds are never forecast: %s", few)


def refuse_constant(panel: Panel, parts: Split) -> None:
    """Refuse a target that is one value, or none, in all training rows.

    Raises:
        DataError: naming the first such target.
    """
    rows = parts.train_rows()
    for column, name in enumerate(panel.targets):
        values = panel.values[:, column]
        lowest = np.fmin.reduce(values, where=rows, initial=np.inf)
        highest = np.fmax.reduce(values, where=rows, initial=-np.inf)
        if lowest > highest:
            raise DataError(f"{panel.source}: column {shown(name)} is empty in all training rows")
        if lowest == highest:
            raise DataError(
                f"{panel.source}: column {shown(name)} is constant ({lowest:g} in all training"
                " rows); there is nothing to learn; leave it out of data.target"
            )


def refuse_short_series(
    panel: Panel,
    parts: Split,
    windows: Mapping[str, Windows],
    window: WindowConfig,
    rows_lost: int,
    skips: bool,
) -> None:
    """Refuse series without a training window, or say that they are skipped.

    Args:
        panel: the table.
        parts: its training rows.
        windows: by part.
        window: the rows that one reads and forecasts.
        rows_lost: to differences, at the head of each series.
        skips: whether such series may be left out, as long as others have windows.

    Raises:
        DataError: naming the first such series and the rows that it lacks.
    """
    short = short_series(windows["train"], parts.train, window)
    if not len(short):
        return
    if not (skips and len(windows["train"])):
        raise DataError(_too_short(panel, parts, window, rows_lost, skips, int(short[0])))
    few = listed([panel.ids[number] for number in short], FEW_NAMES)
    log.warning("skipped %d series too short to train on: %s", len(short), few)


def _too_short(
    panel: Panel, parts: Split, window: WindowConfig, rows_lost: int, skips: bool, series: int
) -> str:
    """How many rows a series has, how many a window takes, and what makes it take fewer."""
    needed = window.rows_read + window.horizon + rows_lost
    rows = int(np.diff(parts.train[series])[0])
    name = f"series {named(panel.ids[series])} has" if panel.has_ids else "there are"
    unknown = "" if rows < needed else " of them known"
    if unknown and (column := _emptiest(panel, parts.train)) is not None:
        return f"{panel.source}: column {shown(column)} is empty in all training rows; leave it out"
    lag = f" + lag {max(window.lags)}" if window.lags else ""
    read, smaller = f"lookback {window.lookback}{lag}", "lookback"
    if window.least_history is not None:
        read, smaller = f"least_history {window.rows_read}", "least_history"
    differences = f" + {rows_lost} for differences" if rows_lost else ""
    remedy = ", or set data.short_series: skip" if panel.has_ids and not skips else ""
    return (
        f"{panel.source}: {name} {rows} training rows, too few{unknown} for one window of {read}"
        f" + horizon {window.horizon}{differences} = {needed} rows; lower window.{smaller} or"
        f" window.horizon{remedy}"
    )


def _emptiest(panel: Panel, ranges: Ranges) -> str | None:
    """The first column without a value in some rows; None: there is none."""
    rows = range_mask(ranges, len(panel.values))
    empty = np.isnan(panel.values[rows]).all(axis=0)
    return panel.columns[int(np.argmax(empty))] if empty.any() else None


def refuse_empty_parts(
    panel: Panel, parts: Split, windows: Mapping[str, Windows], horizon: int
) -> None:
    """Refuse a part that has rows, but no window.

    Args:
        panel: the table.
        parts: its rows by part.
        windows: by part.
        horizon: known steps that a window needs.

    Raises:
        DataError: of the training part.
        ConfigError: of another.
    """
    for name in PARTS:
        ranges = getattr(parts, name)
        rows = int((ranges[:, 1] - ranges[:, 0]).max())
        if len(windows[name]) or not rows:
            continue
        if name == "train":
            raise DataError(
                f"{panel.source}: no training window has a known value to forecast; set"
                " data.missing: interpolate, or lower window.lookback"
            )
        enough = "more" if rows >= horizon else f"at least {horizon}"
        if (column := _emptiest(panel, ranges)) is not None:
            raise ConfigError(
                f"split.{name}: column {shown(column)} is empty in all of its rows; give it others,"
                " or 0, or leave the column out"
            )
        raise ConfigError(
            f"split.{name}: {rows} rows hold no window of {horizon} known steps; give it {enough}"
            " rows, or 0"
        )
