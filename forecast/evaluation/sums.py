"""How often intervals of the sum over a forecast's steps hold it, as sample paths give them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int

from forecast.data.panel import evenly_spaced
from forecast.evaluation.copula import Copula, HeldOutErrors, schaake_shuffle
from forecast.evaluation.coverage import IntervalSums, Summary
from forecast.evaluation.scoring import Actuals

SAMPLES = 200
"""Paths of a window."""
MOST_JUDGED, MOST_NUMBERS, AT_ONCE = 1000, 2**24, 2**21
"""Windows, and numbers in all of their samples, in all and at a time."""
SMALLEST = 1e-9
"""Way to a quantile, where it is none: errors there still have their order."""
KEYS = ("coverage", "interval_width", "interval_score")


def median_errors(
    rows: Int[np.ndarray, " B"],
    values: Float[np.ndarray, "B H K Q"],
    actuals: Actuals,
    times_of: Callable[[np.ndarray], np.ndarray],
) -> HeldOutErrors:
    """Errors of the median in units of the way to the outermost quantile on their side.

    Args:
        rows: origins.
        values: quantiles.
        actuals: the truth.
        times_of: position of rows on the time axis.
    """
    median = values[..., values.shape[-1] // 2]
    errors = actuals.after(rows, values.shape[1]) - median
    reach = np.where(errors > 0, values[..., -1] - median, median - values[..., 0])
    shares = errors / np.maximum(reach, SMALLEST)  # a mean may lie beyond the quantiles
    return HeldOutErrors(times_of(rows), actuals.history.series_of(rows), shares)


def scored_windows(windows: int, size: int) -> Int[np.ndarray, " _"]:
    """Windows whose sums are scored, evenly spaced.

    Args:
        windows: there are.
        size: values of one.
    """
    return evenly_spaced(windows, min(MOST_JUDGED, max(1, MOST_NUMBERS // (SAMPLES * size))))


def sum_coverage(
    kind: str,
    rows: Int[np.ndarray, " B"],
    marginals: Callable[[slice], Float[np.ndarray, "_ H K n"]],
    copula: Copula,
    actuals: Actuals,
    levels: Sequence[float],
) -> Summary:
    """What intervals of sums over the horizon hold, one for each target.

    Args:
        kind: of the intervals.
        rows: origins of the windows.
        marginals: of some of these windows, samples of each step.
        copula: by which they become paths.
        actuals: the truth.
        levels: percent.

    Returns:
        sum_coverage, sum_interval_width, sum_interval_score; empty where no sum was observed.
    """
    horizon, targets = copula.ranks.shape[2:]
    shares, sums = np.array(levels) / 100, IntervalSums()
    windows = max(1, AT_ONCE // (SAMPLES * horizon * targets))
    for first in range(0, len(rows), windows):
        part = slice(first, first + windows)
        lower, upper = sum_intervals(marginals(part), copula, actuals, rows[part], shares)
        truth = actuals.after(rows[part], horizon).sum(axis=1, keepdims=True)  # (B, 1, K)
        sums = sums.add(truth, lower[:, :, None], upper[:, :, None], shares)
    found = sums.summary([f"{level:.6g}" for level in levels])
    return {f"sum_{key}": {kind: found[key]} for key in KEYS if found.get(key)}


def sum_intervals(
    marginals: Float[np.ndarray, "B H K n"],
    copula: Copula,
    actuals: Actuals,
    rows: Int[np.ndarray, " B"],
    shares: Float[np.ndarray, " I"],
) -> tuple[Float[np.ndarray, "I B K"], Float[np.ndarray, "I B K"]]:
    """Intervals of the sums over the steps, by sample paths.

    Args:
        marginals: n rising samples of each step and target.
        copula: how steps and targets move together.
        actuals: the truth; says to which series a row belongs.
        rows: origins of the windows.
        shares: of the paths that each interval holds, from 0 to 1.

    Returns:
        Lower and upper ends.
    """
    names, groups = [str(row) for row in rows], actuals.history.series_of(rows)
    ranks = copula.draw(marginals.shape[-1], marginals.shape[1], names, groups, seed=0)
    paths = schaake_shuffle(marginals, ranks).sum(axis=2)  # (B, n, K)
    ends = np.concatenate([(1 - shares) / 2, (1 + shares) / 2])
    lower, upper = np.split(np.quantile(paths, ends, axis=1, method="hazen"), 2)
    return lower, upper
