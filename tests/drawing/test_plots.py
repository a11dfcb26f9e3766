"""Pictures: the lines, labels, limits and titles of each figure, and bytes that are a PNG."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib import image
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from forecast.drawing import plots, training_plots
from forecast.drawing.plot_style import LONGEST_NAME, line
from tests.drawing.helpers import assert_nothing_overlaps, drawn, epochs, legend_texts, tick_labels


def panel(name, times, actual, **forecasts):
    lines = {label.replace("_", " "): [line] for label, line in forecasts.items()}
    return {"name": name, "times": times, "actual": actual, "forecasts": lines}


def daily_panel(name: str = "sales", scale: float = 1.0, quantiles: bool = True):
    """100 days, a forecast of the last 10 of them and of the next 10."""
    times = pd.Series(pd.date_range("2024-01-01", periods=110))
    actual = scale * (10 + np.sin(np.arange(110) / 5))
    bounds = (actual[100:] - scale, actual[100:] + scale) if quantiles else (None, None)
    tested = (times[90:100], actual[90:100] + scale, None, None)
    return panel(
        name,
        times[:100],
        actual[:100],
        test_forecast=tested,
        next_steps=(times[100:], actual[100:], *bounds),
    )


def test_the_bytes_are_a_png_of_the_figure_and_nothing_global_is_touched():
    import matplotlib.pyplot

    content = plots.png(training_plots.learning_curve([epochs([2.0, 1.0])], [2]))
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    pixels = image.imread(io.BytesIO(content), format="png")
    assert pixels.shape[:2] == (4 * 120, 8 * 120)
    assert pixels[..., :3].std() > 0.05
    assert matplotlib.pyplot.get_fignums() == []


def test_a_forecast_shows_the_actual_values_the_forecasts_and_the_interval():
    case = daily_panel()
    figure = drawn(plots.forecasts([case], "Forecast of sales"))
    (axes,) = figure.axes
    assert figure.get_suptitle() == "Forecast of sales"
    assert axes.get_title(loc="left") == "sales"
    actual, tested, ahead = axes.get_lines()
    np.testing.assert_array_equal(actual.get_ydata(), case["actual"])
    np.testing.assert_array_equal(tested.get_ydata(), case["actual"][90:] + 1)
    assert ahead.get_xdata()[0] == np.datetime64("2024-04-10")
    (band,) = axes.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx(ahead.get_ydata().max() + 1)
    assert heights.min() == pytest.approx(ahead.get_ydata().min() - 1)


def test_the_legend_is_below_the_panels_where_it_hides_nothing():
    figure = drawn(plots.forecasts([daily_panel(), daily_panel("price")], "Forecast"))
    (legend,) = figure.legends
    assert legend_texts(legend) == ["actual", "test forecast", "next steps"]
    renderer = FigureCanvasAgg(figure).get_renderer()
    top = legend.get_window_extent(renderer).y1
    assert top <= min(axes.get_tightbbox(renderer).y0 for axes in figure.axes)


def test_the_legend_names_a_forecast_that_only_a_later_panel_has():
    times, values = np.arange(10), np.arange(10.0)
    first = panel("a", times, values)
    second = panel("b", times, values, next_steps=(times + 10, values, None, None))
    figure = plots.forecasts([first, second], "Forecast")
    assert legend_texts(figure.legends[0]) == ["actual", "next steps"]


@pytest.mark.parametrize(
    "times",
    [
        pd.Series(pd.date_range("2024-01-01", periods=30)),
        pd.Series(pd.date_range("1949-01-01", periods=144, freq="MS")),
        pd.Series(pd.date_range("1958-03-29", periods=2000, freq="W-SAT")),
        pd.Series(pd.date_range("2024-03-25", periods=240, freq="h", tz="Europe/Berlin")),
        pd.Series(pd.date_range("2024-01-01", periods=90, freq="min")),
        pd.Series(pd.date_range("2024-01-01", periods=2)),
        pd.Series(np.arange(1700, 2009)),
    ],
    ids=["days", "months", "weeks", "hours", "minutes", "two", "integers"],
)
def test_labels_of_times_are_apart_and_within_the_data(times):
    figure = drawn(plots.forecasts([panel("y", times, np.arange(len(times)) * 1e4)], "Forecast"))
    (axes,) = figure.axes
    renderer = FigureCanvasAgg(figure).get_renderer()
    assert len([label for label in tick_labels(axes.xaxis) if label]) >= 2
    assert_nothing_overlaps(axes.xaxis.get_ticklabels(), renderer)
    assert_nothing_overlaps(axes.yaxis.get_ticklabels(), renderer)
    first, last = axes.get_xlim()
    shown = axes.get_lines()[0].get_xdata(orig=False)
    assert first <= min(shown) < max(shown) <= last
    assert max(shown) - min(shown) > 0.85 * (last - first)


def test_local_times_are_labelled_in_their_zone():
    times = pd.Series(pd.date_range("2024-01-10", periods=25, freq="h", tz="Asia/Tokyo"))
    figure = drawn(plots.forecasts([panel("y", times, np.arange(25.0))], "Forecast"))
    labels = tick_labels(figure.axes[0].xaxis)
    assert labels[0] == "Jan-10"
    assert labels[-1] in ("Jan-11", "11")


def test_large_numbers_are_written_out_with_marks_between_thousands():
    figure = drawn(plots.forecasts([daily_panel(scale=1e6)], "Forecast"))
    axis = figure.axes[0].yaxis
    assert "10,000,000" in tick_labels(axis)
    assert axis.get_offset_text().get_text() == ""


def test_a_forecast_of_one_step_is_marked_for_it_would_not_be_seen():
    times, values = np.arange(10), np.arange(10.0)
    case = panel("y", times, values, next_steps=(times[:1] + 10, values[:1], None, None))
    actual, ahead = plots.forecasts([case], "Forecast").axes[0].get_lines()
    assert actual.get_marker() == "None"
    assert ahead.get_marker() == "o"


def test_missing_values_leave_a_gap():
    values = np.array([1.0, np.nan, 3.0, 4.0])
    figure = plots.forecasts([panel("y", np.arange(4), values)], "Forecast")
    np.testing.assert_array_equal(figure.axes[0].get_lines()[0].get_ydata(), values)
    assert plots.png(figure).startswith(b"\x89PNG")


def test_a_backtest_draws_every_fold_of_every_method():
    times = pd.Series(pd.date_range("2024-01-01", periods=40))
    actual = np.arange(40.0)
    folds = [(times[30:35].reset_index(drop=True), actual[30:35] + 1), (times[35:], actual[35:])]
    lines = {"lstm": folds, "seasonal_naive": folds[:1]}
    panels = [
        {"name": name, "times": times, "actual": actual, "forecasts": lines} for name in ("a", "b")
    ]
    figure = drawn(plots.backtest(panels, "Backtest (3 more not shown)"))
    assert figure.get_suptitle() == "Backtest (3 more not shown)"
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a", "b"]
    (legend,) = figure.legends
    assert legend_texts(legend) == ["actual", "lstm", "seasonal naive"]
    lines = [np.asarray(line.get_ydata(), dtype=float) for line in figure.axes[1].lines]
    begins = [line for line in figure.axes[1].lines if line.get_xdata()[0] == line.get_xdata()[-1]]
    assert len(begins) == 3, "a thin line where each forecast begins"
    assert [len(values) for values in lines] == [40, 5, 2, 5, 2, 5, 2]
    np.testing.assert_array_equal([*lines[1], *lines[3]], [*actual[30:35] + 1, *actual[35:]])
    np.testing.assert_array_equal(lines[5], actual[30:35] + 1)


def test_the_errors_by_step_begin_at_one_and_the_model_stands_out():
    errors = {"naive": np.array([2.0, 4.0]), "lstm": np.array([1.0, 3.0])}
    figure = plots.error_by_step(errors | {"seasonal_naive": np.ones(2)}, "lstm", "cars")
    (axes,) = figure.axes
    naive, model, _ = axes.get_lines()
    np.testing.assert_array_equal(naive.get_xydata(), [[1, 2], [2, 4]])
    np.testing.assert_array_equal(model.get_xydata(), [[1, 1], [2, 3]])
    assert legend_texts(figure.legends[0]) == ["naive", "lstm", "seasonal naive"]
    assert model.get_linewidth() > naive.get_linewidth()
    assert model.get_zorder() > naive.get_zorder()
    assert axes.get_ylabel() == "MAE (cars)"
    assert axes.get_ylim()[0] == 0


def test_a_share_that_is_known_of_one_step_alone_is_seen():
    shares = {"rolling": {"80": np.array([0.9, np.nan]), "95": np.array([0.9, 1.0])}}
    one, two, *_ = plots.coverage_by_step(shares).axes[0].get_lines()
    assert (one.get_marker(), two.get_marker()) == ("o", "None")


def test_points_between_gaps_are_marked():
    axes = Figure().subplots()
    nan = np.nan
    drawn = line(axes, range(7), [nan, 1.0, nan, 2.0, 3.0, nan, 4.0])
    assert (drawn.get_marker(), drawn.get_markevery()) == ("o", [1, 6])
    assert line(axes, range(3), [1.0, 2.0, nan]).get_marker() == "None"


def test_a_method_many_times_worse_does_not_press_the_others_together():
    errors = {"lstm": np.array([1.0, 1.1]), "mean": np.array([20.0, np.nan])}
    (axes,) = plots.error_by_step(errors, "lstm", "cars").axes
    assert axes.get_yscale() == "log"
    exact = {"lstm": np.zeros(2), "mean": np.array([20.0, 3.0])}
    assert plots.error_by_step(exact, "lstm", "cars").axes[0].get_yscale() == "linear"


def test_coverage_is_in_percent_beside_what_was_promised():
    shares = {"80": np.array([0.7, 0.9]), "95": np.array([0.95, 1.0])}
    figure = plots.coverage_by_step({"rolling": shares, "split": {"80": np.array([0.5, 0.6])}})
    (axes,) = figure.axes
    eighty, most, split, low, high = axes.get_lines()
    np.testing.assert_allclose(eighty.get_xydata(), [[1, 70], [2, 90]])
    np.testing.assert_allclose(most.get_ydata(), [95, 100])
    np.testing.assert_allclose(split.get_ydata(), [50, 60])
    assert (eighty.get_linestyle(), split.get_linestyle()) == ("-", "--")
    assert (low.get_ydata()[0], high.get_ydata()[0]) == (80, 95)
    assert axes.get_ylim()[0] <= 50
    labels = ["80 %, rolling", "95 %, rolling", "80 %, split"]
    assert legend_texts(figure.legends[0]) == labels


def bars(axes) -> list[tuple[str, float]]:
    """Names and lengths of horizontal bars, from the top down."""
    lengths = [bar.get_width() for bar in sorted(axes.patches, key=lambda bar: bar.get_y())]
    return list(zip([tick.get_text() for tick in axes.get_yticklabels()], lengths, strict=True))


def test_series_stand_from_the_worst_to_the_best_each_once():
    figure = plots.series_errors({"a": 3.0, "b": 2.0}, {"c": 0.5, "b": 2.0, "d": 0.7})
    (axes,) = figure.axes
    assert bars(axes) == [("a", 3.0), ("b", 2.0), ("d", 0.7), ("c", 0.5)]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert axes.get_lines()[0].get_xdata()[0] == 1


def test_a_long_name_is_cut_and_signs_of_formulas_are_no_formulas():
    figure = drawn(plots.series_errors({"$x_1$ & \\frac{": 1.0, "long" * 20: 0.5}, {}))
    names = [name for name, _ in bars(figure.axes[0])]
    assert names[0] == "$x_1$ & \\frac{"
    assert names[1] == ("long" * 20)[: LONGEST_NAME - 1] + "…"


def test_inputs_stand_by_their_mean_rise_with_a_dot_for_each_repeat():
    rises = {"price": np.array([1.0, 3.0]), "promo": np.array([10.0, 20.0])}
    (axes,) = plots.input_importance(rises).axes
    assert bars(axes) == [("promo", 15.0), ("price", 2.0)]
    promo, price = axes.get_lines()
    np.testing.assert_array_equal(promo.get_xydata(), [[10, 0], [20, 0]])
    np.testing.assert_array_equal(price.get_xydata(), [[1, 1], [3, 1]])


def test_stretches_stand_where_they_lie_before_the_forecast():
    (axes,) = plots.lookback_importance([-6, -4, 0], np.array([[1.0, 3.0], [5.0, 7.0]])).axes
    first, second = axes.patches
    assert (first.get_x(), first.get_height()) == (-6, 2)
    assert (second.get_x(), second.get_height()) == (-4, 6)
    assert second.get_width() == pytest.approx(2 * first.get_width())
    np.testing.assert_array_equal(axes.get_lines()[0].get_ydata(), [1, 3, 5, 7])


def test_an_svg_is_the_same_each_time_and_tells_no_date():
    first, second = (
        plots.svg(training_plots.learning_curve([epochs([2.0, 1.0])], [2])) for _ in range(2)
    )
    assert first == second
    assert first.startswith("<svg ")
    assert "metadata" not in first
    assert ">Learning curve</text>" in first


def test_a_long_line_is_thinned_in_an_svg_and_keeps_its_ends_and_extremes():
    losses = np.random.default_rng(0).uniform(1, 2, 50_000)
    losses[[12_345, 33_333]] = 9.0, 0.01
    figure = training_plots.learning_curve([epochs(losses.tolist())], [1])
    text = plots.svg(figure)
    points = figure.axes[0].get_lines()[0].get_xydata()
    assert len(text) < 150_000
    assert len(points) <= plots.SVG_POINTS + 2
    assert points[0].tolist() == [1, losses[0]]
    assert points[-1].tolist() == [50_000, losses[-1]]
    assert {(12_346, 9.0), (33_334, 0.01)} <= set(map(tuple, points.tolist()))
    assert (np.diff(points[:, 0]) > 0).all()
