"""Ridge regression from lookback to horizon on the model's windows: the LSTM's honest opponent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from forecast.data.windows import Windows

PENALTIES = np.logspace(-4, 2, 13)
"""What is tried, in units of the mean eigenvalue of the normal equations."""
MOST_LOOKBACK = 1024
"""Last rows of the lookback that are read: solving costs the third power of their number."""
MOST_ROWS = 200_000
"""Windows and targets of a part that are read; of more an evenly spaced part is."""
MOST_PRODUCTS = 5e10
"""Multiplications that may be spent on a part: about 3 s on one core."""
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class LinearModel:
    """One set of weights for all series, targets and windows; covariates are not seen."""

    weights: np.ndarray
    """(L, H) from the last rows, less the very last, to the steps, less the same."""
    penalty: float
    """Added to the diagonal of the normal equations."""

    def forecast(self, past: np.ndarray) -> np.ndarray:
        """(B, H, K) on the scale of the targets' past (B, L, K)."""
        last = past[:, -1:]
        seen = past[:, -len(self.weights) :] - last
        return np.asarray(np.einsum("blk,lh->bhk", seen, self.weights, optimize=True) + last)


@dataclass(frozen=True)
class Moments:
    """Sums of products over windows: all that ridge regression needs to know of them."""

    inputs: np.ndarray
    """(L, L)."""
    crossed: np.ndarray
    """(L, H) inputs with targets."""
    targets: float
    """Sum of squares."""
    rows: int

    def squared_error(self, weights: np.ndarray) -> float:
        """Sum over windows and steps, were these weights used."""
        explained = 2 * self.crossed - self.inputs @ weights
        return max(self.targets - float((weights * explained).sum()), 0.0)


def fit_linear(training: Windows, validation: Windows) -> LinearModel:
    """Weights in closed form; the penalty with the least squared error on the validation windows.

    Without validation windows the penalty is chosen by generalised cross-validation on the training
    windows (Golub, Heath and Wahba, 1979). A window and target with a masked value is left out.
    Every window's last value is subtracted, so that there is no intercept. At most `MOST_ROWS`
    windows and targets of a part are read, fewer if `MOST_PRODUCTS` are reached before.
    """
    seen, held_out = moments(training), moments(validation)
    sizes, directions = np.linalg.eigh(seen.inputs)
    sizes = np.maximum(sizes, 0.0)
    rotated = directions.T @ seen.crossed
    found: list[tuple[float, LinearModel]] = []
    for penalty in PENALTIES * (sizes.mean() or 1.0):
        weights = directions @ (rotated / (sizes + penalty)[:, None])
        if held_out.rows:
            error = held_out.squared_error(weights)
        else:
            left = max(seen.rows - float((sizes / (sizes + penalty)).sum()), 1e-9)
            error = seen.squared_error(weights) / left**2
        found.append((error, LinearModel(weights, float(penalty))))
    return min(found, key=lambda pair: pair[0])[1]


def moments(windows: Windows) -> Moments:
    """Sums over windows and targets, batch by batch in float64."""
    lookback, horizon = min(windows.lookback, MOST_LOOKBACK), windows.horizon
    inputs, crossed = np.zeros((lookback, lookback)), np.zeros((lookback, horizon))
    targets, rows = 0.0, 0
    for past, ahead in _pairs(windows, lookback):
        inputs += past.T @ past
        crossed += past.T @ ahead
        targets += float(np.square(ahead).sum())
        rows += len(past)
    return Moments(inputs, crossed, targets, rows)


def _evenly_spaced(windows: Windows) -> torch.Tensor:
    """Numbers of the windows that are read."""
    lookback = min(windows.lookback, MOST_LOOKBACK)
    rows = min(MOST_ROWS, MOST_PRODUCTS / (lookback * (lookback + windows.horizon)))
    most = max(int(rows / windows.targets.shape[1]), 1)
    count = min(len(windows), most)
    return torch.arange(count) * len(windows) // max(count, 1)


def _pairs(windows: Windows, lookback: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Past (R, L) and future (R, H) of windows and targets, less the last value of the past."""
    num_targets = windows.targets.shape[1]
    for index in _evenly_spaced(windows).split(max(ROWS_AT_ONCE // num_targets, 1)):
        batch = windows.gather(index)
        past = _by_target(batch.past[:, -lookback:, :num_targets])
        ahead = _by_target(batch.target)
        known = ~(np.isnan(past).any(axis=1) | np.isnan(ahead).any(axis=1))
        last = past[known, -1:]
        yield past[known] - last, ahead[known] - last


def _by_target(values: torch.Tensor) -> np.ndarray:
    """(B * K, T) out of (B, T, K), in float64."""
    return values.double().transpose(1, 2).flatten(0, 1).numpy()
