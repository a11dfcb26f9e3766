"""Rows at the end of a series without a target are the future, known ahead; not missing history."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
from jaxtyping import Int

from forecast.data.panel import Panel, offsets_of, ragged_ranges

log = logging.getLogger("forecast")


def without_future(panel: Panel, future: tuple[str, ...]) -> Panel:
    """The rows of each series up to its last known target; those behind are its `ahead`.

    A series without any known target stays as it is.

    Args:
        panel: as the table has it.
        future: columns known over the horizon, which `ahead` holds.
    """
    rows = _rows_behind(panel)
    if not rows.any():
        return panel
    kept = panel.lengths - rows
    first = panel.offsets[:-1] + kept
    index = ragged_ranges(panel.offsets[:-1], kept)
    some = np.flatnonzero(rows)
    behind = ragged_ranges(first[some], rows[some])
    columns = [panel.columns.index(name) for name in future]
    ahead = replace(
        panel.select(some),
        values=panel.values[behind][:, columns],
        offsets=offsets_of(rows[some]),
        starts=panel.starts[some] + kept[some],
        columns=future,
        num_targets=0,
        static=np.empty((len(some), 0)),
        static_columns=(),
        lines=panel.lines_at(behind),
    )
    log.warning(
        "%s: from here on %d rows%s have no target: they are the future, and the forecast begins"
        " with them",
        panel.place(int(first[some[0]])),
        int(rows[some[0]]),
        f" (and the last of {len(some) - 1} more series)" if len(some) > 1 else "",
    )
    return replace(
        panel,
        values=panel.values[index],
        offsets=offsets_of(kept),
        lines=panel.lines_at(index),
        ahead=ahead,
    )


def _rows_behind(panel: Panel) -> Int[np.ndarray, " S"]:
    """(S,) rows behind the last known target of each series; 0 where none is known at all."""
    targets, ends = panel.values[:, : panel.num_targets], panel.offsets[1:]
    rows = np.zeros(panel.num_series, dtype=np.int64)
    for series in np.flatnonzero(np.isnan(targets[ends - 1]).all(axis=1)):
        known = ~np.isnan(targets[panel.offsets[series] : ends[series]]).all(axis=1)
        rows[series] = int(np.argmax(known[::-1])) if known.any() else 0
    return rows
