"""Conformal prediction: how far forecasts have missed tells how far they may miss next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

MOST_SCORES = 2000
"""Scores of a step and target that a rolling interval is made of at most; a panel has more."""
RENEWALS = 50
"""The rolling scores are sorted anew when this part of their origins has passed: sorting is what
costs, and a score more or less in 50 changes little."""
GRID = (*range(5, 75, 5), *range(75, 100), 99.5, 99.9)
COARSE = (50, 80, 90, 95, 99, 99.9)
MOST_BYTES = 1_000_000
"""Radii that are kept at most; beyond, they are kept at the coarse grid of levels."""


@dataclass(frozen=True)
class Scores:
    """How far forecasts missed, in the order of their origins."""

    times: np.ndarray
    """(W,) position of each origin on the time axis, rising."""
    values: np.ndarray
    """(W, H, K) float32; NaN where nothing was observed, inf where the forecast was no number."""

    @cached_property
    def origins(self) -> np.ndarray:
        """(T,) distinct times."""
        return np.unique(self.times)

    @cached_property
    def first(self) -> np.ndarray:
        """(T + 1,) first window of each distinct time, and W."""
        return np.append(np.searchsorted(self.times, self.origins), len(self.times))

    @cached_property
    def by_step(self) -> np.ndarray:
        """(H, K, W) the scores of a step side by side, so that `known` reads them fast."""
        return np.ascontiguousarray(self.values.transpose(1, 2, 0))

    def joined(self, other: Scores) -> Scores:
        """Both, in the order of their origins."""
        times = np.concatenate([self.times, other.times])
        order = np.argsort(times, kind="stable")
        return Scores(times[order], np.concatenate([self.values, other.values])[order])

    def known(
        self, time: int | None = None, origins: int | None = None, most: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """What is known at a time: step h of an origin is, from h rows later on.

        Args:
            time: position on the time axis; None: when everything is.
            origins: the most recent ones that count; None: all.
            most: scores of each step and target; an evenly spaced part of more. None: all.

        Returns:
            (H, K, R) sorted scores with NaN behind them, and (H, K) how many there are.
        """
        horizon = self.values.shape[1]
        time = int(self.times[-1]) + horizon if time is None else time
        last = np.searchsorted(self.origins, time - np.arange(1, horizon + 1), side="right")
        begin = self.first[np.maximum(last - origins, 0) if origins else np.zeros_like(last)]
        counts = self.first[last] - begin  # (H,)
        used = np.minimum(counts, most or counts)
        place = np.arange(max(1, used.max()))
        rows = begin[:, None] + place * counts[:, None] // np.maximum(used, 1)[:, None]
        rows = np.minimum(rows, len(self.times) - 1)
        table = np.take_along_axis(self.by_step, rows[:, None], axis=-1)  # (H, K, R)
        table = np.where((place < used[:, None])[:, None], table, np.float32(np.nan))
        table.sort(axis=-1)
        return table, (~np.isnan(table)).sum(axis=-1)


def conformal_radii(
    table: np.ndarray, counts: np.ndarray, shares: np.ndarray, adapted: np.ndarray | None = None
) -> np.ndarray:
    """The ceil((n + 1) * share)-th smallest of n scores: no new score exceeds it more often.

    Args:
        table: (H, K, R) sorted scores, NaN behind them.
        counts: (H, K) how many there are.
        shares: (L,) from 0 to 1.
        adapted: (L, H, K) shares that are asked for in their place; beyond the ranks there are, the
            radius is 0 or the largest score.

    Returns:
        (L, H, K); inf where the scores are too few for a share, n < share / (1 - share).

    Source: Lei et al. 2018, "Distribution-free predictive inference for regression".
    """
    plain = shares[:, None, None]
    needed = np.ceil((counts + 1) * plain - 1e-9)  # a share of 0.95 is a hair above 95 of 100
    wanted = needed if adapted is None else np.ceil((counts + 1) * adapted - 1e-9)
    rank = np.clip(wanted, 0, counts).astype(np.int64)
    at = np.moveaxis(np.maximum(rank - 1, 0), 0, -1)
    found = np.moveaxis(np.take_along_axis(table, at, axis=-1), -1, 0)
    return np.where(needed <= counts, np.where(rank > 0, found, 0), np.inf).astype(np.float32)


def rolling_radii(
    known: Scores, tested: Scores, levels: Sequence[float], origins: int, rate: float
) -> Iterator[tuple[slice, np.ndarray]]:
    """Radii for the windows of each test origin in turn, from what is known at it.

    Adaptive conformal inference of each step and target: the share that is asked for rises by
    `rate` times its complement at a miss, and falls by `rate` times that of the share otherwise.

    Args:
        known: scores of all windows, those of the test among them.
        tested: scores of the test windows.
        levels: percent.
        origins: the most recent ones whose scores count.
        rate: gamma of the paper.

    Yields:
        Windows of `tested`, and radii (L, H, K).

    Source: Gibbs and Candès 2021, "Adaptive conformal inference under distribution shift", eq. 2.
    """
    shares = np.array(levels) / 100
    horizon, targets = tested.values.shape[1:]
    steps = np.arange(horizon)
    excess = np.zeros((len(tested.origins) + 1, len(shares), horizon, targets), dtype=np.float32)
    renewal = max(1, min(origins, len(known.origins)) // RENEWALS)
    for number, time in enumerate(tested.origins.tolist()):
        if number % renewal == 0:
            table, counts = known.known(time, origins, MOST_SCORES)
        done = np.searchsorted(tested.origins, time - 1 - steps, side="right")  # (H,)
        adapted = shares[:, None, None] + rate * np.moveaxis(excess[done, :, steps], 1, 0)
        radii = conformal_radii(table, counts, shares, adapted)
        windows = slice(tested.first[number], tested.first[number + 1])
        excess[number + 1] = excess[number] + _excess(tested.values[windows], radii, shares)
        yield windows, radii


def _excess(scores: np.ndarray, radii: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """(L, H, K) mean over windows (B, H, K) of a miss, 1 or 0, less the share of misses allowed."""
    judged = ~np.isnan(scores) & np.isfinite(radii)[:, None]  # (L, B, H, K)
    missed = (scores > radii[:, None]) - (1 - shares)[:, None, None, None]
    return np.asarray(np.where(judged, missed, 0.0).sum(axis=1) / np.maximum(judged.sum(axis=1), 1))


@dataclass(frozen=True)
class Calibration:
    """Radii at a grid of levels: all that a model keeps of its errors."""

    levels: tuple[float, ...]
    """(G,) percent, rising."""
    radii: np.ndarray
    """(G, H, K) float32; inf where the scores were too few for a level."""
    sizes: np.ndarray
    """(S, K) what the errors of each series were divided by."""
    count: int
    """Scores of the step and target that has fewest."""

    @staticmethod
    def of(scores: Scores, sizes: np.ndarray, levels: Sequence[float], origins: int) -> Calibration:
        """From the most recent scores.

        Args:
            scores: of windows that the model was not trained on.
            sizes: (S, K) what they were divided by.
            levels: percent, that are on the grid in any case.
            origins: the most recent ones that count.
        """
        table, counts = scores.known(origins=origins)
        fits = 4 * len(GRID) * counts.size <= MOST_BYTES
        grid = tuple(sorted({float(level) for level in (*(GRID if fits else COARSE), *levels)}))
        radii = conformal_radii(table, counts, np.array(grid) / 100)
        return Calibration(grid, radii, sizes, int(counts.min()))

    def at(self, levels: Sequence[float]) -> np.ndarray:
        """(L, H, K) radii at some levels, interpolated between those of the grid."""
        grid = np.array([0.0, *self.levels])
        radii = np.concatenate([np.zeros_like(self.radii[:1]), self.radii])
        above = np.minimum(np.searchsorted(grid, levels), len(grid) - 1)
        below = np.maximum(above - 1, 0)
        weight = ((np.array(levels) - grid[below]) / (grid[above] - grid[below]))[:, None, None]
        with np.errstate(invalid="ignore"):  # between two that are inf
            between = radii[below] + weight * (radii[above] - radii[below])
        return np.asarray(np.where(np.isinf(radii[above]), np.inf, between))

    def needed(self, level: float) -> int:
        """Scores that a level in percent, or the next one of the grid, needs."""
        of_grid = min(each for each in self.levels if each >= level)
        return math.ceil(of_grid / (100 - of_grid) - 1e-9)

    def reaches(self, level: float) -> bool:
        """Whether there are enough scores for a level in percent."""
        return self.count >= self.needed(level)
