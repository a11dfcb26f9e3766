"""Labels as a network sees them: one-hot columns in, a logit for each class out."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

ABSENT = -1e4
"""Logit of a class that a target does not have: its probability is exactly 0, and its gradient."""


class LabelCoding(nn.Module):
    """From numbers of classes to what is read, and from logits to what is forecast.

    Args:
        classes: of each target; targets with fewer are filled up to the largest number.
        is_independent: whether each target is a window of its own, channels varying fastest.
    """

    absent: Bool[Tensor, "K Q"]
    """Classes that a target does not have."""
    numbers: Float[Tensor, " Q"]

    def __init__(self, classes: tuple[int, ...], is_independent: bool) -> None:
        super().__init__()
        self.width, self.is_independent = max(classes), is_independent
        numbers = torch.arange(self.width, dtype=torch.float32)
        # They follow from the shape, so that no file of weights holds them.
        self.register_buffer("numbers", numbers, persistent=False)
        absent = numbers >= torch.tensor(classes)[:, None]
        self.register_buffer("absent", absent, persistent=False)

    def one_hot(self, codes: Float[Tensor, "B T K"]) -> Float[Tensor, "B T I"]:
        """Columns of each class, target by target; none is set for an unknown label or NaN."""
        return (codes[..., None] == self.numbers).to(codes.dtype).flatten(2)

    def masked(self, logits: Float[Tensor, "B H K Q"]) -> Float[Tensor, "B H K Q"]:
        """Logits of which those of absent classes are so low that they count nothing."""
        return logits.masked_fill(self.absent, ABSENT)

    def fed_back(self, logits: Float[Tensor, "B T J Q"]) -> Float[Tensor, "B T I"]:
        """What is read of a forecast as if it had come: the probability of each class."""
        absent = self.absent
        if self.is_independent:  # (B, 1, 1, Q), one target a window
            absent = absent.repeat(logits.shape[0] // absent.shape[0], 1)[:, None, None]
        return logits.masked_fill(absent, ABSENT).softmax(dim=-1).flatten(2)
