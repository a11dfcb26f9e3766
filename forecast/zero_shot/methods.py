"""The methods of `forecast quick`: the pretrained network, its partners, and what they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from forecast.data.missing import forward_fill
from forecast.data.scale import mase_scale
from forecast.evaluation.baselines import Forecast, History, seasonal_naive
from forecast.partners.ridge import ridge_until
from forecast.partners.table import PARTNERS, Partner
from forecast.partners.weights import PRETRAINED, RIDGE, SMOOTHING, weighted
from forecast.pretrained.network import MEDIAN
from forecast.pretrained.zero_shot import zero_shot
from forecast.training.workers import workers_for

OTHERS = (*SMOOTHING, RIDGE)
"""The partners of the network; ridge regression alone learns from the table."""
LEAST_VALUES = 3
"""Known values below which the last one is the forecast."""
BLOCK = 512
"""Windows that a thread forecasts at a time."""


@dataclass(frozen=True)
class Table:
    """The targets of all series, as the methods see them."""

    history: History
    """As they are; NaN where a value is missing."""
    is_large: bool = False
    """Whether the network is to forecast from whole histories alone, to be quick."""

    @cached_property
    def filled(self) -> History:
        """With the last known value where one is missing."""
        history = self.history
        values = forward_fill(history.values, history.offsets)
        return History(values, history.offsets, history.season)

    @cached_property
    def _known(self) -> Int[np.ndarray, "_ K"]:
        """(N + 1, K) known values before each row."""
        return np.pad(np.cumsum(~np.isnan(self.history.values), axis=0), ((1, 0), (0, 0)))

    def known_at(self, origins: Int[np.ndarray, " B"]) -> Int[np.ndarray, "B K"]:
        """Known values of the series of some origins up to them."""
        return np.asarray(self._known[origins + 1] - self._known[self.history.first_of(origins)])

    @cached_property
    def _first_negative(self) -> Int[np.ndarray, "S K"]:
        values, offsets = self.history.values, self.history.offsets
        rows = np.where(values < 0, np.arange(len(values))[:, None], len(values))
        return np.asarray(np.minimum.reduceat(rows, offsets[:-1]))

    def never_negative(self, origins: Int[np.ndarray, " B"]) -> Bool[np.ndarray, "B K"]:
        """Whether all values up to some origins are zero or more."""
        return np.asarray(self._first_negative[self.history.series_of(origins)] > origins[:, None])


@dataclass(frozen=True)
class Forecasts:
    """What all methods forecast of some windows, in the user's units."""

    quantiles: Float[np.ndarray, "B H K Q"]
    """Of the network, at the `LEVELS` of its own."""
    points: Mapping[str, Forecast]
    """The network's median and the partners."""
    floor: Float[np.ndarray, "B 1 K"]
    """Zero where no value up to the origin was below it, else minus infinity."""

    def combined(self, weights: Float[np.ndarray, "K M"]) -> Forecast:
        """The weighted mean of the methods, in their order, not below the floor."""
        return np.asarray(np.maximum(weighted([*self.points.values()], weights), self.floor))


def fitted(
    names: Sequence[str], table: Table, ends: Int[np.ndarray, " S"], horizon: int
) -> dict[str, Partner]:
    """Partners by name; what learns from the table does so from the rows up to some.

    Args:
        names: of `OTHERS`.
        table: all series.
        ends: last row of each series that is read; one before its first row reads none.
        horizon: steps.
    """
    found = {name: PARTNERS[name] for name in names if name != RIDGE}
    if RIDGE not in names:
        return found
    history, offsets = table.history, table.history.offsets
    train = np.stack([offsets[:-1], ends + 1], axis=1)
    scale = mase_scale(history.values, offsets, train, history.season)
    ridge = ridge_until(history, ends, scale, horizon)
    return {**found, RIDGE: lambda _, *window: ridge(table.filled, *window)}


def forecasts(
    table: Table, origins: Int[np.ndarray, " B"], horizon: int, partners: Mapping[str, Partner]
) -> Forecasts:
    """Forecast some windows by the network and by its partners, on all threads.

    Args:
        table: all series.
        origins: last known row of each window.
        horizon: steps.
        partners: by name, as `fitted` gives them.
    """
    # Histories of like length side by side, so that little is padded.
    order = np.argsort(origins - table.history.first_of(origins), kind="stable")
    blocks = [origins[order[first : first + BLOCK]] for first in range(0, len(order), BLOCK)]
    with workers_for(torch.device("cpu")) as workers:
        found = [*workers.map(lambda each: _of_block(table, each, horizon, partners), blocks)]
    place = np.argsort(order)
    return Forecasts(
        np.concatenate([each.quantiles for each in found])[place],
        {
            name: np.concatenate([each.points[name] for each in found])[place]
            for name in (PRETRAINED, *partners)
        },
        np.concatenate([each.floor for each in found])[place],
    )


def _of_block(
    table: Table, origins: Int[np.ndarray, " B"], horizon: int, partners: Mapping[str, Partner]
) -> Forecasts:
    """Forecast windows that are few enough to be done at once; see `forecasts`."""
    history = table.history
    begins = history.first_of(origins)
    quantiles = zero_shot(
        history.values, begins, origins, history.season, horizon, is_whole=table.is_large
    )
    fallback = seasonal_naive(table.filled, origins, horizon)
    is_short = (table.known_at(origins) < LEAST_VALUES)[:, None]  # (B, 1, K)
    last = table.filled.values[origins][:, None]
    quantiles = np.where(is_short[..., None], np.nan, quantiles)
    points = {PRETRAINED: quantiles[..., MEDIAN]}
    points |= {name: partner(history, origins, horizon) for name, partner in partners.items()}
    points = {
        name: np.where(is_short, last, np.where(np.isfinite(each), each, fallback))
        for name, each in points.items()
    }
    floor = np.where(table.never_negative(origins), 0.0, -np.inf)[:, None]
    return Forecasts(quantiles, points, floor)
