"""The optimisers: what may be configured of each, and how it is built."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from inspect import unwrap
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import NonNegativeFloat, PositiveFloat, model_validator

from forecast.config.options import Choice, Fraction, IncompatibleKeysError, Option

if TYPE_CHECKING:
    from torch.nn import Parameter
    from torch.optim import Optimizer

    Weights = list[Parameter]


class _TorchOptimizer(Option):
    """An optimiser whose options have the names that torch gives them."""

    torch_name: ClassVar[str]

    def build(self, weights: Weights, rate: float) -> Optimizer:
        """The optimiser of some weights."""
        from torch import optim

        options = {field: getattr(self, field) for field in self.fields()}
        return eager(getattr(optim, self.torch_name))(weights, rate, **options)


class GradientDescent(_TorchOptimizer):
    """Plain gradient descent: one step an epoch, on the gradient of all windows."""

    torch_name: ClassVar[str] = "SGD"
    name: Literal["gd"] = "gd"


class StochasticGradientDescent(_TorchOptimizer):
    """Stochastic gradient descent."""

    torch_name: ClassVar[str] = "SGD"
    name: Literal["sgd"] = "sgd"
    momentum: Fraction = 0.9
    """Share of the last step that is added to the next."""
    nesterov: bool = False
    """Take the gradient ahead of the momentum step (Nesterov 1983)."""

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> StochasticGradientDescent:
        if self.nesterov and not self.momentum:
            raise IncompatibleKeysError("nesterov needs a momentum above 0", "nesterov")
        return self


class Adagrad(_TorchOptimizer):
    """Adagrad (Duchi et al. 2011)."""

    torch_name: ClassVar[str] = "Adagrad"
    name: Literal["adagrad"] = "adagrad"
    lr_decay: NonNegativeFloat = 0.0
    """The rate is divided by 1 + steps * lr_decay."""
    eps: PositiveFloat = 1e-10
    """Added to the divisor, against division by zero."""


class Adadelta(_TorchOptimizer):
    """Adadelta (Zeiler 2012)."""

    torch_name: ClassVar[str] = "Adadelta"
    name: Literal["adadelta"] = "adadelta"
    rho: Fraction = 0.9
    """Weight of the past in the mean squared gradient."""
    eps: PositiveFloat = 1e-6
    """Added to the divisor, against division by zero."""


class RMSprop(_TorchOptimizer):
    """RMSprop (Hinton 2012)."""

    torch_name: ClassVar[str] = "RMSprop"
    name: Literal["rmsprop"] = "rmsprop"
    alpha: Fraction = 0.99
    """Weight of the past in the mean squared gradient."""
    momentum: Fraction = 0.0
    """Share of the last step that is added to the next."""
    eps: PositiveFloat = 1e-8
    """Added to the divisor, against division by zero."""


class Adam(Option):
    """Adam (Kingma and Ba 2015)."""

    name: Literal["adam"] = "adam"
    beta1: Fraction = 0.9
    """Weight of the past in the mean gradient."""
    beta2: Fraction = 0.999
    """Weight of the past in the mean squared gradient."""
    eps: PositiveFloat = 1e-8
    """Added to the divisor, against division by zero."""

    def build(self, weights: Weights, rate: float) -> Optimizer:
        """The optimiser of some weights."""
        from torch import optim

        return eager(optim.Adam)(
            weights, betas=(self.beta1, self.beta2), eps=self.eps, **_fast(weights, rate)
        )


class AdamW(Option):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    name: Literal["adamw"] = "adamw"
    weight_decay: NonNegativeFloat = 0.01
    """Share of a weight, times the rate, that each step takes away."""
    beta1: Fraction = 0.9
    """Weight of the past in the mean gradient."""
    beta2: Fraction = 0.999
    """Weight of the past in the mean squared gradient."""
    eps: PositiveFloat = 1e-8
    """Added to the divisor, against division by zero."""

    def build(self, weights: Weights, rate: float) -> Optimizer:
        """The optimiser of some weights."""
        from torch import optim

        return eager(optim.AdamW)(
            weights,
            betas=(self.beta1, self.beta2),
            eps=self.eps,
            weight_decay=self.weight_decay,
            **_fast(weights, rate),
        )


OptimizerOption = Annotated[
    GradientDescent | StochasticGradientDescent | Adagrad | Adadelta | RMSprop | Adam | AdamW,
    Choice(),
]


@cache
def eager(kind: type[Optimizer]) -> Callable[..., Optimizer]:
    """The optimiser without what torch's compiler has wrapped its methods in.

    It is the same but for that: nothing is compiled here, and the first call of a wrapped method
    imports the compiler, which takes as long as importing torch itself.
    """
    import torch

    wrapped = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods: dict[str, Any] = {name: unwrap(getattr(kind, name)) for name in wrapped}
    methods["step"] = torch.no_grad()(unwrap(kind.step))
    return type(kind.__name__, (kind,), methods)


def _fast(weights: Weights, rate: float) -> dict[str, Any]:
    """Options of Adam that are the same numbers sooner: one fused kernel a step where there is one.

    On a GPU the rate and the count of steps are tensors, which a CUDA graph reads anew whenever it
    is replayed.
    """
    import torch

    kinds = {weight.device.type for weight in weights}
    on_cuda = kinds == {"cuda"}
    return {
        "lr": torch.tensor(rate, device=weights[0].device) if on_cuda else rate,
        "fused": kinds <= {"cpu", "cuda"},
        "capturable": on_cuda,
    }
