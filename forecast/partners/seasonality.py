"""Seasons of many histories at once: whether there is one, and its removal by decomposition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from forecast.partners.histories import Histories

CRITICAL = 1.645
"""Normal quantile of the test: 90 % on two sides."""
SMALLEST_FACTOR = 0.01
"""Of a multiplicative season; a phase that is nearly always zero has none."""


@dataclass(frozen=True)
class Season:
    """A kind of season with its indices: what is removed before smoothing, and put on after it."""

    factors: Float[np.ndarray, "M B"]
    """One for each phase, phase 0 that of the first row of the histories; 1: none."""
    summands: Float[np.ndarray, "M B"]
    """As the factors; 0: none."""
    rows: int
    """Of the histories, after which the season goes on."""
    applies: Bool[np.ndarray, " B"]
    """Where the histories are long enough for it, and positive if that is needed."""

    @property
    def parameters(self) -> int:
        """Indices that are estimated, and how they change."""
        return len(self.factors) if len(self.factors) > 1 else 0

    @property
    def squared_scale(self) -> Float[np.ndarray, "T B"]:
        """What turns squared errors without the season into those of the values themselves."""
        return self._at(self.factors, 0, self.rows) ** 2

    def removed_from(self, histories: Histories) -> Histories:
        """Histories without their season."""
        summands = self._at(self.summands, 0, self.rows)
        factors = self._at(self.factors, 0, self.rows)
        return histories.with_values((histories.values - summands) / factors)

    def put_on(self, forecast: Float[np.ndarray, "H B"]) -> Float[np.ndarray, "H B"]:
        """A forecast with the season."""
        end = self.rows + len(forecast)
        factors, summands = (
            self._at(indices, self.rows, end) for indices in (self.factors, self.summands)
        )
        return np.asarray(forecast * factors + summands)

    def _at(self, indices: Float[np.ndarray, "M B"], begin: int, end: int) -> np.ndarray:
        return indices[np.arange(begin, end) % len(indices)]

    def only(self, where: Bool[np.ndarray, " B"]) -> Season:
        """The same for some histories; the others have no season."""
        where = where & self.applies
        return Season(
            np.where(where, self.factors, 1.0),
            np.where(where, self.summands, 0.0),
            self.rows,
            where,
        )


def unseasonal(histories: Histories) -> Season:
    """No season."""
    neutral = np.zeros((1, len(histories.lengths)))
    applies = np.ones(len(histories.lengths), dtype=bool)
    return Season(neutral + 1, neutral, len(histories.values), applies)


def additive(histories: Histories) -> Season:
    """A season of summands, where two seasons and a row are known."""
    applies = has_two_seasons(histories)
    if not applies.any():
        return unseasonal(histories).only(applies)
    differences = histories.values - _moving_average(histories)
    summands = _means_of_phases(differences, histories.season, otherwise=0.0)
    summands -= summands.mean(axis=0)
    return Season(np.ones_like(summands), summands, len(histories.values), applies)


def multiplicative(histories: Histories) -> Season:
    """A season of factors, where two seasons and a row are known, all values positive."""
    applies = has_two_seasons(histories) & (np.nanmin(histories.values, axis=0) > 0)
    if not applies.any():
        return unseasonal(histories).only(applies)
    average = _moving_average(histories)
    ratios = histories.values / np.where(average > 0, average, np.nan)
    factors = _means_of_phases(ratios, histories.season, otherwise=1.0)
    factors /= factors.mean(axis=0)
    applies &= factors.min(axis=0) > SMALLEST_FACTOR
    season = Season(factors, np.zeros_like(factors), len(histories.values), applies)
    return season.only(applies)


def has_two_seasons(histories: Histories) -> Bool[np.ndarray, " B"]:
    """Where more values are known than two seasons have."""
    known = histories.known.sum(axis=0)
    return np.asarray((histories.season > 1) & (known > 2 * histories.season))


def is_seasonal(histories: Histories) -> Bool[np.ndarray, " B"]:
    """Whether the autocorrelation at the season is beyond chance, where two seasons are known.

    Source: Assimakopoulos and Nikolopoulos 2000; as in the benchmarks of the M4 competition.
    """
    known, long = histories.known, has_two_seasons(histories)
    if not long.any():
        return long
    count = known.sum(axis=0)
    mean = np.where(known, histories.values, 0.0).sum(axis=0) / count
    centred = np.where(known, histories.values - mean, 0.0)  # what is missing counts as the mean
    variance = np.maximum((centred**2).sum(axis=0), np.finfo(float).tiny)
    products = [(centred[lag:] * centred[:-lag]).sum(axis=0) for lag in _lags(histories)]
    correlations = np.stack(products) / variance  # (M, B)
    spread = np.sqrt((1 + 2 * (correlations[:-1] ** 2).sum(axis=0)) / count)
    return np.asarray(long & (np.abs(correlations[-1]) > CRITICAL * spread))


def _lags(histories: Histories) -> range:
    return range(1, histories.season + 1)


def _means_of_phases(
    values: Float[np.ndarray, "T B"], season: int, otherwise: float
) -> Float[np.ndarray, "M B"]:
    """Mean of the known values of each phase; something else where there is none."""
    padding = np.full((-len(values) % season, values.shape[1]), np.nan)
    by_phase = np.concatenate([values, padding]).reshape(-1, season, values.shape[1])
    count = (~np.isnan(by_phase)).sum(axis=0)
    means = np.nansum(by_phase, axis=0) / np.maximum(count, 1)
    return np.where(count > 0, means, otherwise)


def _moving_average(histories: Histories) -> Float[np.ndarray, "T B"]:
    """Centred mean of a season; NaN within half a season of an end, or without half the values."""
    season, values = histories.season, histories.values
    half = season // 2
    # An even season has half weights at its two ends: the mean of two means of a season each.
    reaches = [(half, half)] if season % 2 else [(half, half - 1), (half - 1, half)]
    sums = np.pad(np.cumsum(np.nan_to_num(values), axis=0), ((1, 0), (0, 0)))
    counts = np.pad(np.cumsum(histories.known, axis=0), ((1, 0), (0, 0)))
    total, count = np.zeros_like(values), np.zeros_like(values)
    rows = np.arange(half, len(values) - half)
    for before, after in reaches:
        total[rows] += sums[rows + after + 1] - sums[rows - before]
        count[rows] += counts[rows + after + 1] - counts[rows - before]
    inside = (histories.age > half) & (2 * count >= len(reaches) * season)
    return np.where(inside, total / np.maximum(count, 1), np.nan)
