"""Sample paths in a report: which are drawn, over what, and what stands there without any."""

import numpy as np

from forecast.drawing import plots
from forecast.reporting.paths import DRAWN, MOST_DRAWN, path_pictures, paths_section
from tests.forecasting.cases import built, conformal


def test_some_paths_are_drawn_over_the_interval_of_their_steps():
    trained = conformal("macro_joint", levels=(60, 80))[1]
    pictures = path_pictures(trained)
    assert [each["name"] for each in pictures] == ["realgdp", "realcons", "realinv"][:MOST_DRAWN]
    values = trained.sample(samples=200).values
    expected = trained.forecast(level=80)
    rows = expected[expected.target == "realcons"]
    times, middle, lower, upper = pictures[1]["forecasts"]["forecast"]
    assert [*times] == [*rows.quarter]
    np.testing.assert_allclose(middle, rows.forecast, rtol=0.01)
    np.testing.assert_allclose(lower, rows["lo-80"], rtol=0.01)
    np.testing.assert_allclose(upper, rows["hi-80"], rtol=0.01)
    paths = pictures[1]["forecasts"]["sample paths"]
    np.testing.assert_array_equal([path for _, path in paths], values[:DRAWN, 0, :, 1])
    figure = plots.sample_paths(pictures, "Sample paths")
    assert [len(axes.get_lines()) for axes in figure.axes] == [2 + DRAWN] * 3
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["actual", "forecast", "sample paths"]
    (chart,) = paths_section(pictures).charts
    assert chart.label == "20 sample paths of the next steps of realgdp, realcons, realinv"


def test_without_errors_a_sentence_stands_in_their_place():
    assert path_pictures(built("air")[1]) == []
    section = paths_section([])
    assert (section.charts, section.text[:9]) == ((), "Left out:")
