"""Quantiles of negative binomial distributions within a graph, by a search over the counts.

ONNX has no incomplete beta function: it is integrated over logarithms, where its density has one
peak and falls off exponentially at least, by the rule of Gauss and Legendre.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecast.export.chain import log1p

STEPS, PARTS = 8, 16
"""Of the search: intervals of up to 16^7 counts."""
NODES = 64
"""Of the integration."""
SHIFT = 8
"""From which number on the series of Stirling has enough digits with four terms."""
One = Float[Tensor, "B H K 1 1"]
Values = Float[Tensor, "B H K I P"]


class GraphNegativeBinomial(nn.Module):
    """See `quantile` of the distributions.

    Args:
        levels: from 0 to 1.
    """

    levels: Tensor
    between: Tensor
    nodes: Tensor
    weights: Tensor

    def __init__(self, levels: tuple[float, ...]) -> None:
        super().__init__()
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        self.register_buffer("levels", torch.tensor(levels, dtype=torch.float64))
        self.register_buffer("between", torch.arange(1, PARTS, dtype=torch.float64) / PARTS)
        self.register_buffer("nodes", torch.from_numpy((nodes + 1) / 2))  # from 0 to 1
        self.register_buffer("weights", torch.from_numpy(weights / 2))

    def forward(self, parameters: Float[Tensor, "B H K 2"]) -> Float[Tensor, "B H K I"]:
        """The smallest counts that are exceeded with a probability of 1 - level at most."""
        mean, dispersion = parameters.split(1, dim=-1)
        size, begin = 1 / dispersion, -log1p(mean * dispersion)
        deviation = (mean + mean**2 * dispersion).sqrt()
        odds = (self.levels / (1 - self.levels)).sqrt()
        # No quantile is further from the mean than so many deviations (Cantelli's inequality).
        low = (torch.floor(mean - deviation / odds) - 1).clamp(min=-1.0)
        high = torch.ceil(mean + deviation * odds).clamp(min=0.0)
        for _ in range(STEPS):
            between = torch.floor(low[..., None] + (high - low)[..., None] * self.between)
            shares = self._shares(size[..., None], between.clamp(min=0.0), begin[..., None])
            is_enough = shares >= self.levels[:, None]
            high = torch.where(is_enough & (between > low[..., None]), between, high[..., None])
            low = torch.where(is_enough, low[..., None], between).amax(dim=-1)
            high = high.amin(dim=-1)
        return high

    def _shares(self, size: One, counts: Values, begin: One) -> Values:
        """Probability of at most so many: the share of a beta distribution of (size, counts + 1)
        below exp(begin)."""
        peak = -log1p(counts / size)
        left = 9 * (counts / (size * (size + counts))).sqrt() + 40 / size
        right = log1p(9 / size.sqrt() + 50 / size)  # beyond both less than exp(-40) of the peak
        first = torch.maximum(begin, peak - left)
        width = (torch.minimum(peak + right, torch.zeros_like(peak)) - first).clamp(min=0.0)
        places = first[..., None] + width[..., None] * self.nodes  # logarithms
        normaliser = _log_gamma(torch.stack([counts + 1, size + counts + 1]))
        normaliser = _log_gamma(size) + normaliser[0] - normaliser[1]
        densities = torch.exp(
            size[..., None] * places
            + counts[..., None] * torch.log(1 - torch.exp(places))
            - normaliser[..., None]
        )
        return 1 - width * (densities * self.weights).sum(dim=-1)


def _log_gamma(values: Tensor) -> Tensor:
    """Source: Abramowitz and Stegun 1964, 6.1.15 and 6.1.41."""
    large = values + SHIFT
    square = large**2
    series = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / 1680 / square) / square) / square) / large
    stirling = (large - 0.5) * large.log() - large + 0.5 * math.log(2 * math.pi) + series
    return stirling - (values[..., None] + torch.arange(SHIFT)).log().sum(dim=-1)
