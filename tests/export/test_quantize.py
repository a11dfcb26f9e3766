"""Weights in 8 bits: the file is in order, still runs, and gives nearly the same."""

import numpy as np
from onnx.parser import parse_model

from forecast.export.onnx import _share_copies
from forecast.export.quantize import in_8_bits, put_in_order
from forecast.export.session import session_of

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
    assert capsys.readouterr().err == ""


def test_equal_weights_are_shared_within_branches_too():
    twice = BRANCH.replace("4}>", "4}, float[2, 2] v = {1, 2, 3, -4}>")
    model = parse_model(twice.replace("y) { }", "b) { b = MatMul(x, v) }"))
    _share_copies(model.graph)
    assert [each.name for each in model.graph.initializer] == ["w"]
    inputs = {"flag": np.array(False), "x": np.array([[2.0, 2.0]], np.float32)}
    (found,) = session_of(model.SerializeToString()).run(None, inputs)
    np.testing.assert_array_equal(found, [[8.0, -4.0]])
