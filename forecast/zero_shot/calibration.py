"""Intervals around a combined forecast: the widths of the network, corrected by held-out errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Float

from forecast.evaluation.baselines import Forecast
from forecast.pretrained.network import LEVELS, MEDIAN

GROUPS = 2
"""Groups of neighbouring steps; each has factors of its own."""
WINDOWS_IN_DOUBT, TIMES_IN_DOUBT = 20, 2
"""A factor that is made of so many counts half: the fewer there are, the nearer it stays to 1. To
narrow intervals takes several times that do not overlap as well, since all series of a table may
have had the same good year."""
MOST = 10.0
"""Largest factor."""


@dataclass(frozen=True)
class WidthFactors:
    """By how much the network's intervals are widened or narrowed."""

    levels: tuple[float, ...]
    """In percent, rising."""
    factors: Float[np.ndarray, "I H"]
    """Of the half widths, by level and step."""

    def at(self, levels: Sequence[float]) -> WidthFactors:
        """Factors at other levels: between those that are known, or that of the nearest."""
        found = [np.interp(levels, self.levels, each) for each in self.factors.T]
        return WidthFactors(tuple(levels), np.stack(found, axis=1))


def unit_width_factors(levels: Sequence[float], horizon: int) -> WidthFactors:
    """The network's own widths."""
    return WidthFactors(tuple(levels), np.ones((len(levels), horizon)))


def fit_width_factors(
    actual: Float[np.ndarray, "B H K"],
    forecast: Forecast,
    quantiles: Float[np.ndarray, "B H K Q"],
    levels: Sequence[float],
    times: int,
) -> WidthFactors:
    """Factors by which half widths must be multiplied to have held so many of the values.

    Each is the conformal quantile of the errors in units of the half width on their side, of all
    series and targets together, shrunk in logarithms towards 1 where windows are few.

    Args:
        actual: what came; NaN where nothing was observed.
        forecast: the middle of the intervals.
        quantiles: of the network.
        levels: percent, rising.
        times: of the origins, that do not overlap.

    Source: Romano et al. 2019, "Conformalized quantile regression", with ratios in place of
    distances, since the series differ in size.
    """
    horizon = actual.shape[1]
    factors = np.ones((len(levels), horizon))
    steps = np.array_split(np.arange(horizon), min(GROUPS, horizon))
    middles = [float(group.mean()) for group in steps]
    for row, ratio in enumerate(np.abs(in_half_widths(actual - forecast, quantiles, levels))):
        found = [_factor(ratio[:, group], levels[row] / 100, times) for group in steps]
        factors[row] = np.interp(np.arange(horizon), middles, found)  # no jump between groups
    return WidthFactors(tuple(levels), factors)


def in_half_widths(
    error: Float[np.ndarray, "B H K"],
    quantiles: Float[np.ndarray, "B H K Q"],
    levels: Sequence[float],
) -> Float[np.ndarray, "I B H K"]:
    """Errors in units of the half width on their side, so that series of any size compare.

    Args:
        error: what came, less the forecast.
        quantiles: of the network.
        levels: of the intervals in percent.
    """
    below, above = half_widths(quantiles, levels)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = error / np.where(error < 0, below, above)
    return np.where(error == 0, 0.0, ratio)  # also of a width of 0


def _factor(ratios: Float[np.ndarray, "B G K"], share: float, times: int) -> float:
    """The conformal quantile of some ratios, towards 1 where little is behind it."""
    is_known = ~np.isnan(ratios)
    known = np.sort(ratios[is_known])
    if not len(known):
        return 1.0
    rank = min(int(np.ceil((len(known) + 1) * share - 1e-9)), len(known))
    factor = float(np.clip(known[rank - 1], 1 / MOST, MOST))
    windows = int(is_known.any(axis=(1, 2)).sum())
    trust = windows / (windows + WINDOWS_IN_DOUBT)
    if factor < 1:
        trust *= times / (times + TIMES_IN_DOUBT)
    return float(factor**trust)


def half_widths(
    quantiles: Float[np.ndarray, "B H K Q"], levels: Sequence[float]
) -> Float[np.ndarray, "2 I B H K"]:
    """Distances of the lower and of the upper ends from the median, for intervals of some levels.

    They are interpolated over the normal quantile; beyond the outermost they grow with it.

    Args:
        quantiles: at the `LEVELS` of the network.
        levels: percent.
    """
    normal = NormalDist()
    own = np.array([0.0, *(normal.inv_cdf(level) for level in LEVELS[MEDIAN + 1 :])])
    wanted = np.array([normal.inv_cdf(0.5 + level / 200) for level in levels])
    beyond = np.maximum(wanted / own[-1], 1.0)
    shares = np.stack([np.interp(wanted, own, each) for each in np.eye(len(own))[1:]])  # (Q/2, I)
    upward = quantiles[..., MEDIAN + 1 :] - quantiles[..., MEDIAN, None]
    downward = quantiles[..., MEDIAN, None] - quantiles[..., MEDIAN - 1 :: -1]
    widths = np.stack([downward, upward]) @ (shares * beyond)  # (2, B, H, K, I)
    return np.moveaxis(widths, -1, 1)


def with_intervals(
    calibration: WidthFactors,
    forecast: Forecast,
    quantiles: Float[np.ndarray, "B H K Q"],
    floor: Float[np.ndarray, "B 1 K"],
) -> Float[np.ndarray, "B H K J"]:
    """Lower ends, the forecast, upper ends: the outermost first and last.

    Args:
        calibration: how wide.
        forecast: the middle.
        quantiles: of the network.
        floor: below which nothing is forecast.
    """
    widths = half_widths(quantiles, calibration.levels)
    widths = widths * calibration.factors[:, None, :, None]
    below, above = np.maximum.accumulate(widths, axis=1)  # a higher level is never the narrower
    lower = np.maximum(forecast - below[::-1], floor)
    parts = np.concatenate([lower, forecast[None], forecast + above])  # (J, B, H, K)
    return np.moveaxis(parts, 0, -1)
