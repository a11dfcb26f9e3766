"""The network that comes with the package, as it is, as a partner."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from forecast.evaluation.baselines import Forecast, History, seasonal_naive
from forecast.pretrained.season import longer_season, most_rows


def rows_read(season: int) -> int:
    """Most rows of a history that it reads."""
    return most_rows(season, longer_season(season))


def pretrained(history: History, origins: Int[np.ndarray, " B"], horizon: int) -> Forecast:
    """The medians of the pretrained network; see `naive` of the baselines for arguments and result.

    Seasonal naive stands in where nothing is known.
    """
    from forecast.pretrained.network import MEDIAN  # torch is slow to import
    from forecast.pretrained.zero_shot import zero_shot

    begins = history.first_of(origins)
    medians = zero_shot(history.values, begins, origins, history.season, horizon)[..., MEDIAN]
    return np.where(np.isnan(medians), seasonal_naive(history, origins, horizon), medians)
