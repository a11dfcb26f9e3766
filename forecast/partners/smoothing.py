"""One pass of exponential smoothing over many histories and many settings at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from forecast.partners.histories import Histories


@dataclass(frozen=True)
class Settings:
    """Smoothing parameters: G settings, the same for all histories (one row) or for each."""

    alpha: Float[np.ndarray, "_ G"]
    """Weight of an error in the level, from 0 to 1."""
    beta: Float[np.ndarray, "_ G"]
    """Weight of an error in the trend, from 0 to alpha."""
    phi: Float[np.ndarray, "_ G"]
    """Share of the trend that is left a step later; 1: no damping; 0: no trend."""


@dataclass(frozen=True)
class Smoothed:
    """What a pass leaves of each history and setting."""

    squares: Float[np.ndarray, "B G"]
    """Weighted sum of squared errors of the forecasts one step ahead."""
    level: Float[np.ndarray, "B G"]
    """After the last row."""
    trend: Float[np.ndarray, "B G"]
    """After the last row, a step."""


def smooth(histories: Histories, settings: Settings, weights: Float[np.ndarray, "T B"]) -> Smoothed:
    """Smooth with a level and a damped trend, from the first states with the least sum of squares.

    Errors are linear in the first level and trend. So one pass from zero, beside what is left of a
    first level of one and of a first trend of one, tells the best first states in closed form.

    Args:
        histories: values; a missing one counts as forecast without an error.
        settings: one or more for each history.
        weights: of the squared errors.

    Source: Hyndman et al. 2008, "Forecasting with exponential smoothing", chapters 2 and 5.
    """
    count, grid = len(histories.lengths), settings.alpha.shape[1]
    alpha, beta, phi = (np.broadcast_to(each, (count, grid)) for each in vars(settings).values())
    # (3, B, G): from zero with the data, then from a level of one and a trend of one without data.
    level, trend = np.zeros((3, count, grid)), np.zeros((3, count, grid))
    level[1], trend[2] = 1.0, 1.0
    products = np.zeros((6, count, grid))  # 00 01 02 11 12 22 of the three errors
    values, known = np.nan_to_num(histories.values)[..., None], histories.known[..., None]
    rows = zip(values, known, weights[..., None], histories.active, strict=True)
    for value, is_known, weight, active in rows:
        begun = np.s_[:, :active]  # the longer histories stand first
        trend[begun] *= phi[:active]
        level[begun] += trend[begun]
        error = -level[begun]
        error[0] += value[:active]
        error *= is_known[:active]
        level[begun] += alpha[:active] * error
        trend[begun] += beta[:active] * error
        weighted = error * weight[:active]
        products[:3, :active] += weighted * error[0]
        products[3:5, :active] += weighted[1:] * error[1]
        products[5, :active] += weighted[2] * error[2]
    first = _first_states(products, phi)
    return Smoothed(
        squares=np.maximum(products[0] + (first * products[1:3]).sum(axis=0), 0.0),
        level=level[0] + (first * level[1:]).sum(axis=0),
        trend=trend[0] + (first * trend[1:]).sum(axis=0),
    )


def _first_states(
    products: Float[np.ndarray, "6 B G"], phi: Float[np.ndarray, "B G"]
) -> Float[np.ndarray, "2 B G"]:
    """First level and trend by the normal equations; the level alone where there is no trend."""
    _, with_level, with_trend, level_level, level_trend, trend_trend = products
    determinant = level_level * trend_trend - level_trend**2
    both = (phi > 0) & (determinant > 1e-10 * level_level * trend_trend)
    divisor = np.where(both, determinant, 1.0)
    level = (level_trend * with_trend - trend_trend * with_level) / divisor
    trend = (level_trend * with_level - level_level * with_trend) / divisor
    alone = -with_level / np.maximum(level_level, np.finfo(float).tiny)
    return np.stack([np.where(both, level, alone), np.where(both, trend, 0.0)])


def continued(smoothed: Smoothed, settings: Settings, horizon: int) -> Float[np.ndarray, "H B G"]:
    """Level and damped trend over the steps to come.

    Args:
        smoothed: the last states.
        settings: of the same pass.
        horizon: steps.
    """
    steps = np.arange(1, horizon + 1)[:, None, None]
    return np.asarray(smoothed.level + np.cumsum(settings.phi**steps, axis=0) * smoothed.trend)
