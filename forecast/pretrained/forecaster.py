"""From histories in the user's units to quantiles: as a model that the toolkit trains and runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from forecast.models.forecaster import Model
from forecast.pretrained.features import features
from forecast.pretrained.known import least
from forecast.pretrained.network import MEDIAN, UNITS, Network
from forecast.pretrained.parts import WHOLE, averaged, parts, shares_of
from forecast.pretrained.season import filled, longer_season

LEAST_BATCH = 32
"""Windows at least that the network is given: a product of fewer rows has another kernel, and the
bytes of a forecast would depend on what is forecast beside it."""
MOST_BATCH = 128
"""Windows at most that it is given on a CPU: what a layer hands to the next stays in the cache."""
INPUTS = 6
"""Arrays that the network itself reads."""
WORK = 2**11
"""So much that a thread is given 128 windows at a time."""


class PretrainedForecaster(Model):
    """The network behind its features, called like any model of the toolkit.

    Each target is a window of its own. Features are made of the window in double precision on the
    CPU, and know no gradient; the network runs where its weights are.

    Args:
        season: rows; 1: none.
        is_point: whether the median alone is returned, or all of `LEVELS`.
        units: of each layer.
    """

    reads_raw = True
    is_trained = True
    is_independent = True
    can_be_captured = False
    """Features are made on the CPU."""
    is_whole: Tensor
    """Whether it forecasts from whole histories alone: those that it has learned from are whole."""

    def __init__(self, season: int, is_point: bool = False, units: int = UNITS) -> None:
        super().__init__()
        self.season, self.long_season, self.is_point = season, longer_season(season), is_point
        self.network = Network(units)
        self.register_buffer("is_whole", torch.tensor(False))  # goes with the weights

    @property
    def work(self) -> int:
        """See `Model`; features of few windows cost as much as those of many: chunks are large."""
        return WORK

    @property
    def shares(self) -> Sequence[float]:
        """What each part of a history counts; see `parts`."""
        return WHOLE if bool(self.is_whole) else shares_of(self.season)

    def forward(
        self, past: Float[Tensor, "B L K"], future: Float[Tensor, "B H F"], *_: object
    ) -> Float[Tensor, "B H K Q"]:
        """Forecast the horizon of each window, whose length `future` tells.

        Args:
            past: the histories; NaN before a series begins and where a value is missing.
            future: covariates over the horizon, which are not read.
            _: static covariates, targets and dropout noise, which are not read either.
        """
        windows, rows, channels = past.shape
        values = past.transpose(1, 2).reshape(-1, rows)  # targets vary fastest
        quantiles = self.quantiles(values.double().cpu().numpy(), future.shape[1])
        output: Tensor = quantiles.unflatten(0, (windows, channels)).transpose(1, 2)
        return output[..., MEDIAN : MEDIAN + 1] if self.is_point else output

    def quantiles(self, values: Float[np.ndarray, "B L"], horizon: int) -> Float[Tensor, "B H Q"]:
        """Quantiles of each history, in its units and in double precision.

        Args:
            values: each with one known value at least.
            horizon: steps.
        """
        learns = torch.is_grad_enabled()
        if learns and self.training:
            self.is_whole.fill_(True)
        shares = WHOLE if learns else self.shares
        asked = parts(values, shares, self.season, horizon)
        device = self.network.trust.device
        read = inputs_of(asked, self.season, horizon, self.long_season)
        tensors = [torch.from_numpy(_filled_up(each)).to(device) for each in read]
        is_split = device.type == "cpu" and not learns
        batches = math.ceil(len(tensors[0]) / MOST_BATCH) if is_split else 1
        split = zip(*(each.tensor_split(batches) for each in tensors), strict=True)
        mixed = torch.cat([self.mixed(*batch) for batch in split])
        return averaged(mixed[: len(asked)], shares)

    def mixed(self, *read: Tensor) -> Float[Tensor, "B H Q"]:
        """Quantiles in the user's units.

        Args:
            read: what `inputs_of` gives.
        """
        *told, location, scale, last, is_constant = (
            each if number < INPUTS else each[:, None, None] for number, each in enumerate(read)
        )
        quantiles: Tensor = self.network(*told) * scale + location
        return torch.where(is_constant, last, quantiles)


def inputs_of(
    values: Float[np.ndarray, "B L"], season: int, horizon: int, long_season: int
) -> tuple[np.ndarray, ...]:
    """What the network reads, as `Network.forward` has it; and of each history its location and
    scale in the user's units, its last value, and whether all are that one.

    Args:
        values: each with one known value at least.
        season, horizon, long_season: see `features`.
    """
    size = -least(-np.abs(values))  # squares of huge values overflow
    size = np.where(size > 0, size, 1.0)
    told = features(values / size[:, None], season, horizon, long_season)
    read = (told.encoder, told.decoder, told.methods, told.errors, told.spread, told.width)
    is_constant = least(values) == -least(-values)
    return *read, told.location * size, told.scale * size, filled(values)[:, -1], is_constant


def _filled_up(rows: np.ndarray) -> np.ndarray:
    """Inputs of `LEAST_BATCH` windows, the last one again, unless they are to be learned from."""
    missing = LEAST_BATCH - len(rows)
    if missing <= 0 or torch.is_grad_enabled():
        return rows
    return np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)])
