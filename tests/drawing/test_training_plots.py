"""Pictures of a training: losses, gradients, the range test of the learning rate."""

import numpy as np
import pytest

from forecast.drawing import plots, training_plots
from tests.drawing.helpers import RATES, drawn, epochs, legend_texts, sweep, tick_labels

FALL = np.where(RATES < 1e-3, 2.0, 0.2)


def test_the_learning_curve_shows_both_losses_and_the_epoch_that_was_kept():
    figure = training_plots.learning_curve([epochs([4.0, 2.0, 1.0], [5.0, 2.5, 3.0])], [2])
    (axes,) = figure.axes
    train, validation, kept = axes.get_lines()
    np.testing.assert_array_equal(train.get_xydata(), [[1, 4], [2, 2], [3, 1]])
    np.testing.assert_array_equal(validation.get_xydata(), [[1, 5], [2, 2.5], [3, 3]])
    np.testing.assert_array_equal(kept.get_xydata(), [[2, 2.5]])
    assert legend_texts(axes.figure.legends[0]) == ["training", "validation", "kept: 2"]
    assert axes.get_title() == "Learning curve"
    assert axes.get_xlabel() == "epoch"
    assert axes.get_ylabel() == "loss (model's scale)"
    assert axes.get_yscale() == "log"


@pytest.mark.parametrize(
    ("histories", "best", "legend", "lines"),
    [
        ([epochs([3.0, 2.0])], [2], ["training"], 1),
        (
            [epochs([3.0, 2.0], [3.0, 2.0]), epochs([3.0, 1.0, 1.0], [4.0, 1.0, 2.0])],
            [2, 2],
            ["training", "validation", "kept: 2, 2"],
            6,
        ),
        (
            [epochs([3.0, 2.0], [3.0, 2.0])] * 8,
            [1] * 8,
            ["training", "validation", "kept: 1, 1, 1, 1, 1, 1, ..."],
            24,
        ),
        (
            [epochs([3.0, 2.0], [3.0, 2.0])] * 2,
            [0, 2],
            ["training", "validation", "kept: the beginning, 2"],
            6,
        ),
    ],
    ids=["no validation", "ensemble", "large ensemble", "what training began with"],
)
def test_the_learning_curve_names_each_kind_of_line_once(histories, best, legend, lines):
    (axes,) = training_plots.learning_curve(histories, best).axes
    assert legend_texts(axes.figure.legends[0]) == legend
    assert len(axes.get_lines()) == lines


def test_losses_that_are_not_positive_are_on_a_linear_scale():
    (axes,) = training_plots.learning_curve([epochs([1.0, 0.0, -1.0])], [3]).axes
    assert axes.get_yscale() == "linear"


def test_losses_near_the_end_of_float64_are_drawn():
    drawn(training_plots.learning_curve([epochs([1e308, 1e-300], [1e-300, 1e308])], [1]))


def test_a_single_epoch_is_marked_and_counted_in_whole_numbers():
    figure = drawn(training_plots.learning_curve([epochs([2.0], [3.0])], [1]))
    (axes,) = figure.axes
    assert {line.get_marker() for line in axes.get_lines()} == {"o"}
    assert tick_labels(axes.xaxis) == ["1"]


@pytest.mark.parametrize("count", [2, 5, 30, 200, 1000])
def test_epochs_are_whole_numbers(count):
    losses = list(np.linspace(2, 1, count))
    figure = drawn(training_plots.learning_curve([epochs(losses)], [count]))
    labels = tick_labels(figure.axes[0].xaxis)
    assert len(labels) >= 2
    assert all(label.isdigit() for label in labels)


def test_the_range_test_shows_each_sweep_and_each_suggestion():
    sweeps = [sweep(RATES, FALL), sweep(RATES, 0.9 * FALL)]
    rates = {"half_divergence": 0.5, "steepest": 0.002, "valley": 0.01, "minimum_tenth": None}
    (axes,) = training_plots.lr_range(sweeps, rates, "valley").axes
    first, second, *suggested = axes.get_lines()
    np.testing.assert_allclose(first.get_xydata(), np.column_stack([RATES, FALL]))
    np.testing.assert_allclose(second.get_ydata(), 0.9 * FALL)
    assert [line.get_xdata()[0] for line in suggested] == [0.5, 0.002, 0.01]
    assert [line.get_linestyle() for line in suggested] == ["--", "--", "-"]
    assert legend_texts(axes.figure.legends[0]) == [
        "smoothed loss",
        "half divergence: 0.5",
        "steepest: 0.002",
        "valley: 0.01",
    ]
    assert axes.get_xscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("learning rate", "loss")
    assert axes.get_title() == "Learning-rate range test"


def test_the_fall_of_the_loss_is_shown_whole_and_its_divergence_cut():
    diverging = np.r_[FALL, 2e3]
    (axes,) = training_plots.lr_range([sweep(np.r_[RATES, 1.2], diverging)], {}, "valley").axes
    bottom, top = axes.get_ylim()
    assert 0 < bottom < 0.2
    assert 2 < top < 3


def test_a_rate_that_changes_has_axes_of_its_own_below_the_losses():
    histories = [epochs([3.0, 2.0], rates=[0.1, 0.05]), epochs([3.0], rates=[0.1])]
    losses, rates = training_plots.learning_curve(histories, [2, 1]).axes
    first, second = rates.get_lines()
    np.testing.assert_array_equal(first.get_xydata(), [[1, 0.1], [2, 0.05]])
    np.testing.assert_array_equal(second.get_xydata(), [[1, 0.1]])
    assert rates.get_ylabel() == "learning rate"
    assert (losses.get_xlabel(), rates.get_xlabel()) == ("", "epoch")
    assert rates.get_ylim()[0] == 0


@pytest.mark.parametrize("losses", [[0.17, 0.15, 0.11], [1.0, 0.5, 0.05], [1e4, 1.0, 1e-5]])
def test_a_logarithmic_axis_has_a_few_plain_numbers(losses):
    figure = drawn(training_plots.learning_curve([epochs(losses)], [3]))
    (axes,) = figure.axes
    labels = [label for label in tick_labels(axes.yaxis) if label]
    assert 2 <= len(labels) <= 8
    assert all(float(label) > 0 for label in labels)


def test_gradient_norms_are_a_line_a_layer_and_zeros_are_on_a_linear_scale():
    norms = {"layer 1": np.array([2.0, 1.0]), "head": np.array([4.0, 3.0])}
    figure = training_plots.gradient_norms([1, 2], norms)
    (axes,) = figure.axes
    first, second = axes.get_lines()
    np.testing.assert_array_equal(first.get_xydata(), [[1, 2], [2, 1]])
    np.testing.assert_array_equal(second.get_ydata(), [4, 3])
    assert legend_texts(figure.legends[0]) == ["layer 1", "head"]
    assert axes.get_yscale() == "log"
    dead = training_plots.gradient_norms([1, 2], {"head": np.zeros(2)})
    assert dead.axes[0].get_yscale() == "linear"


def test_many_lines_differ_in_colour_or_dashes():
    norms = {f"layer {number}": np.ones(2) for number in range(20)}
    lines = training_plots.gradient_norms([1, 2], norms).axes[0].get_lines()
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 20


@pytest.mark.parametrize("losses", [[1.0] * 5, [0.0] * 5, []], ids=["flat", "zero", "none"])
def test_a_sweep_that_suggests_nothing_is_drawn_all_the_same(losses: list[float]):
    rates = dict.fromkeys(("half_divergence", "steepest", "valley", "minimum_tenth"))
    figure = training_plots.lr_range([sweep(RATES[: len(losses)], losses)], rates, "valley")
    assert legend_texts(figure.legends[0]) == ["smoothed loss"]
    assert plots.png(figure).startswith(b"\x89PNG")
