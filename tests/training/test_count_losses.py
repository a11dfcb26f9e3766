"""The losses of counts are minus the log-likelihoods that scipy knows, and of finite gradient."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.integrate import trapezoid

from forecast.config.counts import NegativeBinomial, Poisson, Tweedie
from forecast.training.losses import Loss, outputs_of, quantiles_of

NUMBERS = np.array([0.0, 1, 2, 7, 300])
LEVELS = torch.empty(0)
COUNTS = [Poisson(), NegativeBinomial(), Tweedie()]


def loss_of(option, target, *parameters):
    shape = (1, len(target), 1, 1)
    columns = [torch.full(shape, float(each)) for each in parameters]
    numbers = torch.tensor(target, dtype=torch.float32).reshape(shape)
    return option.step_loss(torch.cat(columns, dim=-1), numbers, LEVELS).flatten().numpy()


@pytest.mark.parametrize("mean", [0.01, 1.0, 250.0])
def test_likelihoods_of_counts(mean):
    expected = -stats.poisson.logpmf(NUMBERS, mean)
    np.testing.assert_allclose(loss_of(Poisson(), NUMBERS, mean), expected, rtol=1e-5)
    for spread in (0.001, 0.5, 8.0):
        expected = -stats.nbinom.logpmf(NUMBERS, 1 / spread, 1 / (1 + spread * mean))
        found = loss_of(NegativeBinomial(), NUMBERS, mean, spread)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("power", "mean", "dispersion"), [(1.3, 2.0, 1.0), (1.8, 40.0, 0.01)])
def test_the_likelihood_of_tweedie_adds_up_to_one_with_the_right_mean(power, mean, dispersion):
    loss, most = Tweedie(power=power), mean + 12 * (dispersion * mean**power) ** 0.5
    places = np.linspace(0, most, 20_001)[1:]
    density = np.exp(-loss_of(loss, places, mean, dispersion).astype(float))
    zero = np.exp(-loss_of(loss, [0.0], mean, dispersion).astype(float))[0]
    assert zero == pytest.approx(np.exp(-(mean ** (2 - power)) / (2 - power) / dispersion))
    assert zero + trapezoid(density, places) == pytest.approx(1, abs=0.01)
    assert trapezoid(density * places, places) == pytest.approx(mean, rel=0.01)


@pytest.mark.parametrize("option", COUNTS)
def test_gradients_are_finite_where_raw_numbers_and_targets_are_extreme(option):
    raw = torch.tensor([-200.0, -1, 0, 3, 80])[:, None, None, None]
    raw = raw.expand(5, 6, 1, outputs_of(option)).clone().requires_grad_()
    target = torch.tensor([0.0, 1, 3, 1e6, float("nan"), 0]).expand(5, 6)[..., None]
    scale = torch.tensor([1.0, 2, 100, 1e6, 1])[:, None, None, None]
    parameters = option.parameters(raw, scale)
    assert (parameters > 0).all()
    total, count = Loss(option).sums(parameters, target)
    assert count == 25  # one target in six is masked
    total.backward()
    assert torch.isfinite(raw.grad).all()
    assert torch.isfinite(total)
    middle = quantiles_of(option)[len(option.quantiles) // 2]
    assert np.isnan(middle)
