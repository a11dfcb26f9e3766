"""Normalisation of each window by its own lookback, undone on the forecast."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

EPSILON = 1e-5
"""Added to the variance, so that a flat window stays finite (Kim et al. 2022, RevIN)."""

Location = Float[Tensor, "B 1 K"]
Scale = Float[Tensor, "B 1 K"]


def _last(past: Float[Tensor, "B L K"], segment: int) -> tuple[Location, Scale]:  # noqa: ARG001
    last = past[:, -1:]
    return last, torch.ones_like(last)


def _segment_mean(past: Float[Tensor, "B L K"], segment: int) -> tuple[Location, Scale]:
    mean = past[:, -segment:].mean(dim=1, keepdim=True)
    return mean, torch.ones_like(mean)


def _mean(past: Float[Tensor, "B L K"], segment: int) -> tuple[Location, Scale]:  # noqa: ARG001
    mean = past.mean(dim=1, keepdim=True)
    return mean, torch.ones_like(mean)


def _standard(past: Float[Tensor, "B L K"], segment: int) -> tuple[Location, Scale]:  # noqa: ARG001
    variance, mean = torch.var_mean(past, dim=1, keepdim=True, correction=0)
    return mean, torch.sqrt(variance + EPSILON)


WINDOW_NORMS: Mapping[str, Callable[[Tensor, int], tuple[Tensor, Tensor]]] = {
    "last": _last,
    "segment_mean": _segment_mean,
    "mean": _mean,
    "standard": _standard,
}
"""Name: location and scale (B, 1, K) of the lookback's targets (B, L, K), given the segment; `none`
is not among them."""
