"""The graph: the whole way from raw rows to forecasts and intervals, both in the user's units."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from forecast.data.moments import ROUNDING
from forecast.export.chain import GraphChain, Numbers
from forecast.export.counts import GraphCounts
from forecast.export.covariates import encoded
from forecast.export.intervals import intervals_of
from forecast.export.partners import combination_of, median_of
from forecast.export.pretrained import features_of, quantiles_of
from forecast.export.projection import without_projections
from forecast.export.window import GraphWindow
from forecast.forecasting.trained import TrainedModel
from forecast.pretrained.forecaster import PretrainedForecaster


class ForecastGraph(nn.Module):
    """What `TrainedModel.forecast` does for the trained horizon, in torch alone.

    Values are double, and single in the network, as everywhere. What `forecast` refuses is NaN.

    Args:
        trained: the model.
    """

    constants: Tensor
    """Value of each series and target that was the same in training; else NaN."""

    def __init__(self, trained: TrainedModel) -> None:
        super().__init__()
        pipeline = trained.pipeline
        self.networks = nn.ModuleList(without_projections(each) for each in trained.models)
        self.horizon = trained.config.window.horizon
        self.chain = GraphChain(pipeline.chain)
        self.window = GraphWindow(trained, self.chain)
        self.static = pipeline.covariates.static
        self.num_series = len(pipeline.ids)
        self.register_buffer("constants", torch.from_numpy(pipeline.constants))
        self.minimum = pipeline.minimum
        self.counts = GraphCounts(pipeline.distribution) if pipeline.distribution else None
        self.are_whole = pipeline.distribution is not None and pipeline.distribution.whole_numbers
        self.is_label = pipeline.labels is not None
        self.takes_mean = trained.config.training.combine == "mean"
        self.features = features_of(trained)
        self.pretrained = [
            (each, self.features.shares_of(each))
            for each in self.networks
            if self.features is not None and isinstance(each, PretrainedForecaster)
        ]
        self.combination = combination_of(trained)
        self.intervals = intervals_of(trained)

    def forward(
        self,
        history: Float[Tensor, "B R C"],
        history_time: Int[Tensor, "B R"] | None = None,
        future: Float[Tensor, "B H F"] | None = None,
        future_time: Int[Tensor, "B H"] | None = None,
        static: Float[Tensor, "B D"] | None = None,
        series: Int[Tensor, " B"] | None = None,
    ) -> tuple[Tensor, ...]:
        """Forecast the horizon after the last rows; what the model does not read is None.

        Args:
            history: targets, past and future-known covariates, NaN where missing.
            history_time: seconds since 1970 of each row on the wall clock of the axis.
            future: future-known covariates over the horizon.
            future_time: its times, as many as `times_ahead` says.
            static: static covariates.
            series: number of each window's series in training; NaN comes of any other.

        Returns:
            Forecasts (B, H, K); and with intervals all quantiles (B, H, K, Q), rising. Of labels
            the numbers of their classes, and the probability of each class.
        """
        number = torch.zeros_like(history[:, 0, 0]).long() if series is None else series
        is_known = (number >= 0) & (number < self.num_series)
        number = torch.where(is_known, number, 0)
        whole = self.window.filled(history)
        rows = self.window.last(whole)
        dated = self.window.dated(history_time, future_time)
        inputs, ahead = self.window.read(rows, number, future, dated)
        nothing = torch.zeros_like(inputs[:, :1, :0])  # (B, 1, 0)
        ahead = ahead or [nothing.expand(-1, self.horizon, -1)]
        told = [nothing[:, 0]] if static is None else encoded(self.static, static)
        read = (inputs, torch.cat(ahead, dim=2), torch.cat(told, dim=1))
        is_whole = is_known
        for each in read:
            if each.shape[-1]:
                axes = tuple(range(1, each.dim()))
                is_whole = is_whole & ~each.isnan().any(dim=axes)

        members = self._members(read, rows, number)
        if self.is_label:
            return self._probable(torch.stack(members), is_whole)
        if self.counts is not None:
            members = [self.counts(self._combined(members).double())]
            is_whole = is_whole & self._are_counts(history)
        targets = rows[..., : self.window.num_targets]
        values = self._combined([self._inverted(each, targets, number) for each in members])
        if self.combination is not None:
            values = self.combination.shifted(values, whole[..., : self.window.num_targets])
        if self.intervals is not None:
            values = self.intervals.around(values[..., 0], number)
        values = torch.where(is_whole[:, None, None, None], values, torch.nan)
        middle = values[..., values.shape[-1] // 2]
        return (middle,) if values.shape[-1] == 1 else (middle, values)

    def _members(
        self, read: tuple[Tensor, ...], rows: Float[Tensor, "B P C"], series: Numbers
    ) -> list[Float[Tensor, "B H K Q"]]:
        """The forecast of each network, on the model's scale."""
        if self.features is None:
            return [net(*(each.float() for each in read)) for net in self.networks]
        told, targets = self.features(self.window.histories(rows, series)), self.window.num_targets
        return [quantiles_of(each, shares, told, targets) for each, shares in self.pretrained]

    def _combined(self, members: list[Tensor]) -> Tensor:
        """One forecast of the members of an ensemble."""
        stacked = torch.stack(members)
        return stacked.mean(dim=0) if self.takes_mean else median_of(stacked)

    def _are_counts(self, history: Float[Tensor, "B R C"]) -> Bool[Tensor, " B"]:
        """Whether no known target is negative, or a part of a whole number that is counted."""
        targets = history[..., : self.window.num_targets]
        is_wrong = targets < 0
        if self.are_whole:
            is_wrong = is_wrong | (targets > targets.floor())
        return ~is_wrong.any(dim=2).any(dim=1)

    def _probable(
        self, members: Float[Tensor, "M B H K Q"], is_whole: Bool[Tensor, " B"]
    ) -> tuple[Tensor, ...]:
        """Numbers of the most probable classes, and the probability of each class."""
        values = members.double().softmax(dim=-1).mean(dim=0)
        values = torch.where(is_whole[:, None, None, None], values, torch.nan)
        likeliest = torch.where(is_whole[:, None, None], values.argmax(dim=-1).double(), torch.nan)
        return likeliest, values

    def _inverted(
        self, forecast: Float[Tensor, "B H K Q"], rows: Float[Tensor, "B P K"], series: Numbers
    ) -> Float[Tensor, "B H K Q"]:
        """What `Pipeline.invert` does: what was the same as long as it is known, stays so."""
        forecast = self.chain.invert(forecast.double(), rows, series)
        forecast = forecast.clamp(min=self.minimum)
        known = self.constants[series][:, None]  # (B, 1, K)
        has_changed = ((rows - known).abs() > ROUNDING * known.abs()).any(dim=1, keepdim=True)
        lasts = ~known.isnan() & ~has_changed
        return torch.where(lasts[..., None], known[..., None], forecast)
