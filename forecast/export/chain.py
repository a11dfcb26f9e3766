"""Transforms of a fitted chain within a graph: the same formulas as in the data, in torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from forecast.data.chain import FittedChain
from forecast.data.transforms import lags_of

Rows = Float[Tensor, "B R K"]
Ahead = Float[Tensor, "B H K Q"]
State = Float[np.ndarray, "_ K P"]
Numbers = Int[Tensor, " B"]
"""Number of the series of each window."""
SMALL = 1e-4
"""Below it a few terms of the series are exact, and exp(x) - 1 and log(1 + x) lose digits."""


class GraphTransform(nn.Module):
    """One transform; see `Transform` of the data."""

    def transform(self, values: Rows, series: Numbers) -> Rows:
        """Towards the model's scale; NaN where there is no image, or no row to take away."""
        raise NotImplementedError

    def invert(self, forecast: Ahead, history: Rows, series: Numbers) -> Ahead:
        """Back, with the rows before the forecast in the units before this transform."""
        raise NotImplementedError


class GraphLog(GraphTransform):
    """A logarithm: each value on its own, without a state.

    Args:
        forward, backward: the function and its inverse.
        bound: values up to it have no image.
    """

    def __init__(
        self,
        forward: Callable[[Tensor], Tensor],
        backward: Callable[[Tensor], Tensor],
        bound: float,
    ) -> None:
        super().__init__()
        self.image, self.inverse, self.bound = forward, backward, bound

    def transform(self, values: Rows, series: Numbers) -> Rows:  # noqa: ARG002
        """Each value forward."""
        return torch.where(values > self.bound, self.image(values), torch.nan)

    def invert(self, forecast: Ahead, history: Rows, series: Numbers) -> Ahead:  # noqa: ARG002
        """Each value backward."""
        return self.inverse(forecast)


class _Fitted(GraphTransform):
    """A transform with two numbers for each series and target, or for each target."""

    state: Tensor

    def __init__(self, state: State) -> None:
        super().__init__()
        self.register_buffer("state", torch.from_numpy(state))

    def chosen(self, series: Numbers) -> tuple[Tensor, Tensor]:
        """Both numbers of each window and target, (B or 1, 1, K)."""
        chosen = self.state if self.state.shape[0] == 1 else self.state[series]
        return chosen[:, None, :, 0], chosen[:, None, :, 1]


class GraphAffine(_Fitted):
    """(x - location) / scale."""

    def transform(self, values: Rows, series: Numbers) -> Rows:
        """Subtract the location, divide by the scale."""
        location, scale = self.chosen(series)
        return (values - location) / scale

    def invert(self, forecast: Ahead, history: Rows, series: Numbers) -> Ahead:  # noqa: ARG002
        """Multiply by the scale, add the location."""
        location, scale = self.chosen(series)
        return forecast * scale[..., None] + location[..., None]


class GraphPower(_Fitted):
    """Box-Cox or Yeo-Johnson of x / scale; state (exponent, scale)."""

    def __init__(self, state: State, is_box_cox: bool) -> None:
        super().__init__(state)
        self.is_box_cox = is_box_cox

    def transform(self, values: Rows, series: Numbers) -> Rows:
        """The power of x / scale."""
        exponent, scale = self.chosen(series)
        scaled = values / scale
        if self.is_box_cox:
            return torch.where(scaled > 0, _box_cox(scaled.clamp(min=0.0), exponent), torch.nan)
        upper = _box_cox(1 + scaled.clamp(min=0.0), exponent)
        lower = -_box_cox(1 + (-scaled).clamp(min=0.0), 2 - exponent)
        powers = torch.where(scaled >= 0, upper, lower)
        return torch.where(scaled.isnan(), torch.nan, powers)

    def invert(self, forecast: Ahead, history: Rows, series: Numbers) -> Ahead:  # noqa: ARG002
        """The power undone; a forecast beyond the power's range gives the end of the range."""
        exponent, scale = (each[..., None] for each in self.chosen(series))
        if self.is_box_cox:
            return _inverse_box_cox(forecast, exponent) * scale
        upper = _inverse_box_cox(forecast.clamp(min=0.0), exponent) - 1
        lower = 1 - _inverse_box_cox((-forecast).clamp(min=0.0), 2 - exponent)
        return torch.where(forecast >= 0, upper, lower) * scale


class GraphDifference(GraphTransform):
    """x[t] - x[t - lag], for each lag in turn."""

    def __init__(self, lags: tuple[int, ...]) -> None:
        super().__init__()
        self.lags = lags

    def transform(self, values: Rows, series: Numbers) -> Rows:  # noqa: ARG002
        """Differences; NaN in the first rows, which have no past."""
        for lag in self.lags:
            differences = values[:, lag:] - values[:, :-lag]
            values = torch.cat([torch.full_like(values[:, :lag], torch.nan), differences], dim=1)
        return values

    def invert(self, forecast: Ahead, history: Rows, series: Numbers) -> Ahead:  # noqa: ARG002
        """Running sums per phase of each lag, as in `DifferenceTransform`."""
        before = []
        for lag in self.lags:
            before.append(history[:, -lag:])
            history = history[:, lag:] - history[:, :-lag]
        for lag, last in zip(reversed(self.lags), reversed(before), strict=True):
            forecast = _sum_by_phase(forecast, last, lag)
        return forecast


def log1p(values: Tensor) -> Tensor:
    """log(1 + x); ONNX has no operator that keeps the digits of small ones."""
    series = values * (1 - values / 2 * (1 - values * 2 / 3))
    return torch.where(values.abs() < SMALL, series, torch.log(1 + values))


def expm1(values: Tensor) -> Tensor:
    """exp(x) - 1; see `log1p`."""
    series = values * (1 + values / 2 * (1 + values / 3))
    return torch.where(values.abs() < SMALL, series, torch.exp(values) - 1)


GRAPH_TRANSFORMS: Mapping[str, Callable[[Any, np.ndarray], GraphTransform]] = {
    "log": lambda _, state: GraphLog(torch.log, torch.exp, 0.0),  # noqa: ARG005
    "log1p": lambda _, state: GraphLog(log1p, expm1, -1.0),  # noqa: ARG005
    "power": lambda option, state: GraphPower(state, option.method == "box_cox"),
    "difference": lambda _, state: GraphDifference(tuple(lags_of(state))),
    "standardize": lambda _, state: GraphAffine(state),
    "min_max": lambda _, state: GraphAffine(state),
    "robust": lambda _, state: GraphAffine(state),
}
"""Name of a transform: from its option and state to what a graph holds."""


class GraphChain(nn.Module):
    """Transforms in a row; see `FittedChain`.

    Args:
        chain: of the data.
        count: how many of its transforms, from the first on; None: all.
    """

    def __init__(self, chain: FittedChain, count: int | None = None) -> None:
        super().__init__()
        pairs = [*zip(chain.options, chain.states, strict=True)][:count]
        self.transforms = nn.ModuleList(
            GRAPH_TRANSFORMS[option.key()](option, state) for option, state in pairs
        )

    @property
    def _steps(self) -> list[GraphTransform]:
        return [each for each in self.transforms if isinstance(each, GraphTransform)]

    def transform(self, values: Rows, series: Numbers) -> Rows:
        """To the model's scale; NaN where a value has no image, or a difference no past."""
        for step in self._steps:
            values = step.transform(values, series)
        return values

    def invert(self, forecast: Ahead, history: Rows, series: Numbers) -> Ahead:
        """Back to the user's units, in which the history is."""
        histories = []
        for step in self._steps:
            histories.append(history)
            history = step.transform(history, series)
        for step, before in zip(reversed(self._steps), reversed(histories), strict=True):
            forecast = step.invert(forecast, before, series)
        return forecast


def _box_cox(values: Tensor, exponent: Tensor) -> Tensor:
    """(x^e - 1) / e, as in the data."""
    logs = torch.log(values)
    safe = torch.where(exponent == 0, 1.0, exponent)
    return torch.where(exponent == 0, logs, expm1(safe * logs) / safe)


def _inverse_box_cox(values: Tensor, exponent: Tensor) -> Tensor:
    """(e y + 1)^(1 / e); the argument is held above zero."""
    safe = torch.where(exponent == 0, 1.0, exponent)
    inside = (safe * values).clamp(min=-1 + 1e-12)
    return torch.exp(torch.where(exponent == 0, values, log1p(inside) / safe))


def _sum_by_phase(forecast: Ahead, last: Float[Tensor, "B lag K"], lag: int) -> Ahead:
    """y[h] = d[h] + y[h - lag]: sums over the cycles of a lag, of each phase."""
    horizon = forecast.shape[1]
    cycles = -(-horizon // lag)
    padded = functional.pad(forecast, (0, 0, 0, 0, 0, cycles * lag - horizon))
    sums = padded.unflatten(1, (cycles, lag)).cumsum(dim=1) + last[:, None, :, :, None]
    flat: Tensor = sums.flatten(1, 2)
    return flat[:, :horizon]
