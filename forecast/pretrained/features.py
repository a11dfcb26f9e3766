"""What classical methods say of a history: forecasts to mix, how well each did, and the inputs.

The network reads no raw values. It is told, on a scale of the series' own, the last rows of the
history (with and without the season), what twenty-odd methods forecast, and their errors within
the history. So it need not learn arithmetic, only judgement, which carries over to any series.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from forecast.pretrained.known import mean, variance
from forecast.pretrained.methods import METHODS, method_forecasts
from forecast.pretrained.season import Histories, column, decomposed, lagged
from forecast.pretrained.smoothing import WARM_UP

ENCODED = 64
"""Rows that the encoder reads; the methods read the whole history."""
ENCODER_INPUTS, DECODER_INPUTS = 9, 2 * METHODS + 9
FURTHEST = 10_000.0
"""Forecasts are cut off at so many changes from the last level."""
DOUBT = 1.0
"""Rows whose error is taken to be 1 beside those of the history, for `width`."""
LONGEST_UNSEEN = 10_000
"""Rows of a season beyond which it does not matter how much longer than the history it is."""
Column = Float[np.ndarray, " B"]


@dataclass(frozen=True)
class Features:
    """All that the network is told of some histories, and the way back to the user's units."""

    encoder: Float[np.ndarray, "B E I"]
    decoder: Float[np.ndarray, "B H J"]
    methods: Float[np.ndarray, "B H M"]
    """The forecast of each method, less `location`, in units of `scale`."""
    errors: Float[np.ndarray, "B M"]
    """Logarithm of each method's error within the history over that of the best one."""
    spread: Column
    """Error of the best method within the history, in units of `scale`."""
    width: Column
    """The same, nearer to 1 where the history is short: among many methods one fits few rows."""
    location: Column
    """Mean of the last season, in the user's units."""
    scale: Column
    """Mean absolute change of the deseasonalised history, in the user's units."""


def features(
    values: Float[np.ndarray, "B L"], season: int, horizon: int, long_season: int = 0
) -> Features:
    """Describe histories to the network.

    Args:
        values: in the user's units, each with one known value at least; NaN before a history
            begins, and where a value is missing.
        season: rows; 1: none.
        horizon: steps.
        long_season: rows of a second, longer season; 0: none.
    """
    if season > values.shape[1]:
        season = min(season, LONGEST_UNSEEN)
    with np.errstate(all="ignore"):  # logarithms of nothing become NaN, and are replaced at the end
        return _features(values, season, horizon, long_season)


def _features(
    values: Float[np.ndarray, "B L"], season: int, horizon: int, long_season: int
) -> Features:
    missing = max(ENCODED - values.shape[1], 0)  # so that a history is told the same in any batch
    values = np.pad(values, ((0, 0), (missing, 0)), constant_values=np.nan)
    history = decomposed(values, season, long_season)
    past, flat = history.values, history.without_difference
    location = mean(past[:, -season:] if season > 1 else past[:, -3:], axis=1)
    deviation = np.sqrt(variance(past[:, -max(3 * season, 24) :]))
    change = mean(np.abs(np.diff(past, axis=1)), axis=1)
    spread = np.fmax(np.fmax(deviation, change), 1e-6 * np.abs(location))
    flat_change = mean(np.abs(np.diff(flat, axis=1)), axis=1)
    scale = np.fmax(np.where(np.isfinite(flat_change), flat_change, spread), 1e-3 * spread)
    scale = np.where(scale > 0, scale, 1.0)  # all zeros

    methods, errors = method_forecasts(history, horizon, deviation)
    methods = (methods - location[:, None, None]) / scale[:, None, None]
    methods = np.nan_to_num(methods, nan=0.0, posinf=0.0, neginf=0.0).clip(-FURTHEST, FURTHEST)
    relative = np.maximum(errors, 1e-3 * scale[:, None]) / scale[:, None]  # (B, M)
    relative = np.nan_to_num(relative, nan=1.0, posinf=1e6)
    best = relative.min(axis=1)
    errors = np.log(relative / best[:, None]).clip(0, 6)
    judged = np.maximum(history.counts - WARM_UP, 1)

    seasonal_change = mean(np.abs(past[:, season:] - past[:, :-season]), axis=1)
    of_changes = np.nan_to_num(seasonal_change / scale, nan=1.0, posinf=1.0)
    steps = np.arange(1, horizon + 1)
    about: list[Any] = [
        np.log(steps) / 3,
        steps / max(season, 8),
        math.log(season) / 3,
        column(np.log(history.counts) / 5),
        column(history.is_positive * 1.0),
        column((location / scale).clip(-20, 20) / 10),
        column(of_changes.clip(0, 5)),
        column(np.log(best + 0.01)),
        column(np.log(np.nan_to_num(deviation / scale) + 0.1).clip(-3, 6)),
    ]
    nothing = np.zeros_like(methods)
    wide = np.stack([each + nothing[..., 0] for each in about], axis=-1)
    repeated = errors[:, None] + nothing
    return Features(
        encoder=_single(_encoder(history, location, scale)),
        decoder=_single(np.concatenate([np.arcsinh(methods), repeated, wide], axis=-1)),
        methods=_single(methods),
        errors=_single(errors),
        spread=_single(best),
        width=_single((judged * best + DOUBT) / (judged + DOUBT)),
        location=location,
        scale=scale,
    )


def _encoder(history: Histories, location: Column, scale: Column) -> Float[np.ndarray, "B E I"]:
    """The last rows: values with and without their season, those a season ago, changes, marks."""

    def scaled(values: Float[np.ndarray, "B L"]) -> Float[np.ndarray, "B L"]:
        found: Float[np.ndarray, "B L"] = (values - column(location)) / column(scale)
        return found

    values, flat = scaled(history.values), scaled(history.without_difference)

    def last(columns: Float[np.ndarray, "B L"]) -> Float[np.ndarray, "B E"]:
        found: Float[np.ndarray, "B E"] = np.nan_to_num(
            columns[:, -ENCODED:], nan=0.0, posinf=0.0, neginf=0.0
        )
        return found

    season = np.zeros_like(values) + math.log(history.season) / 3
    columns = [
        np.arcsinh(last(values)),
        np.arcsinh(last(flat)),
        np.arcsinh(last(scaled(history.without_ratio))),
        np.arcsinh(last(lagged(values, history.season))),
        np.arcsinh(last(np.where(history.is_long, lagged(values, history.long_season), np.nan))),
        last(np.diff(flat, axis=1, prepend=np.nan)).clip(-4, 4),
        last(history.known * 1.0),
        last(season),
        last((history.additive / column(scale))[:, history.phases]).clip(-100, 100),
    ]
    return np.stack(columns, axis=-1)


def _single(values: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    found: Float[np.ndarray, "*any"] = values.astype(np.float32, order="C")
    return found
