"""The weights that layers begin with: schemes, gate by gate, and biases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from forecast.config.model import InitConfig


@contextmanager
def shapes_alone() -> Iterator[None]:
    """Layers made within have shapes and no values: a network of any size takes no memory."""
    with torch.device("meta"), _NothingDrawn():
        yield


class _NothingDrawn(TorchFunctionMode):
    """Leaves out normal numbers, which have nowhere to go; to draw none of them, PyTorch would
    import its symbolic algebra, which takes half as long as importing the rest of it."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        options = kwargs or {}
        if func in (Tensor.normal_, nn.init.normal_):
            return args[0] if args else options["tensor"]
        return func(*args, **options)


def initialise(module: nn.Module, config: InitConfig) -> None:
    """Set the weights of linear and recurrent layers as configured.

    Scheme `default` leaves PyTorch's U(-1/sqrt(hidden), 1/sqrt(hidden)). Others initialise gates
    one by one, so that the fan of a gate is that of its own matrix.

    Args:
        module: whose layers are set in place, with PyTorch's default generator.
        config: scheme and biases.
    """
    for layer in module.modules():
        if not isinstance(layer, nn.RNNBase | nn.Linear):
            continue
        if config.scheme != "default":
            _set_weights(layer, config.scheme)
        if config.bias is not None:
            for name, parameter in layer.named_parameters():
                if "bias" in name:
                    nn.init.constant_(parameter, config.bias)
        if isinstance(layer, nn.LSTM) and config.forget_bias is not None:
            _forget_bias(layer, config.forget_bias)


SCHEMES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "xavier_uniform": nn.init.xavier_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "he": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "orthogonal": nn.init.xavier_uniform_,  # but for recurrent weights
}


def _set_weights(layer: nn.Module, scheme: str) -> None:
    # PyTorch stacks the matrices of all gates in one, (gates * hidden, I).
    gates = {nn.LSTM: 4, nn.GRU: 3}.get(type(layer), 1)
    for name, parameter in layer.named_parameters():
        if parameter.dim() < 2:
            continue
        is_recurrent = "weight_hh" in name
        is_orthogonal = scheme == "orthogonal" and is_recurrent
        set_matrix = nn.init.orthogonal_ if is_orthogonal else SCHEMES[scheme]
        for matrix in parameter.data.chunk(gates if is_recurrent or "weight_ih" in name else 1):
            set_matrix(matrix)


def _forget_bias(layer: nn.LSTM, value: float) -> None:
    """PyTorch has two biases a gate, ordered input, forget, cell, output; their sum counts."""
    hidden = layer.hidden_size
    for name, parameter in layer.named_parameters():
        if "bias" in name:
            share = value if "bias_ih" in name else 0.0
            nn.init.constant_(parameter.data[hidden : 2 * hidden], share)
