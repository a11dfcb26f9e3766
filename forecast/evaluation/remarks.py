"""What a verdict does not say in one number: chance, bias, coverage, and what to do about them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from forecast.config.counts import Distribution
from forecast.config.losses import MeanSquared
from forecast.config.options import Option
from forecast.evaluation.metrics import ErrorSums
from forecast.evaluation.paired import compared
from forecast.evaluation.scoring import method_in_words

ONE_SIDED = 0.5
"""Share of the mean absolute error from which on a bias is its larger part."""
LARGE_BIAS = 0.1
"""Of the mean absolute value."""
FEWER = 5.0
"""Percent by which intervals may hold less than they promise."""


def remarks(
    scores: Mapping[str, ErrorSums], model: str, opponent: str, horizon: int, loss: Option
) -> list[str]:
    """Sentences on chance and bias; those that matter.

    Args:
        scores: of every method on the same windows.
        model: the method that is judged.
        opponent: the best of the others.
        horizon: steps.
        loss: of the model.
    """
    chance = compared(scores[model], scores[opponent], horizon).sentence(method_in_words(opponent))
    return [*([chance] if chance else []), *bias_remarks(scores[model], loss)]


def bias_remarks(sums: ErrorSums, loss: Option) -> list[str]:
    """One sentence where forecasts are mostly too low or too high; none otherwise."""
    bias, error, size = (sums.mean(name) for name in ("error", "absolute", "size"))
    if not (math.isfinite(bias) and size > 0):
        return []
    if abs(bias) < max(ONE_SIDED * error, LARGE_BIAS * size):
        return []
    side = "low" if bias < 0 else "high"
    said = f"Forecasts are {100 * abs(bias) / size:.0f} % too {side} on average"
    if isinstance(loss, Distribution):  # of means, and normalised by itself
        return [f"{said}."]
    mean = "" if isinstance(loss, MeanSquared) else " where sums matter, try training.loss: mse;"
    return [
        f"{said}:{mean} where the level has moved, model.window_norm: last with model.start:"
        " random."
    ]


def coverage_remarks(coverage: Mapping[str, Mapping[str, float]]) -> list[str]:
    """One sentence where intervals hold clearly less than they promise; none otherwise.

    Args:
        coverage: kind of interval -> level in percent -> share of the test values, from 0 to 1.
    """
    held = coverage.get("quantile") or coverage.get("rolling") or coverage.get("split") or {}
    low = [
        f"{level} % intervals cover {100 * share:.0f} %"
        for level, share in held.items()
        if 100 * share < float(level) - FEWER
    ]
    if not low:
        return []
    return [
        f"{', '.join(low)} of the test values: take a higher level, or make them of more errors"
        " by a longer split.validation."
    ]
