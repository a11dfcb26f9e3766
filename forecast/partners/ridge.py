"""Ridge regression as a partner: one map from the last rows to the horizon, for all series."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int

from forecast.data.windows import Windows
from forecast.evaluation.baselines import Forecast, History, seasonal_naive
from forecast.evaluation.linear import MOST_LOOKBACK, fit_linear

SEASONS = 2
"""So many are read; of rows without a season, so many horizons."""
MOST_OF_SEASONS = 256
"""Rows of seasons at most."""
WEEKS = {24: 168, 48: 336, 96: 672}
"""Rows of a week, where a season is a day: twice of them are read, for days of a week differ."""
MOST_LAGS = MOST_LOOKBACK
ENOUGH = 1_000
"""Windows from which on it is asked without having been named."""
MOST_WINDOWS = 20_000
"""Windows and targets that are read of a table that no model is trained on."""


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


def has_weeks(history: History, horizon: int) -> bool:
    """Whether rows are parts of a day, and half of the rows hold windows enough to learn weeks."""
    rows = np.diff(history.offsets) // 2 - _lags(history, horizon) - horizon
    return history.season in WEEKS and int(np.maximum(rows, 0).sum()) >= ENOUGH


def ridge_until(
    history: History, ends: Int[np.ndarray, " S"], scale: Float[np.ndarray, "S K"], horizon: int
) -> Ridge:
    """Fit it to all windows within the rows up to some; without any it is the naive forecast.

    Args:
        history: all rows, in the user's units.
        ends: last row of each series that is read; one before its first row reads none.
        scale: as for `fitted_ridge`.
        horizon: steps.
    """
    lags, begins = _lags(history, horizon), history.offsets[:-1]
    after = np.maximum(ends + 2 - lags - horizon, begins)  # where windows begin no more
    starts = np.concatenate([np.arange(*each) for each in zip(begins, after, strict=True)])
    most = max(MOST_WINDOWS // history.values.shape[1], 1)
    if len(starts) > most:  # at random: evenly spaced ones might all begin at the same hour
        starts = np.sort(np.random.default_rng(0).choice(starts, most, replace=False))
    nothing = torch.zeros(0, history.values.shape[1])  # values are those of the history
    windows = Windows(
        inputs=nothing,
        targets=nothing,
        static=torch.zeros(len(begins), 0),
        first_rows=torch.from_numpy(np.array(begins)),
        starts=torch.from_numpy(starts),
        lookback=lags,
        horizon=horizon,
        num_future=0,
    )
    return fitted_ridge(history, windows, scale)


def _lags(history: History, horizon: int) -> int:
    """Two seasons (or weeks), no more than leaves half of a usual series to learn from."""
    season = history.season
    seasons = max(SEASONS * (season if season > 1 else horizon), horizon)
    usual = SEASONS * WEEKS[season] if season in WEEKS else min(seasons, MOST_OF_SEASONS)
    most = (int(np.median(np.diff(history.offsets))) - horizon) // 2
    return max(1, min(usual, most, MOST_LAGS))
