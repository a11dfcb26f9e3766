"""How a trained model shows itself: figures of its forecasts, and five lines about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from forecast.config.tree import Config
from forecast.data.panel import Panel
from forecast.drawing.panels import (
    MOST_PANELS,
    Forecast,
    Shown,
    evenly,
    label_panels_of,
    panels_of,
    rows_drawn,
    title_of,
)
from forecast.errors import listed
from forecast.evaluation.levels import Levels
from forecast.tables.frames import TableOrPath

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from forecast.forecasting.trained import TrainedModel


def drawn_series(trained: TrainedModel) -> Shown:
    """The series of pictures; of a model that was loaded, the end of the training table."""
    return trained.shown or _evenly_chosen(trained, trained.tail, trained.config.window.horizon)


def _evenly_chosen(trained: TrainedModel, history: Panel, horizon: int) -> Shown:
    chosen = history.select(np.array(evenly(history.num_series, MOST_PANELS)))
    return Shown(chosen.tail(rows_drawn(horizon, int(trained.config.data.season))))


def figure_of_run(trained: TrainedModel, ahead: Mapping[str, Forecast]) -> Figure:
    """Test forecasts, and the steps after the last rows.

    Args:
        trained: the model.
        ahead: series id -> forecast after its last row, where that is known.
    """
    return _drawn(trained, drawn_series(trained), ahead, trained.quantiles(), trained.tail)


def _drawn(
    trained: TrainedModel,
    shown: Shown,
    ahead: Mapping[str, Forecast],
    quantiles: tuple[float, ...],
    panel: Panel,
) -> Figure:
    """The series that are shown, with their forecasts; `panel` are all of them."""
    from forecast.drawing import label_plots, plots  # matplotlib is slow

    panels = drawn_panels(trained, shown, ahead)
    if trained.pipeline.labels:
        return label_plots.label_strips(panels, title_of((0.5,), panel, len(panels)))
    return plots.forecasts(panels, title_of(quantiles, panel, len(panels)))


def drawn_panels(
    trained: TrainedModel, shown: Shown, ahead: Mapping[str, Forecast]
) -> list[dict[str, Any]]:
    """What pictures show of some series, of numbers or of labels.

    Args:
        trained: the model.
        shown: the series.
        ahead: series id -> forecast after its last row, where that is known.
    """
    labels = trained.pipeline.labels
    return label_panels_of(shown, ahead, labels.classes) if labels else panels_of(shown, ahead)


def forecast_with_figure(
    trained: TrainedModel,
    data: TableOrPath | None,
    future: TableOrPath | None,
    horizon: int | None,
    level: Levels,
) -> tuple[pd.DataFrame, Figure]:
    """What `forecast` and `plot` of a model give, forecast once.

    Args:
        trained: the model.
        data, future, horizon, level: as for `TrainedModel.forecast`.

    Returns:
        The table, and the figure.
    """
    history, panel, values = trained.ahead(data, future, horizon, level)
    ahead = dict(zip(panel.ids, values, strict=True))
    known = [number for number, name in enumerate(history.ids) if name in ahead]
    shown = _evenly_chosen(trained, history.select(np.array(known)), values.shape[1])
    figure = _drawn(trained, shown, ahead, trained.quantiles(level), panel)
    return trained.table(panel, values, level), figure


def picture_of(trained: TrainedModel) -> bytes | None:
    """A PNG of test forecasts, else of the next steps; None where these need the future."""
    from forecast.drawing import plots

    if trained.shown is not None:
        return plots.png(trained.plot_test())
    return None if trained.config.data.future else plots.png(trained.plot())


def described(trained: TrainedModel) -> list[str]:
    """What was trained on what, and how good it is, in five lines."""
    config, tail, summary = trained.config, trained.tail, trained.summary
    network = f"{config.model.cell}, {summary.get('parameters', 0):,} parameters"
    last = tail.axis.text(int((tail.starts + tail.lengths - 1).max()))
    series = "1 series" if tail.num_series == 1 else f"{tail.num_series:,} series"
    targets, combination = trained.pipeline.targets, trained.combination
    count, beside = len(trained.models), "no partners"
    members = f", ensemble of {count}" if count > 1 else ""
    if combination is not None and len(combination.methods) > 1:
        beside = combination.in_words(targets, most=3)
    return [
        f"TrainedModel of {listed(targets, 3)}, {config.window.horizon} steps ahead",
        f"data     {series}, frequency {tail.axis.frequency}, up to {last}",
        f"model    {network}{members}; lookback {_lookbacks(config)}",
        f"beside   {beside}",
        f"test     {summary.get('verdict', 'not tested')}",
    ]


def _lookbacks(config: Config) -> str:
    """Of all members, and their lags."""
    windows = [member.window for member in config.listed] or [config.window]
    found = sorted({each.lookback for each in windows})
    lags = sorted({lag for each in windows for lag in each.lags})
    told = f", lags {', '.join(map(str, lags))}" if lags else ""
    return f"{', '.join(map(str, found))}{told}"
