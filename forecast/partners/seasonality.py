"""Seasons of many histories at once: whether there is one, and its removal by decomposition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from forecast.data.traced import is_all_false
from forecast.partners.histories import Histories
from forecast.pretrained.known import least, mean

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
        phases = self.factors.shape[0]
        return phases if phases > 1 else 0

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
        end = self.rows + forecast.shape[0]
        factors, summands = (
            self._at(indices, self.rows, end) for indices in (self.factors, self.summands)
        )
        found: Float[np.ndarray, "H B"] = forecast * factors + summands
        return found

    def _at(self, indices: Float[np.ndarray, "M B"], begin: int, end: int) -> np.ndarray:
        found: np.ndarray = indices[np.arange(begin, end) % indices.shape[0]]
        return found

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
    neutral = np.zeros_like(histories.values[:1])
    return Season(neutral + 1, neutral, histories.values.shape[0], histories.lengths >= 0)


def additive(histories: Histories) -> Season:
    """A season of summands, where two seasons and a row are known."""
    applies = has_two_seasons(histories)
    if is_all_false(applies):
        return unseasonal(histories).only(applies)
    differences = histories.values - _moving_average(histories)
    summands = _means_of_phases(differences, histories.season, otherwise=0.0)
    summands = summands - summands.mean(axis=0)
    return Season(np.ones_like(summands), summands, histories.values.shape[0], applies)


def multiplicative(histories: Histories) -> Season:
    """A season of factors, where two seasons and a row are known, all values positive."""
    applies = has_two_seasons(histories) & (least(histories.values, axis=0) > 0)
    if is_all_false(applies):
        return unseasonal(histories).only(applies)
    average = _moving_average(histories)
    ratios = histories.values / np.where(average > 0, average, np.nan)
    factors = _means_of_phases(ratios, histories.season, otherwise=1.0)
    factors = factors / factors.mean(axis=0)
    applies = applies & (factors.min(axis=0) > SMALLEST_FACTOR)
    season = Season(factors, np.zeros_like(factors), histories.values.shape[0], applies)
    return season.only(applies)


def has_two_seasons(histories: Histories) -> Bool[np.ndarray, " B"]:
    """Where more values are known than two seasons have."""
    known = histories.known.sum(axis=0)
    found: Bool[np.ndarray, " B"] = (histories.season > 1) & (known > 2 * histories.season)
    return found


def is_seasonal(histories: Histories) -> Bool[np.ndarray, " B"]:
    """Whether the autocorrelation at the season is beyond chance, where two seasons are known.

    Source: Assimakopoulos and Nikolopoulos 2000; as in the benchmarks of the M4 competition.
    """
    known, long = histories.known, has_two_seasons(histories)
    if histories.season == 1 or is_all_false(long):
        return long
    count = known.sum(axis=0)
    average = np.where(known, histories.values, 0.0).sum(axis=0) / count
    centred = np.where(known, histories.values - average, 0.0)  # what is missing counts as the mean
    variance = np.maximum((centred**2).sum(axis=0), np.finfo(float).tiny)
    products = [(centred[lag:] * centred[:-lag]).sum(axis=0) for lag in _lags(histories)]
    correlations = np.stack(products) / variance  # (M, B)
    spread = np.sqrt((1 + 2 * (correlations[:-1] ** 2).sum(axis=0)) / count)
    found: Bool[np.ndarray, " B"] = long & (np.abs(correlations[-1]) > CRITICAL * spread)
    return found


def _lags(histories: Histories) -> range:
    return range(1, histories.season + 1)


def _means_of_phases(
    values: Float[np.ndarray, "T B"], season: int, otherwise: float
) -> Float[np.ndarray, "M B"]:
    """Mean of the known values of each phase; something else where there is none."""
    whole = np.pad(values, ((0, -values.shape[0] % season), (0, 0)), constant_values=np.nan)
    means = mean(whole.reshape(whole.shape[0] // season, season, -1), axis=0)
    return np.where(np.isnan(means), otherwise, means)


def _moving_average(histories: Histories) -> Float[np.ndarray, "T B"]:
    """Centred mean of a season; NaN within half a season of an end, or without half the values."""
    season, values = histories.season, histories.values
    half = season // 2
    # An even season has half weights at its two ends: the mean of two means of a season each.
    reaches = [(half, half)] if season % 2 else [(half, half - 1), (half - 1, half)]
    sums = np.pad(np.cumsum(np.nan_to_num(values), axis=0), ((1, 0), (0, 0)))
    counts = np.pad(np.cumsum(histories.known, axis=0), ((1, 0), (0, 0)))
    rows = np.arange(half, values.shape[0] - half)

    def about(running: np.ndarray) -> np.ndarray:
        found = sum(running[rows + after + 1] - running[rows - before] for before, after in reaches)
        return np.pad(found, ((half, half), (0, 0)))

    total, count = about(sums), about(counts)
    inside = (histories.age > half) & (2 * count >= len(reaches) * season)
    return np.where(inside, total / np.maximum(count, 1), np.nan)
