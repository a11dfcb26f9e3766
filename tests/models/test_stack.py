"""Recurrent stacks against gates written out by hand."""

from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from forecast.config.model import InitConfig, ModelConfig
from forecast.models import stack
from forecast.models.stack import CELLS, Stack

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
BATCH, WIDTH = 3, 5


def build(sizes=(4,), width=WIDTH, seed=0, **options):
    """A float64 stack in evaluation mode, its norms and learned states away from their start."""
    config = ModelConfig(num_layers=len(sizes), hidden_size=sizes, **options)
    torch.manual_seed(seed)
    stack = Stack(config, sizes, width).double().eval()
    for parameter in [*stack.first_states, *stack.norms.parameters()]:
        nn.init.normal_(parameter)
    for name, buffer in stack.named_buffers():
        if "running" in name:
            nn.init.uniform_(buffer, 0.5, 2.0)
    return stack


def inputs_of(steps=6, width=WIDTH, batch=BATCH, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, steps, width, generator=generator, dtype=torch.float64)


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def lstm_step(x, state, weights):
    """Gers et al. 2000, gates ordered input, forget, cell, output; Sak et al. 2014 project."""
    hidden, cell = state
    gates = weights["weight_ih"] @ x + weights["bias_ih"]
    gates = gates + weights["weight_hh"] @ hidden + weights["bias_hh"]
    enter, forget, candidate, leave = np.split(gates, 4)
    cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(candidate)
    hidden = sigmoid(leave) * np.tanh(cell)
    return (weights["weight_hr"] @ hidden if "weight_hr" in weights else hidden), cell


def gru_step(x, state, weights):
    """Cho et al. 2014, gates ordered reset, update, new."""
    (hidden,) = state
    of_input = np.split(weights["weight_ih"] @ x + weights["bias_ih"], 3)
    of_hidden = np.split(weights["weight_hh"] @ hidden + weights["bias_hh"], 3)
    reset = sigmoid(of_input[0] + of_hidden[0])
    update = sigmoid(of_input[1] + of_hidden[1])
    new = np.tanh(of_input[2] + reset * of_hidden[2])
    return ((1 - update) * new + update * hidden,)


def rnn_step(x, state, weights):
    """Elman 1990."""
    (hidden,) = state
    of_input = weights["weight_ih"] @ x + weights["bias_ih"]
    return (np.tanh(of_input + weights["weight_hh"] @ hidden + weights["bias_hh"]),)


STEPS = {nn.LSTM: lstm_step, nn.GRU: gru_step, nn.RNN: rnn_step}


def run_direction(layer, x, number, suffix, first):
    """One direction of one layer over one window: outputs in the order of time, last state."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    weights = {
        name: getattr(layer, f"{name}_l{number}{suffix}").detach().numpy()
        for name in names
        if hasattr(layer, f"{name}_l{number}{suffix}")
    }
    state, outputs = first, []
    for row in x[::-1] if suffix else x:
        state = STEPS[type(layer)](row, state, weights)
        outputs.append(state[0])
    return np.stack(outputs[::-1] if suffix else outputs), state


def run_dilated(layer, x, number, suffix, first, dilation):
    """A plain layer over each set of steps `dilation` apart, zeros before the first step."""
    padded = np.concatenate([np.zeros((-len(x) % dilation, x.shape[1])), x])
    parts = [padded[begin::dilation] for begin in range(dilation)]
    ran = [run_direction(layer, part, number, suffix, first) for part in parts]
    outputs = [ran[place % dilation][0][place // dilation] for place in range(len(padded))]
    return np.stack(outputs[-len(x) :]), ran[-1][1]


def zeros(layer):
    widths = (layer.proj_size or layer.hidden_size, layer.hidden_size)
    return [np.zeros(width) for width in widths[: 2 if isinstance(layer, nn.LSTM) else 1]]


def run_by_hand(stack, window):
    """A stack over one window (T, I) by loops: outputs (T, O) and last states in their order."""
    learned = [parameter.detach().numpy() for parameter in stack.first_states]
    states = []
    dilations = stack.dilations[: len(stack.layers)]
    for layer, norms, dilation in zip(stack.layers, stack.norms, dilations, strict=True):
        firsts = [learned.pop(0) for _ in zeros(layer)] if learned else None
        before, last = window, []
        for number in range(layer.num_layers):
            sides = []
            for side, suffix in enumerate(["", "_reverse"][: 1 + layer.bidirectional]):
                row = number * (1 + layer.bidirectional) + side
                first = [first[row, 0] for first in firsts] if firsts else zeros(layer)
                outputs, state = run_dilated(layer, window, number, suffix, first, dilation)
                sides.append(outputs)
                last.append(state)
            window = np.concatenate(sides, axis=1)
        states.append([np.stack(part) for part in zip(*last, strict=True)])
        if stack.residual and window.shape == before.shape:
            window = window + before
        for norm in norms:
            window = normalise_by_hand(norm, window)
    return window, states


def normalise_by_hand(norm, window):
    if isinstance(norm, nn.LayerNorm):
        mean, variance = window.mean(1, keepdims=True), window.var(1, keepdims=True)
    else:
        norm = norm.norm
        mean, variance = norm.running_mean.numpy(), norm.running_var.numpy()
    scaled = (window - mean) / np.sqrt(variance + norm.eps)
    return scaled * norm.weight.detach().numpy() + norm.bias.detach().numpy()


def assert_equals_hand(stack, inputs):
    outputs, states = stack(inputs)
    for window in range(len(inputs)):
        expected, expected_states = run_by_hand(stack, inputs[window].numpy())
        np.testing.assert_allclose(outputs[window].detach().numpy(), expected, atol=1e-12)
        for state, expected_state in zip(states, expected_states, strict=True):
            for part, expected_part in zip(state, expected_state, strict=True):
                found = part[:, window].detach().numpy()
                np.testing.assert_allclose(found, expected_part, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("sizes", "options"),
    [
        ((4,), {}),
        ((4, 4, 4), {}),
        ((7, 4, 2), {}),
        ((4, 4), {"bidirectional": True}),
        ((4, 3), {"bidirectional": True}),
        ((4, 4), {"init": InitConfig(state="learned")}),
        ((4, 3), {"init": InitConfig(state="learned"), "bidirectional": True}),
        ((WIDTH, WIDTH, 4), {"residual": True}),
        ((4, 4), {"layer_norm": True}),
        ((4, 4), {"batch_norm": True}),
        ((4, 2, 2), {"residual": True, "layer_norm": True, "bidirectional": True}),
    ],
    ids=str,
)
def test_stack_computes_the_gates_of_the_literature(cell, sizes, options):
    assert_equals_hand(build(sizes, cell=cell, **options), inputs_of())


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("steps", [1, 4, 7, 9])
@pytest.mark.parametrize(
    ("sizes", "options"),
    [
        ((4,), {"dilations": (3,)}),
        ((4, 4, 4), {"dilations": (1, 2, 4)}),
        ((5, 4), {"dilations": (6, 2)}),
        ((4, 4), {"dilations": (2, 3), "init": InitConfig(state="learned")}),
        ((4, 3), {"dilations": (2, 3), "bidirectional": True}),
        ((WIDTH, WIDTH, 4), {"dilations": (1, 3, 2), "residual": True, "layer_norm": True}),
        ((4, 4), {"dilations": (3, 1), "batch_norm": True}),
    ],
    ids=str,
)
def test_a_dilated_layer_is_plain_layers_side_by_side(cell, sizes, options, steps):
    assert_equals_hand(build(sizes, cell=cell, **options), inputs_of(steps, batch=2))


@pytest.mark.parametrize(
    ("dilations", "seen"),
    [((1,), {0, 1, 2, 3, 4, 5, 6}), ((3,), {0, 3, 6}), ((2, 4), {0, 2, 4, 6}), ((9,), {6})],
)
def test_a_step_sees_those_a_dilation_apart(dilations, seen):
    stack = build((4,) * len(dilations), dilations=dilations)
    inputs = inputs_of(steps=7).requires_grad_()
    (gradient,) = torch.autograd.grad(stack(inputs)[0][:, -1].sum(), inputs)
    assert set(gradient.abs().sum((0, 2)).nonzero().flatten().tolist()) == seen


@pytest.mark.parametrize("cell", CELLS)
def test_a_dilated_stack_goes_on_step_by_step_from_its_last_state(cell):
    """As the steps of a decoder do: from the state after the last step, in every layer."""
    stack = build((4, 3), cell=cell, dilations=(2, 4))
    _, states = stack(inputs_of(steps=7))
    query = inputs_of(steps=1, seed=2)
    outputs, _ = stack(query, states)
    for window in range(BATCH):
        row = query[window].numpy()
        for layer, state in zip(stack.layers, states, strict=True):
            first = [part[0, window].detach().numpy() for part in state]
            row, _ = run_direction(layer, row, 0, "", first)
        np.testing.assert_allclose(outputs[window].detach().numpy(), row, atol=1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("state", ["zeros", "learned"])
@pytest.mark.parametrize("sizes", [(4, 4, 4), (6, 4)])
def test_projection_computes_the_gates_of_the_literature(sizes, state, bidirectional):
    init = InitConfig(state=state)
    stack = build(sizes, proj_size=2, bidirectional=bidirectional, init=init)
    assert stack.output_size == (4 if bidirectional else 2)
    assert_equals_hand(stack, inputs_of())


@st.composite
def stack_options(draw):
    flags = ("bidirectional", "residual", "layer_norm", "batch_norm")
    options = {flag: draw(st.booleans(), label=flag) for flag in flags}
    options["cell"] = draw(st.sampled_from([*CELLS]))
    options["init"] = InitConfig(state=draw(st.sampled_from(["zeros", "learned"])))
    if options["cell"] == "lstm" and draw(st.booleans()):
        options["proj_size"] = 2
    options["sizes"] = tuple(draw(st.lists(st.sampled_from([3, 5]), min_size=1, max_size=3)))
    return options


@given(stack_options(), st.integers(1, 5), st.data())
def test_any_stack_computes_the_gates_of_the_literature(options, steps, data):
    dilations = tuple(data.draw(st.integers(1, 3)) for _ in options["sizes"])
    stack = build(**options, dilations=data.draw(st.sampled_from([None, dilations])))
    assert_equals_hand(stack, inputs_of(steps, batch=2))


@given(stack_options(), st.integers(1, 4))
def test_stack_goes_on_from_its_last_state(options, first_steps):
    stack = build(**{**options, "bidirectional": False})
    inputs = inputs_of(steps=5)
    whole, last = stack(inputs)
    early, states = stack(inputs[:, :first_steps])
    late, last_in_two = stack(inputs[:, first_steps:], states)
    torch.testing.assert_close(torch.cat([early, late], dim=1), whole)
    torch.testing.assert_close(last_in_two, last)


@given(stack_options())
@settings(max_examples=15, deadline=None)
def test_packed_sequences_are_another_way_to_the_same(options):
    network, inputs = build(**options), inputs_of(steps=5)
    whole, last = network(inputs)
    with mock.patch.object(stack, "_is_packed", return_value=True):
        packed, last_packed = network(inputs)
    torch.testing.assert_close(packed, whole)
    torch.testing.assert_close(last_packed, last)


@pytest.mark.parametrize(
    ("sizes", "options", "depths"),
    [
        ((4, 4), {"dropout": 0.5}, [1, 1]),
        ((4, 4), {"init": InitConfig(state="learned")}, [2]),
        ((4, 3), {}, [1, 1]),
        ((4, 4), {"residual": True}, [1, 1]),
        ((4, 4), {"batch_norm": True}, [1, 1]),
        ((4, 4), {"dilations": (1, 1)}, [2]),
        ((4, 4), {"dilations": (1, 2)}, [1, 1]),
        ((4, 4), {"dilations": (2, 2)}, [1, 1]),
    ],
    ids=str,
)
def test_equal_layers_with_nothing_between_them_are_one_module(sizes, options, depths):
    assert [layer.num_layers for layer in build(sizes, **options).layers] == depths


def test_parameters_keep_the_names_of_torch():
    names = [name for name, _ in build((4, 4), bidirectional=True).layers[0].named_parameters()]
    assert names == [name for name, _ in nn.LSTM(5, 4, 2, bidirectional=True).named_parameters()]


def test_last_output_is_each_direction_after_its_last_step():
    stack = build((4, 4), bidirectional=True)
    outputs, ((hidden, _),) = stack(inputs_of())
    expected = torch.cat([hidden[-2], hidden[-1]], dim=1)
    torch.testing.assert_close(stack.last_output(outputs), expected)
    stack = build((4, 3))
    outputs, (_, (hidden, _)) = stack(inputs_of())
    torch.testing.assert_close(stack.last_output(outputs), hidden[0])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("sizes", [(4, 4), (4, 3)])
def test_learned_first_states_begin_at_zero_and_learn(cell, sizes):
    config = ModelConfig(cell=cell, num_layers=2, hidden_size=sizes, init={"state": "learned"})
    torch.manual_seed(0)
    stack = Stack(config, sizes, WIDTH).double()
    zero_states = [
        tuple(torch.zeros(layer.num_layers, BATCH, layer.hidden_size).double() for _ in range(2))
        for layer in stack.layers
    ]
    torch.testing.assert_close(stack(inputs_of())[0], stack(inputs_of(), zero_states)[0])
    stack(inputs_of())[0].sum().backward()
    assert len(stack.first_states) == len(stack.layers) * (2 if cell == "lstm" else 1)
    for state in stack.first_states:
        assert state.grad is not None
        assert (state.grad != 0).all()


def test_dropout_lies_between_layers_and_scales_what_it_keeps():
    stack = build((200, 3), dropout=0.4, layer_norm=True)
    fed = []
    stack.layers[0].register_forward_pre_hook(lambda _, arguments: fed.append(arguments[0]))
    stack.layers[1].register_forward_pre_hook(lambda _, arguments: fed.append(arguments[0]))
    inputs = inputs_of(steps=20)
    stack(inputs)
    stack.train()(inputs)
    _, whole, first, dropped = fed
    torch.testing.assert_close(first, inputs)
    kept = dropped != 0
    assert kept.double().mean().item() == pytest.approx(0.6, abs=0.02)
    torch.testing.assert_close(dropped[kept], whole[kept] / 0.6)


def test_residual_adds_what_was_not_dropped():
    stack = build((WIDTH, WIDTH), dropout=0.5, residual=True).train()
    between = []
    stack.norms[0].register_forward_hook(lambda *call: between.append(call[2]))
    stack.layers[1].register_forward_hook(lambda *call: between.append(call[2][0]))
    outputs, _ = stack(inputs_of())
    first, second = between
    torch.testing.assert_close(outputs, first + second)


@pytest.mark.parametrize("options", [{}, {"residual": True}], ids=str)
def test_dropout_is_active_in_training_only(options):
    stack = build((WIDTH, WIDTH), dropout=0.5, **options)
    inputs = inputs_of()
    assert torch.equal(stack(inputs)[0], stack(inputs)[0])
    stack.train()
    assert not torch.equal(stack(inputs)[0], stack(inputs)[0])


def test_batch_norm_centres_each_unit_over_windows_and_steps_in_training():
    stack = build((4,), batch_norm=True).train()
    norm = stack.norms[0][0].norm
    nn.init.ones_(norm.weight)
    nn.init.zeros_(norm.bias)
    inputs = inputs_of()
    plain = build((4,))
    plain.layers.load_state_dict(stack.layers.state_dict())
    before = plain(inputs)[0].detach().numpy().reshape(-1, 4)
    running = norm.running_mean.numpy().copy()
    expected = (before - before.mean(0)) / np.sqrt(before.var(0) + 1e-5)
    found = stack(inputs)[0].detach().numpy().reshape(-1, 4)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(norm.running_mean.numpy(), 0.9 * running + 0.1 * before.mean(0))


def test_batch_norm_of_a_lone_step_uses_the_running_statistics():
    stack = build((4, 4), batch_norm=True)
    lone = inputs_of(steps=1, batch=1)
    expected = stack(lone)[0]
    buffers = {name: buffer.clone() for name, buffer in stack.named_buffers()}
    torch.testing.assert_close(stack.train()(lone)[0], expected)
    torch.testing.assert_close(dict(stack.named_buffers()), buffers)
