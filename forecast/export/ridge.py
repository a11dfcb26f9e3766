"""Ridge regression beside a network, within a graph."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecast.forecasting.trained import TrainedModel
from forecast.partners.combination import Combination


class GraphRidge(nn.Module):
    """The one partner that is a map learned beforehand; see `Ridge` and `Combination`.

    Args:
        combination: of the partners that count: the network and the map.
        season: rows.
    """

    weights: Tensor

    def __init__(self, combination: Combination, season: int) -> None:
        super().__init__()
        assert combination.ridge is not None
        assert len(combination.methods) == 2
        self.shares = (0.5, 0.5) if combination.is_median else combination.weights
        self.season, self.minimum = season, combination.minimum
        self.register_buffer("weights", torch.from_numpy(combination.ridge.weights).double())

    def shifted(
        self, values: Float[Tensor, "B H K Q"], rows: Float[Tensor, "B R K"]
    ) -> Float[Tensor, "B H K Q"]:
        """Forecasts moved so that the middle one is that of the combination.

        Args:
            values: of the network, in the user's units.
            rows: the whole history, filled.
        """
        lags, horizon = self.weights.shape
        first = rows[:, :1].expand(-1, lags, -1)  # stands for what a history lacks
        seen = torch.cat([first, rows], dim=1)[:, -lags:]
        last = seen[:, -1:]
        ahead = torch.einsum("blk,lh->bhk", seen - last, self.weights) + last
        ahead = torch.where(ahead.isnan(), self._seasonal_naive(rows, horizon), ahead)
        point = values[..., values.shape[-1] // 2]
        own, other = self.shares
        combined = own * point + other * ahead.clamp(min=self.minimum)
        if values.shape[-1] == 1:
            return combined[..., None]
        return (values + (combined - point)[..., None]).clamp(min=self.minimum)

    def _seasonal_naive(self, rows: Float[Tensor, "B R K"], horizon: int) -> Float[Tensor, "B H K"]:
        """The value one season earlier, or the last one; see `seasonal_naive`."""
        last = rows[:, -1:]
        steps = torch.arange(horizon)
        back = self.season * (torch.div(steps, self.season, rounding_mode="trunc") + 1) - steps
        padded = torch.cat([torch.full_like(last, torch.nan).expand(-1, self.season, -1), rows], 1)
        found = padded[:, -self.season :][:, self.season - back]
        return torch.where(found.isnan(), last, found)


def ridge_of(trained: TrainedModel) -> GraphRidge | None:
    """The map of a model; None: it counts nothing, or is not there."""
    if trained.combination is None or len(trained.combination.counting.methods) == 1:
        return None
    return GraphRidge(trained.combination.counting, int(trained.config.data.season))
