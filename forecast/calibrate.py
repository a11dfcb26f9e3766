"""What errors on windows that a model was not trained on say of it: how wide its intervals must be,
how its sample paths move, and how often both hold."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float

from forecast.evaluate import MOST_CALIBRATED, actuals, part_forecasts
from forecast.evaluation.conformal import Calibration, ConformalScores
from forecast.evaluation.copula import Copula, HeldOutErrors
from forecast.evaluation.coverage import Summary, conformal_coverage, quantile_coverage
from forecast.evaluation.intervals import (
    MOST_VALUES,
    ErrorScale,
    HeldOutForecasts,
    fit_error_scale,
    subsample_origins,
    with_ends,
)
from forecast.evaluation.levels import central_intervals
from forecast.evaluation.marginals import quantile_samples, sample_radii, without_middle
from forecast.evaluation.scoring import Actuals
from forecast.evaluation.sums import SAMPLES, median_errors, scored_windows, sum_coverage
from forecast.forecasting.sample import as_targets
from forecast.models.forecaster import Model
from forecast.partners.combination import Combination
from forecast.prepare import Prepared
from forecast.training.losses import quantiles_of

MOST_WATCHED = 2_000
"""Windows of a quantile model that sample paths are learned from; more if one origin has more."""
HELD_OUT = ("validation", "test")


@dataclass(frozen=True)
class Calibrated:
    """What past errors say about the next ones."""

    calibration: Calibration | None = None
    """Of a point model; a quantile model has intervals of its own."""
    copula: Copula | None = None
    """For sample paths."""
    summary: Summary = field(default_factory=dict)
    """Entries of the run's summary: how often intervals hold, of steps and of their sums."""


def calibrated(
    models: tuple[Model, ...],
    prepared: Prepared,
    combination: Combination | None = None,
    with_sums: bool = True,
) -> Calibrated:
    """What the errors on validation and test say; empty for a point model without intervals.

    Args:
        models: the members.
        prepared: the data; its targets are no labels.
        combination: with partners; None: the models alone.
        with_sums: also say how often intervals of sums over the horizon hold.
    """
    quantiles = quantiles_of(prepared.config.training.loss)
    if len(quantiles) > 1:
        return _of_quantiles(models, prepared, combination, quantiles, with_sums)
    options, truth = prepared.config.intervals, actuals(prepared)
    if not options.levels:
        return Calibrated()
    pipeline, panel = prepared.pipeline, prepared.panel
    scale = fit_error_scale(pipeline, panel, prepared.scaling_rows, prepared.season)
    validation, test = held_out_forecasts(models, prepared, truth, scale, combination)
    parts = [part for part in (validation, test) if part is not None]
    if not parts:
        return Calibrated()
    scores = functools.reduce(ConformalScores.joined, [part.scores for part in parts])
    sizes = scale.sizes[panel.offsets[1:] - 1]
    calibration = Calibration.of(scores, sizes, options.levels, options.origins)
    copula = _copula([part.errors(truth) for part in parts], prepared)
    held = conformal_coverage(validation, test, truth, scale, options, pipeline.minimum)
    if with_sums:
        held |= _conformal_sums(validation, test, truth, scale, prepared)
    return Calibrated(calibration, copula, held)


def held_out_forecasts(
    models: tuple[Model, ...],
    prepared: Prepared,
    truth: Actuals,
    scale: ErrorScale,
    combination: Combination | None,
) -> tuple[HeldOutForecasts | None, ...]:
    """Forecasts and errors of the validation and the test part.

    Args:
        models: the members.
        prepared: the data; of too many windows those of some origins are taken.
        truth: what was observed.
        scale: of the errors.
        combination: with partners; None: the models alone.
    """
    values = prepared.windows["test"].horizon * prepared.panel.num_targets
    if prepared.config.partners:  # they take about a millisecond a window and target
        values = max(values, prepared.panel.num_targets * MOST_VALUES // MOST_CALIBRATED)
    fewer, times_of = _of_some_origins(prepared, values), prepared.panel.positions
    batches = [part_forecasts(models, fewer, part, combination) for part in HELD_OUT]
    return tuple(HeldOutForecasts.of(each, truth, scale, times_of) for each in batches)


def _of_some_origins(prepared: Prepared, values: int) -> Prepared:
    """The held-out windows of so many origins that there are not too many of them.

    Args:
        prepared: the data.
        values: that a window counts, of the `MOST_VALUES`.
    """
    windows = [prepared.windows[part] for part in HELD_OUT]
    kept = subsample_origins([prepared.panel.positions(w.origins()) for w in windows], values)
    subsets = [each.subset(torch.from_numpy(n)) for each, n in zip(windows, kept, strict=True)]
    return replace(prepared, windows=dict(zip(HELD_OUT, subsets, strict=True)))


def _copula(errors: Sequence[HeldOutErrors], prepared: Prepared) -> Copula | None:
    joined = functools.reduce(HeldOutErrors.joined, errors)
    return Copula.of(joined, prepared.panel.num_series, prepared.config.intervals.origins)


def _conformal_sums(
    validation: HeldOutForecasts | None,
    test: HeldOutForecasts | None,
    truth: Actuals,
    scale: ErrorScale,
    prepared: Prepared,
) -> Summary:
    """What intervals of the sums over the horizon hold on the test part, made on validation."""
    if validation is None or test is None or test.forecasts.shape[1] == 1:
        return {}
    options, no_sizes = prepared.config.intervals, np.empty((0, prepared.panel.num_targets))
    known = Calibration.of(validation.scores, no_sizes, options.levels, len(validation.rows))
    copula = _copula([validation.errors(truth)], prepared)
    radii = sample_radii(known, SAMPLES)
    if radii is None or copula is None:
        return {}
    chosen = scored_windows(len(test.rows), test.forecasts[0].size)
    rows, forecasts = test.rows[chosen], test.forecasts[chosen][..., None]

    def marginals(part: slice) -> Float[np.ndarray, "_ H K n"]:
        series = truth.history.series_of(rows[part])
        found = with_ends(forecasts[part], radii, scale, series, rows[part])
        return as_targets(without_middle(found, SAMPLES), prepared.pipeline)

    return sum_coverage("split", rows, marginals, copula, truth, options.levels)


def _of_quantiles(
    models: tuple[Model, ...],
    prepared: Prepared,
    combination: Combination | None,
    quantiles: tuple[float, ...],
    with_sums: bool,
) -> Calibrated:
    """What the errors of a quantile model say: intervals it has, how its paths move it has not."""
    truth, times_of = actuals(prepared), prepared.panel.positions
    batches = part_forecasts(models, prepared, "test", combination)
    held = quantile_coverage(batches, truth, quantiles)
    fewer = _of_some_origins(prepared, MOST_VALUES // MOST_WATCHED)
    errors: dict[str, HeldOutErrors] = {}
    for part in HELD_OUT:
        if len(fewer.windows[part]):
            parts = zip(*part_forecasts(models, fewer, part, combination), strict=True)
            rows, values = (np.concatenate(each) for each in parts)
            errors[part] = median_errors(rows, values, truth, times_of)
    if not errors:
        return Calibrated(summary=held)
    copula, levels = _copula([*errors.values()], prepared), central_intervals(quantiles)
    sums: Summary = {}
    validated = _copula([errors["validation"]], prepared) if len(errors) == 2 else None
    if with_sums and validated is not None and levels and prepared.config.window.horizon > 1:
        chosen = scored_windows(len(rows), values[0, ..., 0].size)
        rows, values, pipeline = rows[chosen], values[chosen], prepared.pipeline
        sums = sum_coverage(
            "quantile",
            rows,
            lambda part: as_targets(quantile_samples(values[part], quantiles, SAMPLES), pipeline),
            validated,
            truth,
            [float(level) for level in levels],
        )
    return Calibrated(None, copula, held | sums)
