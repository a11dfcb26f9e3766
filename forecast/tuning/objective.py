"""One trial of a study: train a configuration, and score every epoch in the user's units."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from forecast.config.tree import Config
from forecast.data.panel import Panel
from forecast.data.windows import Windows
from forecast.errors import ConfigError, ForecastError, one_line
from forecast.evaluate import actuals, part_forecasts, spaced_windows, trained_models
from forecast.evaluation.metrics import ErrorSums, point_errors, point_metrics
from forecast.evaluation.scoring import VALUES_AT_ONCE, Actuals
from forecast.label_scores import label_sums
from forecast.learning_rate import with_learning_rate
from forecast.models.forecaster import Model
from forecast.prepare import Prepared, new_session, prepare
from forecast.runs.log import silenced
from forecast.training.device import choose_device
from forecast.training.progress import SHOW_EVERY

MOST_SCORED = 4_000
"""Validation windows that an epoch is scored on; of more, evenly spaced ones."""


@dataclass(frozen=True, eq=False)
class Basis:
    """What all trials of a study have in common, so that their scores can be compared."""

    config: Config
    """Before anything is searched."""
    panel: Panel
    """Without the test part."""
    prepared: Prepared
    """The configuration as it is: split and windows that every trial must have as well."""
    truth: Actuals
    metric: str
    """MASE; MAE where no series changes over a season; of labels log_loss."""


@dataclass(frozen=True)
class Reported:
    """An epoch of a trial."""

    epoch: int
    """From 1."""
    score: float


@dataclass(frozen=True)
class Scored:
    """The result of a trial."""

    score: float
    """Of the weights that training keeps, on validation, in the user's units."""
    epochs: int
    kept_epoch: int
    parameters: int


@dataclass(frozen=True)
class Failed:
    """Why a trial has no score."""

    reason: str
    """One line."""


Steps = Generator[Reported | None, None, Scored]
Event = Reported | Scored | Failed | None
"""What a trial does next; None: nothing yet, it is within an epoch."""


def advance(steps: Steps) -> Event:
    """The next event of a trial; its own failure is one, that of the program is raised."""
    try:
        return next(steps)
    except StopIteration as stop:
        result: Scored = stop.value
        return result
    except ForecastError as error:
        return Failed(str(error))
    except (RuntimeError, MemoryError, ArithmeticError) as error:  # such as memory of a device
        return Failed(one_line(f"{type(error).__name__}: {error}"))


def basis_of(config: Config, panel: Panel) -> Basis:
    """What trials are compared on.

    Args:
        config: before anything is searched.
        panel: the table.

    Raises:
        ConfigError: without a validation part: there is nothing to compare.
    """
    alone = _of_one_model(config)
    parts = prepare(alone, panel).split
    hidden = without_rows(panel, parts.test)
    prepared = prepare(alone, hidden)
    if not len(prepared.windows["validation"]):
        raise ConfigError(
            f"split.validation: {config.split.validation} leaves nothing to score trials on; give"
            f" it {config.window.horizon} rows at least"
        )
    truth = actuals(prepared)
    if prepared.pipeline.labels:
        return Basis(config, hidden, prepared, truth, "log_loss")
    metric = "MASE" if np.isfinite(truth.scale.absolute).any() else "MAE"
    return Basis(config, hidden, prepared, truth, metric)


def without_rows(panel: Panel, ranges: Int[np.ndarray, "S 2"]) -> Panel:
    """A panel whose values in some rows of each series are the last ones known before them.

    So nothing can be learned from these rows, nor can they be refused for what they hold.

    Args:
        panel: the table.
        ranges: first row of each series to hide, and the row after the last.
    """
    values = panel.values.copy()
    for first, end, begin in zip(*ranges.T, panel.offsets[:-1], strict=True):
        values[first:end] = _last_known(panel.values[begin:first])
    return replace(panel, values=values)


def _last_known(values: Float[np.ndarray, "N C"]) -> Float[np.ndarray, " C"]:
    """The last known value of each column; NaN where none is."""
    known: Bool[np.ndarray, "N C"] = ~np.isnan(values)
    if not len(values):
        return np.full(values.shape[1], np.nan)
    last = len(values) - 1 - np.argmax(known[::-1], axis=0)
    return np.asarray(values[last, np.arange(values.shape[1])])


def trial(config: Config, basis: Basis) -> Steps:
    """Train one model of a configuration.

    Args:
        config: what is tried.
        basis: of the study.

    Yields:
        The score after each epoch, and None now and then within a long one; whoever has seen
        enough closes the generator.

    Returns:
        The score of what is kept.

    Raises:
        ForecastError: if the trial fails: its configuration is not possible with the table, its
            scores would be of other rows, or its training diverges.
    """
    device = choose_device(config.device)
    with silenced():
        prepared = prepare(_of_one_model(config), basis.panel)
        scored = _scored_windows(prepared, basis)
        prepared = with_learning_rate(prepared, device)
        session = new_session(prepared, device, show_every=SHOW_EVERY)
        steps = session.run()
    while True:
        with silenced():
            progress = next(steps, None)
        if progress is None:
            break
        if not progress.is_done:
            yield None
            continue
        model = session.learner.eval_model
        yield Reported(progress.epoch.number, _score(model, prepared, scored, basis))
    (model,) = trained_models(prepared, session)
    score = _score(model, prepared, scored, basis)
    if not math.isfinite(score):
        raise ForecastError(f"the validation {basis.metric} of the kept weights is not finite")
    return Scored(
        score=score,
        epochs=len(session.histories[0]),
        kept_epoch=session.kept[0].number,
        parameters=model.num_parameters,
    )


def _of_one_model(config: Config) -> Config:
    """The training of one member, in its share of the time; it has no partners."""
    training = config.training
    minutes = training.max_minutes and training.max_minutes / training.members
    alone = training.model_copy(update={"ensemble": 1, "max_minutes": minutes})
    return config.model_copy(update={"training": alone, "partners": ()})


def _scored_windows(prepared: Prepared, basis: Basis) -> Windows:
    """The validation windows of the study, as a trial sees them.

    Raises:
        ConfigError: if the trial splits the table otherwise, or lacks some of them.
    """
    wanted = spaced_windows(basis.prepared.windows["validation"], MOST_SCORED).origins()
    windows = prepared.windows["validation"]
    origins = windows.origins()
    ours, theirs = prepared.split, basis.prepared.split
    is_split_alike = np.array_equal(ours.train, theirs.train) and np.array_equal(
        ours.validation, theirs.validation
    )
    if not is_split_alike or not np.isin(wanted, origins).all():
        raise ConfigError(
            f"window.lookback {prepared.config.window.lookback} leaves other validation rows than"
            " those of the study; search shorter ones"
        )
    return windows.subset(torch.from_numpy(np.flatnonzero(np.isin(origins, wanted))))


def _score(model: Model, prepared: Prepared, windows: Windows, basis: Basis) -> float:
    """The error of a model's forecasts on some validation windows, in the user's units; of labels
    their log loss."""
    alone = replace(prepared, windows={"validation": windows})
    batches = part_forecasts((model,), alone, "validation")
    if prepared.pipeline.labels:
        return label_sums(batches, prepared, "model")["model"].overall()[basis.metric]
    truth, sums = basis.truth, ErrorSums(point_metrics, basis.panel.num_series)
    for rows, values in batches:
        point = values[..., values.shape[-1] // 2]
        at_once = max(VALUES_AT_ONCE // point[0].size, 1)
        for first in range(0, len(rows), at_once):
            part = slice(first, first + at_once)
            series = truth.history.series_of(rows[part])
            actual = truth.after(rows[part], point.shape[1])
            sums = sums.add(point_errors(actual, point[part], truth.scale, series), series)
    return sums.overall()[basis.metric]
