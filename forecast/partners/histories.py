"""What partners read: the last rows before many origins, side by side, the longest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from forecast.data.traced import Step
from forecast.evaluation.baselines import Forecast, History, seasonal_naive
from forecast.pretrained.known import least
from forecast.pretrained.smoothing import first_known

MOST_SEASONS, FEWEST_SEASONS = 10, 3
FEWEST_ROWS, MOST_ROWS = 200, 1000
"""The last 10 seasons are read, but at least 200 rows, and of 1,000 rows no more than 3 seasons."""
FEWEST_VALUES = 3
HISTORIES_AT_ONCE = 256
"""With all settings that are tried, the states of so many fit the cache."""
REFIT = 12
"""A history that is cut is smoothed with what was fitted less than so many rows earlier, counted
from the end of its series: thousands of windows of one long series are then affordable."""
LEAST_SHARE = 0.1
"""Of its least value, below which a positive history is not continued."""


Carried = tuple[Any, ...]


@dataclass(frozen=True)
class Histories:
    """Values before some origins, aligned at their ends; longer histories stand first."""

    values: Float[np.ndarray, "T B"]
    """NaN before the first row of a history, and where nothing is known."""
    lengths: Int[np.ndarray, " B"]
    """Rows from the first known one to the origin; falling."""
    season: int

    @property
    def known(self) -> Bool[np.ndarray, "T B"]:
        """Where there is a value."""
        found: Bool[np.ndarray, "T B"] = ~np.isnan(self.values)
        return found

    @property
    def active(self) -> Int[np.ndarray, " T"]:
        """How many histories have begun at each row: these are the first ones."""
        rows = len(self.values) - np.arange(len(self.values))
        return np.searchsorted(-self.lengths, -rows, side="right")

    @property
    def age(self) -> Int[np.ndarray, "T B"]:
        """Rows since the beginning of each history, from 1 on; below 1 before it."""
        rows = self.values.shape[0]
        found: Int[np.ndarray, "T B"] = np.arange(1 - rows, 1)[:, None] + self.lengths
        return found

    def with_values(self, values: Float[np.ndarray, "T B"]) -> Histories:
        """The same rows with other values."""
        return Histories(values, self.lengths, self.season)


@singledispatch
def scan_histories(
    values: Any, histories: Histories, step: Step, state: Carried, rows: Carried, numbers: Carried
) -> Carried:
    """The state after all rows; that of a history stays as it is before its first one.

    Args:
        values: (T, _, B, 1), of which a step reads a row.
        histories: tell what has begun.
        step: works on the state in place.
        state: (..., B, G) before the first row.
        rows: (T, ..., B, 1) what else a step reads a row of.
        numbers: (B, _) what is the same for all rows.
    """
    for count, *row in zip(histories.active, values, *rows, strict=True):
        begun, read = (tuple(each[..., :count, :] for each in some) for some in (state, row))
        step(begun, read, tuple(each[:count] for each in numbers))
    return state


Fitted = Float[np.ndarray, "*P B"]
"""What was fitted to each history: parameters, shares, weights, whatever a method has."""


@dataclass(frozen=True)
class Method:
    """A way to forecast histories: fit, then smooth with what was fitted."""

    fit: Callable[[Histories], Fitted]
    forecast: Callable[[Histories, Fitted, int], Float[np.ndarray, "H B"]]
    """(histories, what was fitted to them or to earlier ones of the same series, steps)."""


def rows_read(season: int) -> int:
    """Most rows of a history that a partner reads."""
    return max(FEWEST_ROWS, min(MOST_ROWS, MOST_SEASONS * season), FEWEST_SEASONS * season)


def forecast_by(
    method: Method, history: History, origins: Int[np.ndarray, " B"], horizon: int
) -> Forecast:
    """Forecast every window and target by a method; each target alone.

    Seasonal naive stands in where fewer than `FEWEST_VALUES` are known; where all are alike, or a
    forecast is not finite, the last value does. A history without negative values is not continued
    below zero, a positive one not to zero.

    Args:
        method: sees histories whose largest absolute value is 1.
        history: all series.
        origins: last known row of each window.
        horizon: steps.

    Returns:
        In the user's units.
    """
    forecast = seasonal_naive(history, origins, horizon)
    for target in range(forecast.shape[2]):
        view = View.of(history, target)
        lengths, enough = view.lengths(origins)
        order = np.argsort(-lengths, kind="stable")
        order = order[enough[order]]
        while len(order):
            index, order = order[:HISTORIES_AT_ONCE], order[HISTORIES_AT_ONCE:]
            forecast[index, :, target] = _of_group(method, view, origins[index], horizon).T
    return forecast


def _of_group(
    method: Method, view: View, origins: Int[np.ndarray, " B"], horizon: int
) -> Float[np.ndarray, "H B"]:
    """Forecasts of a group of windows, the one with the longest history first."""
    fitted_at, place = np.unique(view.refit_at(origins), return_inverse=True)
    longest_first = np.argsort(-view.lengths(fitted_at)[0], kind="stable")
    with np.errstate(all="ignore"):  # of values about the largest float, caught at the end
        past, _ = view.scaled(fitted_at[longest_first])
        fitted = method.fit(past)[..., np.argsort(longest_first)[place]]
        histories, size = view.scaled(origins)
        return _continued(method, fitted, histories, size, horizon)


def _continued(
    method: Method,
    fitted: Fitted,
    histories: Histories,
    size: Float[np.ndarray, " B"],
    horizon: int,
) -> Float[np.ndarray, "H B"]:
    """Forecasts in the user's units, within what `forecast_by` says.

    Args:
        method: that fitted.
        fitted: to each history.
        histories: divided by their sizes.
        size: in the user's units.
        horizon: steps.
    """
    forecast = method.forecast(histories, fitted, horizon) * size
    low, high = (each * size for each in (least(histories.values, 0), -least(-histories.values, 0)))
    forecast = np.where(low >= 0, np.maximum(forecast, LEAST_SHARE * low), forecast)
    known = histories.known[::-1]
    last = np.take_along_axis(histories.values[::-1], known.argmax(axis=0)[None], axis=0)[0] * size
    found: Float[np.ndarray, "H B"] = np.where(np.isfinite(forecast) & (low < high), forecast, last)
    return found


def forecast_rows(
    method: Method, values: Float[np.ndarray, "B T"], season: int, horizon: int
) -> Float[np.ndarray, "B H"]:
    """What `forecast_by` gives after the last rows; NaN where too few values are known.

    Args:
        method: see `forecast_by`.
        values: as many rows as `rows_read`; NaN before a history begins. The longest first, but
            within a graph.
        season: rows.
        horizon: steps.
    """
    size = -least(-np.abs(values))
    size = np.where(size > 0, size, 1.0)
    lengths = values.shape[1] - first_known(values)
    histories = Histories((values / size[:, None]).T, lengths, season)
    forecast = _continued(method, method.fit(histories), histories, size, horizon)
    is_enough = histories.known.sum(axis=0) >= FEWEST_VALUES
    return np.where(is_enough, forecast, np.nan).T


@dataclass(frozen=True)
class View:
    """One target of a history, as a partner sees it."""

    history: History
    target: int
    counts: Int[np.ndarray, " _"]
    """(N + 1,) known values before each row."""

    @staticmethod
    def of(history: History, target: int) -> View:
        """One target."""
        known = ~np.isnan(history.values[:, target])
        return View(history, target, np.pad(np.cumsum(known), (1, 0)))

    def lengths(
        self, origins: Int[np.ndarray, " B"]
    ) -> tuple[Int[np.ndarray, " B"], Bool[np.ndarray, " B"]]:
        """Rows that are read before some origins, and whether enough of them are known."""
        first = self.history.first_known[self.history.series_of(origins), self.target]
        lengths = np.clip(origins + 1 - first, 0, rows_read(self.history.season))
        known = self.counts[origins + 1] - self.counts[origins + 1 - lengths]
        return lengths, np.asarray(known >= FEWEST_VALUES)

    def refit_at(self, origins: Int[np.ndarray, " B"]) -> Int[np.ndarray, " B"]:
        """The origin at which each window's parameters are fitted."""
        lengths, _ = self.lengths(origins)
        end = self.history.offsets[self.history.series_of(origins) + 1] - 1
        earlier = origins - (origins - end) % REFIT  # the origin itself at the end of its series
        earlier = np.maximum(earlier, self.history.first_of(origins))  # not in the series before
        is_cut = lengths == rows_read(self.history.season)
        return np.where(is_cut & self.lengths(earlier)[1], earlier, origins)

    def scaled(self, origins: Int[np.ndarray, " B"]) -> tuple[Histories, Float[np.ndarray, " B"]]:
        """Histories divided by their largest absolute value, and that; the longest comes first."""
        lengths, _ = self.lengths(origins)
        longest = int(lengths[0])
        rows = origins + np.arange(1 - longest, 1)[:, None]  # (T, B)
        inside = rows > origins - lengths
        values = np.where(inside, self.history.values[np.maximum(rows, 0), self.target], np.nan)
        size = np.nanmax(np.abs(values), axis=0)
        size = np.where(size > 0, size, 1.0)
        return Histories(values / size, lengths, self.history.season), size
