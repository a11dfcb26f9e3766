"""Heads: from the stack's state to all steps of the horizon, on the window's scale.

Every head is called as `head(stack, encoded, noise)`:

- stack: the recurrent layers, which the head runs.
- encoded: a batch, embedded; its targets are read in training by the recursive head alone.
- noise: of dropout, in training; None: the default generator.
- returns (B, H, K, Q).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor, nn

from forecast.models.dropout import DropoutGenerator, dropped
from forecast.models.stack import Stack

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


def median(forecast: Float[Tensor, "B T K Q"]) -> Float[Tensor, "B T K"]:
    """The quantile in the middle."""
    return forecast[..., forecast.shape[-1] // 2]


@dataclass(frozen=True)
class Encoded:
    """A batch on its way through the model."""

    segments: Float[Tensor, "B T I"]
    """The lookback, embedded."""
    future: Float[Tensor, "B H F"]
    targets: Float[Tensor, "B H K"] | None
    """True values as they are read, in training; NaN where they are masked."""
    embed: Callable[[Tensor, Tensor], Tensor]
    """Embeds further segments: their targets (B, M, segment * K), and what is known of the next."""
    fed_back: Callable[[Tensor], Tensor] = median
    """(B, T, K, Q) -> (B, T, K): what is read of a forecast as if it had come."""


class Readout(nn.Module):
    """A linear layer from what the stack gives to steps, after an activation and dropout.

    Args:
        shape: widths of the head.
        width: of what the linear layer reads.
        steps: that it gives.
        activation: between the stack and the linear layer, of `ACTIVATIONS`.
        dropout: share of the stack's output that is dropped in training.
    """

    def __init__(
        self, shape: HeadShape, width: int, steps: int, activation: str, dropout: float
    ) -> None:
        super().__init__()
        self.shape, self.activation, self.dropout = shape, activation, dropout
        self.output = nn.Linear(width, steps * shape.num_targets * shape.num_quantiles)

    def activated(self, outputs: Tensor, noise: DropoutGenerator) -> Tensor:
        """What the linear layer reads of the stack's output."""
        share = self.dropout if self.training else 0.0
        return dropped(ACTIVATIONS[self.activation](outputs), share, noise)


class Direct(Readout):
    """All steps at once from the last state and the future covariates.

    Args:
        shape: widths of the head.
        stack: whose output is read.
        activation, dropout: as of `Readout`.
    """

    def __init__(self, shape: HeadShape, stack: Stack, activation: str, dropout: float) -> None:
        width = stack.output_size + shape.horizon * shape.num_future
        super().__init__(shape, width, shape.horizon, activation, dropout)

    def forward(
        self, stack: Stack, encoded: Encoded, noise: DropoutGenerator = None
    ) -> Float[Tensor, "B H K Q"]:
        """All steps of the horizon, see above."""
        outputs, _ = stack(encoded.segments, noise=noise)
        state = self.activated(stack.last_output(outputs), noise)
        if self.shape.num_future:
            state = torch.cat([state, encoded.future.flatten(1)], dim=1)
        flat: Tensor = self.output(state)
        shape = self.shape
        return flat.view(-1, shape.horizon, shape.num_targets, shape.num_quantiles)


class Recursive(nn.Module):
    """Forecasts one segment and reads it to forecast the next; in training it reads the true one.

    Teacher forcing: Williams and Zipser 1989. Of quantiles it reads the median, of labels the
    probabilities. Arguments are those of `Direct`.
    """

    def __init__(self, shape: HeadShape, stack: Stack, activation: str, dropout: float) -> None:
        super().__init__()
        self.shape = shape
        self.emit = SegmentReadout(shape, stack, activation, dropout)

    def forward(
        self, stack: Stack, encoded: Encoded, noise: DropoutGenerator = None
    ) -> Float[Tensor, "B H K Q"]:
        """All steps of the horizon, see above."""
        future = segments_of(encoded.future, self.shape.segment)  # (B, M, segment * F)
        if self.training:
            steps = self._teacher_forced(stack, encoded, future, noise)
        else:
            steps = self._fed_back(stack, encoded, future)
        return steps[:, : self.shape.horizon]

    def _teacher_forced(
        self, stack: Stack, encoded: Encoded, future: Tensor, noise: DropoutGenerator
    ) -> Tensor:
        """All segments in one run: each reads the true values of the one before it."""
        assert encoded.targets is not None
        inputs = encoded.segments
        further = self.shape.num_segments - 1
        if further:  # no segment follows the last one to read its true values
            true = encoded.targets[:, : further * self.shape.segment].nan_to_num()
            fed = encoded.embed(segments_of(true, self.shape.segment), future[:, 1:])
            inputs = torch.cat([inputs, fed], dim=1)
        outputs, _ = stack(inputs, noise=noise)
        emitted: Tensor = self.emit(outputs[:, -self.shape.num_segments :], noise)
        return emitted

    def _fed_back(self, stack: Stack, encoded: Encoded, future: Tensor) -> Tensor:
        """Segment after segment: each reads what was forecast for the one before it."""
        outputs, states = stack(encoded.segments)
        steps = [self.emit(outputs[:, -1:])]
        for number in range(1, self.shape.num_segments):
            read = encoded.fed_back(steps[-1])  # (B, segment, K)
            fed = encoded.embed(read.flatten(1)[:, None], future[:, number : number + 1])
            outputs, states = stack(fed, states)
            steps.append(self.emit(outputs))
        return torch.cat(steps, dim=1)


class Parallel(nn.Module):
    """One decoder step for each future segment, all from the same state and with the same cell.

    The input of a step is the sum of vectors for its position, its channel and the covariates known
    for it (after Lin et al. 2023, SegRNN; a sum rather than a concatenation, so that an input of
    width 1 holds them all). Arguments are those of `Direct`.
    """

    def __init__(self, shape: HeadShape, stack: Stack, activation: str, dropout: float) -> None:
        super().__init__()
        self.shape = shape
        width, channels = shape.input_size, shape.num_channels
        self.positions = nn.Parameter(torch.empty(1, shape.num_segments, width).normal_())
        self.channels = (
            nn.Parameter(torch.empty(channels, 1, width).normal_()) if channels > 1 else None
        )
        known = shape.segment * shape.num_future
        self.known = nn.Linear(known, width) if known else None
        self.emit = SegmentReadout(shape, stack, activation, dropout)

    def forward(
        self, stack: Stack, encoded: Encoded, noise: DropoutGenerator = None
    ) -> Float[Tensor, "B H K Q"]:
        """All steps of the horizon, see above."""
        _, states = stack(encoded.segments, noise=noise)
        queries = self._queries(encoded.future)
        batch, steps, _ = queries.shape
        # Every query is a window of one step, (B * M, 1, I), that goes on from its window's state.
        repeated = [tuple(s.repeat_interleave(steps, dim=1) for s in state) for state in states]
        outputs, _ = stack(queries.flatten(0, 1)[:, None], repeated, noise)
        emitted: Tensor = self.emit(outputs.view(batch, steps, -1), noise)
        return emitted[:, : self.shape.horizon]

    def _queries(self, future: Float[Tensor, "B H F"]) -> Float[Tensor, "B M I"]:
        """Inputs of the decoder steps; channels vary fastest along the batch, as in the windows."""
        queries = self.positions if self.channels is None else self.positions + self.channels
        queries = queries.repeat(future.shape[0] // self.shape.num_channels, 1, 1)  # (B, M, I)
        if self.known is None:
            return queries
        known: Tensor = self.known(segments_of(future, self.shape.segment))
        return queries + known


class SegmentReadout(Readout):
    """The steps of each segment from the stack's output at it. Arguments are those of `Direct`."""

    def __init__(self, shape: HeadShape, stack: Stack, activation: str, dropout: float) -> None:
        super().__init__(shape, stack.output_size, shape.segment, activation, dropout)

    def forward(
        self, outputs: Float[Tensor, "B M O"], noise: DropoutGenerator = None
    ) -> Float[Tensor, "B T K Q"]:
        """Steps of all segments, end to end."""
        flat: Tensor = self.output(self.activated(outputs, noise))
        return flat.reshape(flat.shape[0], -1, self.shape.num_targets, self.shape.num_quantiles)


def segments_of(columns: Float[Tensor, "B T F"], segment: int) -> Float[Tensor, "B M I"]:
    """Cut time into M segments and lay each out flat, its steps one after the other.

    Args:
        columns: of the lookback or of the horizon.
        segment: steps in a segment; the last segment is filled up with the last row.
    """
    short = -columns.shape[1] % segment
    if not columns.shape[2]:  # ONNX cannot reshape columns of width 0
        return columns[:, : (columns.shape[1] + short) // segment]
    if short:
        columns = torch.cat([columns, columns[:, -1:].expand(-1, short, -1)], dim=1)
    cut: Tensor = columns.unflatten(1, (-1, segment))
    return cut.flatten(2)


HEADS: Mapping[str, type[Direct] | type[Recursive] | type[Parallel]] = {
    "direct": Direct,
    "recursive": Recursive,
    "parallel": Parallel,
}
