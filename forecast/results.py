"""What a run leaves behind: scores, verdict, tables and pictures."""

from __future__ import annotations

import functools
import itertools
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from forecast.data.panel import Panel
from forecast.data.split import PARTS
from forecast.data.write import to_csv
from forecast.errors import DataError
from forecast.evaluation.conformal import Calibration, Scores
from forecast.evaluation.coverage import Summary, conformal_coverage, quantile_coverage
from forecast.evaluation.intervals import ErrorScale, Tried, even_origins, fit_error_scale
from forecast.evaluation.linear import fit_linear
from forecast.evaluation.metrics import (
    ErrorSums,
    quantile_errors,
    quantile_metrics,
    training_scale,
)
from forecast.evaluation.scoring import (
    MODEL,
    Actuals,
    Opponent,
    best_opponent,
    overall,
    verdict,
    with_batch,
)
from forecast.forecasting.predict import (
    forecast_table,
    member_forecasts,
    restored_model,
    user_forecast,
)
from forecast.forecasting.trained import TrainedModel
from forecast.models.forecaster import Forecaster
from forecast.prepare import Prepared
from forecast.runs.folder import MODEL_FILE, PROFILE_FILE, SUMMARY_FILE, RunFolder
from forecast.training.losses import quantile_levels
from forecast.training.session import Session

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("forecast")

NAMED_SERIES = 10
"""Worst and best series named in the summary of a panel."""


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
        scale=training_scale(values, panel.offsets, prepared.split.train, prepared.season),
        season=prepared.season,
    )


def linear_opponent(prepared: Prepared) -> Opponent:
    """Ridge regression on the same windows as the model, as a function of origins."""
    windows, panel = prepared.windows["train"], prepared.panel
    model = fit_linear(windows, prepared.windows["validation"])
    targets = windows.inputs[:, : panel.num_targets].numpy()
    steps, filled = np.arange(1 - windows.lookback, 1), prepared.filled_targets()

    def forecast(origins: np.ndarray) -> np.ndarray:
        values = model.forecast(targets[origins[:, None] + steps].astype(np.float64))[..., None]
        return user_forecast([values], prepared.pipeline, panel, filled, origins)[..., 0]

    return forecast


def trained_models(session: Session) -> tuple[Forecaster, ...]:
    """The finished members with the weights that were kept."""
    return tuple(
        restored_model(session.config, session.prepared.pipeline, weights).to(session.device)
        for weights in session.done
    )


def finish(session: Session) -> TrainedModel:
    """Score on the test part, write the model, the tables and the pictures."""
    prepared, folder, profile = session.prepared, session.folder, session.profile
    models = trained_models(session)
    with profile.part("evaluation"):
        calibration, coverage = _calibrated(models, prepared)
        summary = _summary(session, models) | coverage
    filled = prepared.pipeline.filled(prepared.panel, prepared.panel.offsets)
    trained = TrainedModel(
        config=prepared.config,
        pipeline=prepared.pipeline,
        models=models,
        tail=replace(prepared.panel, values=filled),
        summary=summary,
        calibration=calibration,
    )
    trained = replace(trained, tail=trained.tail.tail(trained.rows_needed))
    if trained.left_out:
        log.warning("%s", trained.left_out)
    if folder is not None:
        with profile.part("writing"):
            trained.save(folder.path / MODEL_FILE)
            _write_results(session, trained, folder)
        if profile.is_wanted:
            folder.write_json(PROFILE_FILE, profile.table())
        folder.write_json(SUMMARY_FILE, summary)  # last: it says that the run is finished
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
        "windows": {name: len(prepared.windows[name]) for name in PARTS},
        "season": prepared.season,
    }
    if not len(prepared.windows["test"]):
        return summary | {"verdict": "There is no test part, so nothing is known of the accuracy."}
    scores, quantiles = _scores(models, prepared)
    named = {config.model.cell if name == MODEL else name: s for name, s in scores.items()}
    metrics, ours = overall(named), named[config.model.cell]
    summary |= {"quantile_metrics": quantiles.overall()} if quantiles else {}
    return summary | {
        "metrics": metrics,
        "best_opponent": best_opponent(metrics, config.model.cell),
        "mae_by_step": {name: sums.per_step()["MAE"].tolist() for name, sums in named.items()},
        "mae_by_target": {
            name: dict(zip(prepared.panel.targets, sums.per_target()["MAE"].tolist(), strict=True))
            for name, sums in named.items()
        },
        "worst_series": _extreme_series(prepared.panel, ours, -1),
        "best_series": _extreme_series(prepared.panel, ours, 1),
        "verdict": verdict(metrics, config.model.cell, len(prepared.windows["test"])),
    }


def _scores(
    models: tuple[Forecaster, ...], prepared: Prepared
) -> tuple[dict[str, ErrorSums], ErrorSums | None]:
    """Errors of every method on the test part, and those of the quantiles if there are any."""
    truth, rivals = actuals(prepared), {"linear_model": linear_opponent(prepared)}
    levels = quantile_levels(prepared.config.training.loss)
    scores: dict[str, ErrorSums] = {}
    quantiles = ErrorSums(quantile_metrics(levels), truth.num_series) if len(levels) > 1 else None
    for rows, values in part_forecasts(models, prepared):
        scores = with_batch(scores, rows, values[..., len(levels) // 2], truth, rivals)
        if quantiles:
            errors = quantile_errors(truth.after(rows, values.shape[1]), values, levels)
            quantiles = quantiles.add(errors, truth.history.series_of(rows))
    return scores, quantiles


def _calibrated(
    models: tuple[Forecaster, ...], prepared: Prepared
) -> tuple[Calibration | None, Summary]:
    """What the errors of a point model tell of its next ones, and how often its intervals hold."""
    options, truth = prepared.config.intervals, actuals(prepared)
    quantiles = quantile_levels(prepared.config.training.loss)
    if len(quantiles) > 1:
        return None, quantile_coverage(part_forecasts(models, prepared), truth, quantiles)
    if not options.levels:
        return None, {}
    panel, train = prepared.panel, prepared.split.train
    scale = fit_error_scale(prepared.pipeline, panel, train, prepared.season)
    validation, test = out_of_sample(models, prepared, truth, scale)
    scores = [part.scores for part in (validation, test) if part is not None]
    if not scores:
        return None, {}
    joined = functools.reduce(Scores.joined, scores)
    calibration = Calibration.of(joined, scale.sizes, options.levels, options.origins)
    return calibration, conformal_coverage(validation, test, truth, scale, options)


def out_of_sample(
    models: tuple[Forecaster, ...], prepared: Prepared, truth: Actuals, scale: ErrorScale
) -> tuple[Tried | None, ...]:
    """Forecasts and errors of the validation and the test part."""
    times_of, parts = prepared.panel.positions, ("validation", "test")
    windows = [prepared.windows[part] for part in parts]
    values = windows[0].horizon * prepared.panel.num_targets
    kept = even_origins([times_of(each.origins()) for each in windows], values)
    subsets = [each.subset(torch.from_numpy(n)) for each, n in zip(windows, kept, strict=True)]
    fewer = replace(prepared, windows=dict(zip(parts, subsets, strict=True)))
    batches = [part_forecasts(models, fewer, part) for part in parts]
    return tuple(Tried.of(each, truth, scale, times_of) for each in batches)


def _extreme_series(panel: Panel, errors: ErrorSums, sign: int) -> dict[str, float]:
    """MASE of the series forecast worst (sign -1) or best (1); empty for a table without ids."""
    if not panel.has_ids:
        return {}
    mase = errors.per_series()["MASE"]
    known = np.flatnonzero(~np.isnan(mase))
    order = known[np.argsort(sign * mase[known], kind="stable")][:NAMED_SERIES]
    return {panel.ids[number]: float(mase[number]) for number in order}


def _write_results(session: Session, trained: TrainedModel, folder: RunFolder) -> None:
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
