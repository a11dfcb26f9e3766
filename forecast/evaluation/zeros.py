"""Medians that are zero: a forecast that is most often right, and of no use for totals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from forecast.errors import named

OFTEN = 0.2
"""Share of zero medians from which on they are spoken of."""
NEAR_ZERO = 0.05
"""Of the mean value of a target: a median below it counts as zero."""


@dataclass(frozen=True)
class ZeroMedians:
    """Counts and sums over the steps whose value was observed, of each target."""

    steps: Float[np.ndarray, " K"]
    zeros: Float[np.ndarray, " K"]
    """Medians that are zero."""
    actual: Float[np.ndarray, " K"]
    forecast: Float[np.ndarray, " K"]
    """Sums of what came, and of the means that were forecast."""

    @staticmethod
    def none(targets: int) -> ZeroMedians:
        """Before the first window."""
        return ZeroMedians(*np.zeros((4, targets)))

    def add(
        self,
        actual: Float[np.ndarray, "B H K"],
        median: Float[np.ndarray, "B H K"],
        mean: Float[np.ndarray, "B H K"],
        sizes: Float[np.ndarray, " K"],
    ) -> ZeroMedians:
        """With some windows more.

        Args:
            actual: NaN where nothing was observed.
            median, mean: forecasts; the same where only one of them is known.
            sizes: mean value of each target, which tells what is near zero.
        """
        known = ~np.isnan(actual)
        is_zero = known & (np.abs(median) <= NEAR_ZERO * sizes)
        return ZeroMedians(
            self.steps + known.sum(axis=(0, 1)),
            self.zeros + is_zero.sum(axis=(0, 1)),
            self.actual + np.where(known, actual, 0.0).sum(axis=(0, 1)),
            self.forecast + np.where(known, mean, 0.0).sum(axis=(0, 1)),
        )

    def sentences(self, targets: Sequence[str], has_mean: bool, loss: str) -> list[str]:
        """One sentence for each target whose medians are often zero.

        Args:
            targets: their names.
            has_mean: whether the forecast is a mean, and the median beside it.
            loss: of the distribution that suits the table.
        """
        found = []
        for target, steps, zeros, actual, forecast in zip(
            targets, self.steps, self.zeros, self.actual, self.forecast, strict=True
        ):
            if not steps or zeros < OFTEN * steps or not math.isfinite(forecast):
                continue
            whose = f" of {named(target)}" if len(targets) > 1 else ""
            share, came = 100 * zeros / steps, actual / steps
            found.append(
                f"The median{whose} is 0 at {share:.0f} % of the test steps: for totals read the"
                f" forecast, which is the mean ({forecast / steps:.3g}; {came:.3g} came)."
                if has_mean
                else f"The forecast{whose}, a median, is 0 at {share:.0f} % of the test steps,"
                f" where {came:.3g} came in the mean: for totals take training.loss: {loss}, which"
                " forecasts the mean."
            )
        return found
