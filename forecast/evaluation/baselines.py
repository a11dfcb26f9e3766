"""Forecasts that cost nothing, on the same windows as the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from forecast.data.zeros import is_intermittent
from forecast.evaluation.intermittent import SMOOTHING, Demand, smoothed

MOVING_ROWS = 5
"""Rows of a moving average where the season is a single row."""

Rows = Int[np.ndarray, " B"]
"""Rows of the table, one for each window."""
Forecast = Float[np.ndarray, "B H K"]


@dataclass(frozen=True)
class History:
    """What baselines forecast from."""

    values: Float[np.ndarray, "N K"]
    """In the user's units, with missing ones filled; NaN where that was not possible."""
    offsets: Int[np.ndarray, " _"]
    """(S + 1,) first row of each series, and N."""
    season: int
    """Rows in a season."""

    def series_of(self, rows: Rows) -> Rows:
        """Number of the series of each row."""
        return np.asarray(np.searchsorted(self.offsets, rows, side="right") - 1)

    def first_of(self, rows: Rows) -> Rows:
        """First row of the series of each row."""
        return np.asarray(self.offsets[self.series_of(rows)])

    @cached_property
    def first_known(self) -> Int[np.ndarray, "S K"]:
        """First known row of each series; N where there is none."""
        rows = np.arange(len(self.values))[:, None]
        known = np.where(np.isnan(self.values), len(self.values), rows)
        return np.asarray(np.minimum.reduceat(known, self.offsets[:-1]))

    def mean(self, begin: Rows, end: Rows) -> Float[np.ndarray, "B K"]:
        """Mean of the known values in some rows of a series; NaN where there is none.

        Args:
            begin: first rows.
            end: the rows after the last, of the same series.
        """
        sums, counts = self._running
        count = counts[end] - counts[begin]
        mean = (sums[end] - sums[begin]) / np.where(count > 0, count, np.nan)
        return np.asarray(mean * self._size[self.series_of(begin)])

    @cached_property
    def is_intermittent(self) -> bool:
        """Whether zeros abound, so that methods for such values are among the opponents."""
        return is_intermittent(self.values)

    @cached_property
    def demand(self) -> Demand:
        """What Croston's method and its kin know after each row."""
        return smoothed(self.values, self.offsets)

    @cached_property
    def _size(self) -> Float[np.ndarray, "S K"]:
        """Largest absolute value; 1 where it is 0."""
        size = np.maximum.reduceat(np.abs(np.nan_to_num(self.values)), self.offsets[:-1])
        return np.where(size > 0, size, 1.0)

    @cached_property
    def _running(self) -> tuple[Float[np.ndarray, "_ K"], Int[np.ndarray, "_ K"]]:
        """(N + 1, K) sum and number of the known values before each row, so that a mean costs one
        difference.

        The sum is in units of the largest value of each series: otherwise a large series would
        round away a small one that comes after it.
        """
        size = np.repeat(self._size, np.diff(self.offsets), axis=0)
        start = ((1, 0), (0, 0))
        sums = np.pad(np.cumsum(np.nan_to_num(self.values) / size, axis=0), start)
        return sums, np.pad(np.cumsum(~np.isnan(self.values), axis=0), start)


Baseline = Callable[[History, Rows, int], Forecast]
"""(history, last known row of each window, steps) -> forecast."""


def naive(history: History, origins: Rows, horizon: int) -> Forecast:
    """The last value, for every step.

    Args:
        history: all series.
        origins: last known row of each window.
        horizon: steps.

    Returns:
        In the user's units.
    """
    return np.repeat(history.values[origins][:, None], horizon, axis=1)


def seasonal_naive(history: History, origins: Rows, horizon: int) -> Forecast:
    """The value one season earlier; the last value where there is none.

    Arguments and result as for `naive`.
    """
    steps, season = np.arange(horizon), history.season
    # (B, H) the same time of the last whole season; beyond one season the forecast repeats.
    rows = origins[:, None] + 1 + steps - season * (steps // season + 1)
    rows = np.where(rows >= history.first_of(origins)[:, None], rows, origins[:, None])
    return _or_last(history.values[rows], history, origins)


def drift(history: History, origins: Rows, horizon: int) -> Forecast:
    """The line through the first known and the last value; the last value where these are one.

    Arguments and result as for `naive`.
    """
    first = history.first_known[history.series_of(origins)]  # (B, K)
    rows = origins[:, None] - first  # (B, K) from the first known value to the last
    begin = np.take_along_axis(history.values, np.minimum(first, origins[:, None]), axis=0)
    last = history.values[origins]
    slope = np.where(rows > 0, (last - begin) / np.maximum(rows, 1), 0.0)
    steps = np.arange(1, horizon + 1)[None, :, None]
    return np.asarray(last[:, None] + steps * slope[:, None])


def mean(history: History, origins: Rows, horizon: int) -> Forecast:
    """The mean of all known values up to the last one.

    Arguments and result as for `naive`.
    """
    level = history.mean(history.first_of(origins), origins + 1)
    return _or_last(np.repeat(level[:, None], horizon, axis=1), history, origins)


def moving_average(history: History, origins: Rows, horizon: int) -> Forecast:
    """The mean of the last season; of `MOVING_ROWS` rows where a season is a single one.

    Arguments and result as for `naive`.
    """
    rows = history.season if history.season > 1 else MOVING_ROWS
    begin = np.maximum(origins + 1 - rows, history.first_of(origins))
    level = history.mean(begin, origins + 1)
    return _or_last(np.repeat(level[:, None], horizon, axis=1), history, origins)


def croston(history: History, origins: Rows, horizon: int) -> Forecast:
    """Mean size of a demand over mean rows between two (Croston 1972).

    Arguments and result as for `naive`.
    """
    level = history.demand.size[origins] / history.demand.interval[origins]
    return _or_last(np.repeat(level[:, None], horizon, axis=1), history, origins)


def sba(history: History, origins: Rows, horizon: int) -> Forecast:
    """Croston's forecast without most of its bias (Syntetos and Boylan 2005).

    Arguments and result as for `naive`.
    """
    return (1 - SMOOTHING / 2) * croston(history, origins, horizon)


def tsb(history: History, origins: Rows, horizon: int) -> Forecast:
    """Mean size of a demand times its probability, which falls where none comes.

    Arguments and result as for `naive`.

    Source: Teunter, Syntetos and Babai 2011.
    """
    level = history.demand.size[origins] * history.demand.share[origins]
    return _or_last(np.repeat(level[:, None], horizon, axis=1), history, origins)


BASELINES: Mapping[str, Baseline] = {
    "naive": naive,
    "seasonal_naive": seasonal_naive,
    "drift": drift,
    "mean": mean,
    "moving_average": moving_average,
}
INTERMITTENT: Mapping[str, Baseline] = {"croston": croston, "sba": sba, "tsb": tsb}
"""Of values that are mostly zero."""


def baseline_forecasts(history: History, origins: Rows, horizon: int) -> dict[str, Forecast]:
    """What every baseline forecasts, where zeros abound those of `INTERMITTENT` too.

    Arguments as for `naive`.
    """
    chosen = {**BASELINES, **(INTERMITTENT if history.is_intermittent else {})}
    return {name: baseline(history, origins, horizon) for name, baseline in chosen.items()}


def _or_last(forecast: Forecast, history: History, origins: Rows) -> Forecast:
    """The last value where a forecast is unknown."""
    return np.where(np.isnan(forecast), history.values[origins][:, None], forecast)
