"""Every optimiser takes the steps of torch's class with the same options."""

import pytest
import torch
from torch import nn, optim

from forecast.config.optimizers import (
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    GradientDescent,
    OptimizerOption,
    RMSprop,
    StochasticGradientDescent,
)
from forecast.config.options import options_of
from forecast.training.optimizers import is_full_batch

RATE = 0.05
PLAIN = {"foreach": False, "fused": False}
CASES = [
    (GradientDescent(), lambda p: optim.SGD(p, RATE)),
    (StochasticGradientDescent(), lambda p: optim.SGD(p, RATE, momentum=0.9)),
    (StochasticGradientDescent(momentum=0.0), lambda p: optim.SGD(p, RATE)),
    (
        StochasticGradientDescent(momentum=0.7, nesterov=True),
        lambda p: optim.SGD(p, RATE, momentum=0.7, nesterov=True),
    ),
    (Adagrad(), lambda p: optim.Adagrad(p, RATE)),
    (Adagrad(lr_decay=0.1, eps=0.1), lambda p: optim.Adagrad(p, RATE, lr_decay=0.1, eps=0.1)),
    (Adadelta(), lambda p: optim.Adadelta(p, RATE)),
    (Adadelta(rho=0.5, eps=1e-3), lambda p: optim.Adadelta(p, RATE, rho=0.5, eps=1e-3)),
    (RMSprop(), lambda p: optim.RMSprop(p, RATE)),
    (
        RMSprop(alpha=0.5, momentum=0.6, eps=0.1),
        lambda p: optim.RMSprop(p, RATE, alpha=0.5, momentum=0.6, eps=0.1),
    ),
    (Adam(), lambda p: optim.Adam(p, RATE, **PLAIN)),
    (
        Adam(beta1=0.5, beta2=0.7, eps=0.1),
        lambda p: optim.Adam(p, RATE, betas=(0.5, 0.7), eps=0.1, **PLAIN),
    ),
    (AdamW(), lambda p: optim.AdamW(p, RATE, weight_decay=0.01, **PLAIN)),
    (
        AdamW(weight_decay=0.3, beta1=0.5, beta2=0.7, eps=0.1),
        lambda p: optim.AdamW(p, RATE, betas=(0.5, 0.7), eps=0.1, weight_decay=0.3, **PLAIN),
    ),
]


def start() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((3, 2), (4,))]


def walk(weights: list[nn.Parameter], optimizer: optim.Optimizer) -> list[torch.Tensor]:
    """Where twelve steps on a bent surface lead."""
    for _ in range(12):
        optimizer.zero_grad()
        sum((weight.square().sum() + weight.sin().sum()) for weight in weights).backward()
        optimizer.step()
    return [weight.detach().clone() for weight in weights]


@pytest.mark.parametrize(("option", "reference"), CASES, ids=lambda case: getattr(case, "name", ""))
def test_steps_are_those_of_torch(option, reference) -> None:
    weights, expected = start(), start()
    found = walk(weights, option.build(weights, RATE))
    torch.testing.assert_close(found, walk(expected, reference(expected)), rtol=1e-5, atol=1e-6)


def test_options_change_the_steps() -> None:
    """Cases of one optimiser end in different places, so that no option is lost unseen."""
    ends = []
    for option, _ in CASES:
        weights = start()
        ends.append((option.key(), walk(weights, option.build(weights, RATE))[0]))
    for number, (name, end) in enumerate(ends):
        for other_name, other in ends[:number]:
            assert name != other_name or not torch.allclose(end, other, atol=1e-4)


def test_every_optimiser_has_a_case() -> None:
    assert set(options_of(OptimizerOption)) == {option.key() for option, _ in CASES}


def test_only_gradient_descent_is_full_batch() -> None:
    full = {name for name, option in options_of(OptimizerOption).items() if is_full_batch(option())}
    assert full == {"gd"}
