"""What held-out rows say about the methods: weights, scores, and how wide intervals must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from forecast.data.panel import Panel
from forecast.data.scale import Scale, training_scale
from forecast.evaluation.baselines import Forecast, History, baseline_forecasts
from forecast.evaluation.copula import HeldOutErrors
from forecast.evaluation.metrics import ErrorSums, point_errors, point_metrics
from forecast.evaluation.scoring import COMBINATION, overall, verdict
from forecast.partners.weights import PRETRAINED, RIDGE, HeldOut, chosen_weights, prior_weights
from forecast.zero_shot.calibration import (
    WidthFactors,
    fit_width_factors,
    in_half_widths,
    unit_width_factors,
)
from forecast.zero_shot.folds import actual_after, fold_origins
from forecast.zero_shot.methods import LEAST_VALUES, Table, fitted, forecasts

NO_WINDOW = "Not judged: no rows were held out."


@dataclass(frozen=True)
class Judged:
    """What the held-out rows tell."""

    weights: Float[np.ndarray, "K M"]
    """Of each target and method; the network first."""
    scores: Mapping[str, Mapping[str, float]]
    """Method -> metric -> value; none where no rows were held out."""
    verdict: str
    windows: int
    calibration: WidthFactors
    errors: HeldOutErrors | None
    """In half widths; None where no rows were held out."""


def judge(
    panel: Panel,
    table: Table,
    horizon: int,
    levels: Sequence[float],
    folds: int | None,
    partners: Sequence[str],
) -> Judged:
    """Forecast from origins before the end of the table, and compare with what came.

    Args:
        panel: knows the times.
        table: the same series.
        horizon: steps.
        levels: of the intervals in percent, rising.
        folds: origins of a series; 0: none, None: by the size of the table.
        partners: by name.
    """
    history, methods = table.history, (PRETRAINED, *partners)
    prior = prior_weights(methods, history.season)
    origins = fold_origins(history.offsets, horizon, folds)
    origins = origins[(table.known_at(origins) >= LEAST_VALUES).all(axis=1)]
    if not len(origins):
        weights = np.tile(prior, (panel.num_targets, 1))
        return Judged(weights, {}, NO_WINDOW, 0, unit_width_factors(levels, horizon), None)

    # What learns from the table does so from rows before the first origin, of every series alike:
    # those that end together share what happens to them.
    last = history.offsets[1:] - 1
    after = (last[history.series_of(origins)] - origins).max()
    ends = np.maximum(last - after, history.offsets[:-1] - 1)
    found = forecasts(table, origins, horizon, fitted(partners, table, ends, horizon))
    actual = actual_after(history.values, history.offsets, origins, horizon)
    series, times = history.series_of(origins), panel.positions(origins)
    scale = _scale(history, origins)
    stacked = np.stack([found.points[name] for name in methods])
    held_out = HeldOut(stacked, actual, scale.absolute, series, times)
    pooled = [number for number, name in enumerate(methods) if name == RIDGE]
    weights = chosen_weights(held_out, prior, pooled)
    combined = found.combined(weights)
    name = COMBINATION if weights[:, 1:].any() else PRETRAINED
    others = {**found.points, **baseline_forecasts(table.filled, origins, horizon)}
    others.pop(name, None)
    scores = _scores({name: combined, **others}, actual, scale, series)
    return Judged(
        weights,
        scores,
        verdict(scores, name, len(origins)),
        len(origins),
        fit_width_factors(actual, combined, found.quantiles, levels, held_out.stretches),
        HeldOutErrors(times, series, in_half_widths(actual - combined, found.quantiles, [80.0])[0]),
    )


def _scale(history: History, origins: Int[np.ndarray, " B"]) -> Scale:
    """The size of each series' changes up to its first origin."""
    train = np.stack([history.offsets[:-1], history.offsets[1:]], axis=1)
    np.minimum.at(train[:, 1], history.series_of(origins), origins + 1)
    return training_scale(history.values, history.offsets, train, history.season)


def _scores(
    points: Mapping[str, Forecast],
    actual: Float[np.ndarray, "B H K"],
    scale: Scale,
    series: Int[np.ndarray, " B"],
) -> dict[str, dict[str, float]]:
    """Method -> metric -> value over all windows."""
    empty = ErrorSums(point_metrics, len(scale.absolute))
    return overall(
        {
            name: empty.add(point_errors(actual, forecast, scale, series), series)
            for name, forecast in points.items()
        }
    )
