"""The pretrained network within a graph: its features are recorded, its weights are torch."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from forecast.export.recorded import Recorded
from forecast.forecasting.trained import TrainedModel
from forecast.pretrained.forecaster import PretrainedForecaster, inputs_of
from forecast.pretrained.network import MEDIAN
from forecast.pretrained.parts import averaged, parts, shares_of


class GraphFeatures(nn.Module):
    """What `inputs_of` makes of the parts of histories, for all networks that read them.

    Args:
        season: rows; 1: none.
        long_season: rows of a longer one; 0: none.
        rows: of each history.
        horizon: steps.
    """

    def __init__(self, season: int, long_season: int, rows: int, horizon: int) -> None:
        super().__init__()
        self.recorded = Recorded(
            f"features_{rows}",
            lambda values: inputs_of(parts(values, season, horizon), season, horizon, long_season),
            rows,
        )

    def forward(self, rows: Float[Tensor, "B L K"]) -> tuple[Tensor, ...]:
        """Of each part of each target as a history of its own; targets vary fastest."""
        found: tuple[Tensor, ...] = self.recorded(rows.transpose(1, 2).flatten(0, 1))
        return found


def features_of(trained: TrainedModel) -> GraphFeatures | None:
    """For the networks of a model; None: they are none of this kind."""
    first = trained.models[0]
    if not isinstance(first, PretrainedForecaster):
        return None
    window = trained.config.widest
    return GraphFeatures(first.season, first.long_season, window.reach, window.horizon)


def quantiles_of(
    model: PretrainedForecaster, told: tuple[Tensor, ...], targets: int
) -> Float[Tensor, "B H K Q"]:
    """What the network forecasts; see `PretrainedForecaster.forward`.

    Args:
        model: whose network it is.
        told: its features, each with one history a part and target.
        targets: number of them.

    Returns:
        All quantiles; of a point model the median alone.
    """
    each = averaged(model.mixed(*told), shares_of(model.season))
    quantiles: Tensor = each.unflatten(0, (-1, targets)).transpose(1, 2)
    return quantiles[..., MEDIAN : MEDIAN + 1] if model.is_point else quantiles
