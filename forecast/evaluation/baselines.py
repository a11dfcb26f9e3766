"""Forecasts that cost nothing, on the same windows as the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

Baseline = Callable[[np.ndarray, np.ndarray, np.ndarray, int, int], np.ndarray]


def naive(
    values: np.ndarray,
    origins: np.ndarray,
    first: np.ndarray,  # noqa: ARG001
    horizon: int,
    season: int,  # noqa: ARG001
) -> np.ndarray:
    """The last value, for every step.

    Args:
        values: (N, K) in the user's units, without NaN at and before the origins.
        origins: (B,) last known row of each window.
        first: (B,) first row of each window's series.
        horizon: steps.
        season: rows in a season.

    Returns:
        (B, H, K).
    """
    return np.repeat(values[origins][:, None], horizon, axis=1)


def seasonal_naive(
    values: np.ndarray, origins: np.ndarray, first: np.ndarray, horizon: int, season: int
) -> np.ndarray:
    """The value one season earlier; the last value where there is none.

    Arguments and result as for `naive`.
    """
    steps = np.arange(horizon)
    rows = origins[:, None] + 1 + steps - season * (steps // season + 1)
    rows = np.where(rows >= first[:, None], rows, origins[:, None])
    seasonal, last = values[rows], values[origins][:, None]
    return np.asarray(np.where(np.isnan(seasonal), last, seasonal))


BASELINES: Mapping[str, Baseline] = {"naive": naive, "seasonal_naive": seasonal_naive}
