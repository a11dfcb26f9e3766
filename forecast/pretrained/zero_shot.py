"""Forecasts of series that the network was never trained on, from any of their rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int

from forecast.pretrained.network import LEVELS
from forecast.pretrained.season import longer_season, most_rows
from forecast.pretrained.weights import pretrained_forecaster

BATCH = 512


def zero_shot(
    values: Float[np.ndarray, "N K"],
    begins: Int[np.ndarray, " B"],
    origins: Int[np.ndarray, " B"],
    season: int,
    horizon: int,
    is_whole: bool = False,
) -> Float[np.ndarray, "B H K Q"]:
    """Quantiles after some origins.

    Args:
        values: rows of all series, in the user's units; NaN where a value is missing.
        begins: first row of the series of each origin.
        origins: last known row of each window.
        season: rows; 1: none.
        horizon: steps.
        is_whole: see `pretrained_forecaster`.

    Returns:
        The quantiles `LEVELS`; NaN of a target without a known value up to its origin.
    """
    model = pretrained_forecaster(season, is_whole=is_whole)
    most = most_rows(season, longer_season(season))
    begins = np.maximum(begins, origins + 1 - most)
    targets = values.shape[1]
    found = np.full((len(origins), targets, horizon, len(LEVELS)), np.nan)
    with torch.inference_mode():
        for some in _batches(origins - begins):
            histories = gathered(values, begins[some], origins[some])  # (B, L, K)
            flat = histories.transpose(0, 2, 1).reshape(-1, histories.shape[1])
            known = ~np.isnan(flat).all(axis=1)
            forecast = np.full((len(flat), horizon, len(LEVELS)), np.nan)
            if known.any():
                forecast[known] = model.quantiles(flat[known], horizon).numpy()
            found[some] = forecast.reshape(-1, targets, horizon, len(LEVELS))
    return found.transpose(0, 2, 1, 3)


def gathered(
    values: Float[np.ndarray, "N K"], begins: Int[np.ndarray, " B"], ends: Int[np.ndarray, " B"]
) -> Float[np.ndarray, "B L K"]:
    """Histories side by side, padded on the left with NaN to the longest one.

    Args:
        values: rows of all series, end to end.
        begins, ends: first and last row of each history.
    """
    rows = ends[:, None] - np.arange(int((ends - begins).max()), -1, -1)  # (B, L)
    inside = rows >= begins[:, None]
    return np.where(inside[..., None], values[np.where(inside, rows, 0)], np.nan)


def _batches(lengths: Int[np.ndarray, " B"]) -> Iterator[Int[np.ndarray, " _"]]:
    """Numbers of histories of like length, so that little is padded."""
    order = np.argsort(lengths, kind="stable")
    return (order[first : first + BATCH] for first in range(0, len(order), BATCH))
