"""Dropout whose noise comes from a generator that is given: threads draw side by side."""

from __future__ import annotations

import torch
from torch import Tensor

DropoutGenerator = torch.Generator | None
"""What dropout draws from; None: the default generator of the device."""


def dropped(values: Tensor, share: float, noise: DropoutGenerator) -> Tensor:
    """Zero a share of the values and scale the others, so that the mean stays (Hinton et al. 2012).

    Args:
        values: of any shape.
        share: from 0 to 1; 0 leaves the values as they are.
        noise: on their device.
    """
    if not share:
        return values
    kept = torch.empty_like(values).bernoulli_(1 - share, generator=noise)
    return values * kept / (1 - share)
