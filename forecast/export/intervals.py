"""Conformal intervals within a graph: forecasts with the ends of their intervals on both sides."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecast.config.count_rules import lowest
from forecast.evaluation.intervals import POINTWISE
from forecast.export.chain import GraphChain, Numbers
from forecast.forecasting.trained import TrainedModel


class GraphIntervals(nn.Module):
    """Radii and what they are multiplied with; see `with_ends` of the evaluation.

    Args:
        chain: the leading transforms that take each value on its own: on their scale errors are
            alike.
        radii: of each level, rising.
        sizes: what the errors of each series are divided by.
        minimum: of what is forecast.
    """

    radii: Tensor
    sizes: Tensor

    def __init__(
        self,
        chain: GraphChain,
        radii: Float[np.ndarray, "I H K"],
        sizes: Float[np.ndarray, "S K"],
        minimum: float,
    ) -> None:
        super().__init__()
        self.chain, self.minimum = chain, minimum
        self.register_buffer("radii", torch.from_numpy(radii))
        self.register_buffer("sizes", torch.from_numpy(sizes))

    def around(self, point: Float[Tensor, "B H K"], series: Numbers) -> Float[Tensor, "B H K Q"]:
        """Lower ends, the forecast, upper ends."""
        center = self.chain.transform(point, series)
        reach = self.radii * self.sizes[series][:, None, None]  # (B, I, H, K)
        reach = reach.movedim(1, -1)  # as if they were quantiles
        ends = torch.cat([center[..., None] - reach, center[..., None] + reach], dim=-1)
        ends = self.chain.invert(ends, point, series)
        lower, upper = ends.chunk(2, dim=-1)
        below, above = [point], [point]
        for number in range(lower.shape[-1]):  # no end may cross the next one within
            below.append(torch.minimum(below[-1], lower[..., number]))
            above.append(torch.maximum(above[-1], upper[..., number]))
        values = torch.stack([*below[:0:-1], *above], dim=-1)
        return values.clamp(min=self.minimum)


def intervals_of(trained: TrainedModel) -> GraphIntervals | None:
    """Those that a model gives unasked; None: it gives none, or they are its quantiles."""
    known, quantiles = trained.calibration, trained.quantiles()
    if known is None or len(trained.trained_quantiles) > 1 or len(quantiles) == 1:
        return None
    levels = [100 * (1 - 2 * each) for each in quantiles[: len(quantiles) // 2]][::-1]
    options = trained.pipeline.chain.options
    count = len([*itertools.takewhile(lambda option: option.key() in POINTWISE, options)])
    return GraphIntervals(
        GraphChain(trained.pipeline.chain, count),
        known.at(np.round(levels, 9).tolist()).astype(np.float64),
        known.sizes,
        lowest(trained.config),
    )
