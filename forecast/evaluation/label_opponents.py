"""Forecasts of labels that cost nothing: last, most frequent and seasonal label, a Markov chain.

Each has probabilities, so that all can be judged by them: a label that is forecast gets the share
of the training rows in which it would have been right, the others the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from forecast.data.panel import Ranges, range_mask
from forecast.evaluation.baselines import History, Rows, naive, seasonal_naive
from forecast.evaluation.labels import Shares


@dataclass(frozen=True)
class LabelOpponents:
    """What opponents learn of the training rows, and of nothing else."""

    history: History
    """Numbers of classes, with missing ones filled; below 0 for one never seen in training."""
    observed: Float[np.ndarray, "N K"]
    """The same; NaN where nothing is known."""
    train: Ranges
    counts: tuple[int, ...]
    """Classes of each target."""
    horizon: int

    def forecasts(self, origins: Rows) -> dict[str, Shares]:
        """What every opponent forecasts; without a season there is no seasonal label."""
        found = {
            "last_label": self._spread(naive(self.history, origins, self.horizon), 1),
            "most_frequent": self._most_frequent(origins),
            "markov_chain": self._markov(origins),
        }
        season = self.history.season
        if season > 1:
            values = seasonal_naive(self.history, origins, self.horizon)
            found["seasonal_label"] = self._spread(values, season)
        return found

    def _spread(self, values: Float[np.ndarray, "B H K"], season: int) -> Shares:
        """Probabilities of a label that is forecast: of its own, how often it was right."""
        steps = np.arange(self.horizon)
        lags = steps + 1 if season == 1 else season * (steps // season + 1)
        right = np.stack([self._held[int(lag)] for lag in lags])  # (H, K)
        known = np.nan_to_num(values, nan=-1.0).astype(np.int64)  # (B, H, K)
        own = np.arange(self.width) == known[..., None]  # (B, H, K, Q)
        others = np.where(own, 0.0, self.shares)
        rest = (1 - right)[..., None] * others / others.sum(axis=-1, keepdims=True)
        spread = np.where(own, right[..., None], rest)
        return np.where(known[..., None] < 0, self.shares, spread)

    @cached_property
    def _held(self) -> dict[int, Float[np.ndarray, " K"]]:
        """Lag -> share of the training rows with the label of so many rows before."""
        season = self.history.season
        seasonal = [season * (step // season + 1) for step in range(self.horizon)]
        lags = {*range(1, self.horizon + 1), *(seasonal if season > 1 else ())}
        return {lag: self._share_held(lag) for lag in lags}

    def _share_held(self, lag: int) -> Float[np.ndarray, " K"]:
        """Laplace's: one more that held and one more that did not."""
        pairs = [(before == after) for before, after in self._pairs(lag)]
        return np.array([(same.sum() + 1) / (len(same) + 2) for same in pairs])

    def _pairs(self, lag: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Labels of the training rows of each target, and those so many rows later."""
        inside = range_mask(
            np.column_stack(
                [self.train[:, 0], np.maximum(self.train[:, 1] - lag, self.train[:, 0])]
            ),
            len(self.observed),
        )
        rows = np.flatnonzero(inside)
        for target in range(self.observed.shape[1]):
            before, after = self.observed[rows, target], self.observed[rows + lag, target]
            known = (before >= 0) & (after >= 0)
            yield before[known].astype(np.int64), after[known].astype(np.int64)

    @property
    def width(self) -> int:
        """Classes of the target that has most."""
        return max(self.counts)

    @cached_property
    def shares(self) -> Float[np.ndarray, "K Q"]:
        """Of each class in the training rows."""
        total = self._by_series.sum(axis=0)
        return np.asarray(total / total.sum(axis=-1, keepdims=True))

    @cached_property
    def _by_series(self) -> Float[np.ndarray, "S K Q"]:
        """Training rows of each series and class."""
        series, targets = len(self.train), self.observed.shape[1]
        found = np.zeros((series, targets, self.width))
        inside: Bool[np.ndarray, " N"] = range_mask(self.train, len(self.observed))
        rows = np.flatnonzero(inside)
        numbers = self.history.series_of(rows)
        for target in range(targets):
            labels = self.observed[rows, target]
            known = labels >= 0
            places = (numbers[known], labels[known].astype(np.int64))
            np.add.at(found[:, target], places, 1)
        return found

    def _most_frequent(self, origins: Rows) -> Shares:
        """Shares of the series' own labels, with those of all series as a row a class."""
        own = self._by_series[self.history.series_of(origins)]  # (B, K, Q)
        mixed = own + self.width * self.shares
        mixed = mixed / mixed.sum(axis=-1, keepdims=True)
        return np.repeat(mixed[:, None], self.horizon, axis=1)

    def _markov(self, origins: Rows) -> Shares:
        """A chain whose next label depends on the last one alone (Markov 1906)."""
        last = np.nan_to_num(self.history.values[origins], nan=-1.0).astype(np.int64)  # (B, K)
        found = np.empty((len(origins), self.horizon, len(self.counts), self.width))
        for target, transitions in enumerate(self._transitions):
            of_origin = np.eye(self.width)[np.maximum(last[:, target], 0)]
            now = np.where(last[:, target, None] < 0, self.shares[target], of_origin)
            for step in range(self.horizon):
                now = now @ transitions
                found[:, step, target] = now
        return found

    @cached_property
    def _transitions(self) -> Float[np.ndarray, "K Q Q"]:
        """From each class to the next; one more row of each leads where all rows lead."""
        found = np.empty((len(self.counts), self.width, self.width))
        for target, (before, after) in enumerate(self._pairs(1)):
            counted = np.zeros((self.width, self.width))
            np.add.at(counted, (before, after), 1)
            counted += self.shares[target]
            found[target] = counted / counted.sum(axis=1, keepdims=True)
        return found
