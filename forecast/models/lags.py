"""Lags of a longer season: the targets a fixed number of rows before each step, as inputs.

They are laid beside the lookback and the horizon as covariates that are known ahead, so that every
head reads them as it reads those: `direct` all at once, `parallel` and `recursive` segment by
segment. A step that is further ahead than the lag is long has no such value yet: it is told the
value of one lag more, or of as many as it takes, which is known at the origin. So a lag of a day
says for the second day what the last known day was, and nothing ever looks into the future.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def lagged(
    values: Float[Tensor, "R T J"], lookback: int, horizon: int, lags: Sequence[int]
) -> tuple[Float[Tensor, "R L J_lags"], Float[Tensor, "R H J_lags"]]:
    """The targets some rows before each step of the lookback, and of the horizon.

    Args:
        values: up to the origin, with as many rows before the lookback as the longest lag.
        lookback, horizon: steps.
        lags: in rows, one at least.
    """
    first, ahead = values.shape[1] - lookback, []
    past = [values[:, first - lag : first - lag + lookback] for lag in lags]
    for lag in lags:  # the last known stretch of its length, again and again
        ahead.append(values[:, -lag:].repeat(1, -(-horizon // lag), 1)[:, :horizon])
    return torch.cat(past, dim=2), torch.cat(ahead, dim=2)
