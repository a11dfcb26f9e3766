"""Ridge regression as a partner: one map from the last rows to the horizon, for all series."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int

from forecast.data.windows import Windows
from forecast.evaluation.baselines import Forecast, History, seasonal_naive
from forecast.evaluation.linear import fit_linear

MOST_LAGS = 256
SEASONS = 2
"""So many are read; of rows without a season, so many horizons."""
WEEK_OF_HOURS = {24: 168}


@dataclass(frozen=True)
class Ridge:
    """What was fitted: unlike other partners this one learns from the whole table, once."""

    weights: Float[np.ndarray, "L H"]
    """From the last rows to the steps, both less the very last value."""

    def __call__(self, history: History, origins: Int[np.ndarray, " B"], horizon: int) -> Forecast:
        """See `naive` of the baselines; beyond the fitted steps it goes on from its own forecast.

        Seasonal naive stands in where a value is unknown.
        """
        lags = len(self.weights)
        rows = origins[:, None] + np.arange(1 - lags, 1)
        path = history.values[np.maximum(rows, history.first_of(origins)[:, None])]  # (B, L, K)
        while path.shape[1] < lags + horizon:
            last = path[:, -1:]
            seen = path[:, -lags:] - last
            ahead = np.einsum("blk,lh->bhk", seen, self.weights, optimize=True) + last
            path = np.concatenate([path, ahead], axis=1)
        found = path[:, lags : lags + horizon]
        return np.where(np.isnan(found), seasonal_naive(history, origins, horizon), found)


def fitted_ridge(history: History, training: Windows, scale: Float[np.ndarray, "S K"]) -> Ridge:
    """Fit it to the training windows; their errors count in units of their series.

    Args:
        history: all rows, in the user's units.
        training: windows of the model; they may be longer or shorter than what is read here.
        scale: of each series and target; NaN: it does not count.
    """
    lags = _lags(history, training.horizon)
    series = np.repeat(np.arange(len(scale)), np.diff(history.offsets))
    values = torch.from_numpy(history.values / scale[series])
    windows = replace(
        training,
        inputs=values,
        targets=values,
        starts=training.starts + (training.lookback - lags),
        lookback=lags,
        num_future=0,
        static=torch.zeros(len(scale), 0),
        first_known=training.first_rows,
        weights=None,
        has_no_gaps=False,
    )
    nothing = windows.subset(torch.arange(0))  # weights of partners are chosen on validation
    return Ridge(fit_linear(windows, nothing).weights)


def _lags(history: History, horizon: int) -> int:
    """Two seasons (a week of hours), no more than leaves half of a usual series to learn from."""
    season = history.season
    usual = SEASONS * (season if season > 1 else horizon)
    most = (int(np.median(np.diff(history.offsets))) - horizon) // 2
    return max(1, min(max(WEEK_OF_HOURS.get(season, usual), horizon), most, MOST_LAGS))
