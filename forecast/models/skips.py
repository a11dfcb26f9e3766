"""Linear maps from the lookback to the horizon, added to what the network forecasts.

They begin as zero, so that the network learns beside them, and map every target alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jaxtyping import Float
from torch import Tensor, nn


class FullSkip(nn.Module):
    """From every step of the lookback to every step of the horizon (Zeng et al. 2023)."""

    def __init__(self, lookback: int, horizon: int, segment: int) -> None:  # noqa: ARG002
        super().__init__()
        self.map = _zero(nn.Linear(lookback, horizon))

    def forward(self, values: Float[Tensor, "B L K"]) -> Float[Tensor, "B H K"]:
        """The addition to each step."""
        added: Tensor = self.map(values.transpose(1, 2))
        return added.transpose(1, 2)


class SegmentSkip(nn.Module):
    """From the past segments to the future ones, step by step of a segment with the same weights.

    With a segment of one season it carries seasonal patterns on with few parameters (Lin et al.
    2024, SparseTSF).
    """

    def __init__(self, lookback: int, horizon: int, segment: int) -> None:
        super().__init__()
        self.horizon, self.segment = horizon, segment
        self.map = _zero(nn.Linear(lookback // segment, -(-horizon // segment)))

    def forward(self, values: Float[Tensor, "B L K"]) -> Float[Tensor, "B H K"]:
        """The addition to each step."""
        # Step s of every segment is a series of its own: (B, L, K) -> (B, segment, K, L / segment).
        past = values.unflatten(1, (-1, self.segment)).movedim(1, -1)
        added: Tensor = self.map(past).movedim(-1, 1).flatten(1, 2)  # (B, M * segment, K)
        return added[:, : self.horizon]


def _zero(linear: nn.Linear) -> nn.Linear:
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


SKIPS: Mapping[str, Callable[[int, int, int], nn.Module | None]] = {
    "none": lambda lookback, horizon, segment: None,  # noqa: ARG005
    "full": FullSkip,
    "segment": SegmentSkip,
}
"""Name: map for a lookback, a horizon and a segment."""
