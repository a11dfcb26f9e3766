"""Heads against loops written by hand: what each step of the horizon is told, and what it gives."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
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
    return torch.cat([targets.flatten(2), known], dim=2)


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


def emit_by_hand(linear, output, shape):
    """One segment from one output vector, entry by entry: (segment, K, Q)."""
    activated = [HAND_ACTIVATIONS["tanh"](value) for value in output.tolist()]
    flat = linear.weight.detach().numpy() @ np.array(activated) + linear.bias.detach().numpy()
    segment = torch.empty(shape.segment, shape.num_targets, shape.num_quantiles).double()
    numbers = iter(flat)
    for step in range(shape.segment):
        for target in range(shape.num_targets):
            for quantile in range(shape.num_quantiles):
                segment[step, target, quantile] = next(numbers)
    return segment


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_against_their_formulas(name):
    values = torch.linspace(-4, 4, 81, dtype=torch.float64)
    expected = [HAND_ACTIVATIONS[name](value) for value in values.tolist()]
    np.testing.assert_allclose(ACTIVATIONS[name](values).numpy(), expected, atol=1e-12)


def test_tables_hold_every_name_of_the_configuration():
    assert set(ACTIVATIONS) == {"none", "relu", "leaky_relu", "tanh", "sigmoid", "gelu"}
    assert set(HEADS) == {"direct", "recursive", "parallel"}


@given(st.integers(1, 3), st.integers(1, 9), st.integers(0, 3), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
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


@pytest.mark.parametrize("future", [0, 3])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_direct_is_a_linear_map_of_activated_state_and_known_covariates(activation, future):
    shape = shape_of(quantiles=3, future=future)
    stack, head = build(Direct, shape, activation)
    encoded = encoded_for(shape)
    outputs, _ = stack(encoded.segments)
    found = head(stack, encoded)
    assert found.shape == (BATCH, 5, 2, 3)
    for window in range(BATCH):
        state = [HAND_ACTIVATIONS[activation](x) for x in outputs[window, -1].tolist()]
        known = [x for step in encoded.future[window].tolist() for x in step]
        flat = head.output.weight.detach().numpy() @ np.array(state + known)
        flat = flat + head.output.bias.detach().numpy()
        expected = flat.reshape(5, 2, 3)  # step, target, quantile
        np.testing.assert_allclose(found[window].detach().numpy(), expected, atol=1e-12)


def roll_by_hand(stack, head, encoded, fed):
    """A recursive head over each window alone, a step at a time.

    Args:
        fed: gives what is fed after a segment: fed(window, number of the segment, what it emitted).
    """
    shape, forecasts = head.shape, []
    for window in range(len(encoded.segments)):
        states, emitted = None, []
        for step in encoded.segments[window]:
            output, states = stack(step[None, None], states)
        for number in range(shape.num_segments):
            emitted.append(emit_by_hand(head.emit.output, output[0, 0], shape))
            if number + 1 < shape.num_segments:
                known = covariates_of_segment(encoded.future[window], number + 1, shape.segment)
                step = torch.cat([fed(window, number, emitted[-1]).flatten(), known])
                output, states = stack(step[None, None], states)
        forecasts.append(torch.cat(emitted)[: shape.horizon])
    return torch.stack(forecasts)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize(("horizon", "segment"), [(5, 1), (5, 2), (6, 2), (1, 1), (2, 3)])
def test_recursive_feeds_its_own_forecast_back(horizon, segment, cell):
    shape = shape_of(horizon, segment)
    stack, head = build(Recursive, shape, cell=cell)
    encoded = encoded_for(shape)
    expected = roll_by_hand(stack, head, encoded, lambda _window, _number, emitted: emitted)
    torch.testing.assert_close(head(stack, encoded), expected)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize(("horizon", "segment"), [(5, 1), (5, 2), (6, 2), (1, 1), (2, 3)])
def test_recursive_in_training_is_fed_the_truth(horizon, segment, cell):
    shape = shape_of(horizon, segment, quantiles=3)
    stack, head = build(Recursive, shape, cell=cell)
    encoded = encoded_for(shape)

    def truth(window, number, _emitted):
        return encoded.targets[window, number * segment : (number + 1) * segment]

    expected = roll_by_hand(stack, head, encoded, truth)
    torch.testing.assert_close(head.train()(stack, encoded), expected)


@pytest.mark.parametrize(("quantiles", "median"), [(1, 0), (3, 1), (5, 2)])
def test_recursive_feeds_the_median_back(quantiles, median):
    shape = shape_of(quantiles=quantiles)
    stack, head = build(Recursive, shape)
    encoded = encoded_for(shape)
    expected = roll_by_hand(stack, head, encoded, lambda _w, _n, emitted: emitted[..., median])
    torch.testing.assert_close(head(stack, encoded), expected)


def test_recursive_is_fed_zero_for_a_masked_target():
    shape = shape_of()
    stack, head = build(Recursive, shape)
    encoded = encoded_for(shape)
    masked, zeroed = encoded.targets.clone(), encoded.targets.clone()
    masked[1, 2, 0] = math.nan
    masked[2] = math.nan
    zeroed[1, 2, 0] = 0
    zeroed[2] = 0
    found = head.train()(stack, replace(encoded, targets=masked))
    torch.testing.assert_close(found, head(stack, replace(encoded, targets=zeroed)))
    found.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in head.parameters())
    assert masked[2].isnan().all()


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


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(("horizon", "segment"), [(5, 1), (5, 2), (6, 2), (2, 3)])
@pytest.mark.parametrize("future", [0, 3])
def test_parallel_decodes_each_segment_from_the_same_state(
    future, horizon, segment, channels, cell
):
    targets = 2 if channels == 1 else 1
    shape = shape_of(horizon, segment, targets, quantiles=3, future=future, channels=channels)
    stack, head = build(Parallel, shape, cell=cell)
    encoded = encoded_for(shape, batch=2 * channels)
    _, states = stack(encoded.segments)
    found = head(stack, encoded)
    for window in range(2 * channels):
        state = [tuple(part[:, window : window + 1] for part in layer) for layer in states]
        emitted = []
        for number in range(shape.num_segments):
            query = head.positions[0, number]
            if channels > 1:
                query = query + head.channels[window % channels, 0]
            if future:
                known = covariates_of_segment(encoded.future[window], number, segment)
                query = query + head.known.weight @ known + head.known.bias
            output, _ = stack(query[None, None], state)
            emitted.append(emit_by_hand(head.emit.output, output[0, 0], shape))
        torch.testing.assert_close(found[window], torch.cat(emitted)[:horizon])


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
    head.train()(stack, encoded)
    assert (fed[-1] != 0).double().mean().item() == pytest.approx(0.7, abs=0.03)
    head.eval()(stack, encoded)
    assert (fed[-1] != 0).all()


@pytest.mark.parametrize("kind", HEADS.values())
def test_dropout_is_active_in_training_only(kind):
    shape = shape_of()
    stack, head = build(kind, shape, dropout=0.5)
    encoded = encoded_for(shape)
    assert torch.equal(head(stack, encoded), head(stack, encoded))
    head.train()
    assert not torch.equal(head(stack, encoded), head(stack, encoded))
