"""The stack of recurrent layers, with its initial states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecast.config.model import ModelConfig
from forecast.models.dropout import DropoutGenerator, dropped

CELLS: Mapping[str, type[nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}

SLOW_WIDTHS = range(129, 193)
"""Units of a layer for which cuDNN chooses a kernel that is slower than its standard one. Packed
sequences are always computed with the standard one."""
State = tuple[Tensor, ...]
"""Hidden state, and for an LSTM the cell state after it; each (layers * directions, B, width)."""


class Stack(nn.Module):
    """Recurrent layers, one upon the other.

    Layers of one size with nothing between them become one multi-layer `nn.LSTM`, which cuDNN runs
    fastest. Others become one `nn.LSTM` each, with dropout, residual and normalisation between.

    Args:
        config: the cell, and what stands between the layers.
        sizes: units of each layer.
        input_size: width of the input.
    """

    def __init__(self, config: ModelConfig, sizes: tuple[int, ...], input_size: int) -> None:
        super().__init__()
        self.residual = config.residual
        self.directions = 2 if config.bidirectional else 1
        self.dilations = config.dilations or (1,) * len(sizes)
        between = config.residual or config.layer_norm or config.batch_norm or config.dropout
        plain = not between and set(self.dilations) == {1}
        fused = plain and len(set(sizes)) == 1
        groups = [(sizes[0], len(sizes))] if fused else [(size, 1) for size in sizes]
        self.layers = nn.ModuleList()
        self.norms = nn.ModuleList()
        width = input_size
        for size, depth in groups:
            self.layers.append(_recurrent(config, width, size, depth))
            width = (config.proj_size or size) * self.directions
            self.norms.append(_norm(config, width))
        self.output_size = width
        self.dropout = config.dropout
        self.first_states = nn.ParameterList()
        if config.init.state == "learned":
            self.first_states.extend(_first_states(self.layers))

    def forward(
        self,
        inputs: Float[Tensor, "B T I"],
        states: list[State] | None = None,
        noise: DropoutGenerator = None,
    ) -> tuple[Float[Tensor, "B T O"], list[State]]:
        """Run all layers over all steps.

        Args:
            inputs: of the first layer.
            states: first states of each layer, to go on from; None: the initial ones.
            noise: of dropout, in training; None: the default generator.

        Returns:
            Outputs of the last layer at every step, and the last state of each layer.
        """
        is_new, share = states is None, self.dropout if self.training else 0.0
        # A step of a decoder goes on from the last state alone: splitting it would gain nothing.
        dilations = self.dilations if is_new else (1,) * len(self.layers)
        states = self._initial(inputs.shape[0]) if states is None else states
        last: list[State] = []
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            fed = dropped(inputs, share, noise) if number else inputs
            first = states[number] if states else None
            outputs, state = _run(layer, fed, first, dilations[number])
            last.append(state)
            if self.residual and outputs.shape == inputs.shape:
                outputs = outputs + inputs
            inputs = norm(outputs)
        return inputs, last

    def last_output(self, outputs: Float[Tensor, "B T O"]) -> Float[Tensor, "B O"]:
        """Outputs after the whole input was read, from which a head forecasts.

        The backward direction has read everything when it is at the first step.
        """
        if self.directions == 1:
            return outputs[:, -1]
        half = outputs.shape[2] // 2
        return torch.cat([outputs[:, -1, :half], outputs[:, 0, half:]], dim=1)

    def _initial(self, batch: int) -> list[State]:
        """Learned first states for a batch; empty where they are zeros."""
        # (layers * directions, 1, width) each: hidden and, for an LSTM, cell state of every layer.
        learned = [state.expand(-1, batch, -1).contiguous() for state in self.first_states]
        each = len(learned) // len(self.layers)
        return [tuple(learned[i : i + each]) for i in range(0, len(learned), each or 1)]


def _recurrent(config: ModelConfig, width: int, size: int, depth: int) -> nn.RNNBase:
    cell: Any = CELLS[config.cell]
    # Only an LSTM takes a projection at all.
    projection = {"proj_size": config.proj_size} if config.proj_size else {}
    options = {"batch_first": True, "bidirectional": config.bidirectional, **projection}
    layer: nn.RNNBase = cell(width, size, depth, **options)
    return layer


class _BatchNorm(nn.Module):
    """Batch normalisation of each unit over windows and steps."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)

    def forward(self, outputs: Float[Tensor, "B T O"]) -> Float[Tensor, "B T O"]:
        rows = outputs.flatten(0, 1)
        if self.training and rows.shape[0] > 1:
            normalised: Tensor = self.norm(rows)
            return normalised.view_as(outputs)
        return self._by_running(rows).view_as(outputs)

    def _by_running(self, rows: Float[Tensor, "R O"]) -> Float[Tensor, "R O"]:
        """By the running mean and variance: a lone row has no variance, not even in training."""
        norm = self.norm
        return nn.functional.batch_norm(
            rows, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
        )


def _norm(config: ModelConfig, width: int) -> nn.Module:
    norms: list[nn.Module] = []
    if config.layer_norm:
        norms.append(nn.LayerNorm(width))
    if config.batch_norm:
        norms.append(_BatchNorm(width))
    return nn.Sequential(*norms)


def _first_states(layers: nn.ModuleList) -> list[nn.Parameter]:
    states = []
    for layer in layers:
        assert isinstance(layer, nn.RNNBase)
        rows = layer.num_layers * (2 if layer.bidirectional else 1)
        states.append(nn.Parameter(torch.zeros(rows, 1, layer.proj_size or layer.hidden_size)))
        if isinstance(layer, nn.LSTM):
            states.append(nn.Parameter(torch.zeros(rows, 1, layer.hidden_size)))
    return states


def _run(
    layer: nn.Module, inputs: Float[Tensor, "B T I"], first: State | None, dilation: int
) -> tuple[Float[Tensor, "B T O"], State]:
    """A layer over all steps; with a dilation each step goes on from that many steps before.

    The steps are split into `dilation` sequences that run side by side as one larger batch, after
    zeros that fill up the first ones (Chang et al. 2017). The state is that after the last step.
    """
    if dilation == 1:
        return _run_through(layer, inputs, first)
    batch, steps, _ = inputs.shape
    filled = nn.functional.pad(inputs, (0, 0, -steps % dilation, 0))  # zeros before the first
    repeated = None if first is None else tuple(s.repeat(1, dilation, 1) for s in first)
    outputs, state = _run_through(layer, _split_by_dilation(filled, dilation), repeated)
    # The last step ends the last of the sequences, whose windows come last in the batch.
    return _joined(outputs, dilation)[:, -steps:], tuple(s[:, -batch:] for s in state)


def _run_through(
    layer: nn.Module, inputs: Float[Tensor, "B T I"], first: State | None
) -> tuple[Float[Tensor, "B T O"], State]:
    """A layer over all steps, each of which goes on from the one before."""
    begin = None if first is None else _laid_out(layer, first)
    if _is_packed(layer, inputs):
        # A packed sequence holds all windows' first step, then their second, and so on:
        # (T * B, I), and how many windows reach each step; here all of them do.
        batch, steps, _ = inputs.shape
        rows = inputs.transpose(0, 1).flatten(0, 1)
        packed = nn.utils.rnn.PackedSequence(rows, torch.full((steps,), batch))
        outputs, last = layer(packed, begin)
        outputs = outputs.data.unflatten(0, (steps, batch)).transpose(0, 1)
    else:
        outputs, last = layer(inputs, begin)
    return outputs, last if isinstance(last, tuple) else (last,)


def _is_packed(layer: nn.Module, inputs: Float[Tensor, "B T I"]) -> bool:
    """Whether a layer is fed packed sequences, which its width decides: see `SLOW_WIDTHS`.

    A timing would be closer to the truth, but a resumed training might then compute differently.
    """
    assert isinstance(layer, nn.RNNBase)
    return inputs.is_cuda and layer.hidden_size in SLOW_WIDTHS


def _split_by_dilation(inputs: Float[Tensor, "B T I"], dilation: int) -> Float[Tensor, "X U I"]:
    """Every `dilation`-th step in a sequence of its own: (B, T) -> (dilation * B, T / dilation).

    The sequences of all windows that begin at step 0 come first, then those that begin at step 1.
    """
    split: Tensor = inputs.unflatten(1, (-1, dilation)).permute(2, 0, 1, 3).flatten(0, 1)
    return split


def _joined(outputs: Float[Tensor, "X U O"], dilation: int) -> Float[Tensor, "B T O"]:
    """The steps in their order again: undoes `_split_by_dilation`."""
    joined: Tensor = outputs.unflatten(0, (dilation, -1)).permute(1, 2, 0, 3).flatten(1, 2)
    return joined


def _laid_out(layer: nn.Module, state: State) -> State | Tensor:
    """A state as the layer takes it: contiguous, and a pair only for an LSTM."""
    laid_out = tuple(s.contiguous() for s in state)
    return laid_out if isinstance(layer, nn.LSTM) else laid_out[0]
