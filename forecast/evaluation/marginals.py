"""From the quantiles that a model has to samples of each step: between them, and beyond."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from forecast.evaluation.conformal import Calibration

TAIL = 4
"""How steep a tail is tells the quantile beyond which so many times as much lies as in it."""


def sample_quantiles(num: int) -> Float[np.ndarray, " n"]:
    """The quantiles that so many samples have: the middles of equal parts, from 0 to 1."""
    return (np.arange(num) + 0.5) / num


def quantile_weights(
    known: Sequence[float] | np.ndarray, wanted: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "n Q"]:
    """What known quantiles count in others: linear between them, exponential tails beyond.

    A tail goes on as that of an exponential distribution through the outermost quantile and the
    one at which `TAIL` times as much lies beyond.

    Args:
        known: at least two, rising, from 0 to 1; at 0 or 1 there is no tail.
        wanted: from 0 to 1, both exclusive.

    Returns:
        Rows that add up to 1.
    """
    known = np.asarray(known, dtype=np.float64)
    above = _with_upper_tail(known, wanted)
    below = _with_upper_tail(1 - known[::-1], 1 - wanted)[:, ::-1]
    return np.where((wanted < known[0])[:, None], below, above)


def _with_upper_tail(
    known: Float[np.ndarray, " Q"], wanted: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "n Q"]:
    def between(shares: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(shares, known, unit) for unit in np.eye(len(known))], axis=-1)

    weights, outside = between(wanted), 1 - known[-1]
    beyond = wanted > known[-1]
    if not beyond.any():
        return weights
    within = max(known[0], 1 - TAIL * outside)
    steps = np.log(outside / (1 - wanted[beyond])) / np.log((1 - within) / outside)
    slope = between(known[-1:]) - between(np.array([within]))
    weights[beyond] += steps[:, None] * slope
    return weights


def sample_levels(num: int) -> Float[np.ndarray, " I"]:
    """Levels in percent, rising, of intervals that end at `sample_quantiles`, but the middle."""
    return 100 * (2 * sample_quantiles(num)[(num + 1) // 2 :] - 1)


def sample_radii(calibration: Calibration, num: int) -> Float[np.ndarray, "I H K"] | None:
    """Radii of the intervals that end at `sample_quantiles`.

    Args:
        calibration: with the radii of some levels.
        num: samples.

    Returns:
        One for each of `sample_levels`; None where no level has enough errors behind it.
    """
    levels, radii = np.array(calibration.levels), calibration.radii
    reached = np.isfinite(radii).all(axis=(1, 2))
    if not reached.any():
        return None
    known = np.array([0.0, *levels[reached]]) / 100
    radii = np.concatenate([np.zeros_like(radii[:1]), radii[reached]]).astype(np.float64)
    return np.tensordot(quantile_weights(known, sample_levels(num) / 100), radii, axes=1)


def without_middle(values: Float[np.ndarray, "... Q"], num: int) -> Float[np.ndarray, "... n"]:
    """Ends of the intervals of `sample_levels` as samples: of an even number none is the median."""
    return np.delete(values, num // 2, axis=-1) if num % 2 == 0 else values


def quantile_samples(
    values: Float[np.ndarray, "... Q"], quantiles: Sequence[float], num: int
) -> Float[np.ndarray, "... n"]:
    """Samples of distributions of which some quantiles are known.

    Args:
        values: the quantiles, which may have crossed.
        quantiles: from 0 to 1, rising; NaN stands for a mean, which is not used.
        num: samples.

    Returns:
        The samples, rising, interpolated between the quantiles.
    """
    known = ~np.isnan(quantiles)
    weights = quantile_weights(np.array(quantiles)[known], sample_quantiles(num))
    return np.sort(values[..., known] @ weights.T, axis=-1)
