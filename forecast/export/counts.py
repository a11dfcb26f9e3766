"""Means and quantiles of distributions of counts within a graph, from their parameters."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecast.config.counts import Distribution, NegativeBinomial, Tweedie
from forecast.export.negative_binomial import GraphNegativeBinomial
from forecast.forecasting.tweedie import MANY_PARTS, expanded, quantile_curve

BITS = 8
"""Of the largest count whose quantiles are looked up: 2^BITS - 1."""
Parameter = Float[Tensor, "B H K 1"]
Quantiles = Float[Tensor, "B H K I"]


class GraphCounts(nn.Module):
    """What `mean_and_quantiles` does.

    Args:
        loss: which distribution.
    """

    def __init__(self, loss: Distribution) -> None:
        super().__init__()
        self.middle = len(loss.quantiles) // 2
        self.quantiles = _quantiles_of(loss)

    def forward(self, parameters: Float[Tensor, "B H K P"]) -> Float[Tensor, "B H K Q"]:
        """The mean in the middle, behind the median."""
        unknown = parameters.isnan().any(dim=-1, keepdim=True)  # no number is looked up for it
        values = self.quantiles(torch.where(unknown, 1.0, parameters))
        values = torch.where(unknown, torch.nan, values)
        lower, upper = values[..., : self.middle], values[..., self.middle :]
        return torch.cat([lower, parameters[..., :1], upper], dim=-1)


def _quantiles_of(loss: Distribution) -> nn.Module:
    if isinstance(loss, Tweedie):
        return GraphTweedie(loss.power, loss.levels)
    if isinstance(loss, NegativeBinomial):
        return GraphNegativeBinomial(loss.levels)
    return GraphPoisson(loss.levels)


class GraphPoisson(nn.Module):
    """Quantiles of Poisson distributions.

    A count is the quantile of all means from that of the count before it up to one of its own: up
    to the largest count of a table these are looked up. Larger ones come of the Cornish-Fisher
    expansion of the smooth distribution whose share up to count + 1/2 is that of the counts up to
    it: the cumulants are those of the counts less those of uniform numbers (Sheppard 1898).

    Args:
        levels: from 0 to 1.
    """

    largest: Tensor
    normal: Tensor

    def __init__(self, levels: tuple[float, ...]) -> None:
        super().__init__()
        from scipy.special import gammainccinv  # takes a while to import

        counts = np.arange(2**BITS - 1)
        largest = np.stack([gammainccinv(counts + 1, level) for level in levels])  # (I, counts)
        self.register_buffer("largest", torch.from_numpy(largest))
        self.register_buffer("normal", _normal(levels))

    def forward(self, parameters: Float[Tensor, "B H K 1"]) -> Quantiles:
        """The smallest counts that are exceeded with a probability of 1 - level at most."""
        count = self._looked_up(parameters)
        return torch.where(count < 2**BITS - 1, count, torch.ceil(self._expanded(parameters) - 0.5))

    def _looked_up(self, mean: Parameter) -> Quantiles:
        """How many of the largest means of a count lie below each mean, a bit at a time."""
        level = torch.arange(len(self.largest))
        count = torch.zeros_like(mean).long().expand(-1, -1, -1, len(self.largest))
        for bit in reversed(range(BITS)):
            more = count + 2**bit
            count = torch.where(self.largest[level, more - 1] < mean, more, count)
        return count.double()

    def _expanded(self, mean: Parameter) -> Quantiles:
        """Source: Cornish and Fisher 1938, to the fifth cumulant."""
        z = self.normal
        deviation = (mean - 1 / 12).clamp(min=1.0).sqrt()  # small ones are looked up
        third, fourth, fifth = (
            cumulant / deviation**power
            for power, cumulant in ((3, mean), (4, mean + 1 / 120), (5, mean))
        )
        second = z**2 - 1  # polynomials of Hermite
        cubic, quartic = z**3 - 3 * z, z**4 - 6 * z**2 + 3
        return mean + deviation * (
            z
            + third * second / 6
            + fourth * cubic / 24
            - third**2 * (2 * cubic + z) / 36
            + fifth * quartic / 120
            - third * fourth * (quartic + second) / 24
            + third**3 * (12 * quartic + 19 * second) / 324
        )


class GraphTweedie(nn.Module):
    """Quantiles of Tweedie's distributions; see `tweedie_quantile`.

    Args:
        power: of the mean.
        levels: from 0 to 1.
    """

    curves: Tensor
    logs: Tensor
    normal: Tensor

    def __init__(self, power: float, levels: tuple[float, ...]) -> None:
        super().__init__()
        self.power = power
        rates, _ = quantile_curve(power, levels[0])
        curves = np.stack([quantile_curve(power, level)[1] for level in levels])  # (I, P)
        self.least, self.most, self.points = float(rates[0]), float(rates[-1]), len(rates)
        self.register_buffer("curves", torch.from_numpy(curves))
        self.register_buffer("logs", torch.tensor(levels, dtype=torch.float64).log())
        self.register_buffer("normal", _normal(levels))

    def forward(self, parameters: Float[Tensor, "B H K 2"]) -> Quantiles:
        """The smallest values that are exceeded with a probability of 1 - level at most."""
        mean, dispersion = parameters.split(1, dim=-1)
        power = self.power
        rate = mean ** (2 - power) / ((2 - power) * dispersion)
        size = (power - 1) * dispersion * mean ** (power - 1)
        above_zero = rate + self.logs
        few = torch.where(above_zero > 0, size * self._on_curves(above_zero).exp(), 0.0)
        deviation = (dispersion * mean**power).sqrt()
        many = expanded(power, mean, deviation, self.normal)
        return torch.where(rate > MANY_PARTS, many.clamp(min=0.0), few)

    def _on_curves(self, above_zero: Quantiles) -> Quantiles:
        """Between two points of each curve; their logarithms are as far apart everywhere."""
        span = math.log(self.most / self.least)
        place = (above_zero.clamp(self.least, self.most) / self.least).log() / span
        place = place * (self.points - 1)
        before = place.floor().clamp(0, self.points - 2)
        level, left = torch.arange(len(self.curves)), before.long()
        low, high = self.curves[level, left], self.curves[level, left + 1]
        return low + (place - before) * (high - low)


def _normal(levels: tuple[float, ...]) -> Float[Tensor, " I"]:
    return torch.tensor([NormalDist().inv_cdf(level) for level in levels], dtype=torch.float64)
