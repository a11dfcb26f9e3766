"""AutoETS, AutoARIMA and AutoTheta of statsforecast, fitted anew at every origin."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from forecast.errors import ConfigError, did_you_mean, extra_missing
from forecast.evaluation.baselines import History, seasonal_naive

log = logging.getLogger("forecast")

STATISTICAL: Mapping[str, str] = {
    "auto_ets": "AutoETS",
    "auto_arima": "AutoARIMA",
    "auto_theta": "AutoTheta",
}
"""Name: class of `statsforecast.models`."""
MOST_SEASONS, FEWEST_ROWS = 10, 200
"""A model is fitted on the last 10 seasons, at least 200 rows: AutoARIMA takes seconds for 240
rows, and would take hours for 10,000."""


def require_statistical(names: Iterable[str]) -> None:
    """Raise a ConfigError for a name that is unknown, or if statsforecast is not installed."""
    for name in names:
        if name not in STATISTICAL:
            raise ConfigError(f"baseline {name!r}: {did_you_mean(name, [*STATISTICAL])}")
        _model(name, 1)


def statistical_forecast(
    name: str, history: History, origins: Int[np.ndarray, " B"], horizon: int
) -> Float[np.ndarray, "B H K"]:
    """Forecast every window and target with a model fitted on what lies before its origin.

    Seasonal naive stands in where a model cannot be fitted; a warning says how often and why.

    Args:
        name: a key of `STATISTICAL`.
        history: all series.
        origins: last known row of each window.
        horizon: steps.

    Returns:
        In the user's units.

    Source: Hyndman and Khandakar 2008; Fiorucci et al. 2016 (the theta method).
    """
    forecast = seasonal_naive(history, origins, horizon)
    rows = history_rows(history.season)
    begins = np.maximum(history.first_of(origins), origins + 1 - rows)
    failures: Counter[str] = Counter()
    # One fit a window and target is what these models are; there is nothing to vectorise.
    for window, target in np.ndindex(len(origins), forecast.shape[2]):
        known = history.values[begins[window] : origins[window] + 1, target]
        try:
            known = known[~np.isnan(known)]
            forecast[window, :, target] = _fitted(name, history.season, known, horizon)
        except Exception as error:  # numerics of all kinds, on data of all kinds
            failures[" ".join(f"{type(error).__name__}: {error}".split())] += 1
    _warn_of_failures(name, failures, forecast.shape[0] * forecast.shape[2])
    return forecast


def history_rows(season: int) -> int:
    """Most rows that a statistical model is fitted on."""
    return max(FEWEST_ROWS, MOST_SEASONS * season)


def _fitted(
    name: str, season: int, known: Float[np.ndarray, " rows"], horizon: int
) -> Float[np.ndarray, " H"]:
    """The forecast of a model fitted on the history of one target."""
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        mean = np.asarray(_model(name, season).forecast(y=known, h=horizon)["mean"])
    if not np.isfinite(mean).all():
        raise FloatingPointError("the forecast is not finite")
    return mean


def _model(name: str, season: int) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):
            from statsforecast import models
    except ImportError:
        raise extra_missing(f"baseline {name}", "statsforecast", "baselines") from None
    return getattr(models, STATISTICAL[name])(season_length=season)


def _warn_of_failures(name: str, failures: Counter[str], fits: int) -> None:
    if not failures:
        return
    ((reason, _),) = failures.most_common(1)
    log.warning(
        "%s failed on %d of %d fits (%s); seasonal naive stands in there",
        name,
        failures.total(),
        fits,
        reason,
    )
