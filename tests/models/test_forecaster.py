"""The whole model: every combination of its parts, against loops over one window at a time.

What every model obeys, whatever its parts, is in tests/test_rules.py.
"""

import functools
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save
from torch import nn

from forecast.config.model import InitConfig, ModelConfig
from forecast.models.forecaster import Embedded, Embeddings, Forecaster, WindowShape, hidden_sizes
from forecast.models.heads import ACTIVATIONS

LOOKBACK, HORIZON, TARGETS, BATCH = 6, 5, 2, 4
CELLS = ("lstm", "gru", "rnn")
HEADS = ("direct", "recursive", "parallel")
NORMS = ("none", "last", "segment_mean", "mean", "standard")
COMBINED_NORMS = ("none", "segment_mean", "standard")  # a segment of one step: the last value
CHANNELS = ("joint", "independent")
COVARIATES = {
    "num_past": 2,
    "num_future": 3,
    "num_static": 2,
    "embedded": (Embedded(1, 4, 3), Embedded(3, 5, 2)),
    "embedded_static": (Embedded(0, 3, 2),),
}
PARTS = (CELLS, HEADS, COMBINED_NORMS, CHANNELS, (1, 3), (False, True))


def combined(*places):
    """A combination by the places of its parts. A third of all holds every three parts together:
    the others are left to `make slow`."""
    parts = [choices[place] for choices, place in zip(PARTS, places, strict=True)]
    name = "-".join(map(str, parts))
    return pytest.param(*parts, id=name, marks=[pytest.mark.slow] if sum(places) % 3 else [])


COMBINATIONS = [combined(*places) for places in itertools.product(*map(range, map(len, PARTS)))]
every_combination = pytest.mark.parametrize(
    ("cell", "head", "norm", "channels", "segment", "covariates"), COMBINATIONS
)


def build(seed=0, shape=None, **options):
    """A float64 forecaster in evaluation mode."""
    settings = {"num_layers": 2, "hidden_size": 4, **options}
    sizes = {"lookback": LOOKBACK, "horizon": HORIZON, "num_targets": TARGETS, **(shape or {})}
    torch.manual_seed(seed)
    return Forecaster(ModelConfig(**settings), WindowShape(**sizes)).double().eval()


@functools.cache
def combination(cell, head, norm, channels, segment, covariates):
    """One of the combinations with three quantiles, and a batch for it."""
    model = build(
        cell=cell,
        head=head,
        window_norm=norm,
        channels=channels,
        segment=segment,
        shape={"num_quantiles": 3, **(COVARIATES if covariates else {})},
    )
    return model, batch_for(model)


def batch_for(model, batch=BATCH, seed=1):
    """Past, future, static and targets; codes in embedded columns."""
    shape = model.shape
    generator = torch.Generator().manual_seed(seed)

    def numbers(*sizes):
        return torch.randn(batch, *sizes, generator=generator, dtype=torch.float64)

    def codes(categories, *sizes):
        return torch.randint(categories, (batch, *sizes), generator=generator).double()

    columns = numbers(LOOKBACK + HORIZON, TARGETS + shape.num_past + shape.num_future)
    columns = columns[..., -shape.num_past - shape.num_future - shape.num_targets :]
    columns[..., : shape.num_targets] *= 3
    for embedded in shape.embedded:
        drawn = codes(embedded.categories, len(columns[0]))
        columns[..., shape.num_targets + embedded.column] = drawn
    static = numbers(shape.num_static)
    for embedded in shape.embedded_static:
        static[:, embedded.column] = codes(embedded.categories)
    future = columns[:, LOOKBACK:, shape.num_targets + shape.num_past :]
    return columns[:, :LOOKBACK], future, static, columns[:, LOOKBACK:, : shape.num_targets]


def assert_equal(found, expected, tolerance=1e-9):
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=tolerance)


@every_combination
def test_shapes_and_gradients(cell, head, norm, channels, segment, covariates):
    model, batch = combination(cell, head, norm, channels, segment, covariates)
    before = [tensor.clone() for tensor in batch]
    model.train()
    forecast = model(*batch)
    model.eval()
    assert forecast.shape == (BATCH, HORIZON, TARGETS, 3)
    assert forecast.isfinite().all()
    model.zero_grad()
    forecast.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
    forecast = model(*batch[:3])
    assert forecast.isfinite().all()
    assert torch.equal(forecast, forecast.sort(dim=-1).values)
    for tensor, copy in zip(batch, before, strict=True):
        assert torch.equal(tensor, copy)


@every_combination
def test_forecast_equals_that_of_loops(cell, head, norm, channels, segment, covariates):
    model, (past, future, static, targets) = combination(
        cell, head, norm, channels, segment, covariates
    )
    with torch.no_grad():
        assert_equal(model(past, future, static)[2], forecast_slowly(model, past, future, static))
        model.train()
        taught = model(past, future, static, targets)[2]
        model.eval()
        assert_equal(taught, forecast_slowly(model, past, future, static, targets))


def forecast_slowly(model, past, future, static, targets=None, window=2):
    """One window by loops over channels, segments and steps: (H, K, Q), in plain words.

    Args:
        targets: the truth, in training, which leaves quantiles unsorted.
    """
    shape, targets_of = model.shape, range(model.shape.num_targets)
    past, future, static = past[window], future[window], static[window]
    joint = [list(targets_of)]
    channels = joint if model.config.channels == "joint" else [[target] for target in targets_of]
    forecast = torch.empty(shape.horizon, shape.num_targets, shape.num_quantiles).double()
    for channel, columns in enumerate(channels):
        location, scale = location_and_scale(model.config, past[:, columns])
        values = [(row[columns] - location) / scale for row in past]
        truth = None if targets is None else (targets[window][:, columns] - location) / scale
        rows = past[:, shape.num_targets :]
        lookback = [covariate_row(model, row) for row in rows]
        known = [
            covariate_row(model, torch.cat([rows[-1, : shape.num_past], row]))[1] for row in future
        ]
        encoded_static = torch.cat(
            replaced(static, shape.embedded_static, [table.weight for table in model.static.tables])
        )
        emitted = HEAD_LOOPS[model.config.head](
            model, values, lookback, known, encoded_static, truth, channel
        )
        emitted = emitted[: shape.horizon] + skipped(model, values)[..., None]
        if targets is None:
            emitted = torch.tensor(np.sort(emitted.numpy(), axis=2))
        forecast[:, columns] = emitted * scale[:, None] + location[:, None]
    return forecast


def skipped(model, values):
    """What the linear skip adds to each step of the horizon: (H, K)."""
    kind, horizon = model.config.linear_skip, model.shape.horizon
    added = torch.zeros(horizon, len(values[0])).double()
    if kind == "none":
        return added
    linear, segment = model.skip.map, 1 if kind == "full" else model.config.segment
    for step in range(horizon):
        later, place = divmod(step, segment)
        added[step] = linear.bias[later]
        for row, value in enumerate(values):
            if row % segment == place:
                added[step] += linear.weight[later, row // segment] * value
    return added


def location_and_scale(config, values):
    mean, one = values.sum(0) / len(values), torch.ones(values.shape[1]).double()
    deviation = (((values - mean) ** 2).sum(0) / len(values) + 1e-5).sqrt()
    end = values[-config.segment :]
    return {
        "none": (0 * one, one),
        "last": (values[-1], one),
        "segment_mean": (sum(end) / len(end), one),
        "mean": (mean, one),
        "standard": (mean, deviation),
    }[config.window_norm]


def replaced(row, embedded, tables):
    """A row as a list of vectors, codes looked up."""
    parts = [row[i : i + 1] for i in range(len(row))] or [row]
    for entry, table in zip(embedded, tables, strict=True):
        parts[entry.column] = table[int(row[entry.column])]
    return parts


def covariate_row(model, row):
    """A row of covariates as (past ones, future-known ones), codes looked up."""
    tables = [table.weight for group in (model.past, model.known) for table in group.tables]
    parts = replaced(row, model.shape.embedded, tables)
    cut = model.shape.num_past
    empty = [torch.zeros(0).double()]
    return torch.cat(empty + parts[:cut]), torch.cat(empty + parts[cut:])


def input_of(model, values, past, known, static):
    """One input of the stack: targets of each step, then past and known covariates of each."""
    return model.embedding(torch.cat([*values, *past, *known, static]))


def cut(steps, segment):
    """Lists of `segment` steps each, the last step standing in past the end."""
    steps = [*steps, *[steps[-1]] * (-len(steps) % segment)]
    return [steps[i : i + segment] for i in range(0, len(steps), segment)]


def run_stack(model, inputs, states=None):
    """Step after step; steps that a dilation skips are left to the tests of the stack."""
    if states is None and model.config.dilations:
        outputs, states = model.stack(torch.stack(inputs)[None])
        return outputs[0, -1], states
    for step in inputs:
        output, states = model.stack(step[None, None], states)
    return output[0, 0], states


def emitted_by(model, linear, output, known=()):
    """Steps of one segment, or of the whole horizon with all that is known of it."""
    activated = ACTIVATIONS[model.config.head_activation](output)
    flat = linear(torch.cat([activated, *known]))
    targets = 1 if model.config.channels == "independent" else model.shape.num_targets
    return flat.reshape(-1, targets, model.shape.num_quantiles)


def inputs_of_lookback(model, values, lookback, static):
    segment = model.config.segment
    return [
        input_of(model, value, [past for past, _ in rows], [known for _, known in rows], static)
        for value, rows in zip(cut(values, segment), cut(lookback, segment), strict=True)
    ]


def loop_direct(model, values, lookback, known, static, truth, channel):
    output, _ = run_stack(model, inputs_of_lookback(model, values, lookback, static))
    return emitted_by(model, model.head.output, output, known)


def loop_recursive(model, values, lookback, known, static, truth, channel):
    segment = model.config.segment
    values, rows, known = cut(values, segment), cut(lookback, segment), cut(known, segment)
    following = [[k for _, k in row] for row in rows[1:]] + known
    past = [[p for p, _ in row] for row in rows]
    past += [past[-1]] * len(known)  # held where it is not known
    states, emitted = None, []
    for number in range(len(values) + len(known) - 1):
        step = input_of(model, values[number], past[number], following[number], static)
        output, states = run_stack(model, [step], states)
        if number >= len(rows) - 1:
            emitted.append(emitted_by(model, model.head.emit.output, output))
            done = len(emitted) * segment
            fed = (
                emitted[-1][..., model.shape.num_quantiles // 2]
                if truth is None
                else truth[done - segment : done]
            )
            values.append(list(fed))
    return torch.cat(emitted)


def loop_parallel(model, values, lookback, known, static, truth, channel):
    _, states = run_stack(model, inputs_of_lookback(model, values, lookback, static))
    emitted = []
    for number, rows in enumerate(cut(known, model.config.segment)):
        query = model.head.positions[0, number]
        if model.config.channels == "independent":
            query = query + model.head.channels[channel, 0]
        if model.shape.num_future:
            query = query + model.head.known(torch.cat(rows))
        output, _ = run_stack(model, [query], states)
        emitted.append(emitted_by(model, model.head.emit.output, output))
    return torch.cat(emitted)


HEAD_LOOPS = {"direct": loop_direct, "recursive": loop_recursive, "parallel": loop_parallel}


@st.composite
def options_and_shapes(draw):
    """Parts that the combinations above leave out."""
    options = {
        "head": draw(st.sampled_from(HEADS)),
        "cell": draw(st.sampled_from(CELLS)),
        "channels": draw(st.sampled_from(CHANNELS)),
        "segment": draw(st.sampled_from([1, 2, 3, 6])),
        "embedding_size": draw(st.sampled_from([None, 1, 7])),
        "residual": draw(st.booleans()),
        "layer_norm": draw(st.booleans()),
        "hidden_size": draw(st.sampled_from([(4, 4), (6, 3)])),
        "window_norm": draw(st.sampled_from(NORMS)),
        "head_activation": draw(st.sampled_from([*ACTIVATIONS])),
        "init": InitConfig(state=draw(st.sampled_from(["zeros", "learned"]))),
    }
    if options["head"] != "recursive":
        options["linear_skip"] = draw(st.sampled_from(["none", "full", "segment"]))
        options["dilations"] = draw(st.sampled_from([None, (1, 2), (2, 1), (4, 3)]))
    shape = {
        "num_targets": 2,
        "num_quantiles": draw(st.sampled_from([1, 3, 5])),
        "num_past": draw(st.integers(0, 2)),
        "num_future": draw(st.integers(0, 2)),
        "num_static": draw(st.integers(0, 2)),
    }
    columns = draw(st.permutations(range(shape["num_past"] + shape["num_future"])))
    chosen = sorted(columns[: draw(st.integers(0, len(columns)))])
    shape["embedded"] = tuple(Embedded(column, 3, 2) for column in chosen)
    return options, shape


def away_from_zero(model):
    """Parameters of the linear skip, which begin at zero."""
    return [] if model.skip is None else [*model.skip.parameters()]


@given(options_and_shapes())
def test_any_model_equals_loops(drawn):
    options, shape = drawn
    model = build(shape=shape, **options)
    for parameter in [*model.stack.first_states, *away_from_zero(model)]:
        nn.init.normal_(parameter)
    past, future, static, targets = batch_for(model)
    with torch.no_grad():
        assert_equal(model(past, future, static)[2], forecast_slowly(model, past, future, static))
        taught = model.train()(past, future, static, targets)[2]
        assert_equal(taught, forecast_slowly(model, past, future, static, targets))


@pytest.mark.parametrize("norm", ["none", "mean"])
@pytest.mark.parametrize("segment", [1, 2])
def test_masked_targets_are_fed_as_the_middle_of_the_window(segment, norm):
    model = build(head="recursive", window_norm=norm, segment=segment).train()
    past, future, static, targets = batch_for(model)
    masked, filled = targets.clone(), targets.clone()
    masked[0, 1, 0] = math.nan
    masked[1] = math.nan
    middle = past.mean(1) if norm == "mean" else torch.zeros(BATCH, TARGETS).double()
    filled[0, 1, 0] = middle[0, 0]
    filled[1] = middle[1]
    forecast = model(past, future, static, masked)
    assert_equal(forecast, model(past, future, static, filled))
    forecast.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("head", ["recursive", "parallel"])
@pytest.mark.parametrize("training", [False, True])
def test_a_step_hears_of_its_own_known_covariate_first(head, training):
    model = build(head=head, shape={"num_future": 1}).train(training)
    past, future, static, targets = batch_for(model)
    future.requires_grad_(True)
    heard = torch.empty(HORIZON, HORIZON, dtype=torch.bool)
    for step in range(HORIZON):
        (gradient,) = torch.autograd.grad(
            model(past, future, static, targets)[:, step].sum(), future
        )
        heard[step] = (gradient[..., 0] != 0).all(0)
    steps = torch.ones(HORIZON, HORIZON, dtype=torch.bool)
    assert torch.equal(heard, steps.tril() if head == "recursive" else torch.eye(HORIZON).bool())


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("norm", ["last", "mean", "standard"])
@pytest.mark.parametrize("constant", [0.0, 12.5, -1e6])
def test_constant_window_is_forecast_from_its_level(constant, norm, head):
    model, plain = build(head=head, window_norm=norm), build(head=head)
    past, future, static, _ = batch_for(model)
    flat = torch.full_like(past, constant)
    core = plain(torch.zeros_like(past), future, static)
    scale = math.sqrt(1e-5) if norm == "standard" else 1.0
    forecast = model(flat, future, static)
    assert_equal(forecast, constant + scale * core)
    forecast.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("kind", ["full", "segment"])
def test_a_linear_skip_moves_every_quantile_alike_and_learns(kind):
    options = {"shape": {"num_quantiles": 3}, "segment": 2}
    plain, model = build(**options), build(linear_skip=kind, **options)
    past, future, static, targets = batch_for(model)
    (model(past, future, static) - targets[..., None]).square().sum().backward()
    assert (model.skip.map.weight.grad != 0).all()
    nn.init.normal_(model.skip.map.weight)
    moved = model(past, future, static) - plain(past, future, static)
    assert_equal(moved, moved[..., :1].expand(-1, -1, -1, 3))


@pytest.mark.parametrize("options", [{"dilations": (1, 3)}, {"linear_skip": "segment"}], ids=str)
@pytest.mark.parametrize("head", ["direct", "parallel"])
def test_saved_weights_of_dilated_and_skipping_models_give_the_same_forecast(head, options):
    model, other = (build(seed, head=head, **options) for seed in range(2))
    for parameter in away_from_zero(model):
        nn.init.normal_(parameter)
    batch = batch_for(model)[:3]
    other.load_state_dict(load(save(model.state_dict())))
    assert torch.equal(other(*batch), model(*batch))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("option", ["dropout", "batch_norm"])
def test_dropout_and_batch_norm_act_in_training_only(option, head):
    model = build(head=head, **{option: 0.5 if option == "dropout" else True})
    batch = batch_for(model)
    assert torch.equal(model(*batch[:3]), model(*batch[:3]))
    assert_equal(model(*(part[:1] for part in batch[:3])), model(*batch[:3])[:1])
    model.train()
    trained = model(*batch)
    alone = model(*(part[:1] for part in batch))
    assert not torch.isclose(alone, trained[:1]).any()


@pytest.mark.parametrize("head", HEADS)
def test_batch_norm_trains_on_a_lone_window_of_one_segment(head):
    options = {"head": head, "segment": LOOKBACK, "batch_norm": True}
    model = build(shape={"horizon": LOOKBACK}, **options).train()
    past = batch_for(model)[0][:1]
    forecast = model(past, torch.zeros(1, 6, 0).double(), torch.zeros(1, 0).double(), past)
    assert forecast.isfinite().all()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("options", [{}, {"residual": True}, {"layer_norm": True}], ids=str)
def test_bidirectional_reads_the_lookback_both_ways(options, cell):
    model = build(cell=cell, bidirectional=True, shape=COVARIATES, **options)
    past, future, static, _ = batch_for(model)
    forecast = model(past, future, static)
    assert forecast.shape == (BATCH, HORIZON, TARGETS, 1)
    inputs = []
    model.stack.register_forward_pre_hook(lambda _, arguments: inputs.append(arguments[0]))
    model(past, future, static)
    outputs, states = model.stack(inputs[0])
    half = outputs.shape[2] // 2
    read = torch.cat([outputs[:, -1, :half], outputs[:, 0, half:]], dim=1)
    known = model.known(future).flatten(1)
    expected = model.head.output(torch.cat([read, known], dim=1)).view(BATCH, HORIZON, TARGETS, 1)
    assert_equal(forecast, expected)
    assert len(states) == len(model.stack.layers)


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        ({"init": {"bias": 0.3}}, "stack.layers.0.bias_hh_l1", 0.3),
        ({"init": {"bias": 0.3}}, "head.output.bias", 0.3),
        ({"init": {"bias": 0.3}, "embedding_size": 3}, "embedding.0.bias", 0.3),
        ({"init": {"bias": 0.3, "forget_bias": 0.0}}, "head.output.bias", 0.3),
    ],
    ids=str,
)
def test_initialisation_reaches_every_part(options, name, value):
    parameter = build(**options).get_parameter(name)
    assert torch.equal(parameter, torch.full_like(parameter, value, dtype=torch.float32).double())


def test_forget_bias_reaches_the_stack():
    layer = build(init={"forget_bias": 1.0}).stack.layers[0]
    assert (layer.bias_ih_l1 + layer.bias_hh_l1)[4:8].tolist() == [1.0] * 4


@pytest.mark.parametrize(
    ("windows", "units"),
    [
        (1, 32),
        (499, 32),
        (500, 64),
        (4_999, 64),
        (5_000, 128),
        (49_999, 128),
        (50_000, 256),
        (10**9, 256),
    ],
)
def test_auto_hidden_size_grows_with_the_windows(windows, units):
    assert hidden_sizes(ModelConfig(num_layers=2), windows) == (units, units)


def test_auto_hidden_size_is_twice_a_projection_at_least():
    assert hidden_sizes(ModelConfig(proj_size=40), 10) == (80,)
    assert hidden_sizes(ModelConfig(proj_size=10), 10) == (32,)


def test_given_hidden_sizes_are_kept():
    assert hidden_sizes(ModelConfig(num_layers=3, hidden_size=7), 10) == (7, 7, 7)
    assert hidden_sizes(ModelConfig(num_layers=2, hidden_size=(9, 5)), 10) == (9, 5)
    layers = build(hidden_size=(9, 5)).stack.layers
    assert [layer.hidden_size for layer in layers] == [9, 5]


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 4)), min_size=4, max_size=4),
    st.sets(st.integers(0, 3)),
    st.sampled_from([(), (3,), (2, 3)]),
)
def test_embeddings_replace_codes_in_place(num_columns, sizes, chosen, leading):
    embedded = tuple(
        Embedded(column, *sizes[column]) for column in sorted(chosen) if column < num_columns
    )
    torch.manual_seed(0)
    module = Embeddings(num_columns, embedded).double()
    columns = torch.randn(*leading, num_columns, dtype=torch.float64)
    for entry in embedded:
        columns[..., entry.column] = torch.randint(entry.categories, leading).double()
    found = module(columns)
    assert found.shape == (*leading, module.width)
    tables = {e.column: t.weight for e, t in zip(embedded, module.tables, strict=True)}
    for index in itertools.product(*map(range, leading)):
        expected = []
        for column, value in enumerate(columns[index].tolist()):
            expected += tables[column][int(value)].tolist() if column in tables else [value]
        assert found[index].tolist() == expected


def test_embeddings_leave_their_input_and_learn_the_rows_they_used():
    module = Embeddings(2, (Embedded(1, 4, 3),))
    columns = torch.tensor([[0.5, 2.0], [1.5, 0.0]])
    module(columns).sum().backward()
    assert columns.tolist() == [[0.5, 2.0], [1.5, 0.0]]
    assert module.tables[0].weight.grad.tolist() == [[1.0] * 3, [0.0] * 3, [1.0] * 3, [0.0] * 3]
