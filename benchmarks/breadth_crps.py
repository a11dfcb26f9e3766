"""Scaled CRPS of forecasts with intervals, beside that of seasonal naive with its own errors.

Twice the mean pinball loss at `LEVELS` over the sum of what came, all series of a suite together.
Seasonal naive's quantiles are its point forecast and the empirical quantiles of the errors it made
so many seasons ahead within the known rows of each series.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from breadth_scores import KEYS, lag_of, seasonal_naive

LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
ENDS = ("lo-95", "lo-80", "lo-50", "median", "hi-50", "hi-80", "hi-95")
"""Columns of a forecast at these levels; one without a median has it in `forecast`."""
INTERVALS = ("50", "80", "95")


def naive_quantiles(known: np.ndarray, point: np.ndarray, season: int) -> np.ndarray:
    """Seasonal naive's quantiles of one series, a row a step.

    Args:
        known: values before the forecast; NaN where one is missing.
        point: its forecast.
        season: rows.
    """
    lag = lag_of(known, season)
    rows = []
    for step, value in enumerate(point):
        back = lag * (step // lag + 1)
        errors = known[back:] - known[:-back] if len(known) > back else known[lag:] - known[:-lag]
        errors = errors[~np.isnan(errors)]
        rows.append(value + (np.quantile(errors, LEVELS) if len(errors) else np.zeros(len(LEVELS))))
    return np.array(rows)


def crps(
    known: pd.DataFrame, held_out: pd.DataFrame, forecast: pd.DataFrame | None, season: int
) -> Mapping[str, float]:
    """Sums over the series of a table: of pinball losses (ours, naive's, naive's point) and values.

    Seasonal naive stands in for a series that is not forecast to its end.

    Args:
        known: rows before the forecast.
        held_out: what happened; missing values do not count.
        forecast: unique_id, ds, forecast and the columns `ENDS`; None: seasonal naive itself.
        season: rows.
    """
    naive = seasonal_naive(known, int(held_out.groupby("unique_id").size().max()), season)
    ours = None
    if forecast is not None:
        ends = forecast.assign(median=forecast.get("median", forecast["forecast"]))
        ours = dict(list(held_out[KEYS].merge(ends, "left", KEYS).groupby("unique_id", sort=False)))
    past, totals = dict(list(known.groupby("unique_id", sort=False))), np.zeros(4)
    for name, rows in held_out.groupby("unique_id", sort=False):
        actual = rows.y.to_numpy(float)
        point = naive[name][: len(actual)]
        theirs = naive_quantiles(past[name].y.to_numpy(float), point, season)
        own = theirs if ours is None else ours[name][[*ENDS]].to_numpy(float)
        own = np.sort(own, axis=1) if np.isfinite(own).all() else theirs
        totals += [
            *(_pinball(actual, each) for each in (own, theirs, point[:, None])),
            np.nansum(np.abs(actual)),
        ]
    names = ("pinball", "naive_pinball", "naive_point_pinball", "size")
    return dict(zip(names, totals.tolist(), strict=True))


def _pinball(actual: np.ndarray, quantiles: np.ndarray) -> float:
    error = actual[:, None] - quantiles
    levels = np.array(LEVELS)
    loss = np.maximum(levels * error, (levels - 1) * error)
    return float(2 * np.nansum(loss.mean(axis=1)))
