"""How often intervals hold what happens, how wide they are, and what that comes to in a score.

Arrays have an axis I for the intervals, one a level.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from forecast.config.intervals import IntervalConfig
from forecast.evaluation.conformal import conformal_radii, rolling_radii
from forecast.evaluation.intervals import Batches, ErrorScale, HeldOutForecasts
from forecast.evaluation.levels import central_intervals
from forecast.evaluation.scoring import Actuals

AT_ONCE = 256
"""Windows whose intervals are measured together where all have the same radii."""
Summary = dict[str, dict[str, Any]]
"""coverage, coverage_by_step, interval_width, interval_score -> kind of interval -> level."""


@dataclass(frozen=True)
class IntervalSums:
    """What became of intervals, summed by level and step, so that none is kept."""

    sums: Float[np.ndarray, "4 I H"] | float = 0.0
    """Values judged, values inside, widths, interval scores."""

    def add(
        self,
        actual: Float[np.ndarray, "B H K"],
        lower: Float[np.ndarray, "I B H K"],
        upper: Float[np.ndarray, "I B H K"],
        shares: Float[np.ndarray, " I"],
    ) -> IntervalSums:
        """With some windows added.

        Args:
            actual: NaN where nothing was observed.
            lower, upper: ends of the intervals; one that is not finite is not judged.
            shares: of the values that each interval should hold, from 0 to 1.
        """
        judged = ~np.isnan(actual) & np.isfinite(lower) & np.isfinite(upper)  # (I, B, H, K)
        lower, upper = np.where(judged, lower, 0.0), np.where(judged, upper, 0.0)
        actual = np.where(judged, actual, 0.0)
        outside = np.maximum(lower - actual, 0.0) + np.maximum(actual - upper, 0.0)
        score = upper - lower + 2 / (1 - shares)[:, None, None, None] * outside
        inside = judged & (outside == 0)
        sums = [each.sum(axis=(1, 3)) for each in (judged, inside, upper - lower, score)]
        return IntervalSums(self.sums + np.array(sums, dtype=np.float64))

    def summary(self, names: Sequence[str]) -> Summary:
        """Coverage, mean width and interval score of each level that was judged.

        Args:
            names: of the levels.

        Returns:
            Empty without windows.

        Source: Winkler 1972, "A decision-theoretic approach to interval estimation" (the score).
        """
        sums = np.asarray(self.sums)
        if not sums.ndim:
            return {}
        total = sums.sum(axis=2)  # (4, I)
        judged = [number for number in range(len(names)) if total[0, number]]
        with np.errstate(invalid="ignore"):  # of steps at which nothing was observed
            steps = {names[n]: (sums[1, n] / sums[0, n]).tolist() for n in judged}
        means = {
            key: {names[n]: float(total[row, n] / total[0, n]) for n in judged}
            for row, key in enumerate(("coverage", "interval_width", "interval_score"), start=1)
        }
        return {**means, "coverage_by_step": steps}


def quantile_coverage(batches: Batches, actuals: Actuals, quantiles: Sequence[float]) -> Summary:
    """What the intervals of a quantile model hold.

    Args:
        batches: forecasts of the test windows.
        actuals: the truth.
        quantiles: those that are forecast, from 0 to 1.

    Returns:
        Of the kind "quantile"; empty where no two quantiles make a central interval.
    """
    pairs = central_intervals(quantiles)
    if not pairs:
        return {}
    low, high = np.array([*pairs.values()]).T
    shares, sums = np.array([float(name) for name in pairs]) / 100, IntervalSums()
    for rows, values in batches:
        truth = actuals.after(rows, values.shape[1])
        lower, upper = (np.moveaxis(values[..., each], -1, 0) for each in (low, high))
        sums = sums.add(truth, lower, upper, shares)
    return _by_key({"quantile": sums.summary([*pairs])})


def conformal_coverage(
    validation: HeldOutForecasts | None,
    test: HeldOutForecasts | None,
    actuals: Actuals,
    scale: ErrorScale,
    config: IntervalConfig,
    minimum: float,
) -> Summary:
    """What conformal intervals hold of the test values.

    Args:
        validation: for the split intervals, and for the rolling ones of the first test origins.
        test: what is judged.
        actuals: the truth.
        scale: of the errors.
        config: levels, and how rolling intervals are made.
        minimum: below which no interval goes.

    Returns:
        Of the kinds "split" and "rolling"; a kind or level without intervals is left out. Empty
        without a test part.
    """
    if test is None:
        return {}
    names = [f"{level:.6g}" for level in config.levels]
    shares = np.array(config.levels) / 100

    def summary(radii: Iterable[tuple[slice, np.ndarray]]) -> Summary:
        sums = IntervalSums()
        for windows, of_levels in radii:
            rows, forecast = test.rows[windows], test.forecasts[windows]
            ends = scale.bounds(forecast, of_levels, actuals.history.series_of(rows), rows)
            lower, upper = (np.maximum(end, minimum) for end in ends)  # as they are forecast
            sums = sums.add(actuals.after(rows, forecast.shape[1]), lower, upper, shares)
        return sums.summary(names)

    kinds = {}
    if validation is not None:
        radii = conformal_radii(*validation.scores.known(), shares)
        first = range(0, len(test.rows), AT_ONCE)
        kinds["split"] = summary((slice(number, number + AT_ONCE), radii) for number in first)
    known = test.scores if validation is None else validation.scores.joined(test.scores)
    rolling = rolling_radii(known, test.scores, config.levels, config.origins, config.rate)
    return _by_key({**kinds, "rolling": summary(rolling)})


def _by_key(kinds: Mapping[str, Mapping[str, Any]]) -> Summary:
    """Kind -> key -> values as key -> kind -> values, without what is empty."""
    keys = next(iter(kinds.values()))
    by_key = {key: {kind: each[key] for kind, each in kinds.items() if each[key]} for key in keys}
    return {key: values for key, values in by_key.items() if values}
