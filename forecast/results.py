"""What a run leaves behind: scores, verdict, tables and pictures."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from forecast.data.output import to_csv
from forecast.data.split import PARTS
from forecast.evaluation.metrics import mase_scale
from forecast.evaluation.scoring import MODEL, Actuals, score, verdict
from forecast.forecasting import forecast_table, member_forecasts, user_forecast, window_shape
from forecast.models.forecaster import Forecaster
from forecast.preparation import Prepared
from forecast.runs import RunFolder
from forecast.session import Session
from forecast.trained import MODEL_FILE, TrainedModel

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("forecast")


def part_forecasts(
    models: tuple[Forecaster, ...], prepared: Prepared, part: str = "test"
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Origins (B,) and forecasts (B, H, K, Q) in the user's units, batch by batch."""
    windows = prepared.windows[part]
    origins, filled = windows.origins(), prepared.filled_targets()
    for index, members in member_forecasts(models, windows):
        rows = origins[index]
        yield rows, user_forecast(members, prepared.pipeline, prepared.panel, filled, rows)


def actuals(prepared: Prepared) -> Actuals:
    """The truth that forecasts are scored against."""
    panel = prepared.panel
    values = panel.values[:, : panel.num_targets]
    return Actuals(
        values=values,
        filled=prepared.filled_targets(),
        offsets=panel.offsets,
        scale=mase_scale(values, panel.offsets, prepared.split.train, prepared.season),
        season=prepared.season,
    )


def finish(session: Session) -> TrainedModel:
    """Score on the test part, write the model, the tables and the pictures."""
    prepared, folder = session.prepared, session.folder
    shape = window_shape(prepared.config, prepared.pipeline)
    models = []
    for weights in session.done:
        model = Forecaster(prepared.config.model, shape).to(session.device)
        model.load_state_dict(weights)
        models.append(model.eval())
    summary = _summary(session, tuple(models))
    filled = prepared.pipeline.filled(prepared.panel, prepared.split.offsets())
    trained = TrainedModel(
        config=prepared.config,
        pipeline=prepared.pipeline,
        models=tuple(models),
        tail=prepared.panel,
        summary=summary,
    )
    trained = replace(
        trained, tail=replace(prepared.panel, values=filled).tail(trained.rows_needed)
    )
    if folder is not None:
        trained.save(folder.path / MODEL_FILE)
        folder.write_json("summary.json", summary)
        _write_results(session, trained, folder)
    return trained


def _summary(session: Session, models: tuple[Forecaster, ...]) -> dict[str, Any]:
    prepared = session.prepared
    config = prepared.config
    summary: dict[str, Any] = {
        "model": config.model.cell,
        "parameters": sum(p.numel() for p in models[0].parameters()),
        "ensemble": len(models),
        "learning_rate": config.training.learning_rate,
        "epochs": [len(history) for history in session.histories],
        "kept_epochs": [epoch.number for epoch in session.kept_epochs()],
        "validation_loss": [epoch.validation_loss for epoch in session.kept_epochs()],
        "stopped": session.reasons,
        "seconds": sum(history[-1].seconds for history in session.histories),
        "windows": {name: len(prepared.windows[name]) for name in PARTS},
        "season": prepared.season,
    }
    if not len(prepared.windows["test"]):
        return summary | {"verdict": "There is no test part, so nothing is known of the accuracy."}
    batches = (
        (rows, values[..., values.shape[-1] // 2])
        for rows, values in part_forecasts(models, prepared)
    )
    scores = score(batches, actuals(prepared))
    named = {config.model.cell if name == MODEL else name: s for name, s in scores.items()}
    metrics = {name: sums.overall() for name, sums in named.items()}
    return summary | {
        "metrics": metrics,
        "mae_by_step": {name: sums.per_step()["MAE"].tolist() for name, sums in named.items()},
        "verdict": verdict(metrics, config.model.cell, len(prepared.windows["test"])),
    }


def _write_results(session: Session, trained: TrainedModel, folder: RunFolder) -> None:
    from forecast.evaluation import plots

    best = [epoch.number for epoch in session.kept_epochs()]
    folder.write("learning_curve.png", plots.png(plots.learning_curve(session.histories, best)))
    if trained.config.data.future:
        log.info("forecast.csv is left out: predict needs the future covariates (--future FILE)")
        ahead = None
    else:
        history, values = trained.forecast_panel(trained.tail)
        table = forecast_table(trained.config.data, history, values, trained.levels)
        folder.write("forecast.csv", to_csv(table))
        ahead = values
    panels = forecast_panels(session.prepared, trained, ahead)
    folder.write("forecast.png", plots.png(plots.forecasts(panels, "Forecast")))


def forecast_panels(
    prepared: Prepared, trained: TrainedModel, ahead: np.ndarray | None
) -> list[dict[str, Any]]:
    """What the picture of the forecast shows: the last test window, and the steps ahead.

    Args:
        prepared: the data.
        trained: the model.
        ahead: (S, H, K, Q) forecasts after the last row, or None.
    """
    panel, window = prepared.panel, trained.config.window
    last = {int(row): values for row, values in _last_test_window(prepared, trained)}
    shown = window.lookback + 3 * window.horizon
    panels = []
    for series in range(panel.num_series):
        end = int(panel.offsets[series + 1])
        rows = np.arange(max(int(panel.offsets[series]), end - shown), end)
        positions = panel.positions(rows)
        for target, name in enumerate(panel.targets):
            lines: dict[str, Any] = {}
            tested = last.get(end - 1 - window.horizon)
            if tested is not None:
                times = panel.axis.column(positions[-window.horizon :])
                lines["test forecast"] = _line(times, tested[:, target])
            if ahead is not None:
                times = panel.axis.column(positions[-1] + 1 + np.arange(ahead.shape[1]))
                lines["next steps"] = _line(times, ahead[series, :, target])
            label = f"{panel.ids[series]}, {name}" if panel.has_ids else name
            panels.append(
                {
                    "name": label,
                    "times": panel.axis.column(positions),
                    "actual": panel.values[rows, target],
                    "forecasts": lines,
                }
            )
    return panels


def _last_test_window(
    prepared: Prepared, trained: TrainedModel
) -> Iterator[tuple[int, np.ndarray]]:
    """Origin and forecast (H, K, Q) of the last window of each series' test part."""
    windows = prepared.windows["test"]
    wanted = prepared.panel.offsets[1:] - 1 - windows.horizon
    index = np.flatnonzero(np.isin(windows.origins(), wanted))[:8]
    last = replace(prepared, windows={"test": windows.subset(torch.from_numpy(index))})
    for rows, values in part_forecasts(trained.models, last) if len(index) else ():
        yield from zip(rows, values, strict=True)


def _line(times: pd.Series, values: np.ndarray) -> tuple[Any, ...]:
    """Times, median, and the outermost quantiles if there are any."""
    quantiles = values.shape[-1]
    bounds = (values[:, 0], values[:, -1]) if quantiles > 1 else (None, None)
    return (times, values[:, quantiles // 2], *bounds)
