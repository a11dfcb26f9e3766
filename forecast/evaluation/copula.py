"""The empirical copula of forecast errors: which come together, at steps, targets and series.

Arrays have an axis T for the trajectories that are kept, one an origin, and G for groups: the
series of a panel, or one group in which all series are pooled; and n for samples.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt16

from forecast.data.panel import evenly_spaced

MOST_BYTES = 1_000_000
"""Ranks may take so many bytes, unless the fewest trajectories take more."""
FEWEST, MOST = 20, 1000
"""Trajectories: series have their own where so many origins of each fit, else they are pooled."""


@dataclass(frozen=True)
class HeldOutErrors:
    """Errors on windows that a model was not trained on."""

    times: Int[np.ndarray, " W"]
    """Positions of the origins on the time axis."""
    series: Int[np.ndarray, " W"]
    values: Float[np.ndarray, "W H K"]
    """Observed less forecast, on any scale that keeps their order; NaN: unknown."""

    def joined(self, other: HeldOutErrors) -> HeldOutErrors:
        """Both."""
        names = ("times", "series", "values")
        return HeldOutErrors(*(np.append(getattr(self, n), getattr(other, n), 0) for n in names))


@dataclass(frozen=True)
class Copula:
    """Ranks of errors along trajectories, by which samples of each step become paths.

    Source: Clark et al. 2004, "The Schaake shuffle: a method for reconstructing space-time
    variability in forecasted precipitation and temperature fields".
    """

    ranks: UInt16[np.ndarray, "T G H K"]
    """From 0 on, each once, among the trajectories of a group at a step and target."""

    @staticmethod
    def of(errors: HeldOutErrors, num_series: int, origins: int) -> Copula | None:
        """The copula of some errors.

        Args:
            errors: of windows that the model was not trained on.
            num_series: that the model knows.
            origins: how many of the most recent origins count.

        Returns:
            None without any error that is known.
        """
        known = np.flatnonzero(~np.isnan(errors.values).all(axis=(1, 2)))
        if not len(known):
            return None
        distinct = np.unique(errors.times[known])[-origins:]
        known = known[errors.times[known] >= distinct[0]]
        size = errors.values[0].size
        chosen = _chosen(errors.times[known], errors.series[known], num_series, size)
        return Copula(ranked(errors.values[known[chosen]]))

    @property
    def has_groups(self) -> bool:
        """Whether each series has trajectories of its own, of the same origins."""
        return bool(self.ranks.shape[1] > 1)

    def of_series(self, series: Int[np.ndarray, " S"]) -> Copula:
        """The copula of some series that the model knows, by number, in that order."""
        return Copula(self.ranks[:, series]) if self.has_groups else self

    def draw(
        self, num: int, horizon: int, names: Sequence[str], groups: Int[np.ndarray, " S"], seed: int
    ) -> Int[np.ndarray, "S n H K"]:
        """Ranks of samples: at every step and target each rank once, along as in a trajectory.

        Where more samples than trajectories are asked for, a trajectory serves again: its copies
        stand side by side, in an order drawn anew at each step. Steps beyond those of the
        trajectories have the rank of the last.

        Args:
            num: samples.
            horizon: steps.
            names: of the series: what is drawn for one does not depend on the others.
            groups: number of each series in training; one beyond those has trajectories of all.
            seed: of what is drawn.
        """
        steps = np.minimum(np.arange(horizon), self.ranks.shape[2] - 1)
        together = self._picked(num, np.random.default_rng(seed)) if self.has_groups else None
        found = []
        for name, group in zip(names, groups, strict=True):
            own = np.random.default_rng([seed, zlib.crc32(name.encode())])
            picked = self._picked(num, own) if together is None else together
            column = np.full(num, group if self.has_groups else 0)
            if group >= self.ranks.shape[1] and self.has_groups:
                column = own.integers(self.ranks.shape[1], size=num)
            key = self.ranks[picked, column] + own.random((num, *self.ranks.shape[2:]))
            found.append(key.argsort(axis=0).argsort(axis=0)[:, steps])
        return np.stack(found)

    def _picked(self, num: int, random: np.random.Generator) -> Int[np.ndarray, " n"]:
        """Trajectories, in a random order; each equally often, or once more than others."""
        kept = len(self.ranks)
        whole = np.tile(np.arange(kept), num // kept)
        return random.permutation(np.append(whole, random.permutation(kept)[: num % kept]))


def schaake_shuffle(
    values: Float[np.ndarray, "S H K n"], ranks: Int[np.ndarray, "S n H K"]
) -> Float[np.ndarray, "S n H K"]:
    """Samples of every step and target, put in the order of some ranks: the Schaake shuffle.

    Args:
        values: samples, in any order.
        ranks: of the value that each sample shall have.
    """
    in_order = np.moveaxis(np.sort(values, axis=-1), -1, 1)
    return np.take_along_axis(in_order, ranks, axis=1)


def ranked(errors: Float[np.ndarray, "T ..."]) -> UInt16[np.ndarray, "T ..."]:
    """Ranks along the first axis from 0 on, equal errors in a random order.

    An unknown error has about the rank of its neighbours in time, the second axis from the end;
    one without a neighbour has any.
    """
    random = np.random.default_rng(0)
    unknown = np.isnan(errors)
    if unknown.any():
        shares = (_order(np.where(unknown, np.inf, errors), random) + 0.5) / np.maximum(
            (~unknown).sum(axis=0), 1
        )
        errors = _neighbours(np.where(unknown, np.nan, shares), random)
    return _order(errors, random).astype(np.uint16)


def _order(values: Float[np.ndarray, "T ..."], random: np.random.Generator) -> np.ndarray:
    by_chance = random.random(values.shape)
    return np.lexsort((by_chance, values), axis=0).argsort(axis=0)


def _neighbours(shares: Float[np.ndarray, "T ..."], random: np.random.Generator) -> np.ndarray:
    """Unknown shares between those of the steps before and after them."""
    by_step = np.moveaxis(shares, -2, -1).copy()
    steps = np.arange(by_step.shape[-1])
    for row in by_step.reshape(-1, len(steps)):  # views, as the copy is contiguous
        known = ~np.isnan(row)
        if not known.any():
            row[:] = random.random()
        elif not known.all():
            row[:] = np.interp(steps, steps[known], row[known])
    return np.moveaxis(by_step, -1, -2)


def _chosen(
    times: Int[np.ndarray, " W"], series: Int[np.ndarray, " W"], num_series: int, size: int
) -> Int[np.ndarray, "T G"]:
    """Windows that are kept: those of all series at the same origins, or an even choice.

    Args:
        times, series: of each window.
        num_series: that the model knows.
        size: values of a window.
    """
    most = MOST_BYTES // (2 * size)
    origins, numbers, counts = np.unique(times, return_inverse=True, return_counts=True)
    common = np.flatnonzero(counts == num_series)  # a series has one window an origin
    if num_series > 1 and min(len(common), most // num_series) >= FEWEST:
        kept = common[evenly_spaced(len(common), min(MOST, most // num_series))]
        table = np.empty((len(origins), num_series), dtype=np.int64)
        table[numbers, series] = np.arange(len(times))
        return np.asarray(table[kept])
    order = np.argsort(times, kind="stable")
    return np.asarray(order[evenly_spaced(len(order), int(np.clip(most, FEWEST, MOST)))][:, None])
