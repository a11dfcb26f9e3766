"""Quantiles of Tweedie's distribution between 1 and 2: a Poisson number of gamma parts.

In units of the scale of a part it has one parameter beside the power, the mean number of parts. So
each quantile is a curve over that number, which is computed once and interpolated.
"""

from __future__ import annotations

import functools
import math
from statistics import NormalDist
from typing import Any

import numpy as np
from jaxtyping import Float

MANY_PARTS = 40.0
"""From here on by the Cornish-Fisher expansion, whose error is below a thousandth there."""
POINTS = 120
"""Of a curve."""
STEPS, SPAN = 32, 60.0
"""Of a bisection, over logarithms: so many e-folds below what is beyond every quantile."""


def tweedie_quantile(
    power: float, mean: Float[np.ndarray, " N"], dispersion: Float[np.ndarray, " N"], level: float
) -> Float[np.ndarray, " N"]:
    """The smallest value that is exceeded with a probability of 1 - level at most.

    Args:
        power: from 1 to 2, both excluded.
        mean, dispersion: above 0; the variance is dispersion * mean^power.
        level: from 0 to 1.
    """
    rate = mean ** (2 - power) / ((2 - power) * dispersion)
    size = (power - 1) * dispersion * mean ** (power - 1)
    rates, curve = quantile_curve(power, level)
    above_zero = rate + math.log(level)  # the quantile is 0 up to here
    place = np.log(np.clip(above_zero, rates[0], rates[-1]))
    few = np.where(above_zero > 0, size * np.exp(np.interp(place, np.log(rates), curve)), 0.0)
    normal = NormalDist().inv_cdf(level)
    deviation = np.sqrt(dispersion * mean**power)
    many = expanded(power, mean, deviation, normal)
    return np.asarray(np.where(rate > MANY_PARTS, np.maximum(many, 0.0), few))


def expanded(power: float, mean: Any, deviation: Any, normal: Any) -> Any:
    """Quantiles of many parts by the Cornish-Fisher expansion, of arrays or tensors.

    Args:
        power: from 1 to 2, both excluded.
        mean, deviation: of the distribution.
        normal: the same quantiles of the normal distribution.
    """
    skewness = power * deviation / mean
    return mean + deviation * (
        normal
        + (normal**2 - 1) / 6 * skewness
        + (normal**3 - 3 * normal) / 24 * skewness**2 * (2 * power - 1) / power
        - (2 * normal**3 - 5 * normal) / 36 * skewness**2
    )


@functools.lru_cache(maxsize=64)
def quantile_curve(
    power: float, level: float
) -> tuple[Float[np.ndarray, " P"], Float[np.ndarray, " P"]]:
    """Mean numbers of parts less that up to which the quantile is 0, and logarithms of quantiles.

    In units of the scale of a part.
    """
    rates = np.geomspace(1e-6, MANY_PARTS, POINTS)
    parts = rates - math.log(level)
    high = np.log(_large_enough(power, parts, level))
    low = high - SPAN
    for _ in range(STEPS):
        middle = (low + high) / 2
        enough = _shares(power, parts, np.exp(middle)) >= level
        high, low = np.where(enough, middle, high), np.where(enough, low, middle)
    return rates, high


def _large_enough(
    power: float, parts: Float[np.ndarray, " P"], level: float
) -> Float[np.ndarray, " P"]:
    """Beyond every quantile (Cantelli's inequality)."""
    shape = (2 - power) / (power - 1)
    mean, variance = parts * shape, parts * shape * (1 + shape)
    return np.asarray(mean + np.sqrt(variance * level / (1 - level)))


def _shares(
    power: float, parts: Float[np.ndarray, " P"], values: Float[np.ndarray, " P"]
) -> Float[np.ndarray, " P"]:
    """Probability of at most some values: summed over the number of parts."""
    from scipy.special import gammainc, gammaln  # takes a while to import

    shape = (2 - power) / (power - 1)
    most = int(parts.max() + 10 * math.sqrt(parts.max()) + 20)
    number = np.arange(1, most + 1)
    weight = np.exp(number * np.log(parts)[:, None] - parts[:, None] - gammaln(number + 1))
    return np.asarray(
        np.exp(-parts) + (weight * gammainc(number * shape, values[:, None])).sum(axis=1)
    )
