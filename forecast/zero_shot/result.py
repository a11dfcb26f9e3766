"""What `forecast quick` finds: the forecast, and what it is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from forecast.data.panel import Panel

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class QuickForecast:
    """A forecast without a training, and how its methods did on the table's own rows."""

    forecast: pd.DataFrame
    """Columns id (if the table has one), time, target, forecast, lo-80, hi-80, ..."""
    scores: Mapping[str, Mapping[str, float]]
    """Method -> metric -> value over all windows that were held out; empty without any."""
    weights: Mapping[str, float]
    """What each method counts in the combination."""
    verdict: str
    """The combination beside the best other method, whichever way it falls."""
    windows: int
    """On which all of that rests."""
    season: int
    """Rows."""
    quantiles: tuple[float, ...]
    """Of `values`: the ends of the intervals, and 0.5 for the forecast."""
    panel: Panel = field(repr=False)
    """The table."""
    values: Float[np.ndarray, "S H K Q"] = field(repr=False)
    """In the user's units; the forecast is in the middle."""

    def facts(self) -> dict[str, Any]:
        """All but the tables, for JSON."""
        names = ("verdict", "windows", "season", "weights", "scores")
        return {name: getattr(self, name) for name in names}
