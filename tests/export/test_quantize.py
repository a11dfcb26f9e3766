"""Weights in 8 bits: the file is in order, still runs, and gives nearly the same."""

import numpy as np
import pytest
from onnx.numpy_helper import from_array
from onnx.parser import parse_model

import forecast
from forecast.errors import ConfigError
from forecast.export import quantize
from forecast.export.onnx import _share_copies
from forecast.export.quantize import in_8_bits, put_in_order
from forecast.export.session import session_of
from tests.test_labels import HORIZON, ROWS
from tests.test_labels import config as labels_config
from tests.test_labels import table as labels_table

BRANCH = """
<ir_version: 8, opset_import: ["": 17]>
whole (bool flag, float[N, 2] x) => (float[N, 2] z)
<float[2, 2] w = {1, 2, 3, -4}>
{
    y = MatMul(x, w)
    z = If (flag) <
        then_branch = one () => (float[N, 2] a) { a = Abs(y) },
        else_branch = other () => (float[N, 2] y) { }
    >
}
"""
"""`If` takes `y` within its branches alone."""


def test_a_branch_stands_behind_what_it_takes():
    model = parse_model(BRANCH)
    product, branch = [*model.graph.node]
    model.graph.ClearField("node")
    model.graph.node.extend([branch, product])
    put_in_order(model.graph)
    assert [node.op_type for node in model.graph.node] == ["MatMul", "If"]


def test_weights_in_8_bits_give_nearly_the_same(capsys):
    small = in_8_bits(parse_model(BRANCH.replace("y) { }", "b) { b = Neg(y) }")))
    inputs = {"flag": np.array(False), "x": np.array([[2.0, 2.0]], np.float32)}
    (found,) = session_of(small.SerializeToString()).run(None, inputs)
    np.testing.assert_allclose(found, [[-8.0, 4.0]], rtol=0.02)
    assert "MatMulInteger" in {node.op_type for node in small.graph.node}
    assert not small.graph.value_info
    assert capsys.readouterr().err == ""


def test_networks_that_are_run_twice_give_nearly_the_same():
    """The quantizer transposed the weights once for each run, so that the second had others."""
    random = np.random.default_rng(0)
    sizes = {"w": (1, 12, 4), "r": (1, 12, 3)}
    weights = {name: random.normal(0, 0.4, size).astype(np.float32) for name, size in sizes.items()}
    model = parse_model("""
        <ir_version: 8, opset_import: ["": 17]>
        twice (float[T, N, 4] x) => (float[1, N, 3] h2)
        {
            y1, h1, c1 = LSTM <hidden_size = 3> (x, w, r)
            y2, h2, c2 = LSTM <hidden_size = 3> (x, w, r, , , h1, c1)
        }
    """)
    model.graph.initializer.extend(from_array(each, name) for name, each in weights.items())
    inputs = {"x": random.normal(size=(5, 6, 4)).astype(np.float32)}
    (wanted,) = session_of(model.SerializeToString()).run(None, inputs)
    small = in_8_bits(model)
    assert [node.op_type for node in small.graph.node].count("DynamicQuantizeLSTM") == 2
    (found,) = session_of(small.SerializeToString()).run(None, inputs)
    np.testing.assert_allclose(found, wanted, atol=0.05)


def test_equal_weights_are_shared_within_branches_too():
    twice = BRANCH.replace("4}>", "4}, float[2, 2] v = {1, 2, 3, -4}>")
    model = parse_model(twice.replace("y) { }", "b) { b = MatMul(x, v) }"))
    _share_copies(model.graph)
    assert [each.name for each in model.graph.initializer] == ["w"]
    inputs = {"flag": np.array(False), "x": np.array([[2.0, 2.0]], np.float32)}
    (found,) = session_of(model.SerializeToString()).run(None, inputs)
    np.testing.assert_array_equal(found, [[8.0, -4.0]])


def test_what_8_bits_cost_labels_is_their_log_loss(tmp_path, monkeypatch):
    path, shares = tmp_path / "table.csv", np.array([0.5, 0.3, 0.2])
    table = labels_table()
    table.to_csv(path, index=False)
    trained = forecast.train(
        labels_config(data={"path": str(path)}, training={"epochs": 1}), quiet=True
    )
    monkeypatch.setattr(quantize, "session_of", lambda content: content)
    monkeypatch.setattr(
        quantize,
        "all_quantiles",
        lambda session, inputs: np.tile(shares, (len(inputs["history"]), HORIZON, 1, 1)),
    )
    prepared = quantize.validation_data(trained)
    found = quantize.validation_errors(trained, prepared, {"int8": b""})
    states = table.state.to_numpy()
    coming = [states[at : at + HORIZON] for at in range(ROWS - 50, ROWS - 30 - HORIZON + 1)]
    place = {"calm": 0, "rain": 1, "storm": 2}
    losses = [-np.log(shares[place[state]]) for steps in coming for state in steps]
    assert found == {"int8": {"state": pytest.approx(np.mean(losses))}}


def test_8_bits_that_cost_more_than_a_twentieth_of_the_error_are_refused():
    quantize.require_cheap({"a": 2.0, "b": 0.0}, {"a": 2.1, "b": 0.0})
    with pytest.raises(ConfigError) as caught:
        quantize.require_cheap({"a": 2.0, "b": 1.0}, {"a": 2.0, "b": 1.06})
    assert str(caught.value) == (
        "--int8 raises the validation error of b from 1 to 1.06, by more than 5 %; nothing was"
        " written; export without --int8"
    )
