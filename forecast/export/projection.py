"""LSTMs with a projection as ONNX knows them: without one.

A projection P makes the hidden state h = P m narrower than m = o * tanh(c). What reads h by a
matrix W reads m by W P: so the same cell, with its state left wide, forecasts the same.
"""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecast.models.stack import Stack, State


def without_projections(network: nn.Module) -> nn.Module:
    """A network of the same forecasts in which no LSTM has a projection; itself if none has."""
    if not any(isinstance(each, nn.LSTM) and each.proj_size for each in network.modules()):
        return network
    network = copy.deepcopy(network)
    for stack in (each for each in network.modules() if isinstance(each, Stack)):
        for number, layer in enumerate(stack.layers):
            assert isinstance(layer, nn.LSTM)
            if stack.first_states:
                hidden = stack.first_states[2 * number]  # (layers * directions, 1, P)
                hidden.data = _widened(layer, hidden.data)
            stack.layers[number] = WideLSTM(layer)
    return network


class WideLSTM(nn.LSTM):
    """An LSTM whose hidden state is projected for its outputs alone.

    Args:
        layer: with a projection, which may be several layers.
    """

    projection: Tensor

    def __init__(self, layer: nn.LSTM) -> None:
        super().__init__(
            layer.input_size,
            layer.hidden_size,
            layer.num_layers,
            batch_first=True,
            bidirectional=layer.bidirectional,
        )
        given = {name: value.double() for name, value in layer.state_dict().items()}
        ends = ("", "_reverse") if layer.bidirectional else ("",)
        read = torch.eye(layer.input_size).double()
        for number in range(layer.num_layers):
            projections = [given[f"weight_hr_l{number}{end}"] for end in ends]
            for end, projection in zip(ends, projections, strict=True):
                given[f"weight_hh_l{number}{end}"] @= projection
                given[f"weight_ih_l{number}{end}"] @= read
            read = torch.block_diag(*projections)  # (directions * P, directions * H)
        self.load_state_dict({name: given[name] for name in self.state_dict()})
        self.register_buffer("projection", read.float().T)

    def forward(  # type: ignore[override]
        self, inputs: Float[Tensor, "B T I"], state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Float[Tensor, "B T O"], State]:
        """Projected outputs, and the state that is not."""
        outputs, last = super().forward(inputs, state)
        return outputs @ self.projection, last


def _widened(layer: nn.LSTM, hidden: Float[Tensor, "rows 1 P"]) -> Float[Tensor, "rows 1 H"]:
    """States that give the hidden ones when projected."""
    given = layer.state_dict()  # the rows are those of each layer, onward and then backward
    inverses = [given[name].double().pinverse() for name in given if "weight_hr" in name]
    return torch.einsum("rhp,rbp->rbh", torch.stack(inverses), hidden.double()).float()
