"""Covariates that the training table knew ahead, as arrays of a model file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from forecast.data.panel import Panel
from forecast.forecasting.sound import require, require_arrays, require_axis, require_tail

ARRAYS = ("values", "offsets", "starts")


def ahead_arrays(tail: Panel) -> dict[str, np.ndarray]:
    """The arrays of `Panel.ahead`; none where nothing is known ahead."""
    if tail.ahead is None:
        return {}
    return {f"ahead.{name}": getattr(tail.ahead, name) for name in ARRAYS}


def with_ahead(
    tail: Panel,
    arrays: Mapping[str, np.ndarray],
    ids: tuple[str, ...],
    columns: tuple[str, ...],
    horizon: int,
) -> Panel:
    """The end of a training table with the covariates that it knew ahead.

    Args:
        tail: without them.
        arrays: of the file.
        ids: series of which something is known ahead; none: of none.
        columns: covariates known over the horizon.
        horizon: steps of a forecast.

    Raises:
        KeyError, ValueError: for arrays that cannot be what was known ahead.
    """
    if not ids:
        return tail
    rows, series = len(arrays["ahead.values"]), len(ids)
    shapes: dict[str, tuple[int, ...]] = {
        "ahead.values": (rows, len(columns)),
        "ahead.offsets": (series + 1,),
        "ahead.starts": (series,),
    }
    require_arrays(arrays, shapes)
    require(set(ids) <= set(tail.ids), "ahead_ids are not among the series")
    ahead = replace(
        tail,
        values=arrays["ahead.values"],
        offsets=arrays["ahead.offsets"],
        starts=arrays["ahead.starts"],
        ids=ids,
        columns=columns,
        num_targets=0,
        static=np.empty((series, 0)),
        static_columns=(),
        lines=None,
    )
    require_tail(ahead, horizon)
    require_axis(ahead.axis, ahead.starts, int(ahead.lengths.max()))
    return replace(tail, ahead=ahead)
