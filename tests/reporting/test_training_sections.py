"""What a report tells of a training: its layers, and its members where they differ."""

from dataclasses import replace

from forecast.reporting.run_files import RunFiles
from forecast.reporting.training_sections import layer_norms, learning_section
from forecast.training.loop import Epoch
from tests.reporting.test_sections import SUMMARY

EPOCHS = [Epoch(number, number, 1.0, 1.0, 0.01, 1.0) for number in (1, 2)]


def learning(**changes):
    summary = replace(SUMMARY, ensemble=2, epochs=[2, 2], stopped=["why"] * 2, **changes)
    return learning_section(RunFiles(summary, [EPOCHS] * 2, None, None, None))


def test_members_that_differ_are_told_apart():
    members = [("window.lookback 48", 1500), ("as configured", 1234)]
    (table,) = learning(members=members, kept_epochs=[2, 1]).tables
    assert table.header == ("", "differs in", "parameters", "epochs", "kept")
    assert table.rows == (
        ("model 1", "window.lookback 48", "1,500", "2", "2"),
        ("model 2", "as configured", "1,234", "2", "1"),
    )
    assert not learning(kept_epochs=[2, 1]).tables


def test_a_second_training_is_told():
    (chart,) = learning(kept_epochs=[2, 1], refit={"windows": 663, "epochs": [2, 2]}).charts
    assert chart.caption.endswith("Stopped: why. Then trained again on all rows, 663 windows.")


def test_a_layer_is_the_root_of_the_squares_of_its_weights():
    epochs = [
        {
            "stack.layers.0.weight_ih_l0": 3.0,
            "stack.layers.0.bias_ih_l0_reverse": 4.0,
            "stack.layers.0.weight_hh_l1": 2.0,
            "stack.norms.0.weight": 1.0,
            "head.output.weight": 5.0,
            "head.output.bias": 12.0,
        },
        dict.fromkeys(
            (
                "stack.layers.0.weight_ih_l0",
                "stack.layers.0.bias_ih_l0_reverse",
                "stack.layers.0.weight_hh_l1",
                "stack.norms.0.weight",
                "head.output.weight",
                "head.output.bias",
            ),
            0.0,
        ),
    ]
    found = layer_norms(epochs)
    assert {name: values.tolist() for name, values in found.items()} == {
        "layer 1": [5, 0],
        "layer 2": [2, 0],
        "norms": [1, 0],
        "head": [13, 0],
    }


def test_layers_that_stand_apart_are_counted_on_and_any_name_is_a_layer():
    norms = {"stack.layers.2.weight_ih_l0": 1.0, "stack": 1.0, "stack.in_norm.bias": 1.0}
    assert list(layer_norms([norms])) == ["layer 3", "stack", "in norm"]
