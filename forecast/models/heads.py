"""Heads: from the stack's state to all steps of the horizon.

Every head gets the segments of the lookback and gives (B, H, K, Q) on the window's scale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor, nn

from forecast.models.cells import Stack

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": F.gelu,
}


@dataclass(frozen=True)
class HeadShape:
    """Widths that a head needs to know."""

    horizon: int
    segment: int
    num_targets: int
    num_quantiles: int
    num_future: int
    """Columns known over the horizon."""
    num_channels: int
    """Targets that share the weights, each in a window of its own; 1 where they are joint."""
    input_size: int
    """Width of the stack's input."""

    @property
    def num_segments(self) -> int:
        """Segments that cover the horizon."""
        return -(-self.horizon // self.segment)


@dataclass(frozen=True)
class Encoded:
    """A batch on its way through the model."""

    segments: Float[Tensor, "B T I"]
    """The lookback, embedded."""
    future: Float[Tensor, "B H F"]
    targets: Float[Tensor, "B H K"] | None
    """True values on the window's scale, in training; NaN where they are masked."""
    embed: Callable[[Tensor, Tensor], Tensor]
    """Embeds one further segment: its targets (B, T, segment, K) and the covariates after it."""


class Direct(nn.Module):
    """The last state gives all steps at once."""

    def __init__(self, shape: HeadShape, stack: Stack, activation: str, dropout: float) -> None:
        super().__init__()
        self.shape, self.activation = shape, activation
        self.dropout = nn.Dropout(dropout)
        width = stack.output_size + shape.horizon * shape.num_future
        self.output = nn.Linear(width, shape.horizon * shape.num_targets * shape.num_quantiles)

    def forward(self, stack: Stack, encoded: Encoded) -> Float[Tensor, "B H K Q"]:
        """All steps of the horizon."""
        outputs, _ = stack(encoded.segments)
        state = self.dropout(ACTIVATIONS[self.activation](stack.last_output(outputs)))
        known = torch.cat([state, encoded.future.flatten(1)], dim=1)
        shape = self.shape
        flat = self.output(known)
        return flat.view(-1, shape.horizon, shape.num_targets, shape.num_quantiles)  # type: ignore[no-any-return]


class Recursive(nn.Module):
    """One segment, fed back until the horizon is full; in training the true one is fed.

    Teacher forcing: Williams and Zipser 1989. With quantiles the median is fed back.
    """

    def __init__(self, shape: HeadShape, stack: Stack, activation: str, dropout: float) -> None:
        super().__init__()
        self.shape, self.activation = shape, activation
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(
            stack.output_size, shape.segment * shape.num_targets * shape.num_quantiles
        )

    def forward(self, stack: Stack, encoded: Encoded) -> Float[Tensor, "B H K Q"]:
        """All steps of the horizon."""
        steps = self._taught(stack, encoded) if self.training else self._fed_back(stack, encoded)
        return steps[:, : self.shape.horizon]

    def _taught(self, stack: Stack, encoded: Encoded) -> Tensor:
        assert encoded.targets is not None
        further = self.shape.num_segments - 1
        inputs = encoded.segments
        if further:
            true = encoded.targets[:, : further * self.shape.segment]
            true = true.unflatten(1, (further, self.shape.segment)).nan_to_num()
            future = self._following(encoded)[:, 1:]
            inputs = torch.cat([inputs, encoded.embed(true, future)], dim=1)
        outputs, _ = stack(inputs)
        return self._emit(outputs[:, -self.shape.num_segments :])

    def _fed_back(self, stack: Stack, encoded: Encoded) -> Tensor:
        future = self._following(encoded)
        outputs, states = stack(encoded.segments)
        steps = [self._emit(outputs[:, -1:])]
        for number in range(1, self.shape.num_segments):
            median = steps[-1][..., self.shape.num_quantiles // 2]  # (B, segment, K)
            fed = encoded.embed(median[:, None], future[:, number : number + 1])
            outputs, states = stack(fed, states)
            steps.append(self._emit(outputs))
        return torch.cat(steps, dim=1)

    def _emit(self, outputs: Float[Tensor, "B T O"]) -> Tensor:
        shape = self.shape
        flat = self.output(self.dropout(ACTIVATIONS[self.activation](outputs)))
        return flat.view(  # type: ignore[no-any-return]
            len(flat), -1, shape.num_targets, shape.num_quantiles
        )

    def _following(self, encoded: Encoded) -> Float[Tensor, "B M F"]:
        return segments_of(encoded.future, self.shape.segment)


class Parallel(nn.Module):
    """One decoder step a future segment, all from the same state and with the same cell.

    Each step is told its position, its channel and the covariates known for it (after Lin et al.
    2023, SegRNN).
    """

    def __init__(self, shape: HeadShape, stack: Stack, activation: str, dropout: float) -> None:
        super().__init__()
        self.shape, self.activation = shape, activation
        self.dropout = nn.Dropout(dropout)
        position = shape.input_size // 2 if shape.num_channels > 1 else shape.input_size
        self.positions = nn.Parameter(torch.randn(shape.num_segments, position))
        self.channels = nn.Parameter(torch.randn(shape.num_channels, shape.input_size - position))
        self.known = (
            nn.Linear(shape.segment * shape.num_future, shape.input_size)
            if shape.num_future
            else None
        )
        self.output = nn.Linear(
            stack.output_size, shape.segment * shape.num_targets * shape.num_quantiles
        )

    def forward(self, stack: Stack, encoded: Encoded) -> Float[Tensor, "B H K Q"]:
        """All steps of the horizon."""
        shape, steps = self.shape, self.shape.num_segments
        _, states = stack(encoded.segments)
        batch = len(encoded.segments)
        queries = self._queries(batch)  # (B, M, I)
        if self.known is not None:
            queries = queries + self.known(segments_of(encoded.future, shape.segment))
        repeated = [tuple(s.repeat_interleave(steps, dim=1) for s in state) for state in states]
        outputs, _ = stack(queries.reshape(batch * steps, 1, -1), repeated)
        flat = self.output(self.dropout(ACTIVATIONS[self.activation](outputs[:, 0])))
        emitted: Tensor = flat.view(batch, -1, shape.num_targets, shape.num_quantiles)
        return emitted[:, : shape.horizon]

    def _queries(self, batch: int) -> Float[Tensor, "B M I"]:
        """Channels vary fastest along the batch."""
        positions = self.positions.expand(self.shape.num_channels, -1, -1)
        channels = self.channels[:, None].expand(-1, self.shape.num_segments, -1)
        queries = torch.cat([positions, channels], dim=2)
        return queries.repeat(batch // self.shape.num_channels, 1, 1)


def segments_of(columns: Float[Tensor, "B T F"], segment: int) -> Float[Tensor, "B M I"]:
    """Cut time into segments, the last one filled with its last row, and lay each out flat."""
    short = -columns.shape[1] % segment
    if short:
        columns = torch.cat([columns, columns[:, -1:].expand(-1, short, -1)], dim=1)
    cut: Tensor = columns.unflatten(1, (-1, segment))
    return cut.flatten(2)


HEADS: Mapping[str, type[Direct] | type[Recursive] | type[Parallel]] = {
    "direct": Direct,
    "recursive": Recursive,
    "parallel": Parallel,
}
