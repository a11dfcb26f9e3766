"""The pretrained network within a graph: its features are recorded, its weights are torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from forecast.export.recorded import Recorded
from forecast.forecasting.trained import TrainedModel
from forecast.pretrained.forecaster import PretrainedForecaster, inputs_of
from forecast.pretrained.network import MEDIAN
from forecast.pretrained.parts import WHOLE, averaged, parts, shares_of


class GraphFeatures(nn.Module):
    """What `inputs_of` makes of the parts of histories, for all networks that read them.

    Args:
        season: rows; 1: none.
        long_season: rows of a longer one; 0: none.
        rows: of each history.
        horizon: steps.
        is_whole: whether none of the networks reads parts of the histories.
    """

    def __init__(
        self, season: int, long_season: int, rows: int, horizon: int, is_whole: bool = False
    ) -> None:
        super().__init__()
        self.shares = WHOLE if is_whole else shares_of(season)

        def read(values: Float[np.ndarray, "B L"]) -> tuple[np.ndarray, ...]:
            asked = parts(values, self.shares, season, horizon)
            return inputs_of(asked, season, horizon, long_season)

        self.recorded = Recorded(f"features_{rows}_{len(self.shares)}", read, rows)

    def shares_of(self, model: PretrainedForecaster) -> Sequence[float]:
        """What each part of a history counts for one of the networks.

        To be asked before a graph is traced, for it depends on a value of the model.
        """
        return (*model.shares, *[0.0] * (len(self.shares) - len(model.shares)))

    def forward(self, rows: Float[Tensor, "B L K"]) -> tuple[Tensor, ...]:
        """Of each part of each target as a history of its own; targets vary fastest."""
        found: tuple[Tensor, ...] = self.recorded(rows.transpose(1, 2).flatten(0, 1))
        return found


def features_of(trained: TrainedModel) -> GraphFeatures | None:
    """For the networks of a model; None: they are none of this kind."""
    networks = [each for each in trained.models if isinstance(each, PretrainedForecaster)]
    if not networks:
        return None
    first, window = networks[0], trained.config.widest
    is_whole = all(bool(each.is_whole) for each in networks)
    return GraphFeatures(first.season, first.long_season, window.reach, window.horizon, is_whole)


def quantiles_of(
    model: PretrainedForecaster, shares: Sequence[float], told: tuple[Tensor, ...], targets: int
) -> Float[Tensor, "B H K Q"]:
    """What the network forecasts; see `PretrainedForecaster.forward`.

    Args:
        model: whose network it is.
        shares: of each part; see `GraphFeatures.shares_of`.
        told: its features, each with one history a part and target.
        targets: number of them.

    Returns:
        All quantiles; of a point model the median alone.
    """
    each = averaged(model.mixed(*told), shares)
    quantiles: Tensor = each.unflatten(0, (-1, targets)).transpose(1, 2)
    return quantiles[..., MEDIAN : MEDIAN + 1] if model.is_point else quantiles
