"""Theta: beside a slow loop, and beside statsforecast on bundled and made series."""

import warnings

import numpy as np
import pandas as pd
import pytest
from statsforecast import models

from forecast.partners.theta import ALPHAS, HALF, Line, _pass, theta
from tests.partners.helpers import aligned, history_of, waves

HORIZON = 12


def slow_errors(series, alpha, share, first):
    """Squared errors a step ahead, last level: Fiorucci et al. 2016, eq. 7 to 12, as written."""
    age = np.arange(1, len(series) + 1)
    slope, intercept = np.polyfit(age, series, 1)
    level, squares = first, 0.0
    for number, value in enumerate(series):
        line = (1 - alpha) ** number * intercept + (1 - (1 - alpha) ** (number + 1)) / alpha * slope
        squares += (value - level - share * line) ** 2
        level = alpha * value + (1 - alpha) * level
    return squares, level


def test_a_pass_is_that_of_a_slow_loop_with_the_best_first_level():
    series = waves([30, 19], 1)
    histories = aligned(series, 1)
    alphas = np.tile([0.1, 0.6], (2, 1))
    found = _pass(histories, Line.through(histories), alphas, HALF)
    for number, each in enumerate(series):
        for place, alpha in enumerate(alphas[0]):
            # The sum of squares is a parabola in the first level: three points tell its minimum.
            points = [slow_errors(each, alpha, HALF, first)[0] for first in (-1, 0, 1)]
            first = (points[0] - points[2]) / (2 * (points[0] - 2 * points[1] + points[2]))
            squares, level = slow_errors(each, alpha, HALF, first)
            np.testing.assert_allclose(found.squares[number, place], squares, rtol=1e-7)
            np.testing.assert_allclose(found.level[number, place], level, rtol=1e-7)


def test_the_free_share_has_no_greater_error_than_any_other():
    histories = aligned(waves([30, 19], 1), 1)
    line, alphas = Line.through(histories), np.tile(ALPHAS, (2, 1))
    free = _pass(histories, line, alphas, None)
    assert ((free.share >= 0) & (free.share < 1)).all()
    for share in (0.0, 0.3, HALF, 0.9):
        assert (free.squares <= _pass(histories, line, alphas, share).squares * (1 + 1e-9)).all()


@pytest.mark.parametrize(
    ("file", "column", "season"),
    [("air_passengers", "passengers", 12), ("sunspots", "sunspots", 1)],
)
def test_forecasts_are_close_to_the_mean_of_the_two_methods_of_statsforecast(file, column, season):
    """Within 2 % of the mean of the series: statsforecast searches the first level numerically."""
    series = pd.read_csv(f"data/{file}.csv")[column].to_numpy(float)[:130]
    found = theta(*history_of([series], season), HORIZON)[0, :, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        methods = [models.Theta(season), models.OptimizedTheta(season)]
        expected = np.mean([each.forecast(y=series, h=HORIZON)["mean"] for each in methods], axis=0)
    assert np.abs(found - expected).max() < 0.02 * series.mean()
