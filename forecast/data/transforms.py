"""Invertible transforms from the user's units to the model's scale.

A transform is a frozen value; what it learns from data is a separate state, a plain array. `fit`
reads training rows, `apply` and `invert` only states. A difference inverts with the rows before the
forecast, which are kept in the user's units and transformed on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from forecast.config.transforms import Scope
from forecast.data.moments import (
    Columns,
    FitColumns,
    Moments,
    State,
    Values,
    fit_series,
    min_max,
    robust,
    standard,
)
from forecast.data.panel import Offsets, ragged_ranges

FLAT = 0.01
"""A series that swings by less than this share of its values has the exponent 1: over so short a
range every power is a straight line, and rounding alone would choose among them."""
MAX_AUTO_SERIES = 200
"""`difference: auto` tests at most this many series, evenly spread over the panel."""

Forecast = Float[np.ndarray, "B H K Q"]
History = Float[np.ndarray, "B P K"]
AnyShape = Float[np.ndarray, "..."]
"""For transforms that treat each value by itself, and read neither offsets nor history."""


@runtime_checkable
class Transform(Protocol):
    """One transform; arrays are float64 and NaN passes through.

    In all methods `offsets` are the first row of each series, and N; `season` the rows in a season;
    `history` the P rows before each forecast.
    """

    def fit(self, values: Values, offsets: Offsets, season: int) -> State:
        """State (S or 1, K, P) from training rows (N, K) of series at `offsets`.

        The scale of a constant is 0 in it: see `filled_scale`.
        """

    def apply(self, values: Values, offsets: Offsets, state: State) -> Values:
        """(N, K) transformed, with `state` broadcast to (N, K, P)."""

    def invert(self, forecast: Forecast, history: History, state: np.ndarray) -> Forecast:
        """Forecasts in the units before this transform, in which `history` is, too."""


@dataclass(frozen=True)
class Pointwise:
    """A transform without a state: each value on its own."""

    forward: Callable[[np.ndarray], np.ndarray]
    backward: Callable[[np.ndarray], np.ndarray]

    def fit(self, values: Values, offsets: Offsets, season: int) -> State:  # noqa: ARG002
        """An empty state."""
        return np.zeros((1, values.shape[1], 0))

    def apply(self, values: AnyShape, offsets: Offsets, state: AnyShape) -> AnyShape:  # noqa: ARG002
        """Each value forward; NaN where it has no image."""
        with np.errstate(invalid="ignore", divide="ignore"):
            result = self.forward(values)
        return np.where(np.isfinite(result), result, np.nan)

    def invert(self, forecast: AnyShape, history: np.ndarray, state: AnyShape) -> AnyShape:  # noqa: ARG002
        """Each value backward."""
        with np.errstate(over="ignore"):
            return self.backward(forecast)


@dataclass(frozen=True)
class Affine:
    """(x - location) / scale, both fitted; state (location, scale)."""

    fit_columns: FitColumns
    scope: Scope

    def fit(self, values: Values, offsets: Offsets, season: int) -> State:  # noqa: ARG002
        """Location and scale of each series and column."""
        return fit_series(self.fit_columns, values, offsets, self.scope)

    def apply(self, values: Values, offsets: Offsets, state: State) -> Values:  # noqa: ARG002
        """Subtract the location, divide by the scale."""
        return np.asarray((values - state[..., 0]) / state[..., 1])

    def invert(self, forecast: Forecast, history: History, state: np.ndarray) -> Forecast:  # noqa: ARG002
        """Multiply by the scale, add the location."""
        return np.asarray(forecast * state[..., 1] + state[..., 0])


@dataclass(frozen=True)
class PowerTransform:
    """Box-Cox or Yeo-Johnson of x / scale; state (exponent, scale).

    The scale (geometric mean or mean absolute value) keeps the inverse exact: a power of values far
    from one loses its digits. Exponents are held in [-1, 2].
    """

    method: str
    scope: Scope

    def fit(self, values: Values, offsets: Offsets, season: int) -> State:  # noqa: ARG002
        """Exponent by maximum likelihood, of each series and column."""
        return fit_series(self._fit_columns, values, offsets, self.scope)

    def apply(self, values: AnyShape, offsets: Offsets, state: AnyShape) -> AnyShape:  # noqa: ARG002
        """The power of x / scale; NaN where Box-Cox has no image."""
        exponent, scale = state[..., 0], state[..., 1]
        scaled = values / scale
        if self.method == "box_cox":
            return _box_cox(np.where(scaled > 0, scaled, np.nan), exponent)
        upper = _box_cox(1 + np.maximum(scaled, 0), exponent)
        lower = -_box_cox(1 + np.maximum(-scaled, 0), 2 - exponent)
        return np.where(np.isnan(scaled), np.nan, np.where(scaled >= 0, upper, lower))

    def invert(self, forecast: AnyShape, history: np.ndarray, state: AnyShape) -> AnyShape:  # noqa: ARG002
        """The power undone; a forecast beyond the power's range gives the end of the range."""
        exponent, scale = state[..., 0], state[..., 1]
        if self.method == "box_cox":
            return np.asarray(_inverse_box_cox(forecast, exponent) * scale)
        upper = _inverse_box_cox(np.maximum(forecast, 0), exponent) - 1
        lower = 1 - _inverse_box_cox(np.maximum(-forecast, 0), 2 - exponent)
        return np.asarray(np.where(forecast >= 0, upper, lower) * scale)

    def _fit_columns(self, columns: Columns) -> Moments:
        from sklearn.preprocessing import PowerTransformer

        is_box_cox = self.method == "box_cox"
        if is_box_cox:
            columns = np.where(columns > 0, columns, np.nan)
        mean = _nan_mean(np.log(columns) if is_box_cox else np.abs(columns))
        scale = np.exp(mean) if is_box_cox else mean
        transformer = PowerTransformer(self.method.replace("_", "-"), standardize=False)
        most, least = np.fmax.reduce(columns, axis=0), np.fmin.reduce(columns, axis=0)
        varying = most - least > FLAT * np.maximum(np.abs(most), np.abs(least))
        exponents = np.ones(columns.shape[1])
        if varying.any():
            scaled = columns[:, varying] / scale[varying]
            exponents[varying] = transformer.fit(scaled).lambdas_
        return np.clip(np.nan_to_num(exponents, nan=1.0), -1, 2), scale


@dataclass(frozen=True)
class DifferenceTransform:
    """x[t] - x[t - lag], `order` times; state: pairs (lag, order), the same for all series."""

    lag: int | Literal["auto"]
    order: int

    def fit(self, values: Values, offsets: Offsets, season: int) -> State:
        """The configured lag and order, or those that unit-root and seasonality tests choose."""
        pairs = (
            difference_orders(values, offsets, season)
            if isinstance(self.lag, str)
            else [(self.lag, self.order)]
        )
        state = np.array(pairs, dtype=np.float64).reshape(1, 1, -1)
        return np.broadcast_to(state, (1, values.shape[1], state.shape[2])).copy()

    def apply(self, values: Values, offsets: Offsets, state: State) -> Values:
        """Differences; NaN in the rows of each series that have no past."""
        for lag in lags_of(state):
            values = _difference(values, offsets, lag)
        return values

    def invert(self, forecast: Forecast, history: History, state: np.ndarray) -> Forecast:
        """Running sums per phase of each lag, from the last rows of the history on."""
        # Differences are undone in reverse order, each by a running sum that begins with the rows
        # it was taken of: so the history is differenced again, and kept as each single difference
        # found it, (B, P, K) and shorter by the lags before.
        lags, before = lags_of(state), []
        for lag in lags:
            before.append(history)
            history = history[:, lag:] - history[:, :-lag]
        for lag, rows in zip(reversed(lags), reversed(before), strict=True):
            forecast = _sum_by_phase(forecast, rows[:, -lag:])
        return forecast


def lags_of(state: np.ndarray) -> list[int]:
    """The lag of each single difference, in order: (lag, order) pairs, the same for all series."""
    first = state[(0,) * (state.ndim - 1)]
    return [int(lag) for lag, order in first.astype(int).reshape(-1, 2) for _ in range(order)]


def difference_orders(values: Values, offsets: Offsets, season: int) -> list[tuple[int, int]]:
    """Differences that make most series stationary: at most one seasonal and one first difference.

    Seasonal strength (Wang, Smith and Hyndman 2006) and the KPSS test (Kwiatkowski et al. 1992), as
    in coreforecast; over a panel the median of the orders counts.

    Args:
        values: training rows; NaN is left out.
        offsets: first row of each series, and N.
        season: rows in a season; 1: none.

    Returns:
        [(lag, order), ...], without the orders that are zero.
    """
    from coreforecast.differences import num_diffs, num_seas_diffs

    seasonal, first = [], []
    chosen = np.linspace(0, len(offsets) - 2, min(len(offsets) - 1, MAX_AUTO_SERIES)).astype(int)
    for series in chosen:
        for column in values[offsets[series] : offsets[series + 1]].T:
            known = column[~np.isnan(column)]
            if len(known) < max(10, 2 * season + 1):
                continue
            order = int(num_seas_diffs(known, season)) if season > 1 else 0
            for _ in range(order):
                known = known[season:] - known[:-season]
            seasonal.append(order)
            first.append(int(num_diffs(known)) if len(known) >= 10 else 0)
    if not seasonal:
        return []
    orders = [(season, int(np.median(seasonal))), (1, int(np.median(first)))]
    return [(lag, order) for lag, order in orders if order > 0]


TRANSFORMS: Mapping[str, Callable[[Any], Transform]] = {
    "log": lambda _: Pointwise(np.log, np.exp),
    "log1p": lambda _: Pointwise(np.log1p, np.expm1),
    "power": lambda option: PowerTransform(option.method, option.scope),
    "difference": lambda option: DifferenceTransform(option.lag, option.order),
    "standardize": lambda option: Affine(standard, option.scope),
    "min_max": lambda option: Affine(min_max, option.scope),
    "robust": lambda option: Affine(robust, option.scope),
}


def _nan_mean(values: np.ndarray) -> np.ndarray:
    """Mean of each column without its NaN; 0 for a column of NaN."""
    known = ~np.isnan(values)
    return np.asarray(np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def _box_cox(values: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """(x^e - 1) / e, by expm1 so that exponents near zero keep their digits."""
    logs = np.log(values)
    safe = np.where(exponent == 0, 1.0, exponent)
    return np.asarray(np.where(exponent == 0, logs, np.expm1(safe * logs) / safe))


def _inverse_box_cox(values: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """(e y + 1)^(1 / e); the argument is held above zero."""
    safe = np.where(exponent == 0, 1.0, exponent)
    inside = np.maximum(safe * values, -1 + 1e-12)
    with np.errstate(over="ignore"):
        return np.exp(np.where(exponent == 0, values, np.log1p(inside) / safe))


def _difference(values: Values, offsets: Offsets, lag: int) -> Values:
    result = np.full_like(values, np.nan)
    result[lag:] = values[lag:] - values[:-lag]
    lengths = np.diff(offsets)
    result[ragged_ranges(offsets[:-1], np.minimum(lengths, lag))] = np.nan
    return result


def _sum_by_phase(forecast: Forecast, last: Float[np.ndarray, "B lag K"]) -> Forecast:
    """Undo one difference: y[h] = d[h] + y[h - lag], the first `lag` of them from `last`.

    Args:
        forecast: (B, H, K, Q) differences.
        last: (B, lag, K) the rows before.
    """
    # A forecast step adds to the one a lag earlier: steps of one phase, h mod lag, are summed over
    # the cycles (h // lag), of which the last is filled up with zeros.
    batch, horizon, width, quantiles = forecast.shape
    lag = last.shape[1]
    cycles = -(-horizon // lag)
    padded = np.zeros((batch, cycles * lag, width, quantiles))
    padded[:, :horizon] = forecast
    sums = padded.reshape(batch, cycles, lag, width, quantiles).cumsum(axis=1)
    sums += last[:, None, :, :, None]  # (B, 1, lag, K, 1)
    return np.asarray(sums.reshape(batch, cycles * lag, width, quantiles)[:, :horizon])
