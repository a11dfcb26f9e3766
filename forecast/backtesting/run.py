"""The story of a backtest: plan the folds, forecast from each origin, score, and put together."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int

from forecast.backtesting.labels import label_fold
from forecast.backtesting.plan import Fold, Plan, rows_for_folds, without_last
from forecast.backtesting.tables import Backtest, backtest_of, origin_time, overall_scores
from forecast.calibrate import calibrated
from forecast.config.tree import Config, without_start
from forecast.data.assemble import read_panel
from forecast.data.digest import data_digest
from forecast.data.panel import Panel
from forecast.data.split import split
from forecast.errors import ConfigError, DataError
from forecast.evaluate import (
    actuals,
    fitted_combination,
    linear_opponent,
    part_forecasts,
    trained_models,
)
from forecast.evaluation.baselines import baseline_forecasts
from forecast.evaluation.conformal import Calibration
from forecast.evaluation.labels import best_by_accuracy
from forecast.evaluation.scoring import Actuals, Opponent, best_opponent
from forecast.evaluation.statistical import require_statistical, statistical_forecast
from forecast.forecasting.predict import interval_columns
from forecast.forecasting.trained import TrainedModel
from forecast.learning_rate import with_learning_rate
from forecast.models.forecaster import Model
from forecast.partners.combination import Combination
from forecast.prepare import Prepared, new_session, prepare
from forecast.tables.frames import AnyTable
from forecast.tested import intervals_at
from forecast.training.device import choose_device
from forecast.training.losses import quantiles_of
from forecast.training.progress import SHOW_EVERY, Progress

log = logging.getLogger("forecast")

DEFAULT_FOLDS = 5


@dataclass(frozen=True)
class FoldForecaster:
    """Models that forecast one fold or all of them, with the data that they were trained on."""

    prepared: Prepared
    models: tuple[Model, ...]
    combination: Combination

    @cached_property
    def linear(self) -> Opponent:
        """Ridge regression on the models' training windows."""
        return linear_opponent(self.prepared)

    def forecast(self, number: int, rows: Int[np.ndarray, " B"]) -> Fold:
        """The fold of some origins, with the forecasts of all fitted methods.

        Args:
            number: of the fold.
            rows: origins, in the rows of `prepared`.
        """
        prepared, windows = self.prepared, self.prepared.windows["test"]
        index = np.flatnonzero(np.isin(windows.origins(), rows))
        chosen = replace(prepared, windows={"test": windows.subset(torch.from_numpy(index))})
        batches = list(part_forecasts(self.models, chosen))
        origins = np.concatenate([rows for rows, _ in batches])
        values = np.concatenate([values for _, values in batches])
        if prepared.pipeline.labels:
            return label_fold(number, origins, values, prepared)
        own = values[..., values.shape[-1] // 2]
        history = actuals(prepared).history
        methods = self.combination.all_methods(own, history, origins)
        moved = self.combination.moved(values, methods[self.combination.name])
        bounds = self._bounds(origins, moved)
        return Fold(number, origins, {**methods, "linear_model": self.linear(origins)}, bounds)

    @cached_property
    def calibration(self) -> Calibration | None:
        """Of validation windows alone: at the origin of a fold its errors are not known."""
        windows = self.prepared.windows
        none = windows["test"].subset(torch.arange(0))
        known = replace(self.prepared, windows={**windows, "test": none})
        return calibrated(self.models, known, self.combination).calibration

    def _bounds(
        self, origins: Int[np.ndarray, " B"], values: Float[np.ndarray, "B H K Q"]
    ) -> dict[str, Float[np.ndarray, "B H K"]]:
        """The ends of the intervals: a quantile model's own, or conformal ones."""
        quantiles = quantiles_of(self.prepared.config.training.loss)
        if len(quantiles) == 1:
            quantiles, values = intervals_at(self.prepared, self.calibration, values, origins)
        return {name: values[..., n] for name, n in interval_columns(quantiles).items()}


def backtest(
    config: Config,
    trained: TrainedModel | None = None,
    data: AnyTable | Panel | None = None,
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
        data: a table in place of the file.
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
    _refuse_what_cannot_be(config, trained, baselines)
    panel = data if isinstance(data, Panel) else read_panel(config.data, data)
    if trained is None:
        config = _with_validation_in_rows(config, panel)
    plan, prepared = _planned(config, trained, panel, folds, step)
    forecaster = _finished(prepared, trained) if trained else None
    truth, done = actuals(prepared), []
    for number, rows in _origins(prepared, plan):
        if refit:
            fold = yield from _refitted(config, panel, plan, number, rows)
        else:
            forecaster = forecaster or (yield from _train(prepared))
            fold = forecaster.forecast(number, rows)
        if not config.data.labels:
            fold = _with_baselines(fold, truth, plan.horizon, baselines)
        done.append(fold)
        _log_fold(fold, prepared, truth, plan)
    how = {"refit": refit, "seconds": round(time.monotonic() - began, 3)}
    return backtest_of(prepared, plan, done, truth, how)


def _planned(
    config: Config, trained: TrainedModel | None, panel: Panel, folds: int | None, step: int | None
) -> tuple[Plan, Prepared]:
    """The origins, and the data with all folds in the test part; see `backtest`."""
    horizon = config.window.horizon
    wanted = Plan(
        folds=DEFAULT_FOLDS if folds is None else folds,
        step=horizon if step is None else step,
        horizon=horizon,
    )
    if trained is not None:
        prepared = _as_it_was_trained(trained, panel)
        return _plan_in_test_part(wanted, prepared, folds is None), prepared
    plan = _plan_before_training(wanted, config, panel, folds is None)
    return plan, prepare(config.updated("split", test=plan.rows), panel)


def _refuse_what_cannot_be(
    config: Config, trained: TrainedModel | None, baselines: Sequence[str]
) -> None:
    """Refuse opponents that do not go with the targets, and weights that know too much."""
    if config.data.labels and baselines:
        raise ConfigError(f"{baselines[0]} forecasts numbers, not labels; leave baselines out")
    if trained is None and config.training.start_from:
        raise ConfigError(
            f"training.start_from: {config.training.start_from} may know rows behind the origins of"
            " a backtest; set it to null"
        )
    require_statistical(baselines)


def _with_baselines(fold: Fold, truth: Actuals, horizon: int, statistical: Sequence[str]) -> Fold:
    """With the forecasts of methods that are not trained, and of those that are asked for."""
    others = baseline_forecasts(truth.history, fold.rows, horizon)
    for name in statistical:
        others[name] = statistical_forecast(name, truth.history, fold.rows, horizon)
    return replace(fold, forecasts={**fold.forecasts, **others})


def _with_validation_in_rows(config: Config, panel: Panel) -> Config:
    """With the length of the validation part instead of the date at which it begins.

    It keeps its length when the folds move it to another place.
    """
    if not isinstance(config.split.validation, str):
        return config
    rows = int(np.diff(split(panel, config.split).validation).max())
    return config.updated("split", validation=rows)


def _plan_before_training(plan: Plan, config: Config, panel: Panel, is_free: bool) -> Plan:
    rows = rows_for_folds(config, panel)
    place = f"rows, and the longest series has {rows} beside validation and one training window"
    return plan.fitted_to(rows, is_free, place)


def _plan_in_test_part(plan: Plan, prepared: Prepared, is_free: bool) -> Plan:
    rows = int(np.diff(prepared.split.test).max())
    return plan.fitted_to(rows, is_free, f"test rows, the run has {rows}", ", or refit")


def _as_it_was_trained(trained: TrainedModel, panel: Panel) -> Prepared:
    """The data of a run; other rows are refused: some that it was trained on might be tested."""
    days = trained.pipeline.covariates.days
    if data_digest(panel, days) != trained.digest:
        raise DataError(
            f"{panel.source}: not the rows that the run was trained and tested on; refit, or train"
            " a new run"
        )
    return prepare(without_start(trained.config), panel, days)


def _origins(prepared: Prepared, plan: Plan) -> Iterator[tuple[int, Int[np.ndarray, " B"]]]:
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


def _train(prepared: Prepared) -> Generator[Progress, None, FoldForecaster]:
    """Train the models; nothing is tested yet."""
    device = choose_device(prepared.config.device)
    session = new_session(with_learning_rate(prepared, device), device, show_every=SHOW_EVERY)
    yield from session.run()
    models = trained_models(prepared, session)
    return FoldForecaster(prepared, models, fitted_combination(models, prepared))


def _finished(prepared: Prepared, trained: TrainedModel) -> FoldForecaster:
    """The models of a run, combined by the weights found on its validation part."""
    alone = Combination((prepared.config.model.cell,))
    return FoldForecaster(prepared, trained.models, trained.combination or alone)


def _refitted(
    config: Config, panel: Panel, plan: Plan, number: int, rows: Int[np.ndarray, " B"]
) -> Generator[Progress, None, Fold]:
    """A fold, forecast by models trained on all that lies before its origins."""
    part, series = without_last(panel, plan.rows_after(number))
    forecaster = yield from _train(prepare(config.updated("split", test=plan.horizon), part))
    # The part lacks rows, and perhaps series: row of the panel minus row of the part, by series.
    shift = panel.offsets[series] - part.offsets[:-1]
    of_rows = np.searchsorted(series, panel.series_of(rows))
    fold = forecaster.forecast(number, rows - shift[of_rows])
    return replace(fold, rows=fold.rows + shift[part.series_of(fold.rows)])


def _log_fold(fold: Fold, prepared: Prepared, truth: Actuals, plan: Plan) -> None:
    panel, model = prepared.panel, next(iter(fold.forecasts))
    metrics = overall_scores([fold], panel, truth)
    if prepared.pipeline.labels:
        metric, best = "accuracy", best_by_accuracy(metrics, model)
    else:
        metric, best = "MAE", best_opponent(metrics, model)
    log.info(
        "fold %d/%d: origin %s, %d window%s, %s %.4g (%s %.4g)",
        fold.number,
        plan.folds,
        origin_time(panel, fold),
        len(fold.rows),
        "" if len(fold.rows) == 1 else "s",
        metric,
        metrics[model][metric],
        best,
        metrics[best][metric],
    )
