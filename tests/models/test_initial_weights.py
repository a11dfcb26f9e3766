"""The weights that layers begin with: their distributions, gate by gate, and their biases."""

import math

import pytest
import torch
from torch import nn

from forecast.config.model import InitConfig
from forecast.models.initial_weights import SCHEMES, initialise, shapes_alone
from forecast.models.stack import CELLS

GATES = {"lstm": 4, "gru": 3, "rnn": 1}


def initialised(cell, seed=0, **options):
    """A two-layer, two-direction recurrent layer and a linear one, initialised as configured."""
    torch.manual_seed(seed)
    module = nn.ModuleDict(
        {
            "recurrent": CELLS[cell](32, 48, 2, bidirectional=True),
            "output": nn.Linear(48, 40),
            "norm": nn.LayerNorm(48),
            "codes": nn.Embedding(5, 3),
        }
    )
    initialise(module, InitConfig(**options))
    return module


def matrices(module, gates):
    """(name, matrix of one gate) of every weight."""
    for name, weight in module["recurrent"].named_parameters():
        if "weight" in name:
            yield from ((name, gate) for gate in weight.detach().split(len(weight) // gates))
    yield "output", module["output"].weight.detach()


def assert_uniform(matrix, bound):
    assert matrix.abs().max() <= bound
    assert matrix.abs().max() > 0.95 * bound
    assert matrix.var().item() == pytest.approx(bound**2 / 3, rel=0.15)
    assert abs(matrix.mean().item()) < 0.1 * bound


def assert_normal(matrix, deviation):
    assert matrix.std().item() == pytest.approx(deviation, rel=0.1)
    assert abs(matrix.mean().item()) < 0.1 * deviation
    assert matrix.abs().max() > 2.5 * deviation


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("scheme", "assert_spread", "spread"),
    [
        ("default", assert_uniform, lambda fan_out, fan_in: 1 / math.sqrt(48)),
        ("xavier_uniform", assert_uniform, lambda *fans: math.sqrt(6 / sum(fans))),
        ("xavier_normal", assert_normal, lambda *fans: math.sqrt(2 / sum(fans))),
        ("he", assert_normal, lambda fan_out, fan_in: math.sqrt(2 / fan_in)),
    ],
)
def test_each_gate_has_the_spread_of_its_own_fans(cell, scheme, assert_spread, spread):
    for _, matrix in matrices(initialised(cell, scheme=scheme), GATES[cell]):
        assert_spread(matrix, spread(*matrix.shape))


@pytest.mark.parametrize("cell", CELLS)
def test_orthogonal_makes_each_recurrent_gate_orthogonal_and_the_rest_xavier(cell):
    for name, matrix in matrices(initialised(cell, scheme="orthogonal"), GATES[cell]):
        if "weight_hh" in name:
            torch.testing.assert_close(matrix @ matrix.T, torch.eye(48), atol=1e-5, rtol=0)
        else:
            assert_uniform(matrix, math.sqrt(6 / sum(matrix.shape)))


@pytest.mark.parametrize("scheme", ["xavier_uniform", "orthogonal"])
def test_projection_is_one_matrix_and_its_gates_are_four(scheme):
    torch.manual_seed(0)
    layer = nn.LSTM(32, 48, proj_size=40)
    initialise(layer, InitConfig(scheme=scheme))
    assert_uniform(layer.weight_hr_l0.detach(), math.sqrt(6 / (40 + 48)))
    for gate in layer.weight_hh_l0.detach().split(48):  # (48, 40)
        if scheme == "orthogonal":
            torch.testing.assert_close(gate.T @ gate, torch.eye(40), atol=1e-5, rtol=0)
        else:
            assert_uniform(gate, math.sqrt(6 / (40 + 48)))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("scheme", ["default", "xavier_uniform", "xavier_normal", "he"])
def test_schemes_leave_biases_norms_and_embeddings(cell, scheme):
    before = initialised(cell).state_dict()
    after = initialised(cell, scheme=scheme).state_dict()
    for name, values in after.items():
        is_matrix = "weight" in name and not name.startswith(("norm", "codes"))
        assert torch.equal(values, before[name]) != (is_matrix and scheme != "default"), name


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("value", [0.0, 0.3])
def test_bias_is_one_constant(cell, value):
    module = initialised(cell, bias=value)
    for name, parameter in module.named_parameters():
        if "bias" in name and not name.startswith("norm"):
            assert (parameter == value).all(), name
    assert torch.equal(
        module["recurrent"].weight_hh_l1, initialised(cell)["recurrent"].weight_hh_l1
    )


@pytest.mark.parametrize("bias", [None, 0.25])
def test_forget_bias_is_the_sum_of_both_biases_of_the_forget_gate_alone(bias):
    before = initialised("lstm", bias=bias)["recurrent"]
    after = initialised("lstm", bias=bias, forget_bias=1.5)["recurrent"]
    for suffix in ("l0", "l0_reverse", "l1", "l1_reverse"):
        sums = getattr(after, f"bias_ih_{suffix}") + getattr(after, f"bias_hh_{suffix}")
        assert (sums[48:96] == 1.5).all()
        for part in ("bias_ih", "bias_hh"):
            old, new = getattr(before, f"{part}_{suffix}"), getattr(after, f"{part}_{suffix}")
            assert torch.equal(old[:48], new[:48])
            assert torch.equal(old[96:], new[96:])


@pytest.mark.parametrize("cell", ["gru", "rnn"])
def test_forget_bias_leaves_cells_without_that_gate(cell):
    before, after = initialised(cell), initialised(cell, forget_bias=1.0)
    torch.testing.assert_close(after.state_dict(), before.state_dict(), atol=0, rtol=0)


@pytest.mark.parametrize("scheme", ["default", *SCHEMES])
def test_shapes_alone_are_those_of_the_layers_and_draw_nothing(scheme):
    real = initialised("lstm", scheme=scheme)
    with shapes_alone():
        module = initialised("lstm", scheme=scheme)
        next_number = torch.get_rng_state()
    torch.manual_seed(0)
    assert torch.equal(torch.get_rng_state(), next_number)
    assert {weight.device.type for weight in module.parameters()} == {"meta"}
    assert shapes(module) == shapes(real)


def shapes(module):
    return {name: weight.shape for name, weight in module.named_parameters()}
