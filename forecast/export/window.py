"""From raw rows to what a network reads, within a graph."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from forecast.export.chain import GraphChain, Numbers
from forecast.export.covariates import calendar_waves, encoded
from forecast.export.days import GraphCountedDays, GraphDays
from forecast.export.filling import filled, from_first_usable, nothing_before_usable
from forecast.forecasting.trained import TrainedModel


class GraphWindow(nn.Module):
    """The last rows of a history, filled, transformed and encoded.

    Args:
        trained: the model.
        chain: transforms of its targets.
    """

    is_category: Tensor

    def __init__(self, trained: TrainedModel, chain: GraphChain) -> None:
        super().__init__()
        pipeline, window = trained.pipeline, trained.config.widest
        self.covariates, self.chain = pipeline.covariates, chain
        self.missing, self.num_targets = pipeline.missing, len(pipeline.targets)
        self.reach, self.rows_needed = window.reach, trained.rows_needed
        self.is_padded = window.least_history is not None
        days, axis = self.covariates.days, trained.tail.axis
        self.steps = self.reach + trained.config.window.horizon
        self.days: nn.Module | None = None
        if days:
            self.days = GraphCountedDays(days) if axis.ticks else GraphDays(axis, days)
        columns = (*self.covariates.past, *self.covariates.future)
        categorical = [False] * self.num_targets
        categorical += [each.option.is_categorical for each in columns]
        self.register_buffer("is_category", torch.tensor(categorical))  # (C,)

    def filled(self, history: Float[Tensor, "B R C"]) -> Float[Tensor, "B R C"]:
        """Missing numbers filled as configured; an empty category stays empty."""
        if self.missing == "error":
            return history
        values = filled(history, has_lines=self.missing == "interpolate")
        return torch.where(self.is_category, history, values)

    def last(self, rows: Float[Tensor, "B R C"]) -> Float[Tensor, "B P C"]:
        """The rows that are needed, NaN before those that there are."""
        return before_first(rows, self.rows_needed, torch.nan)

    def read(
        self,
        rows: Float[Tensor, "B P C"],
        series: Numbers,
        future: Float[Tensor, "B H F"] | None,
        dated: Float[Tensor, "B T W"] | None,
    ) -> tuple[Float[Tensor, "B L I"], list[Float[Tensor, "B H columns"]]]:
        """What the network reads of the lookback and of the horizon; NaN where it is unknown.

        Args:
            rows: those that are needed.
            series: number of each window's series.
            future: covariates that are known ahead.
            dated: what `dated` gives of the times.
        """
        targets = self.chain.transform(rows[..., : self.num_targets], series)[:, -self.reach :]
        fitted = (*self.covariates.past, *self.covariates.future)
        others = rows[:, -self.reach :, self.num_targets :]
        past = [targets, *encoded(fitted, others)]
        ahead = [] if future is None else encoded(self.covariates.future, future)
        if dated is not None:
            past.append(dated[:, : self.reach])
            ahead.append(dated[:, self.reach :])
        inputs = torch.cat(past, dim=2)
        return from_first_usable(inputs) if self.is_padded else inputs, ahead

    def histories(self, rows: Float[Tensor, "B P C"], series: Numbers) -> Float[Tensor, "B L K"]:
        """Targets in double precision, NaN before a series begins, for networks that read these."""
        values = self.chain.transform(rows[..., : self.num_targets], series)[:, -self.reach :]
        return nothing_before_usable(values) if self.is_padded else values

    def dated(
        self, past: Int[Tensor, "B R"] | None, ahead: Int[Tensor, "B H"] | None
    ) -> Float[Tensor, "B T W"] | None:
        """Waves of the calendar and special days of the lookback and the horizon; None: the model
        reads none."""
        if past is None or ahead is None:
            return None
        seconds = torch.cat([before_first(past, self.reach, 0), ahead], dim=1)
        names, found = self.covariates.calendar, []
        if names:
            found.append(calendar_waves(seconds[:, : self.steps], names))
        if self.days is not None:
            found.append(self.days(seconds))
        return torch.cat(found, dim=2)


def before_first(values: Tensor, count: int, filler: int | float) -> Tensor:
    """The last rows, and a filler in place of those that are not there."""
    shape = (values.shape[0], count, *values.shape[2:])
    return torch.cat([values.new_full(shape, filler), values], dim=1)[:, -count:]
