"""What training asks of an optimiser beside its step: the rate, and its state as plain tensors."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, optim

from forecast.config.optimizers import GradientDescent, OptimizerOption


def is_full_batch(option: OptimizerOption) -> bool:
    """Whether one step is taken an epoch, on the gradient of all windows."""
    return isinstance(option, GradientDescent)


def set_rate(optimizer: optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all weights, on the device where a CUDA graph reads it there."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def optimizer_tensors(optimizer: optim.Optimizer) -> dict[str, Tensor]:
    """Copies of the state, e.g. of Adam's moments, as `<number of the weight>.<name>`."""
    return {
        f"{number}.{name}": value.detach().clone()
        for number, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
        if value is not None
    }


def load_optimizer_tensors(optimizer: optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Take up the state that `optimizer_tensors` gave.

    Raises:
        ValueError, LookupError: if it is the state of another model's optimiser.
    """
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        place, _, name = key.partition(".")
        state.setdefault(int(place), {})[name] = tensor
    weights: list[Tensor] = [w for group in optimizer.param_groups for w in group["params"]]
    for number, values in state.items():
        if any(value.shape not in ((), weights[number].shape) for value in values.values()):
            raise ValueError("an optimiser's state of another model")
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
