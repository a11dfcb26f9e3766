"""Special days within a graph: tables of the days that a model knows, looked up by number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from forecast.data.special_days import SpecialDays, is_within_a_day, shares_by_day
from forecast.export.covariates import Dates
from forecast.forecasting.trained import TrainedModel
from forecast.times.axis import TimeAxis


class GraphDays(nn.Module):
    """The shares of special days that steps have, as `share_of_days` of the data.

    Days beyond those that are known count as ordinary ones. Of steps longer than a day those of
    the axis are known, from its origin on: a time on any other day is NaN.

    Args:
        axis: of dates.
        special: kinds of days.
    """

    codes: Tensor
    """Row of `rows` for each day, between one for all days before and one for all behind."""
    rows: Tensor

    def __init__(self, axis: TimeAxis, special: Sequence[SpecialDays]) -> None:
        super().__init__()
        days, shares = shares_by_day(axis, special)
        distinct, numbers = np.unique(shares, axis=0, return_inverse=True)
        ordinary, off_axis = len(distinct), len(distinct) + 1
        self.before_first = int(days[0]) - 1
        codes = np.full(int(days[-1]) - self.before_first + 2, off_axis, dtype=np.int64)
        codes[days - self.before_first] = numbers.reshape(-1)
        codes[0] = ordinary if is_within_a_day(axis) else off_axis
        codes[-1] = ordinary
        nothing = np.zeros((1, len(special)))
        rows = np.concatenate([distinct, nothing, nothing + np.nan])
        kind = np.uint8 if len(rows) <= np.iinfo(np.uint8).max else np.int32
        self.register_buffer("codes", torch.from_numpy(codes.astype(kind)))
        self.register_buffer("rows", torch.from_numpy(rows))

    def forward(self, seconds: Int[Tensor, "B T"]) -> Float[Tensor, "B T columns"]:
        """A column for each kind.

        Args:
            seconds: since 1970 on the wall clock of the axis.
        """
        place = Dates(seconds).days - self.before_first
        known: Tensor = self.rows[self.codes[place.clamp(0, len(self.codes) - 1)].long()]
        return known


class GraphCountedDays(nn.Module):
    """`GraphDays` of counted rows: a step lasts up to the next one, so there is a time more.

    Args:
        special: kinds of days.
    """

    before: Tensor
    """How many special days of each kind lie before each day, from the first one known on."""

    def __init__(self, special: Sequence[SpecialDays]) -> None:
        super().__init__()
        self.first = min(each.first for each in special)
        days = np.arange(self.first, max(each.last for each in special) + 2)
        before = np.stack([np.searchsorted(each.days, days) for each in special], axis=1)
        self.register_buffer("before", torch.from_numpy(before.astype(np.int32)))

    def forward(self, seconds: Int[Tensor, "B times"]) -> Float[Tensor, "B T columns"]:
        """A column for each kind.

        Args:
            seconds: since 1970 on the wall clock of the axis, with those of the step after.
        """
        days = Dates(seconds).days
        begins = days[:, :-1]
        ends = torch.maximum(days[:, 1:], begins + 1)
        held = self._before(ends) - self._before(begins)
        return held.double() / (ends - begins)[..., None]

    def _before(self, days: Int[Tensor, "B T"]) -> Int[Tensor, "B T columns"]:
        counts: Tensor = self.before[(days - self.first).clamp(0, len(self.before) - 1)]
        return counts


def times_ahead(trained: TrainedModel) -> int:
    """Times that a graph reads after the history: those of the horizon, of counted rows that have
    special days with the one after it."""
    covariates, axis = trained.pipeline.covariates, trained.tail.axis
    return trained.config.window.horizon + bool(covariates.days and axis.ticks)
