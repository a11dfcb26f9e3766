"""Whether one method errs less than another beyond chance: errors paired by origin.

Windows of neighbouring origins share most of their rows, so that their errors go together. How far
they vary is therefore learned from origins a horizon apart (Diebold and Mariano, 1995, with
Student's quantiles, as Harvey, Leybourne and Newbold, 1997, have them): few of these tell little.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from forecast.evaluation.metrics import PERFECT, ErrorSums

FEWEST_APART, FEWEST_SERIES = 3, 5
"""Origins a horizon apart, or series, without which nothing is said of chance."""
ENOUGH_APART = 5
"""Of so many origins a horizon apart the series are not asked, whose fates go together."""

FEW_DEGREES = (12.706, 4.303, 3.182, 2.776)
"""Student's 97.5 % quantile of 1, 2, ... degrees of freedom, where its series is not exact."""

Outcome = Literal["better", "worse", "not distinguishable", "unknown"]


@dataclass(frozen=True)
class Comparison:
    """The mean absolute error of one method beside that of another, on the same windows."""

    outcome: Outcome
    low: float = math.nan
    """By how much of the other's the error is lower, in percent: lower end of a 95 % interval."""
    high: float = math.nan
    units: int = 0
    """Origins or series by which the errors were paired."""
    apart: int = 0
    """Of the origins those that are a horizon apart."""
    unit: Literal["origins", "series"] = "origins"

    def sentence(self, opponent: str) -> str:
        """What is to be said of it; nothing where there is no number to compare with."""
        if self.outcome == "unknown" and (self.unit == "series" or self.apart >= FEWEST_APART):
            return ""
        if self.outcome == "unknown":
            return (
                f"{self.units} origin{'s are' if self.units != 1 else ' is'} too few to tell that"
                " from chance; a backtest of more folds tells."
            )
        apart = f" ({self.apart} of them a horizon apart)" if self.apart < self.units else ""
        found = f"Paired over {self.units} {self.unit}{apart}: {self._interval} {opponent} (95 %)"
        if self.outcome == "not distinguishable":
            return f"{found}, so not distinguishable from it."
        return f"{found}, so {self.outcome} beyond chance."

    @property
    def _interval(self) -> str:
        low, high = self.low, self.high
        if low >= 0:
            return f"{low:.0f} to {high:.0f} % better than"
        if high <= 0:
            return f"{-high:.0f} to {-low:.0f} % worse than"
        return f"from {-low:.0f} % worse to {high:.0f} % better than"


def compared(ours: ErrorSums, theirs: ErrorSums, horizon: int) -> Comparison:
    """Compare two methods by their errors at each origin, or by series where origins are few.

    Args:
        ours, theirs: sums over the same windows.
        horizon: steps, over which errors of neighbouring origins go together.
    """
    (times, mine, known), (_, other, _) = ours.windows(), theirs.windows()
    distinct, number = np.unique(times[known > 0], return_inverse=True)
    by_origin = [
        np.bincount(number, each[known > 0], len(distinct)) for each in (mine, other, known)
    ]
    by_series = [
        sums.by_series[name].sum(axis=1) if sums.by_series else np.zeros(0)
        for sums, name in ((ours, "absolute"), (theirs, "absolute"), (ours, "known"))
    ]
    by_series = [each[by_series[2] > 0] for each in by_series]
    step = max(1, int(np.median(np.diff(distinct)))) if len(distinct) > 1 else 1
    together = -(-horizon // step)  # neighbouring origins within a horizon
    apart, series = -(-len(distinct) // together), len(by_series[0])
    if apart < ENOUGH_APART and series >= FEWEST_SERIES:
        return _outcome(np.stack(by_series), 1, "series")
    if apart < FEWEST_APART:
        return Comparison("unknown", units=len(distinct), apart=apart)
    return _outcome(np.stack(by_origin), together, "origins")


def _outcome(
    sums: Float[np.ndarray, "3 T"], together: int, unit: Literal["origins", "series"]
) -> Comparison:
    """The comparison over some units in their order: errors of both methods, observed values."""
    ours, theirs, known = sums
    count, apart = len(ours), -(-len(ours) // together)
    with np.errstate(invalid="ignore", over="ignore"):
        gained, total = theirs - ours, known.sum()
        mean, usual = gained.sum() / total, theirs.sum() / total
        deviations = (gained - mean * known) * len(known) / total
        reach = student(apart - 1) * _deviation(deviations, together) / math.sqrt(apart)
    if not np.isfinite([mean, reach, usual]).all() or usual <= PERFECT * (usual - mean):
        return Comparison("unknown", units=count, apart=apart, unit=unit)
    low, high = 100 * (mean - reach) / usual, min(100 * (mean + reach) / usual, 100.0)
    outcome: Outcome = "better" if low > 0 else "worse" if high < 0 else "not distinguishable"
    return Comparison(outcome, float(low), float(high), count, apart, unit)


def _deviation(values: Float[np.ndarray, " T"], together: int) -> float:
    """Standard deviation of values that are so many steps apart, over all places to begin at."""
    parts = [values[first::together] for first in range(min(together, len(values)))]
    variances = [part.var(ddof=1) for part in parts if len(part) > 1]
    return float(np.sqrt(np.mean(variances)))


def student(degrees: int) -> float:
    """Student's 97.5 % quantile, by degrees of freedom (Abramowitz and Stegun, 26.7.5).

    Not by scipy, whose import would take longer than all of a summary.
    """
    if degrees <= len(FEW_DEGREES):
        return FEW_DEGREES[degrees - 1]
    z, n = 1.959964, degrees  # z: the same quantile of the normal distribution
    second = (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    return z + (z**3 + z) / (4 * n) + second + third
