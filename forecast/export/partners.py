"""Partners beside a network, within a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecast.export.pretrained import GraphFeatures, quantiles_of
from forecast.export.recorded import Recorded
from forecast.export.window import before_first
from forecast.forecasting.trained import TrainedModel
from forecast.partners.combination import Combination
from forecast.partners.ets import ETS
from forecast.partners.histories import Method, forecast_rows, rows_read
from forecast.partners.pretrained import rows_read as rows_of_pretrained
from forecast.partners.theta import THETA
from forecast.partners.weights import PRETRAINED, RIDGE
from forecast.pretrained.network import MEDIAN
from forecast.pretrained.season import longer_season
from forecast.pretrained.weights import pretrained_forecaster

METHODS: Mapping[str, Method] = {"theta": THETA, "ets": ETS}


class GraphPartner(nn.Module):
    """What one partner forecasts of the last rows; NaN where it has too few."""

    def forward(self, rows: Float[Tensor, "B R K"]) -> Float[Tensor, "B H K"]:
        """Each target alone.

        Args:
            rows: the whole history, filled; NaN before its first known row.
        """
        raise NotImplementedError


class GraphSmoothing(GraphPartner):
    """A method that is fitted to the history at hand, recorded from its formulas in NumPy."""

    def __init__(self, name: str, season: int, horizon: int) -> None:
        super().__init__()
        self.rows, method = rows_read(season), METHODS[name]
        self.recorded = Recorded(
            name, lambda values: (forecast_rows(method, values, season, horizon),), self.rows
        )

    def forward(self, rows: Float[Tensor, "B R K"]) -> Float[Tensor, "B H K"]:
        """See `GraphPartner`."""
        last = before_first(rows, self.rows, torch.nan)
        (found,) = self.recorded(last.transpose(1, 2).flatten(0, 1))
        ahead: Tensor = found.unflatten(0, (-1, rows.shape[2])).transpose(1, 2)
        return ahead


class GraphPretrained(GraphPartner):
    """The pretrained network as it comes."""

    def __init__(self, season: int, horizon: int) -> None:
        super().__init__()
        self.rows = rows_of_pretrained(season)
        self.features = GraphFeatures(season, longer_season(season), self.rows, horizon)
        self.network = pretrained_forecaster(season)
        self.shares = self.features.shares_of(self.network)

    def forward(self, rows: Float[Tensor, "B R K"]) -> Float[Tensor, "B H K"]:
        """See `GraphPartner`."""
        told = self.features(before_first(rows, self.rows, torch.nan))
        return quantiles_of(self.network, self.shares, told, rows.shape[2])[..., MEDIAN]


class GraphRidge(GraphPartner):
    """The one partner that is a map learned beforehand; see `Ridge`."""

    weights: Tensor

    def __init__(self, weights: Float[Tensor, "L H"]) -> None:
        super().__init__()
        self.register_buffer("weights", weights.double())

    def forward(self, rows: Float[Tensor, "B R K"]) -> Float[Tensor, "B H K"]:
        """See `GraphPartner`."""
        lags = self.weights.shape[0]
        first = rows[:, :1].expand(-1, lags, -1)  # stands for what a history lacks
        seen = torch.cat([first, rows], dim=1)[:, -lags:]
        last = seen[:, -1:]
        return torch.einsum("blk,lh->bhk", seen - last, self.weights) + last


GRAPH_PARTNERS: Mapping[str, Callable[[Combination, int, int], GraphPartner]] = {
    "theta": lambda _, season, horizon: GraphSmoothing("theta", season, horizon),
    "ets": lambda _, season, horizon: GraphSmoothing("ets", season, horizon),
    PRETRAINED: lambda _, season, horizon: GraphPretrained(season, horizon),
    RIDGE: lambda made, *_: GraphRidge(torch.from_numpy(made.ridge.weights)),
}
"""Name of a partner: from the combination, season and horizon to what a graph holds."""


class GraphCombination(nn.Module):
    """The network and its partners; see `Combination`.

    Args:
        combination: of what counts.
        season: rows.
        horizon: steps.
    """

    weights: Tensor

    def __init__(self, combination: Combination, season: int, horizon: int) -> None:
        super().__init__()
        names = combination.methods[1:]
        self.partners = nn.ModuleList(
            GRAPH_PARTNERS[each](combination, season, horizon) for each in names
        )
        self.is_median = combination.is_median
        self.register_buffer("weights", torch.tensor(combination.weights).double())
        self.distribution = combination.distribution
        self.season, self.horizon, self.minimum = season, horizon, combination.minimum

    def shifted(
        self, values: Float[Tensor, "B H K Q"], rows: Float[Tensor, "B R K"]
    ) -> Float[Tensor, "B H K Q"]:
        """Forecasts moved so that the middle one is that of the combination.

        Args:
            values: of the network, in the user's units.
            rows: the whole history, filled.
        """
        point, naive = values[..., values.shape[-1] // 2], self._seasonal_naive(rows)
        each = [partner(rows) for partner in self.partners]
        each = [torch.where(ahead.isnan(), naive, ahead).clamp(min=self.minimum) for ahead in each]
        combined = self._combined(torch.stack([point, *each]))
        if values.shape[-1] == 1:
            return combined[..., None]
        return self._moved(values, point, combined).clamp(min=self.minimum)

    def _moved(
        self,
        values: Float[Tensor, "B H K Q"],
        point: Float[Tensor, "B H K"],
        combined: Float[Tensor, "B H K"],
    ) -> Float[Tensor, "B H K Q"]:
        """Forecasts about another middle; see `moved` of `Combination`."""
        if self.distribution is None:
            return values + (combined - point)[..., None]
        moved = values * (combined / torch.where(point > 0, point, 1.0))[..., None]
        moved = moved.round() if self.distribution.whole_numbers else moved
        middle = values.shape[-1] // 2
        return torch.cat(
            [moved[..., :middle], combined[..., None], moved[..., middle + 1 :]], dim=-1
        )

    def _combined(self, forecasts: Float[Tensor, "M B H K"]) -> Float[Tensor, "B H K"]:
        if self.is_median:
            return median_of(forecasts)
        return torch.einsum("mbhk,km->bhk", forecasts, self.weights)

    def _seasonal_naive(self, rows: Float[Tensor, "B R K"]) -> Float[Tensor, "B H K"]:
        """The value one season earlier, or the last one; see `seasonal_naive`."""
        last = rows[:, -1:]
        steps = torch.arange(self.horizon)
        back = self.season * (torch.div(steps, self.season, rounding_mode="trunc") + 1) - steps
        padded = torch.cat([torch.full_like(last, torch.nan).expand(-1, self.season, -1), rows], 1)
        found = padded[:, -self.season :][:, self.season - back]
        return torch.where(found.isnan(), last, found)


def median_of(members: Tensor) -> Tensor:
    """As NumPy has it: of an even number the mean of the two in the middle."""
    count = members.shape[0]
    if count == 1:
        return members[0]
    middle: Tensor = members.sort(dim=0).values[(count - 1) // 2 : count // 2 + 1]
    return middle.mean(dim=0)


def combination_of(trained: TrainedModel) -> GraphCombination | None:
    """That of a model; None: the network alone counts."""
    if trained.combination is None or len(trained.combination.counting.methods) == 1:
        return None
    config = trained.config
    return GraphCombination(
        trained.combination.counting, int(config.data.season), config.window.horizon
    )
