"""Medians that are zero: a forecast that is most often right, and of no use for totals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

OFTEN = 0.2
"""Share of zero medians from which on they are spoken of."""
NEAR_ZERO = 0.05
"""Of the mean value: a median below it counts as zero."""


@dataclass(frozen=True)
class ZeroMedians:
    """Counts and sums over the steps whose value was observed."""

    steps: int = 0
    zeros: int = 0
    """Medians that are zero."""
    actual: float = 0.0
    forecast: float = 0.0
    """Sums of what came, and of the means that were forecast."""

    def add(
        self,
        actual: Float[np.ndarray, "B H K"],
        median: Float[np.ndarray, "B H K"],
        mean: Float[np.ndarray, "B H K"],
        size: float,
    ) -> ZeroMedians:
        """With some windows more.

        Args:
            actual: NaN where nothing was observed.
            median, mean: forecasts; the same where only one of them is known.
            size: mean value of the table, which tells what is near zero.
        """
        known = ~np.isnan(actual)
        return ZeroMedians(
            self.steps + int(known.sum()),
            self.zeros + int((known & (np.abs(median) <= NEAR_ZERO * size)).sum()),
            self.actual + float(actual[known].sum()),
            self.forecast + float(mean[known].sum()),
        )

    def sentences(self, has_mean: bool, loss: str) -> list[str]:
        """One sentence where medians are often zero; none otherwise.

        Args:
            has_mean: whether the forecast is a mean, and the median beside it.
            loss: of the distribution that suits the table.
        """
        if not self.steps or self.zeros < OFTEN * self.steps or not math.isfinite(self.forecast):
            return []
        share, came = 100 * self.zeros / self.steps, self.actual / self.steps
        if has_mean:
            return [
                f"The median is 0 at {share:.0f} % of the test steps: for totals read the forecast,"
                f" which is the mean ({self.forecast / self.steps:.3g}; {came:.3g} came)."
            ]
        return [
            f"The forecast, a median, is 0 at {share:.0f} % of the test steps, where {came:.3g}"
            f" came in the mean: for totals take training.loss: {loss}, which forecasts the mean."
        ]
