"""The network: reads a history beside what classical methods say of it, and mixes their forecasts.

An LSTM reads the last rows of the history; another goes on from its state along the horizon and
is told the methods' forecasts of each step. Its output is a softmax over the methods, a correction
of its own, and the distances between the quantiles. Before any training it is the mixture that the
methods' errors within the history suggest.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from forecast.config.model import PRETRAINED_LEVELS
from forecast.pretrained.features import DECODER_INPUTS, ENCODER_INPUTS
from forecast.pretrained.methods import METHODS

LEVELS = PRETRAINED_LEVELS
"""Quantiles that are forecast; the median is the point forecast."""
MEDIAN = LEVELS.index(0.5)
UNITS, LAYERS = 96, 2
TRUST = 2.0
"""How strongly an error within the history counts against a method, before training."""


class Network(nn.Module):
    """Two-layer LSTM encoder and decoder over features; see `features`.

    Args:
        units: of each layer.
    """

    def __init__(self, units: int = UNITS) -> None:
        super().__init__()
        self.encoder = nn.LSTM(ENCODER_INPUTS, units, LAYERS, batch_first=True)
        self.decoder = nn.LSTM(DECODER_INPUTS, units, LAYERS, batch_first=True)
        self.output = nn.Linear(units, METHODS + len(LEVELS))
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)
        self.trust = nn.Parameter(torch.full((METHODS,), TRUST))

    def forward(
        self,
        encoder: Float[Tensor, "B E I"],
        decoder: Float[Tensor, "B H J"],
        methods: Float[Tensor, "B H M"],
        errors: Float[Tensor, "B M"],
        spread: Float[Tensor, " B"],
        width: Float[Tensor, " B"],
    ) -> Float[Tensor, "B H Q"]:
        """Quantiles on the scale of the features; arguments as `Features` has them."""
        _, state = self.encoder(encoder)
        steps, _ = self.decoder(decoder, state)
        output = self.output(steps).float()
        scores, correction, distances = output.split([METHODS, 1, len(LEVELS) - 1], dim=-1)
        weights = (scores - self.trust * errors[:, None]).softmax(dim=-1)
        median = (weights * methods).sum(dim=-1, keepdim=True) + correction * spread[:, None, None]
        return _quantiles(median, distances, width)


def _quantiles(
    median: Float[Tensor, "B H 1"], distances: Float[Tensor, "B H _"], width: Float[Tensor, " B"]
) -> Float[Tensor, "B H Q"]:
    """Quantiles around the median that cannot cross: distances are positive and add up."""
    steps = functional.softplus(distances) * width[:, None, None]
    below, above = steps.split([MEDIAN, len(LEVELS) - 1 - MEDIAN], dim=-1)
    lower = median - below.cumsum(dim=-1).flip(-1)
    return torch.cat([lower, median, median + above.cumsum(dim=-1)], dim=-1)
