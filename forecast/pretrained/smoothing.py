"""Exponential smoothing of many histories at once, each with several fixed rates.

Every function walks once through time, for all series and all rates together. Histories lie in an
array (B, L) that is padded on the left with NaN; from its first known row on, a history has no gap.
A smoother returns its last state and its mean absolute one-step error, which tells how well it
suited the history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from forecast.data.traced import Step, concrete, scan

State = tuple[Any, ...]
WARM_UP = 2
"""Rows of a history whose errors do not count: the first states are guesses."""


def first_known(values: Float[np.ndarray, "B L"]) -> Int[np.ndarray, " B"]:
    """The first row of each history that is not NaN; L where there is none."""
    known = ~np.isnan(values)
    found: Int[np.ndarray, " B"] = np.where(
        known.any(axis=1), known.argmax(axis=1), values.shape[1]
    )
    return found


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
    rate = rates[:, None]  # (A, 1)
    level = _mean_of_first(values, first) + np.zeros_like(rate)
    state = (level, np.zeros_like(level))
    level, errors = scan(*_rows(values, first, _level_step, state, (rate,)))
    return level, errors / _counted(values, first)


def _level_step(state: State, row: State, rates: State) -> State:
    (level, errors), (value, is_known, counts), (rate,) = state, row, rates
    error = np.where(is_known, value - level, 0.0)
    return level + rate * error, errors + np.where(counts, np.abs(error), 0.0)


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
    rates = tuple(settings.T[:, :, None])  # (A, 1) each
    level = _mean_of_first(values, first) + np.zeros_like(rates[0])
    state = (level, np.zeros_like(level), np.zeros_like(level))
    level, trend, errors = scan(*_rows(values, first, _trend_step, state, rates))
    return level, trend, errors / _counted(values, first)


def _trend_step(state: State, row: State, rates: State) -> State:
    (level, trend, errors), (value, is_known, counts) = state, row
    rate, trend_rate, damping = rates
    ahead = level + damping * trend
    error = np.where(is_known, value - ahead, 0.0)
    errors = errors + np.where(counts, np.abs(error), 0.0)
    return ahead + rate * error, damping * trend + trend_rate * error, errors


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
    rates = tuple(settings.T[:, :, None])  # (A, 1) each
    phases = (np.arange(length) - length) % season
    nothing = np.zeros_like(rates[0])
    level = _mean_of_first(values - index[:, phases], first) + nothing
    begin = concrete(first.min(), otherwise=0)
    coming = [index[:, (begin - length + ahead) % season] + nothing for ahead in range(season)]
    state = (level, np.zeros_like(level), *coming)
    level, errors, *coming = scan(*_rows(values, first, _season_step, state, rates))
    return level, np.stack(coming, axis=-1), errors / _counted(values, first)


def _season_step(state: State, row: State, rates: State) -> State:
    (level, errors, now, *coming), (value, is_known, counts) = state, row
    rate, season_rate = rates
    error = np.where(is_known, value - level - now, 0.0)
    errors = errors + np.where(counts, np.abs(error), 0.0)
    return level + rate * error, errors, *coming, now + season_rate * error


def _rows(
    values: Float[np.ndarray, "B L"],
    first: Int[np.ndarray, " B"],
    step: Step,
    state: State,
    rates: State,
) -> tuple[Float[np.ndarray, "_ B"], Step, State, Sequence[Bool[np.ndarray, "_ B"]], State]:
    """What `scan` reads: row by row the values, which are known, which count in the errors."""
    filled, rows = np.nan_to_num(values).T, np.arange(values.shape[1])[:, None]  # (L, B), (L, 1)
    is_known, counts = rows >= first, rows >= first + WARM_UP
    begin = concrete(first.min(), otherwise=0)
    return filled[begin:], step, state, (is_known[begin:], counts[begin:]), rates


def _mean_of_first(
    values: Float[np.ndarray, "B L"], first: Int[np.ndarray, " B"]
) -> Float[np.ndarray, " B"]:
    """Mean of the first three known rows; 0 where there is none."""
    length, three = values.shape[1], first[:, None] + np.arange(3)
    rows = np.minimum(three, length - 1)
    some = np.take_along_axis(values, rows, axis=1)
    inside = three < length
    total = np.where(inside, np.nan_to_num(some), 0.0).sum(axis=1)
    found: Float[np.ndarray, " B"] = total / np.maximum(inside.sum(axis=1), 1)
    return found


def _counted(
    values: Float[np.ndarray, "B L"], first: Int[np.ndarray, " B"]
) -> Int[np.ndarray, " B"]:
    """Rows whose errors count, at least 1."""
    found: Int[np.ndarray, " B"] = np.maximum(values.shape[1] - first - WARM_UP, 1)
    return found
