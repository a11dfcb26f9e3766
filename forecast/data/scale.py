"""The size of a series' own changes over a season, with which its errors are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from forecast.data.moments import beyond_rounding


@dataclass(frozen=True)
class Scale:
    """What the errors of each series and target are compared with, from its training rows."""

    absolute: Float[np.ndarray, "S K"]
    """Mean absolute seasonal difference, for MASE; NaN where it is zero or unknown."""
    squared: Float[np.ndarray, "S K"]
    """Mean squared seasonal difference, for RMSSE; NaN where it is zero or unknown."""
    center: Float[np.ndarray, "S K"]
    """Mean, for R2; 0 where it is unknown."""


def training_scale(
    values: Float[np.ndarray, "N K"],
    offsets: Int[np.ndarray, " _"],
    train: Int[np.ndarray, "S 2"],
    season: int,
) -> Scale:
    """The scale of every series.

    Args:
        values: observed values; NaN where there is none.
        offsets: (S + 1,) first row of each series, and N.
        train: first training row of each series, and the row after its last.
        season: rows in a season.
    """
    changes = _seasonal_changes(values, season)
    absolute = mase_scale(values, offsets, train, season)
    squared = _training_means(np.square(changes), offsets, train, season)
    is_known = ~np.isnan(absolute) & (squared > 0)  # squares of the smallest numbers are zero
    return Scale(
        absolute=absolute,
        squared=np.where(is_known, squared, np.nan),
        center=np.nan_to_num(_training_means(values, offsets, train, 0)),
    )


def mase_scale(
    values: Float[np.ndarray, "N K"],
    offsets: Int[np.ndarray, " _"],
    train: Int[np.ndarray, "S 2"],
    season: int,
) -> Float[np.ndarray, "S K"]:
    """Mean absolute seasonal difference of the training rows; NaN where it is zero or unknown.

    Args:
        values, offsets, train, season: as for `training_scale`.

    Source: Hyndman and Koehler 2006, "Another look at measures of forecast accuracy".
    """
    changes = np.abs(_seasonal_changes(values, season))
    level = _training_means(np.abs(values), offsets, train, 0)
    means = _training_means(changes, offsets, train, season)
    return beyond_rounding(means, np.nan_to_num(level), otherwise=np.nan)


def running_scale(
    values: Float[np.ndarray, "N K"], offsets: Int[np.ndarray, " _"], season: int
) -> Float[np.ndarray, "N K"]:
    """`mase_scale` of the rows of a series up to each one.

    Args:
        values: in the user's units; NaN where there is none.
        offsets: first row of each series, and N.
        season: rows.

    Returns:
        A scale for each row; NaN where it is zero or unknown.
    """
    import pandas as pd

    changes = np.abs(_seasonal_changes(values, season))
    series = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    changes[np.arange(len(values)) < offsets[series] + season] = np.nan
    known = pd.DataFrame(~np.isnan(changes))
    sums = pd.DataFrame(np.nan_to_num(changes)).groupby(series).cumsum()  # apart: no rounding
    scale = sums.to_numpy() / np.maximum(known.groupby(series).cumsum().to_numpy(), 1)
    level = pd.DataFrame(np.nan_to_num(np.abs(values))).groupby(series).cummax().to_numpy()
    return beyond_rounding(scale, level, otherwise=np.nan)


def _seasonal_changes(values: np.ndarray, season: int) -> np.ndarray:
    """(N, K); the first rows of a series, which `_training_means` skips, are wrong."""
    changes = np.full_like(values, np.nan)
    changes[season:] = values[season:] - values[:-season]
    return changes


def _training_means(
    values: np.ndarray, offsets: np.ndarray, train: np.ndarray, skipped: int
) -> np.ndarray:
    """(S, K) mean of the known training rows but the first `skipped`; NaN where there is none."""
    rows = np.arange(len(values))
    series = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    used = (rows >= train[series, 0] + skipped) & (rows < train[series, 1])
    known = used[:, None] & ~np.isnan(values)
    sums = _sums(np.where(known, values, 0.0), offsets)
    counts = _sums(known.astype(np.float64), offsets)
    return np.asarray(sums / np.where(counts > 0, counts, np.nan))


def _sums(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(S, K) sum of the rows of each series."""
    sums = np.zeros((len(offsets) - 1, values.shape[1]))
    filled = np.flatnonzero(np.diff(offsets))
    if len(filled):
        sums[filled] = np.add.reduceat(values, offsets[:-1][filled], axis=0)
    return sums
