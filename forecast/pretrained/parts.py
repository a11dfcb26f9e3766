"""The parts of a history that the network forecasts from: what is old may mislead.

A forecast from the later half, or from the last seasons alone, errs otherwise than one from the
whole history, and a mean of the three errs less wherever there is a season
(benchmarks/RESULTS.md, "Parts of a history").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from forecast.pretrained.season import column
from forecast.pretrained.smoothing import first_known

WHOLE = (1.0,)
SHARES = (0.5, 0.25, 0.25)
"""What the whole history, its later half and its last rows count."""
SEASONS = 5
"""That the last rows hold, or so many horizons where these are longer."""
LEAST_KNOWN = 6
"""Values of a part; where it has fewer, the whole history stands for it."""


def shares_of(season: int) -> Sequence[float]:
    """What each part counts: without a season, rows are too few to leave some out.

    Args:
        season: rows; 1: none.
    """
    return SHARES if season > 1 else WHOLE


def parts(
    values: Float[np.ndarray, "B L"], shares: Sequence[float], season: int, horizon: int
) -> Float[np.ndarray, "N L"]:
    """The parts of all histories, one part after the other.

    Args:
        values: NaN before a history begins, and where a value is missing.
        shares: `SHARES`, or `WHOLE` for the histories alone.
        season: rows.
        horizon: steps.
    """
    if len(shares) == 1:
        return values
    length = values.shape[1]
    age = np.arange(length)[::-1]
    counts = length - first_known(values)
    later = _only(values, 2 * age < column(counts))
    recent = _only(values, (age < SEASONS * max(season, horizon))[None])
    return np.concatenate([values, later, recent])


def _only(
    values: Float[np.ndarray, "B L"], kept: Bool[np.ndarray, "#B L"]
) -> Float[np.ndarray, "B L"]:
    """Some rows, NaN before them; the whole history where too few of their values are known."""
    part = np.where(kept, values, np.nan)
    enough = column((~np.isnan(part)).sum(axis=1) >= LEAST_KNOWN)
    found: Float[np.ndarray, "B L"] = np.where(enough, part, values)
    return found


def averaged(quantiles: Float[Tensor, "N H Q"], shares: Sequence[float]) -> Float[Tensor, "B H Q"]:
    """One forecast of those of the parts.

    Args:
        quantiles: of each history, in the order of `parts`.
        shares: of each part.
    """
    each = quantiles.unflatten(0, (len(shares), -1)).unbind()
    total: Tensor = each[0] * shares[0]
    for part, share in zip(each[1:], shares[1:], strict=True):
        total = total + part * share
    return total
