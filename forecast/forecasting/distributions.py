"""Means and quantiles of the distributions of counts, from their parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from forecast.config.counts import Distribution, NegativeBinomial, Tweedie
from forecast.forecasting.tweedie import tweedie_quantile

Values = Float[np.ndarray, " N"]


def mean_and_quantiles(
    loss: Distribution, parameters: Float[np.ndarray, "B H K P"]
) -> Float[np.ndarray, "B H K Q"]:
    """What a distribution forecasts, in the order of its `quantiles`.

    Args:
        loss: which distribution.
        parameters: the mean first.
    """
    of_each = [column.ravel() for column in np.moveaxis(parameters.astype(np.float64), -1, 0)]
    blocks = [
        of_each[0] if np.isnan(level) else quantile(loss, of_each, level)
        for level in loss.quantiles
    ]
    return np.stack(blocks, axis=-1).reshape(*parameters.shape[:-1], -1)


def quantile(loss: Distribution, parameters: list[Values], level: float) -> Values:
    """The smallest value that is exceeded with a probability of 1 - level at most.

    Args:
        loss: which distribution.
        parameters: the mean first.
        level: from 0 to 1.
    """
    from scipy.special import betainc, gammaincc  # takes a while to import

    mean = parameters[0]
    if isinstance(loss, Tweedie):
        return tweedie_quantile(loss.power, mean, parameters[1], level)
    if isinstance(loss, NegativeBinomial):
        size = 1 / parameters[1]
        share, variance = size / (size + mean), mean + mean**2 / size

        def shares(counts: Values, some: Int[np.ndarray, " n"]) -> Values:
            return np.asarray(betainc(size[some], counts + 1, share[some]))

        return _smallest(shares, mean, variance, level)

    def poisson_shares(counts: Values, some: Int[np.ndarray, " n"]) -> Values:
        return np.asarray(gammaincc(counts + 1, mean[some]))

    return _smallest(poisson_shares, mean, mean, level)


def _smallest(
    shares: Callable[[Values, Int[np.ndarray, " n"]], Values],
    mean: Values,
    variance: Values,
    level: float,
) -> Values:
    """The smallest counts up to which the share of a distribution reaches a level: by bisection.

    Args:
        shares: (counts, which distributions) -> probability of at most so many.
        mean, variance: of the distributions.
        level: from 0 to 1.
    """
    # No quantile is further from the mean than so many deviations (Cantelli's inequality).
    reach = np.sqrt(variance * level / (1 - level))
    short = np.sqrt(variance * (1 - level) / level)
    low = np.maximum(np.floor(mean - short) - 1, -1.0)  # too small, or below 0
    high = np.maximum(np.ceil(mean + reach), 0.0)  # large enough
    finite = np.isfinite(mean) & np.isfinite(variance)
    low, high = np.where(finite, low, np.nan), np.where(finite, high, np.nan)
    # Beyond 2^53 numbers that are next to each other are further apart than 1.
    some = np.flatnonzero(high - low > np.maximum(np.spacing(high), 1))
    while len(some):
        middle = np.floor((low[some] + high[some]) / 2)
        enough = shares(middle, some) >= level
        high[some] = np.where(enough, middle, high[some])
        low[some] = np.where(enough, low[some], middle)
        some = some[high[some] - low[some] > np.maximum(np.spacing(high[some]), 1)]
    return high
