"""Samples of a step: the quantiles that are known, straight lines between them, and their tails."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.evaluation.conformal import Calibration, ConformalScores
from forecast.evaluation.marginals import (
    quantile_samples,
    quantile_weights,
    sample_levels,
    sample_quantiles,
    sample_radii,
    without_middle,
)

KNOWN = st.lists(st.integers(1, 99), min_size=2, max_size=7, unique=True).map(
    lambda percents: np.sort(percents) / 100
)


@given(KNOWN, st.integers(2, 300), st.data())
def test_samples_rise_and_hold_the_known_quantiles(known, num, data):
    gaps = data.draw(st.lists(st.floats(0, 10), min_size=len(known), max_size=len(known)))
    values = np.cumsum(gaps) - 20
    weights = quantile_weights(known, sample_quantiles(num))
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    samples = weights @ values
    assert (np.diff(samples) >= -1e-9).all()
    np.testing.assert_allclose(quantile_weights(known, known) @ values, values, atol=1e-9)
    inner = (sample_quantiles(num) >= known[0]) & (sample_quantiles(num) <= known[-1])
    straight = np.interp(sample_quantiles(num)[inner], known, values)
    np.testing.assert_allclose(samples[inner], straight, atol=1e-9)
    mirrored = quantile_weights(1 - known[::-1], 1 - sample_quantiles(num)[::-1])[::-1, ::-1]
    np.testing.assert_allclose(mirrored, weights, atol=1e-9)


def test_the_tails_of_a_laplace_distribution_are_its_own():
    known = np.array([0.025, 0.1, 0.5, 0.9, 0.975])

    def laplace(share):
        return -np.sign(share - 0.5) * np.log(1 - 2 * abs(share - 0.5))

    wanted = np.array([0.0001, 0.01, 0.02, 0.98, 0.999])
    found = quantile_weights(known, wanted) @ laplace(known)
    np.testing.assert_allclose(found, laplace(wanted))


def test_quantiles_that_cross_still_give_rising_samples():
    assert (np.diff(quantile_samples(np.array([[3.0, 2.0, 1.0]]), (0.1, 0.5, 0.9), 50)) >= 0).all()


def calibration(count):
    scores = np.arange(1.0, count + 1, dtype=np.float32)[:, None, None]
    return Calibration.of(ConformalScores(np.arange(count), scores), np.ones((1, 1)), (80.0,), 500)


@pytest.mark.parametrize("num", [2, 5, 200])
def test_radii_are_those_of_the_levels_and_go_on_beyond_the_largest_error(num):
    known, levels = calibration(99), sample_levels(num)
    assert len(levels) == num // 2
    radii = sample_radii(known, num)[:, 0, 0]
    within = levels <= 99
    np.testing.assert_allclose(radii[within], known.at(levels[within].tolist())[:, 0, 0], rtol=1e-6)
    slope = (99 - known.at([96.0])[0, 0, 0]) / np.log(4)
    np.testing.assert_allclose(radii[~within], 99 + slope * np.log(1 / (100 - levels[~within])))
    ends = np.concatenate([-radii[::-1], [0.0], radii])[None]
    samples = without_middle(ends, num)
    assert samples.shape[-1] == num
    np.testing.assert_allclose(samples, -samples[:, ::-1])


def test_of_errors_too_few_for_any_level_there_are_none():
    nothing = Calibration((80.0,), np.full((1, 2, 1), np.inf, np.float32), np.ones((1, 1)), 3)
    assert sample_radii(nothing, 10) is None
