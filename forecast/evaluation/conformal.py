"""Conformal prediction: how far forecasts have missed tells how far they may miss next.

Arrays have an axis I for the intervals that are asked for, one a level, and W for all windows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float32, Int

MOST_SCORES = 2000
"""A rolling interval is made of at most so many scores of a step and target; a panel has more."""
RENEWALS = 50
"""The rolling scores are sorted again after one in so many of their origins has passed: sorting is
what costs, and one score more or less in 50 changes little."""
FINE_GRID = (*range(5, 75, 5), *range(75, 100), 99.5, 99.9)
COARSE_GRID = (50, 80, 90, 95, 99, 99.9)
"""Levels in percent at which a model keeps radii."""
MOST_BYTES = 1_000_000
"""Radii at the fine grid may take so many bytes; if they take more, the coarse grid is used."""


@dataclass(frozen=True)
class ConformalScores:
    """How far forecasts missed, in the order of their origins."""

    times: Int[np.ndarray, " W"]
    """Position of each origin on the time axis, rising; several series share a time."""
    values: Float32[np.ndarray, "W H K"]
    """NaN where nothing was observed, inf where the forecast was not a finite number."""

    @cached_property
    def origins(self) -> Int[np.ndarray, " T"]:
        """Distinct times."""
        return np.unique(self.times)

    @cached_property
    def first(self) -> Int[np.ndarray, " _"]:
        """(T + 1,) first window of each distinct time, and W."""
        return np.append(np.searchsorted(self.times, self.origins), len(self.times))

    @cached_property
    def by_step(self) -> Float32[np.ndarray, "H K W"]:
        """The scores of a step side by side, so that `known` reads them fast."""
        return np.ascontiguousarray(self.values.transpose(1, 2, 0))

    def joined(self, other: ConformalScores) -> ConformalScores:
        """Both, in the order of their origins."""
        times = np.concatenate([self.times, other.times])
        order = np.argsort(times, kind="stable")
        return ConformalScores(times[order], np.concatenate([self.values, other.values])[order])

    def known(
        self, time: int | None = None, origins: int | None = None, most: int | None = None
    ) -> tuple[Float32[np.ndarray, "H K R"], Int[np.ndarray, "H K"]]:
        """The scores that are known at a time: step h of an origin is, from h rows later on.

        Args:
            time: position on the time axis; None: after all of them.
            origins: how many of the most recent origins count; None: all.
            most: scores of each step and target; of more, an evenly spaced part. None: all.

        Returns:
            Sorted scores with NaN behind them, and how many there are.
        """
        horizon = self.values.shape[1]
        time = int(self.times[-1]) + horizon if time is None else time
        # Every step has its own last origin, as a later step is observed later.
        last = np.searchsorted(self.origins, time - np.arange(1, horizon + 1), side="right")  # (H,)
        begin = self.first[np.maximum(last - origins, 0) if origins else np.zeros_like(last)]
        counts = self.first[last] - begin  # (H,) windows that count
        used = np.minimum(counts, most or counts)
        # (H, R) evenly spaced windows; a step with fewer of them repeats some, blanked below.
        place = np.arange(max(1, used.max()))
        rows = begin[:, None] + place * counts[:, None] // np.maximum(used, 1)[:, None]
        rows = np.minimum(rows, len(self.times) - 1)
        table = np.take_along_axis(self.by_step, rows[:, None], axis=-1)  # (H, K, R)
        table = np.where((place < used[:, None])[:, None], table, np.float32(np.nan))
        table.sort(axis=-1)  # NaN goes last
        return table, (~np.isnan(table)).sum(axis=-1)


def conformal_radii(
    table: Float32[np.ndarray, "H K R"],
    counts: Int[np.ndarray, "H K"],
    shares: Float[np.ndarray, " I"],
    adapted: Float[np.ndarray, "I H K"] | None = None,
) -> Float32[np.ndarray, "I H K"]:
    """The ceil((n + 1) * share)-th smallest of n scores: a new score exceeds it no more often.

    Args:
        table: sorted scores, NaN behind them.
        counts: how many there are.
        shares: of the new scores that should not exceed the radius, from 0 to 1.
        adapted: shares to take in their place, if any; one that asks for a rank below 1 gives
            radius 0, one beyond the last rank the largest score.

    Returns:
        inf where the scores are too few for a share: n < share / (1 - share).

    Source: Lei et al. 2018, "Distribution-free predictive inference for regression".
    """
    plain = shares[:, None, None]
    needed = np.ceil((counts + 1) * plain - 1e-9)  # 0.95 in binary is a hair above 95 of 100
    wanted = needed if adapted is None else np.ceil((counts + 1) * adapted - 1e-9)
    rank = np.clip(wanted, 0, counts).astype(np.int64)  # (I, H, K)
    # `take_along_axis` wants the ranks where the scores are: on the last axis.
    at = np.moveaxis(np.maximum(rank - 1, 0), 0, -1)  # (H, K, I)
    found = np.moveaxis(np.take_along_axis(table, at, axis=-1), -1, 0)
    return np.where(needed <= counts, np.where(rank > 0, found, 0), np.inf).astype(np.float32)


def rolling_radii(
    known: ConformalScores,
    tested: ConformalScores,
    levels: Sequence[float],
    origins: int,
    rate: float,
) -> Iterator[tuple[slice, Float32[np.ndarray, "I H K"]]]:
    """Radii for the windows of each test origin in turn, from what is known at it.

    Adaptive conformal inference of each step and target: at a miss, the share that is asked for
    rises by `rate * share`; otherwise it falls by `rate * (1 - share)`.

    Args:
        known: scores of all windows, those of the test among them.
        tested: scores of the test windows.
        levels: percent.
        origins: how many of the most recent origins count.
        rate: gamma of the paper.

    Yields:
        Windows of `tested`, and their radii.

    Source: Gibbs and Candès 2021, "Adaptive conformal inference under distribution shift", eq. 2.
    """
    shares = np.array(levels) / 100
    horizon, targets = tested.values.shape[1:]
    steps = np.arange(horizon)
    # Misses less allowed misses, summed over the origins before each one: (T + 1, I, H, K).
    excess = np.zeros((len(tested.origins) + 1, len(shares), horizon, targets), dtype=np.float32)
    renewal = max(1, min(origins, len(known.origins)) // RENEWALS)
    for number, time in enumerate(tested.origins.tolist()):
        if number % renewal == 0:
            table, counts = known.known(time, origins, MOST_SCORES)
        # (H,) origins whose step h has been observed by now; only their misses may be used.
        done = np.searchsorted(tested.origins, time - 1 - steps, side="right")
        adapted = shares[:, None, None] + rate * np.moveaxis(excess[done, :, steps], 1, 0)
        radii = conformal_radii(table, counts, shares, adapted)
        windows = slice(tested.first[number], tested.first[number + 1])
        excess[number + 1] = excess[number] + _excess(tested.values[windows], radii, shares)
        yield windows, radii


def _excess(
    scores: Float[np.ndarray, "B H K"],
    radii: Float[np.ndarray, "I H K"],
    shares: Float[np.ndarray, " I"],
) -> Float[np.ndarray, "I H K"]:
    """Mean over windows of a miss (1 or 0) less the share of misses that is allowed."""
    judged = ~np.isnan(scores) & np.isfinite(radii)[:, None]  # (I, B, H, K)
    missed = (scores > radii[:, None]) - (1 - shares)[:, None, None, None]
    return np.asarray(np.where(judged, missed, 0.0).sum(axis=1) / np.maximum(judged.sum(axis=1), 1))


@dataclass(frozen=True)
class Calibration:
    """Radii at a grid of levels: all that a model keeps of its errors."""

    levels: tuple[float, ...]
    """Of the grid, in percent, rising."""
    radii: Float32[np.ndarray, "I H K"]
    """One for each level; inf where the scores were too few for it."""
    sizes: Float[np.ndarray, "S K"]
    """What errors of each series are divided by at the end of its table."""
    count: int
    """Scores of the step and target that has the fewest."""

    @staticmethod
    def of(
        scores: ConformalScores,
        sizes: Float[np.ndarray, "S K"],
        levels: Sequence[float],
        origins: int,
    ) -> Calibration:
        """The calibration by the most recent scores.

        Args:
            scores: of windows that the model was not trained on.
            sizes: what those after the table are divided by.
            levels: percent; they are on the grid in any case.
            origins: how many of the most recent origins count.
        """
        table, counts = scores.known(origins=origins)
        fits = 4 * len(FINE_GRID) * counts.size <= MOST_BYTES
        grid = {float(level) for level in (*(FINE_GRID if fits else COARSE_GRID), *levels)}
        radii = conformal_radii(table, counts, np.array(sorted(grid)) / 100)
        return Calibration(tuple(sorted(grid)), radii, sizes, int(counts.min()))

    def at(self, levels: Sequence[float]) -> Float[np.ndarray, "I H K"]:
        """Radii at some levels in percent, interpolated between those of the grid."""
        grid = np.array([0.0, *self.levels])
        radii = np.concatenate([np.zeros_like(self.radii[:1]), self.radii])
        above = np.minimum(np.searchsorted(grid, levels), len(grid) - 1)
        below = np.maximum(above - 1, 0)
        weight = ((np.array(levels) - grid[below]) / (grid[above] - grid[below]))[:, None, None]
        with np.errstate(invalid="ignore"):  # inf - inf
            between = radii[below] + weight * (radii[above] - radii[below])
        return np.asarray(np.where(np.isinf(radii[above]), np.inf, between))

    def needed(self, level: float) -> int:
        """Scores that a level in percent needs, or the next higher one of the grid."""
        of_grid = min(each for each in self.levels if each >= level)
        return math.ceil(of_grid / (100 - of_grid) - 1e-9)

    def reaches(self, level: float) -> bool:
        """Whether there are enough scores for a level in percent."""
        return self.count >= self.needed(level)
