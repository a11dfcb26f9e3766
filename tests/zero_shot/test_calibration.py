"""Widths of intervals: between the network's own, corrected by errors."""

from statistics import NormalDist

import numpy as np
import pytest

from forecast.pretrained.network import LEVELS
from forecast.zero_shot.calibration import (
    TIMES_IN_DOUBT,
    WINDOWS_IN_DOUBT,
    fit_width_factors,
    half_widths,
    unit_width_factors,
    with_intervals,
)

NORMAL = np.array([NormalDist().inv_cdf(level) for level in LEVELS])


def normal_quantiles(windows: int, horizon: int, scale: float = 1.0) -> np.ndarray:
    """Quantiles of a normal distribution about zero, as a network would forecast them."""
    return np.broadcast_to(scale * NORMAL, (windows, horizon, 1, len(LEVELS))).copy()


def test_half_widths_of_a_normal_distribution_are_its_quantiles():
    levels = (30.0, 50.0, 80.0, 95.0, 99.0)
    widths = half_widths(normal_quantiles(2, 3), levels)
    wanted = [NormalDist().inv_cdf(0.5 + level / 200) for level in levels]
    for side in (0, 1):
        np.testing.assert_allclose(widths[side, :, 0, 0, 0], wanted)


def test_half_widths_know_their_side():
    quantiles = np.array([-8.0, -4, -2, 0, 1, 2, 3])[None, None, None]
    widths = half_widths(quantiles, (50.0, 80.0, 95.0))
    assert widths[0].ravel().tolist() == [2, 4, 8]
    assert widths[1].ravel().tolist() == [1, 2, 3]


@pytest.mark.parametrize("true_scale", [0.5, 1.0, 3.0])
def test_intervals_hold_as_often_as_they_say(true_scale):
    generator = np.random.default_rng(0)
    known, coming = true_scale * generator.normal(size=(2, 4000, 3, 1))
    quantiles, zeros = normal_quantiles(4000, 3), np.zeros((4000, 3, 1))
    calibration = fit_width_factors(known, zeros, quantiles, (80.0, 95.0), 1000)
    floor = np.full((4000, 1, 1), -np.inf)
    ends = with_intervals(calibration, zeros, quantiles, floor)
    for low, high, share in ((0, 4, 0.95), (1, 3, 0.80)):
        inside = (ends[..., low] <= coming) & (coming <= ends[..., high])
        assert inside.mean() == pytest.approx(share, abs=0.02)


def test_few_windows_move_the_widths_a_little():
    zeros = np.zeros((WINDOWS_IN_DOUBT, 1, 1))
    quantiles = normal_quantiles(WINDOWS_IN_DOUBT, 1)
    calibration = fit_width_factors(zeros + 100.0, zeros, quantiles, (80.0,), 1)
    assert calibration.factors[0, 0] == pytest.approx(np.sqrt(10.0))


def test_one_good_time_of_many_series_narrows_little():
    zeros = np.zeros((5000, 1, 1))
    quantiles = normal_quantiles(5000, 1)
    once = fit_width_factors(zeros, zeros, quantiles, (80.0,), 1).factors[0, 0]
    assert once == pytest.approx(0.1 ** (1 / (1 + TIMES_IN_DOUBT)), rel=0.01)
    assert fit_width_factors(zeros, zeros, quantiles, (80.0,), 100).factors[0, 0] < 0.11


def test_nothing_observed_changes_nothing():
    unknown = np.full((5, 2, 1), np.nan)
    calibration = fit_width_factors(
        unknown, np.zeros((5, 2, 1)), normal_quantiles(5, 2), (80.0, 95.0), 5
    )
    np.testing.assert_array_equal(calibration.factors, 1)


def test_a_higher_level_is_never_narrower_and_the_floor_holds():
    calibration = unit_width_factors((80.0, 95.0), 1)
    calibration.factors[:, 0] = (5.0, 0.2)
    quantiles, point = normal_quantiles(1, 1), np.ones((1, 1, 1))
    ends = with_intervals(calibration, point, quantiles, np.zeros((1, 1, 1))).ravel()
    assert ends[0] == ends[1] == 0.0
    assert ends[3] == ends[4] == pytest.approx(1 + 5 * NORMAL[5])
