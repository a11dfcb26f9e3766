"""Seasons of many histories: the pattern that repeats, and what is left without it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from forecast.data.missing import fill
from forecast.data.traced import is_all_false
from forecast.pretrained.known import least, mean, variance
from forecast.pretrained.smoothing import first_known

LONGER = {7: 365, 24: 168, 48: 336, 96: 672}
"""A season that goes with a shorter one: the year of days, the week of hours and their parts."""

DAYS_OF_A_WEEK = 7
CLOSE = 1.1
"""Error of the values of a week ago over that of a day ago, up to which a history shows weeks."""


def longer_season(season: int) -> int:
    """Rows of the season that goes with a shorter one; 0: none."""
    return LONGER.get(season, 0)


def most_rows(season: int, long_season: int = 0) -> int:
    """Rows of a history that are read: fourteen seasons if they are short, at least three."""
    short = min(70 + 14 * season, 400)
    return max(short, 3 * season, 3 * long_season)


@dataclass(frozen=True)
class Histories:
    """Histories, their seasons and what is left without them."""

    values: Float[np.ndarray, "B L"]
    known: Bool[np.ndarray, "B L"]
    """What was observed; the rest is filled, or lies before the history."""
    season: int
    long_season: int
    counts: Int[np.ndarray, " B"]
    """Rows of each history."""
    additive: Float[np.ndarray, "B m"]
    ratio: Float[np.ndarray, "B m"]
    is_positive: Bool[np.ndarray, " B"]
    phases: Int[np.ndarray, " L"]
    """Place of each row in its season; 0 is that of the first step ahead."""
    is_long: Bool[np.ndarray, "B 1"]
    """Whether the longer season counts."""

    @property
    def without_difference(self) -> Float[np.ndarray, "B L"]:
        """Values less the additive season."""
        found: Float[np.ndarray, "B L"] = self.values - self.additive[:, self.phases]
        return found

    @property
    def without_ratio(self) -> Float[np.ndarray, "B L"]:
        """Values over the multiplicative season."""
        found: Float[np.ndarray, "B L"] = self.values / self.ratio[:, self.phases]
        return found


def lagged(values: Float[np.ndarray, "B L"], lag: int) -> Float[np.ndarray, "B L"]:
    """Values a lag earlier; NaN where there is none, and everywhere for a lag of 0."""
    if not 0 < lag < values.shape[1]:
        return np.full_like(values, np.nan)
    return np.pad(values[:, :-lag], ((0, 0), (lag, 0)), constant_values=np.nan)


def decomposed(values: Float[np.ndarray, "B L"], season: int, long_season: int) -> Histories:
    """Fill gaps, and find the additive and the multiplicative season.

    Args:
        values: in any unit; NaN before a history begins, and where a value is missing.
        season: rows; 1: none.
        long_season: rows of a second, longer season; 0: none.
    """
    known, length = ~np.isnan(values), values.shape[1]
    counts = length - first_known(values)
    phases = (np.arange(length) - length) % season
    values = _filled_by_season(values, season, phases, counts)
    is_positive = least(values, axis=1) > 0
    additive = np.zeros_like(values[:, :1]) + np.zeros(season)
    ratio = additive + 1
    if season > 1 and length > season:
        additive, ratio = _indices(values, season, phases, counts)
    ratio = np.where(column(is_positive), ratio, 1.0)
    is_long = _is_long(values, season, long_season, counts)
    return Histories(
        values, known, season, long_season, counts, additive, ratio, is_positive, phases, is_long
    )


def _is_long(
    values: Float[np.ndarray, "B L"],
    season: int,
    long_season: int,
    counts: Int[np.ndarray, " B"],
) -> Bool[np.ndarray, "B 1"]:
    """Whether a history holds two of the longer seasons, for one alone tells of none, and shows it.

    A week of hours shows where the values of a week ago are nearly as close as those of a day ago.
    The year of days need not show so: levels differ from year to year.
    """
    is_held = (long_season > 0) & (counts >= 2 * long_season)
    if long_season != DAYS_OF_A_WEEK * season:
        return column(is_held)
    week, day = (mean(np.abs(values - lagged(values, lag))) for lag in (long_season, season))
    return column(is_held & (week <= CLOSE * day))


def _filled_by_season(
    values: Float[np.ndarray, "B L"],
    season: int,
    phases: Int[np.ndarray, " L"],
    counts: Int[np.ndarray, " B"],
) -> Float[np.ndarray, "B L"]:
    """Missing values on the line between their neighbours, once the season is taken away."""
    straight = filled(values)
    gaps = (np.isnan(values) & ~np.isnan(straight)).any(axis=1)
    if season == 1 or values.shape[1] <= season or is_all_false(gaps):
        return straight
    additive, _ = _indices(straight, season, phases, counts)
    wave = additive[:, phases]
    return np.where(column(gaps), filled(values - wave) + wave, straight)


def filled(values: Float[np.ndarray, "B L"]) -> Float[np.ndarray, "B L"]:
    """Missing values on the line between their neighbours, the last known one after them.

    What lies before the first known value stays NaN.
    """
    found: Float[np.ndarray, "B L"] = bridged(values)
    return found


@singledispatch
def bridged(values: Any) -> Any:
    """What `filled` gives."""
    gaps = np.isnan(values)
    gaps &= np.arange(values.shape[1]) > first_known(values)[:, None]
    if not gaps.any():
        return values
    ends = np.arange(len(values) + 1) * values.shape[1]
    return fill(values.reshape(-1, 1), ends, ends, "interpolate").reshape(values.shape)


def _indices(
    values: Float[np.ndarray, "B L"],
    season: int,
    phases: Int[np.ndarray, " L"],
    counts: Int[np.ndarray, " B"],
) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
    """Additive and multiplicative season of the classical decomposition, by phase.

    Both are shrunk towards none by the share of variance that the season does not explain, so that
    noise makes no season. Two seasons and a row are needed.

    Source: Persons 1919; shrinkage after Miller and Williams 2003.
    """
    average = _moving_average(values, season)
    difference = values - average
    quotient = np.where(average > 0, values / average, np.nan)
    enough = column(counts >= 2 * season + 1)
    additive, ratio = (_means_of_phases(each, season) for each in (difference, quotient))
    additive = np.where(enough & ~np.isnan(additive).any(axis=1, keepdims=True), additive, 0.0)
    ratio = np.where(enough & ~np.isnan(ratio).any(axis=1, keepdims=True), ratio, 1.0)
    additive = additive - additive.mean(axis=1, keepdims=True)
    ratio = ratio / ratio.mean(axis=1, keepdims=True)
    noise = variance(difference - additive[:, phases]) / np.maximum(counts / season - 1, 1)
    share = 1 - noise / np.maximum((additive**2).mean(axis=1), 1e-300)
    share = column(np.nan_to_num(share.clip(0, 1)))
    return additive * share, 1 + (ratio - 1) * share


def _means_of_phases(values: Float[np.ndarray, "B L"], season: int) -> Float[np.ndarray, "B m"]:
    """Mean of the known values of each phase, counted from the end."""
    missing = -values.shape[1] % season
    whole = np.pad(values, ((0, 0), (missing, 0)), constant_values=np.nan)
    return mean(whole.reshape(-1, whole.shape[1] // season, season), axis=1)


def _moving_average(values: Float[np.ndarray, "B L"], season: int) -> Float[np.ndarray, "B L"]:
    """Centred, over a season; NaN within half a season of both ends."""
    kernel = np.ones(season + (season % 2 == 0))
    kernel[[0, -1]] = 1.0 if season % 2 else 0.5
    half = len(kernel) // 2
    if values.shape[1] <= 2 * half:
        return np.full_like(values, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(values, len(kernel), axis=1)
    within = windows @ (kernel / season)
    return np.pad(within, ((0, 0), (half, half)), constant_values=np.nan)


def column(values: Shaped[np.ndarray, " B"]) -> Shaped[np.ndarray, "B 1"]:
    """A number a history, to go with its rows."""
    return values[:, None]
