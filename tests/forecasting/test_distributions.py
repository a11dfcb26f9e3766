"""Quantiles of the distributions of counts against scipy's, and of Tweedie's against its parts."""

import numpy as np
import pytest
from scipy import stats

from forecast.config.counts import NegativeBinomial, Poisson, Tweedie
from forecast.forecasting.distributions import mean_and_quantiles, quantile

RANDOM = np.random.default_rng(0)
MEANS = np.exp(RANDOM.normal(0, 3, 500))
SPREADS = np.exp(RANDOM.normal(-1, 1, 500))
LEVELS = (0.01, 0.1, 0.5, 0.9, 0.975)


@pytest.mark.parametrize("level", LEVELS)
def test_quantiles_of_counts_are_exact(level):
    expected = stats.poisson.ppf(level, MEANS)
    np.testing.assert_array_equal(quantile(Poisson(), [MEANS], level), expected)
    share = 1 / (1 + MEANS * SPREADS)
    expected = stats.nbinom.ppf(level, 1 / SPREADS, share)
    np.testing.assert_array_equal(quantile(NegativeBinomial(), [MEANS, SPREADS], level), expected)


@pytest.mark.parametrize(("power", "mean", "dispersion"), [(1.2, 0.4, 2.0), (1.7, 30.0, 1.5)])
def test_quantiles_of_tweedie_are_those_of_sums_of_gamma_parts(power, mean, dispersion):
    rate = mean ** (2 - power) / ((2 - power) * dispersion)
    shape, size = (2 - power) / (power - 1), (power - 1) * dispersion * mean ** (power - 1)
    draws = np.random.default_rng(1).gamma(shape * RANDOM.poisson(rate, 200_000)) * size
    assert draws.mean() == pytest.approx(mean, rel=0.02)
    assert draws.var() == pytest.approx(dispersion * mean**power, rel=0.05)
    for level in LEVELS:
        found = quantile(Tweedie(power=power), [np.array([mean]), np.array([dispersion])], level)
        # A share of draws lies within 4 of its standard deviations; 0 holds all of its mass.
        assert (draws <= found).mean() > level - 0.005
        assert (draws < found).mean() < level + 0.005


def test_many_parts_are_nearly_as_exact():
    rate = np.array([39.9, 40.1, 1000.0])
    found = quantile(Tweedie(power=1.5), [rate**2 / 4, np.ones(3)], 0.9)
    parts = np.random.default_rng(2).poisson(rate, (100_000, 3))
    draws = RANDOM.gamma(np.maximum(parts, 1e-9)) * rate / 4
    assert (draws <= found).mean(axis=0) == pytest.approx(0.9, abs=0.004)


def test_the_mean_stands_after_the_median_and_zeros_are_whole():
    loss = NegativeBinomial()
    parameters = np.stack([np.full((2, 3, 1), 0.2), np.full((2, 3, 1), 2.0)], axis=-1)
    values = mean_and_quantiles(loss, parameters)
    assert values.shape == (2, 3, 1, len(loss.levels) + 1)
    middle = values.shape[-1] // 2
    assert np.isnan(loss.quantiles[middle])
    assert (values[..., middle] == 0.2).all()
    assert (values[..., middle - 1] == 0).all()
    assert (np.delete(values, middle, axis=-1) % 1 == 0).all()


@pytest.mark.parametrize("mean", [3e16, 1e20, 1e37])
def test_counts_whose_neighbours_are_no_whole_number_apart_have_quantiles(mean):
    """Between two floating-point numbers above 2^53 no halves are left: it went on for ever."""
    found = quantile(Poisson(), [np.array([mean])], 0.975)
    np.testing.assert_allclose(found, mean + 1.96 * np.sqrt(mean), rtol=1e-9)
    found = quantile(NegativeBinomial(), [np.array([mean]), np.array([1.0])], 0.9)
    np.testing.assert_allclose(found, -np.log(0.1) * mean, rtol=1e-6)  # as good as exponential
