"""The pictures and the table of the forecast that a run leaves behind."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from forecast.data.panel import Panel
from forecast.data.write import to_csv
from forecast.errors import DataError
from forecast.forecasting.predict import forecast_table
from forecast.forecasting.trained import TrainedModel
from forecast.runs.folder import LR_RANGE_FILE, RunFolder
from forecast.training.loop import Epoch
from forecast.training.lr_range import LrFound
from forecast.zero_shot.result import QuickForecast

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

log = logging.getLogger("forecast")

Forecast = Float[np.ndarray, "H K _"]
"""Of one series, in the user's units; the last axis: quantiles, the median in the middle."""
MOST_PICTURES = 6
"""Panels in the picture of the forecast, one of each series and target."""
AHEAD_ROWS = 4
"""Horizons of history that are drawn before the steps ahead, at least two seasons."""


def write_results(
    trained: TrainedModel,
    panel: Panel,
    histories: Sequence[Sequence[Epoch]],
    kept: Sequence[int],
    tested: Mapping[int, Forecast],
    folder: RunFolder,
) -> None:
    """Write the learning curve, the table of the forecast and its picture.

    Args:
        trained: the model.
        panel: the table it was trained on.
        histories: epochs of each member.
        kept: number of the epoch that each member was taken from.
        tested: series number -> forecast of the test window that ends with it.
        folder: the run's.
    """
    from forecast.drawing import plots

    folder.write("learning_curve.png", plots.png(plots.learning_curve(histories, kept)))
    ahead = _write_forecast(trained, folder)
    pictures = forecast_pictures(panel, trained, tested, ahead)
    title = _title(trained.quantiles(), panel.num_series * panel.num_targets - len(pictures))
    folder.write("forecast.png", plots.png(plots.forecasts(pictures, title)))


def write_lr_range(found: LrFound, folder: RunFolder) -> None:
    """Write the curves of the learning-rate range test, `lr_range.csv` and `lr_range.png`."""
    from forecast.drawing import plots

    lines = ["seed,step,learning_rate,loss,smoothed_loss"]
    lines += [
        f"{sweep.seed},{step},{point.rate!r},{point.loss!r},{point.smoothed!r}"
        for sweep in found.sweeps
        for step, point in enumerate(sweep.points)
    ]
    folder.write(LR_RANGE_FILE, "\n".join(lines) + "\n")
    folder.write("lr_range.png", plots.png(plots.lr_range(found.sweeps, found.rates, found.rule)))


def _title(quantiles: tuple[float, ...], left_out: int) -> str:
    """What the picture of the forecast shows."""
    level = 100 * (quantiles[-1] - quantiles[0])
    shaded = f", {level:.4g} % interval shaded" if level else ""
    return f"Forecast{shaded}{f' ({left_out} more not shown)' if left_out else ''}"


def _write_forecast(trained: TrainedModel, folder: RunFolder) -> dict[str, Forecast]:
    """Write `forecast.csv` where that is possible; series id -> forecast after its last row."""
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
    panel: Panel,
    trained: TrainedModel,
    tested: Mapping[int, Forecast],
    ahead: Mapping[str, Forecast],
    most: int = MOST_PICTURES,
) -> list[dict[str, Any]]:
    """What the picture of the forecast shows: the last test window, and the steps ahead.

    Args:
        panel: holds the series.
        trained: the model.
        tested: series number -> forecast of the window that ends with it, where there is one.
        ahead: series id -> forecast after its last row, where that is known.
        most: pictures, one of each series and target.

    Returns:
        What `plots.forecasts` takes.
    """
    each = itertools.product(range(panel.num_series), range(panel.num_targets))
    return [
        _picture(panel, trained, tested.get(series), ahead.get(panel.ids[series]), series, target)
        for series, target in itertools.islice(each, most)
    ]


def _picture(
    panel: Panel,
    trained: TrainedModel,
    tested: Forecast | None,
    ahead: Forecast | None,
    series: int,
    target: int,
) -> dict[str, Any]:
    """The end of one series and target, with what was forecast of it."""
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


def _line(times: pd.Series, values: Float[np.ndarray, "H Q"]) -> tuple[Any, ...]:
    """Times, median, and the outermost quantiles if there are any."""
    quantiles = values.shape[-1]
    bounds = (values[:, 0], values[:, -1]) if quantiles > 1 else (None, None)
    return (times, values[:, quantiles // 2], *bounds)


def quick_picture(result: QuickForecast, most: int = MOST_PICTURES) -> Figure:
    """The last rows of some series, evenly spaced, and what is forecast of them.

    Args:
        result: of `forecast quick`.
        most: panels, one of each series and target.
    """
    from forecast.drawing import plots

    panel, values = result.panel, result.values
    pairs = [*itertools.product(range(panel.num_series), range(panel.num_targets))]
    known = [(s, t) for s, t in pairs if np.isfinite(values[s, :, t, values.shape[-1] // 2]).all()]
    chosen = [known[number * len(known) // most] for number in range(most)]
    pictures = [_ahead_picture(result, series, target) for series, target in dict.fromkeys(chosen)]
    title = _title(result.quantiles, len(known) - len(pictures))
    return plots.forecasts(pictures, title)


def _ahead_picture(result: QuickForecast, series: int, target: int) -> dict[str, Any]:
    """The end of one series and target, and the steps ahead, joined to the last known value."""
    panel, values = result.panel, result.values[series, :, target]
    first, end = int(panel.offsets[series]), int(panel.offsets[series + 1])
    shown = max(AHEAD_ROWS * len(values), 2 * result.season)
    rows = np.arange(max(first, end - shown), end)
    positions = panel.positions(rows)
    times = panel.axis.column(positions[-1] + 1 + np.arange(len(values)))
    return {
        "name": f"{panel.ids[series]}, {panel.targets[target]}"
        if panel.has_ids
        else panel.targets[target],
        "times": panel.axis.column(positions),
        "actual": panel.values[rows, target],
        "forecasts": {"next steps": _line(times, values)},
    }
