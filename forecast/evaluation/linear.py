"""Ridge regression from lookback to horizon on the model's windows: the LSTM's honest opponent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int

from forecast.data.panel import evenly_spaced
from forecast.data.windows import Windows

PENALTIES = np.logspace(-4, 2, 13)
"""Penalties to choose from, in units of the mean eigenvalue of the normal equations."""
MOST_LOOKBACK = 1024
"""Only so many last rows of the lookback are read: solving costs their number to the power of 3."""
MOST_ROWS = 200_000
"""Windows and targets of a part that are read; of more, an evenly spaced part."""
MOST_PRODUCTS = 5e10
"""Multiplications that may be spent on a part: about 3 s on one core."""
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class LinearModel:
    """One set of weights for all series, targets and windows; covariates are not seen."""

    weights: Float[np.ndarray, "L H"]
    """From the last rows to the steps, both less the very last value."""
    penalty: float
    """Added to the diagonal of the normal equations."""

    def forecast(self, past: Float[np.ndarray, "B L K"]) -> Float[np.ndarray, "B H K"]:
        """The steps after some lookbacks of the targets, on the same scale."""
        last = past[:, -1:]
        seen = past[:, -len(self.weights) :] - last
        return np.asarray(np.einsum("blk,lh->bhk", seen, self.weights, optimize=True) + last)


@dataclass(frozen=True)
class Moments:
    """Sums of products over windows: all that ridge regression needs to know of them."""

    inputs: Float[np.ndarray, "L L"]
    """Inputs with inputs."""
    crossed: Float[np.ndarray, "L H"]
    """Inputs with targets."""
    targets: float
    """Sum of squares of the targets."""
    rows: int
    """Windows times targets."""

    def squared_error(self, weights: Float[np.ndarray, "L H"]) -> float:
        """Sum of squared errors over windows and steps if these weights were used."""
        explained = 2 * self.crossed - self.inputs @ weights
        return max(self.targets - float((weights * explained).sum()), 0.0)


def fit_linear(training: Windows, validation: Windows) -> LinearModel:
    """Weights in closed form; the penalty with the least squared error on the validation windows.

    Without validation windows the penalty is chosen by generalised cross-validation on the training
    windows. A window and target with a masked value is left out. Every window's last value is
    subtracted, so that there is no intercept.

    Args:
        training: windows that the weights are fitted on.
        validation: windows that the penalty is chosen on; there may be none. At most `MOST_ROWS`
            windows and targets of either are read, fewer if they would cost `MOST_PRODUCTS`.

    Source: Golub, Heath and Wahba 1979, "Generalized cross-validation as a method for choosing a
    good ridge parameter".
    """
    seen, held_out = (moments(replace(each, nan_padding=False)) for each in (training, validation))
    # In the basis of the eigenvectors, ridge regression of any penalty is one division.
    sizes, directions = np.linalg.eigh(seen.inputs)  # (L,), (L, L)
    sizes = np.maximum(sizes, 0.0)
    rotated = directions.T @ seen.crossed
    found: list[tuple[float, LinearModel]] = []
    for penalty in PENALTIES * (sizes.mean() or 1.0):
        weights = directions @ (rotated / (sizes + penalty)[:, None])
        if held_out.rows:
            error = held_out.squared_error(weights)
        else:
            # Degrees of freedom that are left, out of as many as there are rows.
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


def _evenly_spaced(windows: Windows) -> Int[torch.Tensor, " B"]:
    """Numbers of the windows that are read."""
    lookback = min(windows.lookback, MOST_LOOKBACK)
    rows = min(MOST_ROWS, MOST_PRODUCTS / (lookback * (lookback + windows.horizon)))
    most = max(int(rows / windows.targets.shape[1]), 1)
    return torch.from_numpy(evenly_spaced(len(windows), most))


def _pairs(
    windows: Windows, lookback: int
) -> Iterator[tuple[Float[np.ndarray, "R L"], Float[np.ndarray, "R H"]]]:
    """Past and future of windows and targets, both less the last value of the past."""
    num_targets = windows.targets.shape[1]
    for index in _evenly_spaced(windows).split(max(ROWS_AT_ONCE // num_targets, 1)):
        batch = windows.gather(index)
        past = _by_target(batch.past[:, -lookback:, :num_targets])
        ahead = _by_target(batch.target)
        known = ~(np.isnan(past).any(axis=1) | np.isnan(ahead).any(axis=1))
        last = past[known, -1:]
        yield past[known] - last, ahead[known] - last


def _by_target(values: Float[torch.Tensor, "B T K"]) -> Float[np.ndarray, "B*K T"]:
    """Each target as a row of its own, in float64."""
    return values.double().transpose(1, 2).flatten(0, 1).numpy()
