"""Special days within a graph: a table of the days that a model knows, looked up by number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from forecast.data.special_days import SpecialDays, is_within_a_day, shares_by_day
from forecast.data.times import TimeAxis
from forecast.export.covariates import Dates


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
