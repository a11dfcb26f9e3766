"""Dropout that draws from a generator which is handed in, so that threads draw side by side."""

from __future__ import annotations

import torch
from torch import Tensor

DropoutGenerator = torch.Generator | None
"""What dropout draws from; None: the default generator of the device."""


def dropped(values: Tensor, share: float, noise: DropoutGenerator) -> Tensor:
    """Zero a share of the values and scale the others, so that the mean stays (Hinton et al. 2012).

    Args:
        values: of any shape.
        share: of the values that become zero, from 0 (none) to below 1.
        noise: what is drawn from, on the device of the values.

    Returns:
        The values that are kept, divided by `1 - share`, and zeros; of the same shape.
    """
    if not share:
        return values
    kept = torch.empty_like(values).bernoulli_(1 - share, generator=noise)
    return values * kept / (1 - share)
