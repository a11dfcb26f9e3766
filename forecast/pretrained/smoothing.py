"""Exponential smoothing of many histories at once, each with several fixed rates.

Every function walks once through time, for all series and all rates together. Histories lie in an
array (B, L) that is padded on the left with NaN; from its first known row on, a history has no gap.
A smoother returns its last state and its mean absolute one-step error, which tells how well it
suited the history.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int

WARM_UP = 2
"""Rows of a history whose errors do not count: the first states are guesses."""


def first_known(values: Float[np.ndarray, "B L"]) -> Int[np.ndarray, " B"]:
    """The first row of each history that is not NaN; L where there is none."""
    known = ~np.isnan(values)
    return np.asarray(np.where(known.any(axis=1), known.argmax(axis=1), values.shape[1]))


def smoothed_level(
    values: Float[np.ndarray, "B L"], rates: Float[np.ndarray, " A"]
) -> tuple[Float[np.ndarray, "A B"], Float[np.ndarray, "A B"]]:
    """Simple exponential smoothing: `level += rate * (value - level)`.

    Args:
        values: the histories.
        rates: from 0 to 1.

    Returns:
        Last levels and mean absolute one-step errors.

    Source: Brown 1959; Hyndman et al. 2008, "Forecasting with exponential smoothing", method (N,N).
    """
    first = first_known(values)
    level = np.tile(_mean_of_first(values, first, 3), (len(rates), 1))
    errors = np.zeros_like(level)
    for value, is_known, counts in _rows(values, first):
        error = np.where(is_known, value - level, 0.0)
        errors += np.where(counts, np.abs(error), 0.0)
        level = level + rates[:, None] * error
    return level, errors / _counted(values, first)


def smoothed_trend(
    values: Float[np.ndarray, "B L"], settings: Float[np.ndarray, "A 3"]
) -> tuple[Float[np.ndarray, "A B"], Float[np.ndarray, "A B"], Float[np.ndarray, "A B"]]:
    """Holt's linear trend with damping; the rates are those of the error-correction form.

    Args:
        values: the histories.
        settings: rate of the level, rate of the trend, and damping factor of each.

    Returns:
        Last levels, last trends, and mean absolute one-step errors.

    Source: Gardner and McKenzie 1985; Hyndman et al. 2008, method (A_d,N).
    """
    first = first_known(values)
    rate, trend_rate, damping = settings.T[:, :, None]  # (A, 1) each
    level = np.tile(_mean_of_first(values, first, 3), (len(settings), 1))
    trend, errors = np.zeros_like(level), np.zeros_like(level)
    for value, is_known, counts in _rows(values, first):
        ahead = level + damping * trend
        error = np.where(is_known, value - ahead, 0.0)
        errors += np.where(counts, np.abs(error), 0.0)
        level = ahead + rate * error
        trend = damping * trend + trend_rate * error
    return level, trend, errors / _counted(values, first)


def smoothed_season(
    values: Float[np.ndarray, "B L"],
    index: Float[np.ndarray, "B m"],
    settings: Float[np.ndarray, "A 2"],
) -> tuple[Float[np.ndarray, "A B"], Float[np.ndarray, "A B m"], Float[np.ndarray, "A B"]]:
    """Level and additive season that both go on adapting (Holt-Winters without a trend).

    Args:
        values: the histories.
        index: the season to begin with; its first column is that of the row after the last.
        settings: rate of the level and rate of the season of each.

    Returns:
        Last levels, last seasons (first column: the row after the last), and mean absolute
        one-step errors.

    Source: Winters 1960; Hyndman et al. 2008, method (N,A).
    """
    first, length, season = first_known(values), values.shape[1], index.shape[1]
    rate, season_rate = settings.T[:, :, None]  # (A, 1) each
    phases = (np.arange(length) - length) % season
    level = np.tile(_mean_of_first(values - index[:, phases], first, 3), (len(settings), 1))
    seasons = np.tile(index, (len(settings), 1, 1)).transpose(2, 0, 1).copy()  # (m, A, B)
    errors = np.zeros_like(level)
    begin = int(first.min(initial=length))
    for phase, (value, is_known, counts) in zip(phases[begin:], _rows(values, first), strict=True):
        error = np.where(is_known, value - level - seasons[phase], 0.0)
        errors += np.where(counts, np.abs(error), 0.0)
        level = level + rate * error
        seasons[phase] += season_rate * error
    return level, seasons.transpose(1, 2, 0), errors / _counted(values, first)


def _rows(
    values: Float[np.ndarray, "B L"], first: Int[np.ndarray, " B"]
) -> Iterator[tuple[Float[np.ndarray, " B"], Bool[np.ndarray, " B"], Bool[np.ndarray, " B"]]]:
    """Row by row in time: the values, which are known, and which count in the mean error."""
    filled, rows = np.nan_to_num(values).T, np.arange(values.shape[1])[:, None]  # (L, B), (L, 1)
    is_known, counts = rows >= first, rows >= first + WARM_UP
    begin = int(first.min(initial=values.shape[1]))
    return zip(filled[begin:], is_known[begin:], counts[begin:], strict=True)


def _mean_of_first(
    values: Float[np.ndarray, "B L"], first: Int[np.ndarray, " B"], most: int
) -> Float[np.ndarray, " B"]:
    """Mean of the first known rows; 0 where there is none."""
    length = values.shape[1]
    rows = np.minimum(first[:, None] + np.arange(most), length - 1)
    some = np.take_along_axis(values, rows, axis=1)
    inside = first[:, None] + np.arange(most) < length
    total = np.where(inside, np.nan_to_num(some), 0.0).sum(axis=1)
    return np.asarray(total / np.maximum(inside.sum(axis=1), 1))


def _counted(
    values: Float[np.ndarray, "B L"], first: Int[np.ndarray, " B"]
) -> Int[np.ndarray, " B"]:
    """Rows whose errors count, at least 1."""
    return np.asarray(np.maximum(values.shape[1] - first - WARM_UP, 1))
