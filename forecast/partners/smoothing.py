"""One pass of exponential smoothing over many histories and many settings at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from forecast.partners.histories import Carried, Histories, scan_histories

DATA_LEVEL_TREND = np.eye(3)[:, :, None, None]
"""Three passes at once, and what each begins with: the data, a level of one, a trend of one."""


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
    nothing = np.zeros_like(histories.values[0])[:, None]
    alpha, beta, phi = (each + nothing for each in vars(settings).values())  # (B, G)
    # (3, B, G): from zero with the data, then from a level of one and a trend of one without data.
    nothing = np.zeros_like(alpha)
    level, trend = DATA_LEVEL_TREND[1] + nothing, DATA_LEVEL_TREND[2] + nothing
    # The products of the three errors with the first, the second and the third one.
    products = [DATA_LEVEL_TREND[0, :count] * 0 + nothing for count in (3, 2)]
    state = (level, trend, *products, nothing)
    values = np.nan_to_num(histories.values)[:, None, :, None] * DATA_LEVEL_TREND[0]  # (T, 3, B, 1)
    rows = (histories.known[..., None], weights[..., None])
    numbers = (alpha, beta, phi)
    state = scan_histories(values, histories, _step, state, rows, numbers)
    level, trend, *products = state
    first = _first_states(products, phi)
    return Smoothed(
        squares=np.maximum(products[0][0] + (first * products[0][1:]).sum(axis=0), 0.0),
        level=level[0] + (first * level[1:]).sum(axis=0),
        trend=trend[0] + (first * trend[1:]).sum(axis=0),
    )


def _step(state: Carried, row: Carried, numbers: Carried) -> Carried:
    """From a row to the next, in place; see `smooth`."""
    level, trend, with_data, with_level, with_trend = state
    (value, is_known, weight), (alpha, beta, phi) = row, numbers
    trend *= phi
    level += trend
    error = value - level
    error *= is_known
    level += alpha * error
    trend += beta * error
    weighted = error * weight
    with_data += weighted * error[0]
    with_level += weighted[1:] * error[1]
    with_trend += weighted[2] * error[2]
    return level, trend, with_data, with_level, with_trend


def _first_states(
    products: Sequence[Float[np.ndarray, "*_ B G"]], phi: Float[np.ndarray, "B G"]
) -> Float[np.ndarray, "2 B G"]:
    """First level and trend by the normal equations; the level alone where there is no trend."""
    (_, with_level, with_trend), (level_level, level_trend), trend_trend = products
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
    damped = np.cumsum(settings.phi**steps, axis=0)
    found: Float[np.ndarray, "H B G"] = smoothed.level + damped * smoothed.trend
    return found
