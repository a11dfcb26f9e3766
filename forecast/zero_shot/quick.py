"""A forecast without configuration and training, from a table to its result."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from forecast.data.scale import Scale, training_scale
from forecast.errors import ConfigError, DataError, did_you_mean
from forecast.evaluation.baselines import Forecast, History, baseline_forecasts
from forecast.evaluation.levels import interval_quantiles
from forecast.evaluation.metrics import ErrorSums, point_errors, point_metrics
from forecast.evaluation.scoring import overall, verdict
from forecast.forecasting.predict import forecast_table
from forecast.init.sizes import HORIZONS, LONGEST_HORIZON
from forecast.init.unconfigured import Unconfigured, season_of
from forecast.partners.table import PARTNERS
from forecast.zero_shot.calibration import (
    Calibration,
    calibrated,
    uncalibrated,
    with_intervals,
)
from forecast.zero_shot.folds import actual_after, fold_origins
from forecast.zero_shot.methods import LEAST_VALUES, PRETRAINED, Table, forecasts
from forecast.zero_shot.result import QuickForecast

log = logging.getLogger("forecast")

COMBINATION = "combination"
NO_WINDOW = "Not judged: no row of the table was held out."
MOST_NAMED = 5
"""Series that a warning names."""


def quick_forecast(
    found: Unconfigured,
    horizon: int | None = None,
    season: int | None = None,
    levels: Sequence[float] = (80.0, 95.0),
    folds: int | None = None,
    partners: Sequence[str] = tuple(PARTNERS),
) -> QuickForecast:
    """Forecast the steps after the last row of every series.

    Args:
        found: the table.
        horizon: steps; None: by the season.
        season: rows; None: by the frequency, of integer times by the values.
        levels: of the intervals in percent, rising.
        folds: origins of a series at which the methods are judged; 0: none, None: by its size.
        partners: theta, ets, or neither; weights decide what they count.

    Raises:
        ConfigError: for a horizon, a season, a number of folds or a partner that cannot be.
        DataError: for a table without a value to forecast from.
    """
    _refuse(horizon, folds, partners)
    panel = found.panel
    season = season_of(panel.source, panel, season)
    horizon = horizon or min(HORIZONS.get(season, season), LONGEST_HORIZON)
    values = panel.values[:, : panel.num_targets]
    table = Table(History(values, panel.offsets, season))
    judged = _judged(table, horizon, levels, folds, partners)

    counting = [name for name in partners if judged.weights[name]]
    ends = panel.offsets[1:] - 1
    ahead = forecasts(table, ends, horizon, counting)
    _warn_of_short(found, table.known_at(ends))
    parts = with_intervals(
        judged.calibration, ahead.combined(judged.weights), ahead.quantiles, ahead.floor
    )
    quantiles = interval_quantiles(levels)
    written = forecast_table(found.data, panel, parts, quantiles)
    return QuickForecast(
        forecast=written[written["forecast"].notna()].reset_index(drop=True),
        scores=judged.scores,
        weights=judged.weights,
        verdict=judged.verdict,
        windows=judged.windows,
        season=season,
        quantiles=quantiles,
        panel=panel,
        values=parts,
    )


def _refuse(horizon: int | None, folds: int | None, partners: Sequence[str]) -> None:
    if horizon is not None and horizon < 1:
        raise ConfigError(f"horizon {horizon} is not allowed; ask for 1 step or more")
    if folds is not None and folds < 0:
        raise ConfigError(f"folds {folds} is not allowed; give 0 (none) or more")
    for name in partners:
        if name not in PARTNERS:
            raise ConfigError(f"no partner {name!r}; {did_you_mean(name, [*PARTNERS])}")
    if len(set(partners)) < len(partners):
        raise ConfigError(f"partners {', '.join(partners)}: one is there twice; name each once")


def _warn_of_short(found: Unconfigured, known: Int[np.ndarray, "S K"]) -> None:
    """Name the series that are not forecast, or without intervals.

    Raises:
        DataError: if there is nothing to forecast from at all.
    """
    if not known.any():
        raise DataError(f"{found.panel.source}: no known value to forecast from")
    few = ((known > 0) & (known < LEAST_VALUES)).any(axis=1)
    for concerned, what in (
        ((known == 0).any(axis=1), "without a known value: not forecast"),
        (few, f"with fewer than {LEAST_VALUES} known values: the last one goes on, no intervals"),
    ):
        names = [found.panel.ids[number] for number in np.flatnonzero(concerned)]
        if names:
            more = ", ..." if len(names) > MOST_NAMED else ""
            shown = f"{', '.join(names[:MOST_NAMED])}{more}"
            log.warning("%d series %s (%s)", len(names), what, shown)


@dataclass(frozen=True)
class _Judged:
    """What the held-out rows tell."""

    weights: Mapping[str, float]
    scores: Mapping[str, Mapping[str, float]]
    verdict: str
    windows: int
    calibration: Calibration


def _judged(
    table: Table,
    horizon: int,
    levels: Sequence[float],
    folds: int | None,
    partners: Sequence[str],
) -> _Judged:
    """Weights, scores and widths from origins that lie before the end of the table."""
    history = table.history
    methods = (PRETRAINED, *partners)
    origins = fold_origins(history.offsets, horizon, folds)
    origins = origins[(table.known_at(origins) >= LEAST_VALUES).all(axis=1)]
    if not len(origins):
        weights = dict(zip(methods, _prior(methods), strict=True))
        return _Judged(weights, {}, NO_WINDOW, 0, uncalibrated(levels, horizon))
    found = forecasts(table, origins, horizon, partners)
    actual = actual_after(history.values, history.offsets, origins, horizon)
    weights = dict(zip(methods, _prior(methods), strict=True))
    combined = found.combined(weights)
    scale = _scale(history, origins)
    points = dict(found.points)
    if partners:
        points = {COMBINATION: combined, **points}
    points |= baseline_forecasts(table.filled, origins, horizon)
    scores = _scores(points, actual, scale, history.series_of(origins))
    name = COMBINATION if partners else PRETRAINED
    return _Judged(
        weights,
        scores,
        verdict(scores, name, len(origins)),
        len(origins),
        calibrated(actual, combined, found.quantiles, levels),
    )


def _prior(methods: Sequence[str]) -> Float[np.ndarray, " M"]:
    counts = np.array([2.0 if name == PRETRAINED else 1.0 for name in methods])
    return np.asarray(counts / counts.sum())


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
