"""Losses against torch, scikit-learn and numbers worked out by hand; masks, weights, penalties."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_pinball_loss
from torch import nn

from forecast.config.losses import Huber, LogCosh, LossOption, MeanAbsolute, MeanSquared, Quantile
from forecast.config.model import ModelConfig
from forecast.config.options import Option, options_of
from forecast.models.forecaster import Forecaster, WindowShape
from forecast.training.losses import Loss, penalty, quantiles_of
from tests.training.test_count_losses import COUNTS

LEVELS = (0.1, 0.5, 0.8)
OPTIONS = [MeanSquared(), MeanAbsolute(), Huber(delta=0.5), LogCosh(), Quantile(levels=LEVELS)]
SEEDS = st.integers(0, 10**6)


def error_of_one(option, forecast: float, target: float, level: float) -> float:
    """The loss of one number, as its textbook definition says."""
    error = target - forecast
    if isinstance(option, MeanSquared):
        return error**2
    if isinstance(option, MeanAbsolute):
        return abs(error)
    if isinstance(option, LogCosh):
        return math.log(math.cosh(error))
    if isinstance(option, Quantile):
        return level * error if error >= 0 else (level - 1) * error
    inside = abs(error) <= option.delta
    return error**2 / 2 if inside else option.delta * (abs(error) - option.delta / 2)


def slow_loss(
    option, forecast: np.ndarray, target: np.ndarray, weights: tuple[float, ...], series=None
):
    """Weighted sum of the losses and sum of the step weights, number by number."""
    levels = quantiles_of(option)
    total = weight = 0.0
    for window, step, channel, quantile in np.ndindex(forecast.shape):
        true = target[window, step, channel]
        if not math.isnan(true):
            one = error_of_one(
                option, forecast[window, step, channel, quantile], true, levels[quantile]
            )
            total += weights[step] * (1.0 if series is None else series[window, channel]) * one
            weight += weights[step]
    return total, weight


def random_batch(seed: int, option, windows: int = 4, masked: float = 0.3):
    rng = np.random.default_rng(seed)
    quantiles = len(quantiles_of(option))
    forecast = torch.from_numpy(rng.normal(size=(windows, 3, 2, quantiles)).astype(np.float32))
    target = rng.normal(size=(windows, 3, 2)).astype(np.float32)
    target[rng.random(target.shape) < masked] = np.nan
    return forecast, torch.from_numpy(target)


def test_every_loss_of_the_table_is_tested() -> None:
    """Those of numbers here, of labels in test_label_loss.py, of counts in test_count_losses.py."""
    elsewhere = {"cross_entropy", *(option.key() for option in COUNTS)}
    assert {option.key() for option in OPTIONS} | elsewhere == set(options_of(LossOption))


def pinball(forecast: torch.Tensor, target: torch.Tensor) -> float:
    flat = forecast.reshape(-1, len(LEVELS)).numpy()
    return np.mean(
        [
            mean_pinball_loss(target.flatten().numpy(), flat[:, number], alpha=level)
            for number, level in enumerate(LEVELS)
        ]
    )


@pytest.mark.parametrize(
    ("option", "theirs"),
    [
        (MeanSquared(), lambda f, t: nn.functional.mse_loss(f[..., 0], t)),
        (MeanAbsolute(), lambda f, t: nn.functional.l1_loss(f[..., 0], t)),
        *(
            (Huber(delta=d), lambda f, t, d=d: nn.functional.huber_loss(f[..., 0], t, delta=d))
            for d in (0.3, 1.0, 4.0)
        ),
        (Quantile(levels=LEVELS), pinball),
    ],
    ids=lambda value: value.key() if isinstance(value, Option) else "",
)
def test_losses_are_those_of_torch_and_scikit_learn(option, theirs) -> None:
    forecast, target = random_batch(0, option, masked=0)
    expected = float(theirs(forecast, target))
    assert Loss(option)(forecast, target).item() == pytest.approx(expected, rel=1e-6)


def test_log_cosh_and_its_gradient() -> None:
    errors = np.linspace(-8, 8, 41)
    forecast = torch.tensor(errors, dtype=torch.float32).view(-1, 1, 1, 1).requires_grad_()
    loss = Loss(LogCosh())(forecast, torch.zeros(41, 1, 1))
    loss.backward()
    assert loss.item() == pytest.approx(np.log(np.cosh(errors)).mean(), rel=1e-6)
    gradient = forecast.grad.flatten().numpy()
    np.testing.assert_allclose(gradient, np.tanh(errors) / 41, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("error", [100.0, -1e4, 1e30, -3e38])
def test_log_cosh_of_large_errors_does_not_overflow(error: float) -> None:
    """cosh itself overflows float32 beyond 89."""
    forecast = torch.tensor([[[[error]]]], requires_grad=True)
    loss = Loss(LogCosh())(forecast, torch.zeros(1, 1, 1))
    loss.backward()
    assert loss.item() == pytest.approx(abs(error) - math.log(2), rel=1e-6)
    assert forecast.grad.item() == math.copysign(1, error)


def test_quantile_levels_belong_to_the_loss() -> None:
    """A buffer goes to the device once; a new tensor each batch would halt the device."""
    loss = Loss(Quantile(levels=LEVELS))
    assert any(buffer.tolist() == pytest.approx(LEVELS) for buffer in loss.buffers())


def test_a_point_loss_has_the_median_as_its_level() -> None:
    assert quantiles_of(Huber()) == (0.5,)
    assert quantiles_of(Quantile(levels=LEVELS)) == LEVELS


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key())
@given(seed=SEEDS, is_weighted=st.booleans())
def test_loss_with_masks_and_weights_equals_a_slow_loop(option, seed: int, is_weighted) -> None:
    """Weights of the steps, some of them 0, and of each window and target beside the mask."""
    forecast, target = random_batch(seed, option)
    rng = np.random.default_rng(seed)
    weights = tuple(float(w) for w in rng.integers(0, 4, 3))
    series = rng.uniform(0.1, 5, (4, 2)) * (rng.random((4, 2)) < 0.8) if is_weighted else None
    total, weight = slow_loss(option, forecast.numpy(), target.numpy(), weights, series)
    loss = Loss(option, weights)
    series = torch.tensor(series, dtype=torch.float32) if is_weighted else None
    found_total, found_weight = loss.sums(forecast, target, series)
    assert found_total.item() == pytest.approx(total, rel=1e-4, abs=1e-5)
    assert found_weight.item() == weight
    expected = total / weight if weight else 0.0
    assert loss(forecast, target, series).item() == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("steps", [None, (2.0, 0.5, 0.0)])
@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key())
@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, is_weighted=st.booleans())
def test_a_batch_known_to_be_whole_has_the_same_loss_and_gradient(
    option, steps, seed: int, is_weighted: bool
) -> None:
    forecast, target = random_batch(seed, option)
    target, loss = target.nan_to_num(), Loss(option, steps)
    series = torch.rand(4, 2) if is_weighted else None
    found = []
    for has_no_gaps in (True, False):
        leaf = forecast.clone().requires_grad_()
        total, weight = loss.sums(leaf, target, series, has_no_gaps)
        found.append([total, weight, *torch.autograd.grad(total, leaf)])
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key())
@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, cut=st.integers(1, 4))
def test_sums_add_up_over_batches(option, seed: int, cut: int) -> None:
    forecast, target = random_batch(seed, option, windows=5)
    loss = Loss(option, (1.0, 0.5, 2.0))
    whole = torch.stack(loss.sums(forecast, target))
    parts = torch.stack(loss.sums(forecast[:cut], target[:cut]))
    parts = parts + torch.stack(loss.sums(forecast[cut:], target[cut:]))
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6)


def test_an_infinite_forecast_under_a_mask_leaves_the_loss() -> None:
    forecast, target = torch.tensor([[[[math.inf]], [[3.0]]]]), torch.tensor([[[math.nan], [1.0]]])
    assert Loss(MeanSquared())(forecast, target).item() == 4.0


def test_step_weights_by_hand() -> None:
    """Errors 1, 2, 3 with weights 3, 1, 0: (3 * 1 + 1 * 4 + 0 * 9) / 4."""
    forecast = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)
    target = torch.zeros(1, 3, 1)
    assert Loss(MeanSquared(), (3.0, 1.0, 0.0))(forecast, target).item() == 1.75
    assert Loss(MeanSquared(), (6.0, 2.0, 0.0))(forecast, target).item() == 1.75
    assert Loss(MeanSquared())(forecast, target).item() == pytest.approx(14 / 3)


def parameters() -> list[tuple[str, nn.Parameter]]:
    model = Forecaster(ModelConfig(hidden_size=3, num_layers=2), WindowShape(4, 2, 1))
    return list(model.named_parameters())


@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 0.7), (0.3, 0.7)])
def test_penalties_and_their_gradients_by_hand(l1: float, l2: float) -> None:
    named = parameters()
    value = penalty(named, l1, l2)
    value.backward()
    expected = 0.0
    for name, parameter in named:
        weight = parameter.detach().double().numpy()
        if name.split(".")[-1].startswith("bias"):
            assert parameter.grad is None
            continue
        expected += l1 * np.abs(weight).sum() + l2 * (weight**2).sum()
        gradient = l1 * np.sign(weight) + 2 * l2 * weight
        np.testing.assert_allclose(parameter.grad.numpy(), gradient, rtol=1e-5, atol=1e-6)
    assert value.item() == pytest.approx(expected, rel=1e-5)
    assert sum(name.split(".")[-1].startswith("bias") for name, _ in named) == 5
