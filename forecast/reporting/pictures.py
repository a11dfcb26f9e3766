"""The pictures and the table of the forecast that a run leaves behind."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from forecast.data.panel import Panel
from forecast.data.write import to_csv
from forecast.errors import DataError
from forecast.evaluate import part_forecasts
from forecast.forecasting.predict import (
    forecast_table,
)
from forecast.forecasting.trained import TrainedModel
from forecast.prepare import Prepared
from forecast.runs.folder import RunFolder
from forecast.training.session import Session

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("forecast")


def write_results(session: Session, trained: TrainedModel, folder: RunFolder) -> None:
    """Write the learning curve, the table of the forecast and its picture."""
    from forecast.reporting import plots

    best = [epoch.number for epoch in session.kept_epochs()]
    folder.write("learning_curve.png", plots.png(plots.learning_curve(session.histories, best)))
    ahead = _write_forecast(trained, folder)
    pictures = forecast_pictures(session.prepared, trained, ahead, plots.MAX_PANELS)
    left_out = session.prepared.panel.num_series * len(trained.pipeline.targets) - len(pictures)
    title = _title(trained.quantiles(), left_out)
    folder.write("forecast.png", plots.png(plots.forecasts(pictures, title)))


def _title(levels: tuple[float, ...], left_out: int) -> str:
    """What the picture of the forecast shows."""
    shaded = f", {100 * (levels[-1] - levels[0]):.4g} % interval shaded" if levels[1:] else ""
    return f"Forecast{shaded}{f' ({left_out} more not shown)' if left_out else ''}"


def _write_forecast(trained: TrainedModel, folder: RunFolder) -> dict[str, np.ndarray]:
    """Write `forecast.csv` where that is possible; series -> (H, K, Q) after its last row."""
    wanted = ", ".join(covariate.name for covariate in trained.config.data.future)
    if wanted:
        log.warning(
            "forecast.csv is left out: the model needs the future values of %s; give them with"
            " forecast predict %s --future FILE",
            wanted,
            folder.path,
        )
        return {}
    try:
        history, values = trained.forecast_panel(trained.tail)
    except DataError as error:  # the model is good; only these rows cannot be forecast from
        log.warning("forecast.csv is left out: %s", error)
        return {}
    table = forecast_table(trained.config.data, history, values, trained.quantiles())
    folder.write("forecast.csv", to_csv(table))
    return dict(zip(history.ids, values, strict=True))


def forecast_pictures(
    prepared: Prepared, trained: TrainedModel, ahead: Mapping[str, np.ndarray], most: int
) -> list[dict[str, Any]]:
    """What the picture of the forecast shows: the last test window, and the steps ahead.

    Args:
        prepared: the data.
        trained: the model.
        ahead: series -> (H, K, Q) after its last row; a series may lack.
        most: pictures, one of each series and target.
    """
    panel = prepared.panel
    tested = dict(_last_test_windows(prepared, trained, most))
    each = itertools.product(range(panel.num_series), range(panel.num_targets))
    return [
        forecast_picture(
            panel, trained, tested.get(series), ahead.get(panel.ids[series]), series, target
        )
        for series, target in itertools.islice(each, most)
    ]


def forecast_picture(
    panel: Panel,
    trained: TrainedModel,
    tested: np.ndarray | None,
    ahead: np.ndarray | None,
    series: int,
    target: int,
) -> dict[str, Any]:
    """The end of one series and target, with what was forecast of it.

    Args:
        panel: holds the series.
        trained: the model.
        tested: (H, K, Q) of the window that ends with the series; None: none.
        ahead: (H, K, Q) after its last row; None: none.
        series, target: numbers.
    """
    window, name = trained.config.window, panel.targets[target]
    first, end = int(panel.offsets[series]), int(panel.offsets[series + 1])
    rows = np.arange(max(first, end - window.lookback - 3 * window.horizon), end)
    positions = panel.positions(rows)
    lines: dict[str, Any] = {}
    if tested is not None:
        times = panel.axis.column(positions[-window.horizon :])
        lines["test forecast"] = _line(times, tested[:, target])
    if ahead is not None:
        times = panel.axis.column(positions[-1] + 1 + np.arange(len(ahead)))
        lines["next steps"] = _line(times, ahead[:, target])
    return {
        "name": f"{panel.ids[series]}, {name}" if panel.has_ids else name,
        "times": panel.axis.column(positions),
        "actual": panel.values[rows, target],
        "forecasts": lines,
    }


def _last_test_windows(
    prepared: Prepared, trained: TrainedModel, most: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Series and forecast (H, K, Q) of the window that ends with it, of the first `most` series."""
    panel, windows = prepared.panel, prepared.windows["test"]
    wanted = panel.offsets[1:] - 1 - windows.horizon
    index = np.flatnonzero(np.isin(windows.origins(), wanted))[:most]
    last = replace(prepared, windows={"test": windows.subset(torch.from_numpy(index))})
    for rows, values in part_forecasts(trained.models, last) if len(index) else ():
        yield from zip(panel.series_of(rows).tolist(), values, strict=True)


def _line(times: pd.Series, values: np.ndarray) -> tuple[Any, ...]:
    """Times, median, and the outermost quantiles if there are any."""
    quantiles = values.shape[-1]
    bounds = (values[:, 0], values[:, -1]) if quantiles > 1 else (None, None)
    return (times, values[:, quantiles // 2], *bounds)
