"""Optimisers by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn, optim

from forecast.config.training import OptimizerOption

OPTIMIZERS: Mapping[str, Callable[[list[nn.Parameter], float, Any], optim.Optimizer]] = {
    "gd": lambda weights, rate, _: optim.SGD(weights, rate),
    "sgd": lambda weights, rate, option: optim.SGD(
        weights, rate, momentum=option.momentum, nesterov=option.nesterov
    ),
    "adagrad": lambda weights, rate, option: optim.Adagrad(
        weights, rate, lr_decay=option.lr_decay, eps=option.eps
    ),
    "adadelta": lambda weights, rate, option: optim.Adadelta(
        weights, rate, rho=option.rho, eps=option.eps
    ),
    "rmsprop": lambda weights, rate, option: optim.RMSprop(
        weights, rate, alpha=option.alpha, momentum=option.momentum, eps=option.eps
    ),
    "adam": lambda weights, rate, option: optim.Adam(
        weights,
        _rate(weights, rate),
        betas=(option.beta1, option.beta2),
        eps=option.eps,
        fused=_can_fuse(weights),
        capturable=_are_on_cuda(weights),
    ),
    "adamw": lambda weights, rate, option: optim.AdamW(
        weights,
        _rate(weights, rate),
        betas=(option.beta1, option.beta2),
        eps=option.eps,
        weight_decay=option.weight_decay,
        fused=_can_fuse(weights),
        capturable=_are_on_cuda(weights),
    ),
}


def build_optimizer(
    option: OptimizerOption, parameters: Iterable[nn.Parameter], learning_rate: float
) -> optim.Optimizer:
    """The optimiser of a configuration over a model's parameters."""
    return OPTIMIZERS[option.key()](list(parameters), learning_rate, option)


def set_rate(optimizer: optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all weights, on the device where a CUDA graph reads it there."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def is_full_batch(option: OptimizerOption) -> bool:
    """Whether one step is taken an epoch, on the gradient of all windows."""
    return option.key() == "gd"


def _can_fuse(weights: list[nn.Parameter]) -> bool:
    return all(weight.device.type in ("cpu", "cuda") for weight in weights)


def _are_on_cuda(weights: list[nn.Parameter]) -> bool:
    return all(weight.device.type == "cuda" for weight in weights)


def _rate(weights: list[nn.Parameter], rate: float) -> Any:
    """A rate that a CUDA graph reads anew at every replay; a number elsewhere."""
    return torch.tensor(rate, device=weights[0].device) if _are_on_cuda(weights) else rate
