"""Parts of the heads by themselves; loops over whole models are in test_forecaster.py."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.model import ModelConfig
from forecast.models.heads import (
    ACTIVATIONS,
    HEADS,
    Direct,
    Encoded,
    HeadShape,
    Parallel,
    Recursive,
    segments_of,
)
from forecast.models.stack import Stack

BATCH, HIDDEN = 4, 5
HAND_ACTIVATIONS = {
    "none": lambda x: x,
    "relu": lambda x: max(x, 0.0),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "tanh": lambda x: (math.exp(x) - math.exp(-x)) / (math.exp(x) + math.exp(-x)),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
}


def shape_of(horizon=5, segment=2, targets=2, quantiles=1, future=3, channels=1):
    return HeadShape(
        horizon=horizon,
        segment=segment,
        num_targets=targets,
        num_quantiles=quantiles,
        num_future=future,
        num_channels=channels,
        input_size=segment * (targets + future),
    )


def build(kind, shape, activation="tanh", dropout=0.0, cell="lstm", seed=0):
    """A float64 stack of two layers and a head upon it."""
    config = ModelConfig(cell=cell, num_layers=2, hidden_size=HIDDEN)
    torch.manual_seed(seed)
    stack = Stack(config, (HIDDEN, HIDDEN), shape.input_size).double()
    return stack, kind(shape, stack, activation, dropout).double().eval()


def embed(targets, known):
    """What a forecaster without embedding does: targets, then covariates, of a segment."""
    return torch.cat([targets, known], dim=2)


def encoded_for(shape, batch=BATCH, seed=1):
    generator = torch.Generator().manual_seed(seed)

    def numbers(*sizes):
        return torch.randn(sizes, generator=generator, dtype=torch.float64)

    return Encoded(
        segments=numbers(batch, 4, shape.input_size),
        future=numbers(batch, shape.horizon, shape.num_future),
        targets=numbers(batch, shape.horizon, shape.num_targets),
        embed=embed,
    )


def covariates_of_segment(future, number, segment):
    """Covariates of one window's segment, step after step, the last row standing in past the end.

    future: (H, F) of one window.
    """
    rows = [
        future[min(step, len(future) - 1)]
        for step in range(number * segment, (number + 1) * segment)
    ]
    return torch.cat(rows)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_against_their_formulas(name):
    values = torch.linspace(-4, 4, 81, dtype=torch.float64)
    expected = [HAND_ACTIVATIONS[name](value) for value in values.tolist()]
    np.testing.assert_allclose(ACTIVATIONS[name](values).numpy(), expected, atol=1e-12)


def test_tables_hold_every_name_of_the_configuration():
    assert set(ACTIVATIONS) == {"none", "relu", "leaky_relu", "tanh", "sigmoid", "gelu"}
    assert set(HEADS) == {"direct", "recursive", "parallel"}


@given(st.integers(1, 3), st.integers(1, 9), st.integers(0, 3), st.integers(1, 5))
def test_segments_lay_consecutive_steps_side_by_side(batch, steps, width, segment):
    columns = torch.arange(batch * steps * width).view(batch, steps, width).double()
    found = segments_of(columns, segment)
    assert found.shape == (batch, math.ceil(steps / segment), segment * width)
    for window in range(batch):
        for number in range(found.shape[1]):
            expected = covariates_of_segment(columns[window], number, segment)
            assert torch.equal(found[window, number], expected)


@pytest.mark.parametrize(("horizon", "segment", "expected"), [(5, 2, 3), (6, 2, 3), (1, 4, 1)])
def test_segments_cover_the_horizon(horizon, segment, expected):
    assert shape_of(horizon, segment).num_segments == expected


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("segment", [1, 2])
def test_recursive_is_told_what_is_known_of_the_step_it_forecasts(segment, training):
    """Weights that only repeat the known covariate: a shift by one step would give another's."""
    shape = shape_of(horizon=6, segment=segment, targets=1, future=1)
    small = 1e-4  # tanh(small * x) / small is x to within small^2 x^3 / 3
    config = ModelConfig(cell="rnn", hidden_size=segment)
    stack = Stack(config, (segment,), shape.input_size).double()
    head = Recursive(shape, stack, "none", 0.0).double().train(training)
    with torch.no_grad():
        for parameter in [*stack.parameters(), *head.parameters()]:
            parameter.zero_()
        stack.layers[0].weight_ih_l0[:, segment:] = small * torch.eye(segment)
        head.emit.output.weight[:] = torch.eye(segment) / small
    encoded = encoded_for(shape)
    first = torch.cat([torch.zeros(BATCH, segment), encoded.future[:, :segment, 0]], dim=1)
    segments = torch.cat([encoded.segments[:, :-1], first[:, None]], dim=1)
    found = head(stack, replace(encoded, segments=segments))
    torch.testing.assert_close(found[..., 0], encoded.future, atol=1e-6, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_parallel_tells_steps_and_channels_apart_on_an_input_of_width_one(channels):
    shape = shape_of(horizon=4, segment=1, targets=1, future=0, channels=channels)
    stack, head = build(Parallel, shape)
    encoded = encoded_for(shape, batch=channels)
    found = head(stack, replace(encoded, segments=encoded.segments[:1].expand(channels, -1, -1)))
    assert len(set(found.flatten().tolist())) == channels * 4


@pytest.mark.parametrize("kind", HEADS.values())
def test_dropout_before_the_output_keeps_its_share(kind):
    shape = shape_of(horizon=40, segment=2, future=0)
    config = ModelConfig(hidden_size=300)
    torch.manual_seed(0)
    stack = Stack(config, (300,), shape.input_size).double()
    head = kind(shape, stack, "none", 0.3).double()
    linear = head.output if kind is Direct else head.emit.output
    fed = []
    linear.register_forward_pre_hook(lambda _, arguments: fed.append(arguments[0]))
    encoded = encoded_for(shape)
    forecasts = [head.train()(stack, encoded) for _ in range(2)]
    assert (fed[-1] != 0).double().mean().item() == pytest.approx(0.7, abs=0.03)
    assert not torch.equal(*forecasts)
    head.eval()(stack, encoded)
    assert (fed[-1] != 0).all()
