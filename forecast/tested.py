"""Forecasts of rows that a table has: their intervals, and the ones that pictures show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from forecast.config.count_rules import lowest
from forecast.drawing.panels import Forecast, Shown, evenly, rows_drawn
from forecast.evaluate import part_forecasts
from forecast.evaluation.conformal import Calibration
from forecast.evaluation.intervals import fit_error_scale, with_ends
from forecast.evaluation.levels import conformal_levels, interval_quantiles
from forecast.forecasting.trained import TrainedModel
from forecast.prepare import Prepared

MOST_SERIES, MOST_WINDOWS = 3, 3
"""In a picture: series, and test windows of each, one before the other."""


def shown_series(trained: TrainedModel, prepared: Prepared) -> Shown:
    """Some series with their last test windows, and the intervals that these would have now.

    Args:
        trained: its summary says which series are forecast worst and best.
        prepared: the data it was trained on.
    """
    panel, window = prepared.panel, prepared.config.window
    notes = _ranked(trained.summary, panel.num_series)
    chosen = [panel.ids.index(name) for name in notes] or evenly(panel.num_series, MOST_SERIES)
    rows = rows_drawn(window.horizon, prepared.season, MOST_WINDOWS)
    shown = panel.select(np.array(chosen)).tail(rows)
    return Shown(shown, _tested(trained, prepared, chosen), notes)


def _ranked(summary: Mapping[str, Any], num_series: int) -> dict[str, str]:
    """The worst, the median and the best series, with their rank; none without any."""
    metric = "accuracy" if "classes" in summary else "MASE"
    found: dict[str, tuple[float, str]] = {}
    for rank in ("worst", "best", "median"):
        for name, mase in [*summary.get(f"{rank}_series", {}).items()][:1]:
            found.setdefault(name, (mase, f"{rank} of {num_series}: {metric} {mase:.3g}"))
    ordered = sorted(found.items(), key=lambda item: -item[1][0])
    return {name: note for name, (_, note) in ordered}


def _tested(
    trained: TrainedModel, prepared: Prepared, chosen: list[int]
) -> dict[str, dict[int, Forecast]]:
    """Of each series that was chosen: rows from its end back to a forecast -> the forecast."""
    panel, windows = prepared.panel, prepared.windows["test"]
    origins = windows.origins()
    series = panel.series_of(origins)
    wanted = [_apart(origins[series == number], windows.horizon) for number in chosen]
    index = np.flatnonzero(np.isin(origins, np.concatenate(wanted)))
    few = replace(prepared, windows={"test": windows.subset(torch.from_numpy(index))})
    found: dict[str, dict[int, Forecast]] = {}
    for rows, values in part_forecasts(trained.models, few, "test", trained.combination):
        if values.shape[-1] == 1:
            _, values = intervals_at(prepared, trained.calibration, values, rows)
        numbers = panel.series_of(rows)
        ends = panel.offsets[numbers + 1]
        for number, back, each in zip(numbers, ends - 1 - rows, values, strict=True):
            found.setdefault(panel.ids[number], {})[int(back)] = each
    return found


def _apart(origins: Int[np.ndarray, " _"], horizon: int) -> Int[np.ndarray, " _"]:
    """The last origins whose windows do not overlap."""
    kept: list[int] = []
    while len(origins) and len(kept) < MOST_WINDOWS:
        kept.append(int(origins.max()))
        origins = origins[origins <= kept[-1] - horizon]
    return np.array(kept, dtype=np.int64)


def intervals_at(
    prepared: Prepared,
    calibration: Calibration | None,
    values: Float[np.ndarray, "B H K 1"],
    origins: Int[np.ndarray, " B"],
) -> tuple[tuple[float, ...], Float[np.ndarray, "B H K Q"]]:
    """Forecasts of some windows with the intervals that they have at their origins.

    Args:
        prepared: the data, and the levels that are configured.
        calibration: what is known of the errors; None: nothing.
        values: in the user's units.
        origins: of the windows.

    Returns:
        Quantiles, rising, and what is forecast of each.
    """
    levels = conformal_levels(None, prepared.config.intervals.levels, calibration)
    if calibration is None or not levels:
        return (0.5,), values
    pipeline, panel = prepared.pipeline, prepared.panel
    scale = fit_error_scale(pipeline, panel, prepared.scaling_rows, prepared.season)
    series = panel.series_of(origins)
    ends = with_ends(values, calibration.at(levels), scale, series, origins)
    return interval_quantiles(levels), np.maximum(ends, lowest(prepared.config))
