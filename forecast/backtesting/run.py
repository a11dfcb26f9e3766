"""Backtests: a model and its opponents at several origins that roll on through the data."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from forecast.backtesting.plan import Fold, Plan, without_last
from forecast.backtesting.tables import (
    fold_errors,
    forecast_frame,
    origin_time,
    pictures,
    score_frame,
    summarise,
)
from forecast.config.data import Difference
from forecast.config.tree import Config, config_from, read_config
from forecast.data.assemble import read_panel
from forecast.data.panel import Panel
from forecast.data.split import split
from forecast.data.write import to_csv
from forecast.errors import ConfigError, DataError
from forecast.evaluate import actuals, linear_opponent, part_forecasts, trained_models
from forecast.evaluation.baselines import BASELINES
from forecast.evaluation.scoring import Actuals, Opponent, best_opponent, overall
from forecast.evaluation.statistical import require_statistical, statistical_forecast
from forecast.experiment import with_learning_rate
from forecast.forecasting.model_file import load
from forecast.forecasting.trained import TrainedModel
from forecast.models.forecaster import Forecaster
from forecast.prepare import Prepared, new_session, prepare
from forecast.runs.folder import CONFIG_FILE, SUMMARY_FILE, RunFolder
from forecast.training.device import choose_device
from forecast.training.session import Progress

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("forecast")

FORECASTS_FILE = "backtest.csv"
BACKTEST_FILES = (FORECASTS_FILE, "scores.csv", "backtest.png", SUMMARY_FILE)
MOST_PICTURES, MOST_FOLDS_DRAWN = 6, 12
"""Series and targets in the picture, and folds: the last ones, for more cannot be told apart."""

FOLDS = 5
"""Folds where nobody asks for more or fewer."""
LINEAR = "linear_model"
IN_TABLE = (
    "rows, and the longest series has {rows} beside validation and one training window",
    "",
)
IN_RUN = ("test rows, the run has {rows}", ", or refit")
"""Where the rows of the folds are, and what else helps."""


@dataclass(frozen=True)
class FoldForecaster:
    """What forecasts a fold or all of them, with the data that they were trained on."""

    prepared: Prepared
    models: tuple[Forecaster, ...]

    @cached_property
    def linear(self) -> Opponent:
        """Ridge regression on the models' training windows."""
        return linear_opponent(self.prepared)


@dataclass(frozen=True)
class Backtest:
    """What a backtest came to."""

    forecasts: pd.DataFrame
    """A row a fold, series, target and step: fold, origin, id, time, target, actual, and a column
    a method."""
    scores: pd.DataFrame
    """A row a method and group: group (overall, fold, step, series, target), key, method, and each
    metric."""
    summary: dict[str, Any]
    """As in `summary.json`: the scores, how they came about, and `verdict`."""
    pictures: list[dict[str, Any]] = field(default_factory=list, repr=False)
    """What `backtest.png` shows."""


def open_source(
    path: str | Path, overrides: Sequence[str] = (), refit: bool = False, device: str | None = None
) -> tuple[Config, TrainedModel | None]:
    """The configuration to train, or that of a finished run with its model.

    Args:
        path: a configuration, a run folder, or its model file.
        overrides: `section.key=value`, for what is to be trained.
        refit: a run is trained anew, so its model is not wanted.
        device: of the model; None: the CPU for a finished one.
    """
    if not _is_run(Path(path)):
        return read_config(path, [*overrides, *([f"device={device}"] if device else [])]), None
    trained = load(path, choose_device(device or "cpu"))
    if refit:
        words = [*overrides, *([f"device={device}"] if device else [])]
        return config_from(trained.config.model_dump(mode="json"), words), None
    if overrides:
        raise ConfigError(
            f"{path}: a finished run is tested as it is; leave {overrides[0]} out, or add --refit"
        )
    return trained.config, trained


def _is_run(path: Path) -> bool:
    return path.is_dir() or path.suffix == ".safetensors"


def backtest(
    config: Config,
    trained: TrainedModel | None = None,
    data: pd.DataFrame | None = None,
    folds: int | None = None,
    step: int | None = None,
    refit: bool = False,
    baselines: Sequence[str] = (),
) -> Generator[Progress, None, Backtest]:
    """Forecast from several origins, each `step` rows after the one before it.

    The last fold forecasts the last rows of every series. MASE divides by the seasonal differences
    of the rows that the first fold's model is trained on.

    Args:
        config: what to train.
        trained: a finished model in its place; its origins must lie in its test part.
        data: a DataFrame in place of the file.
        folds: number of origins; None: 5, or fewer where no more fit.
        step: rows between two origins; None: the horizon.
        refit: train anew for each fold on all that lies before its origin, rather than once on
            what lies before the first.
        baselines: statistical models beside the ones that cost nothing, see `STATISTICAL`.

    Yields:
        A record after each epoch of training.

    Raises:
        ConfigError: if the folds do not fit into the data, or into the test part of the run.
        DataError: if no origin can be forecast from.

    Source: Tashman 2000, "Out-of-sample tests of forecasting accuracy".
    """
    began = time.monotonic()
    horizon = config.window.horizon
    plan = Plan(FOLDS if folds is None else folds, horizon if step is None else step, horizon)
    require_statistical(baselines)
    panel = read_panel(config.data, data)
    if trained is None:
        config = _with_validation(config, panel)
        plan = _fitting_plan(plan, _room(config, panel), folds is None, IN_TABLE)
        prepared = prepare(_with_split(config, test=plan.rows), panel)
    else:
        prepared = prepare(trained.config, panel)
        _require_same_data(prepared, trained)
        held_out = int(np.diff(prepared.split.test).max())
        plan = _fitting_plan(plan, held_out, folds is None, IN_RUN)
    forecaster = FoldForecaster(prepared, trained.models) if trained else None
    truth, done = actuals(prepared), []
    for number, rows in _origins(prepared, plan):
        if refit:
            fold = yield from _refitted(config, panel, plan, number, rows)
        else:
            forecaster = forecaster or (yield from _fit(prepared))
            fold = Fold(number, *_forecast(forecaster, rows))
        done.append(fold.beside(_opponents(fold.rows, truth, plan, baselines)))
        _log_fold(done[-1], prepared, truth, plan)
    summary = summarise(panel, plan, done, truth)
    summary |= {"refit": refit, "seconds": round(time.monotonic() - began, 3)}
    return _result(prepared, done, truth, summary)


def _with_validation(config: Config, panel: Panel) -> Config:
    """With a validation part that begins at a date as so many rows, for it will lie elsewhere."""
    if not isinstance(config.split.validation, str):
        return config
    rows = int(np.diff(split(panel, config.split).validation).max())
    return _with_split(config, validation=rows)


def _with_split(config: Config, **sizes: int) -> Config:
    """With a part of so many rows; validation lies right before test, as long as it was."""
    return config.model_copy(update={"split": config.split.model_copy(update=sizes)})


def _room(config: Config, panel: Panel) -> int:
    """Rows of the longest series that folds may take; what trains the first model is left."""
    size, rows = config.split.validation, int(panel.lengths.max())
    validation = int(rows * size) if isinstance(size, float) else int(size)
    taken = sum(  # by differences whose lag is known before the data are seen
        option.lag * option.order
        for option in config.transforms
        if isinstance(option, Difference) and isinstance(option.lag, int)
    )
    window = config.window
    return max(0, rows - validation - window.lookback - window.horizon - taken)


def _fitting_plan(plan: Plan, rows: int, is_free: bool, words: tuple[str, str]) -> Plan:
    """The plan, if its folds fit into so many rows; with fewer folds if nobody asked for them.

    Args:
        plan: what is wanted.
        rows: what there is.
        is_free: whether fewer folds will do.
        words: where the rows are, for the message, and its further remedy.
    """
    if rows >= plan.rows:
        return plan
    fitting, (place, remedy) = plan.folds_in(rows), words
    if is_free and fitting:
        log.warning(
            "%d fold%s in place of %d, for no more fit; a smaller step makes room",
            fitting,
            "" if fitting == 1 else "s",
            plan.folds,
        )
        return replace(plan, folds=fitting)
    few = "no fold fits; lower window.horizon"
    if fitting:
        few = f"{fitting} fold{' fits' if fitting == 1 else 's fit'}; give fewer folds, or a"
        few += " smaller step"
    raise ConfigError(
        f"folds {plan.folds}, step {plan.step}: they need {plan.rows}"
        f" {place.format(rows=rows)}; {few}{remedy}"
    )


def _require_same_data(prepared: Prepared, trained: TrainedModel) -> None:
    """The rows that a run was trained on must not come up in its test."""
    panel, tail = prepared.panel, trained.tail
    now = prepared.as_history().tail(trained.rows_needed)
    same = (
        (now.ids, now.axis) == (tail.ids, tail.axis)
        and np.array_equal(now.starts, tail.starts)
        and np.array_equal(now.values, tail.values, equal_nan=True)
        and all(map(np.allclose, prepared.pipeline.chain.states, trained.pipeline.chain.states))
    )
    if not same:
        raise DataError(
            f"{panel.source}: not the rows that the run was trained and tested on; refit, or train"
            " a new run"
        )


def _origins(prepared: Prepared, plan: Plan) -> Iterator[tuple[int, np.ndarray]]:
    """Number and origins of each fold that has any; what cannot be forecast from is named."""
    usable = prepared.windows["test"].origins()
    found = 0
    for fold in range(1, plan.folds + 1):
        wanted = plan.origins(prepared.panel.offsets, fold)
        rows = wanted[np.isin(wanted, usable)]
        found += len(rows)
        if len(rows) < len(wanted):
            log.warning(
                "fold %d/%d: %d of %d series left out; they are too short, or their origin lies"
                " among missing values",
                fold,
                plan.folds,
                len(wanted) - len(rows),
                len(wanted),
            )
        if len(rows):
            yield fold, rows
    if not found:
        raise DataError(
            f"{prepared.panel.source}: no fold can be forecast from; all origins lie among missing"
            " values: change step"
        )


def _fit(prepared: Prepared) -> Generator[Progress, None, FoldForecaster]:
    """Train the models; they are tested nowhere yet."""
    device = choose_device(prepared.config.device)
    session = new_session(with_learning_rate(prepared, device), device)
    yield from session.run()
    return FoldForecaster(prepared, trained_models(prepared, session))


def _forecast(
    forecaster: FoldForecaster, rows: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Origins (B,), the test windows among some rows, and forecasts from them by method."""
    prepared = forecaster.prepared
    windows = prepared.windows["test"]
    index = np.flatnonzero(np.isin(windows.origins(), rows))
    chosen = replace(prepared, windows={"test": windows.subset(torch.from_numpy(index))})
    parts = list(part_forecasts(forecaster.models, chosen))
    origins = np.concatenate([rows for rows, _ in parts])
    values = np.concatenate([values[..., values.shape[-1] // 2] for _, values in parts])
    return origins, {prepared.config.model.cell: values, LINEAR: forecaster.linear(origins)}


def _refitted(
    config: Config, panel: Panel, plan: Plan, number: int, rows: np.ndarray
) -> Generator[Progress, None, Fold]:
    """A fold, forecast by models trained on all that lies before its origins."""
    part, series = without_last(panel, plan.rows_after(number))
    forecaster = yield from _fit(prepare(_with_split(config, test=plan.horizon), part))
    # Row of the panel minus row of the part, by series.
    shift = panel.offsets[series] - part.offsets[:-1]
    local = np.searchsorted(series, panel.series_of(rows))
    origins, forecasts = _forecast(forecaster, rows - shift[local])
    return Fold(number, origins + shift[part.series_of(origins)], forecasts)


def _opponents(
    rows: np.ndarray, truth: Actuals, plan: Plan, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """What the baselines forecast from the same origins."""
    where = (truth.history, rows, plan.horizon)
    free = {name: baseline(*where) for name, baseline in BASELINES.items()}
    return free | {name: statistical_forecast(name, *where) for name in names}


def _log_fold(fold: Fold, prepared: Prepared, truth: Actuals, plan: Plan) -> None:
    metrics, model = overall(fold_errors([fold], truth)), prepared.config.model.cell
    best = best_opponent(metrics, model)
    log.info(
        "fold %d/%d: origin %s, %d window%s, MAE %.4g (%s %.4g)",
        fold.number,
        plan.folds,
        origin_time(prepared.panel, fold),
        len(fold.rows),
        "" if len(fold.rows) == 1 else "s",
        metrics[model]["MAE"],
        best,
        metrics[best]["MAE"],
    )


def _result(
    prepared: Prepared, folds: Sequence[Fold], truth: Actuals, summary: dict[str, Any]
) -> Backtest:
    config, panel = prepared.config, prepared.panel
    model = summary["model"]
    context = min(config.window.lookback, 2 * config.window.horizon)
    methods = (model, best_opponent(summary["metrics"], model))
    drawn = folds[-MOST_FOLDS_DRAWN:]
    return Backtest(
        forecasts=forecast_frame(config.data, panel, folds, truth),
        scores=score_frame(panel, folds, truth),
        summary=summary,
        pictures=pictures(panel, drawn, truth, methods, context, MOST_PICTURES),
    )


def backtest_folder(path: Path, force: bool = False) -> RunFolder:
    """The folder to write to; nothing in it changes yet.

    Raises:
        ConfigError: if there is something in it, other than a backtest that `force` replaces.
    """
    if path.exists() and not path.is_dir():
        raise ConfigError(f"{path} is a file; give another folder with --output")
    names = {file.name for file in path.iterdir()} if path.exists() else set()
    if names and (CONFIG_FILE in names or FORECASTS_FILE not in names):
        raise ConfigError(
            f"{path} is not empty and holds no backtest; give another folder with --output"
        )
    if names and not force:
        raise ConfigError(
            f"{path} holds a backtest; give another folder with --output, or replace it with"
            " --force"
        )
    return RunFolder(path)


def write_backtest(result: Backtest, folder: RunFolder) -> None:
    """The files of `BACKTEST_FILES`; the summary last, for it says that the others are there."""
    from forecast.reporting import plots

    folder.path.mkdir(parents=True, exist_ok=True)
    folder.write(FORECASTS_FILE, to_csv(result.forecasts))
    folder.write("scores.csv", to_csv(result.scores))
    summary = result.summary
    left_out = summary["series"] * len(summary["targets"]) - len(result.pictures)
    title = f"Backtest ({left_out} more not shown)" if left_out else "Backtest"
    folder.write("backtest.png", plots.png(plots.backtest(result.pictures, title)))
    folder.write_json(SUMMARY_FILE, summary)
