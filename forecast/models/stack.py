"""Stacks of recurrent layers, and their initial weights and states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecast.config.model import InitConfig, ModelConfig
from forecast.models.dropout import DropoutGenerator, dropped

CELLS: Mapping[str, type[nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}

State = tuple[Tensor, ...]
"""Hidden state, and for an LSTM the cell state; each (layers * directions, B, width)."""


class Stack(nn.Module):
    """Recurrent layers, one upon the other.

    Equal layers with nothing between them are one multi-layer `nn.LSTM`, which cuDNN runs fastest;
    others are one `nn.LSTM` each, with dropout, residual and normalisation between.

    Args:
        config: cell, layers, widths, dropout, residual, normalisation, direction.
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
        self.is_packed = False
        """Feed layers packed sequences, for which cuDNN has another kernel."""
        self.first_states = nn.ParameterList()
        if config.init.state == "learned":
            self.first_states.extend(_first_states(self.layers))

    def forward(
        self,
        inputs: Float[Tensor, "B T I"],
        states: list[State] | None = None,
        noise: DropoutGenerator = None,
    ) -> tuple[Float[Tensor, "B T O"], list[State]]:
        """Outputs of the last layer at every step, and the last state of each layer."""
        is_new, share = states is None, self.dropout if self.training else 0.0
        states = self._initial(inputs.shape[0]) if states is None else states
        last: list[State] = []
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            fed = dropped(inputs, share, noise) if number else inputs
            first = states[number] if states else None
            dilation = self.dilations[number] if is_new else 1
            outputs, state = _run(layer, fed, first, dilation, self.is_packed)
            last.append(state)
            if self.residual and outputs.shape == inputs.shape:
                outputs = outputs + inputs
            inputs = norm(outputs)
        return inputs, last

    def last_output(self, outputs: Float[Tensor, "B T O"]) -> Float[Tensor, "B O"]:
        """What the stack has to say of the whole input: each direction after its last step."""
        if self.directions == 1:
            return outputs[:, -1]
        half = outputs.shape[2] // 2
        return torch.cat([outputs[:, -1, :half], outputs[:, 0, half:]], dim=1)

    def _initial(self, batch: int) -> list[State]:
        """Learned first states for a batch; empty where they are zeros."""
        learned = [state.expand(-1, batch, -1).contiguous() for state in self.first_states]
        each = len(learned) // len(self.layers)
        return [tuple(learned[i : i + each]) for i in range(0, len(learned), each or 1)]


def initialise(module: nn.Module, config: InitConfig) -> None:
    """Set the weights of linear and recurrent layers as configured.

    `default` leaves PyTorch's U(-1/sqrt(hidden), 1/sqrt(hidden)). Gates are initialised one by one,
    so that the fan of a gate is that of its own matrix.
    """
    for layer in module.modules():
        if isinstance(layer, nn.RNNBase | nn.Linear) and config.scheme != "default":
            _weights(layer, config.scheme)
        if isinstance(layer, nn.RNNBase | nn.Linear) and config.bias is not None:
            for name, parameter in layer.named_parameters():
                if "bias" in name:
                    nn.init.constant_(parameter, config.bias)
        if isinstance(layer, nn.LSTM) and config.forget_bias is not None:
            _forget_bias(layer, config.forget_bias)


def _weights(layer: nn.Module, scheme: str) -> None:
    gates = {nn.LSTM: 4, nn.GRU: 3}.get(type(layer), 1)
    for name, parameter in layer.named_parameters():
        if parameter.dim() < 2:
            continue
        blocks = gates if "weight_ih" in name or "weight_hh" in name else 1
        for block in parameter.data.chunk(blocks):
            if scheme == "orthogonal":
                recurrent = "weight_hh" in name
                (nn.init.orthogonal_ if recurrent else nn.init.xavier_uniform_)(block)
            elif scheme == "xavier_uniform":
                nn.init.xavier_uniform_(block)
            elif scheme == "xavier_normal":
                nn.init.xavier_normal_(block)
            else:
                nn.init.kaiming_normal_(block, nonlinearity="relu")


def _forget_bias(layer: nn.LSTM, value: float) -> None:
    """PyTorch has two biases a gate, ordered input, forget, cell, output; their sum counts."""
    hidden = layer.hidden_size
    for name, parameter in layer.named_parameters():
        if "bias" in name:
            share = value if "bias_ih" in name else 0.0
            nn.init.constant_(parameter.data[hidden : 2 * hidden], share)


def _recurrent(config: ModelConfig, width: int, size: int, depth: int) -> nn.RNNBase:
    cell: Any = CELLS[config.cell]
    projection = {"proj_size": config.proj_size} if config.proj_size else {}
    layer: nn.RNNBase = cell(
        width,
        size,
        num_layers=depth,
        batch_first=True,
        bidirectional=config.bidirectional,
        **projection,
    )
    return layer


class _BatchNorm(nn.Module):
    """Batch normalisation of each unit over windows and steps."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)

    def forward(self, outputs: Float[Tensor, "B T O"]) -> Float[Tensor, "B T O"]:
        rows = outputs.flatten(0, 1)
        normalised: Tensor = self.norm(rows) if len(rows) > 1 else self._by_running(rows)
        return normalised.view_as(outputs)

    def _by_running(self, rows: Float[Tensor, "1 O"]) -> Float[Tensor, "1 O"]:
        """A lone row has no variance of its own, in training either."""
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
    layer: nn.Module,
    inputs: Float[Tensor, "B T I"],
    first: State | None,
    dilation: int,
    is_packed: bool,
) -> tuple[Float[Tensor, "B T O"], State]:
    """A layer over all steps; with a dilation each step goes on from that many steps before.

    The steps are dealt out to `dilation` sequences that run side by side, zeros before the first
    (Chang et al. 2017); the state is that after the last step.
    """
    if dilation > 1:
        steps, batch = inputs.shape[1], inputs.shape[0]
        dealt = _split_by_dilation(
            nn.functional.pad(inputs, (0, 0, -steps % dilation, 0)), dilation
        )
        repeated = None if first is None else tuple(s.repeat(1, dilation, 1) for s in first)
        outputs, state = _run(layer, dealt, repeated, 1, is_packed)
        return _joined_from_dilation(outputs, dilation)[:, -steps:], tuple(
            s[:, -batch:] for s in state
        )
    call = _call_packed if is_packed else _call
    outputs, last = call(layer, inputs, None if first is None else _laid_out(layer, first))
    return outputs, last if isinstance(last, tuple) else (last,)


def _call(
    layer: nn.Module, inputs: Float[Tensor, "B T I"], first: State | Tensor | None
) -> tuple[Float[Tensor, "B T O"], State | Tensor]:
    outputs, state = layer(inputs, first)
    return outputs, state


def _call_packed(
    layer: nn.Module, inputs: Float[Tensor, "B T I"], first: State | Tensor | None
) -> tuple[Float[Tensor, "B T O"], State | Tensor]:
    """The same with the windows as a packed sequence of equal lengths."""
    batch, steps, _ = inputs.shape
    rows = inputs.transpose(0, 1).flatten(0, 1)
    outputs, state = layer(nn.utils.rnn.PackedSequence(rows, torch.full((steps,), batch)), first)
    return outputs.data.unflatten(0, (steps, batch)).transpose(0, 1), state


def _split_by_dilation(inputs: Float[Tensor, "B T I"], hands: int) -> Float[Tensor, "M U I"]:
    """Every so many-th step to the same sequence; sequences of the last step come last."""
    dealt: Tensor = inputs.unflatten(1, (-1, hands)).permute(2, 0, 1, 3).flatten(0, 1)
    return dealt


def _joined_from_dilation(outputs: Float[Tensor, "M U O"], hands: int) -> Float[Tensor, "B T O"]:
    """Undo `_split_by_dilation`."""
    gathered: Tensor = outputs.unflatten(0, (hands, -1)).permute(1, 2, 0, 3).flatten(1, 2)
    return gathered


def _laid_out(layer: nn.Module, state: State) -> State | Tensor:
    laid_out = tuple(s.contiguous() for s in state)
    return laid_out if isinstance(layer, nn.LSTM) else laid_out[0]
