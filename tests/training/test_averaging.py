"""Averages of weights against a slow float64 loop, numbers by hand, and those of torch."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import swa_utils

from forecast.config.model import ModelConfig
from forecast.config.schedules import (
    ExponentialAverage,
    NoAveraging,
    Position,
    StochasticWeightAverage,
)
from forecast.models.forecaster import Forecaster, WindowShape
from forecast.training.averaging import averaged_copy, update_average

STEPS = 30
OPTIONS = [
    ExponentialAverage(),
    ExponentialAverage(decay=0.3),
    StochasticWeightAverage(),
    StochasticWeightAverage(start=0.0),
    StochasticWeightAverage(start=0.85),
]


def make_model(**options) -> Forecaster:
    torch.manual_seed(0)
    return Forecaster(ModelConfig(hidden_size=3, **options), WindowShape(4, 2, 1))


def moved(model: nn.Module, seed: int) -> None:
    """Other weights, as a step of an optimiser would leave them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))


def flat(model: nn.Module) -> np.ndarray:
    return torch.cat([p.detach().flatten() for p in model.parameters()]).double().numpy()


def slow_average(option, weights: list[np.ndarray]) -> np.ndarray:
    """The average after the last of these weights; the first are those before training."""
    if isinstance(option, StochasticWeightAverage):
        begun = weights[1 + int(option.start * STEPS) :]
        return np.mean(begun, axis=0) if begun else weights[-1]
    average = weights[0]
    for step, newest in enumerate(weights[1:]):
        past = min(option.decay, (1 + step) / (10 + step))
        average = past * average + (1 - past) * newest
    return average


@pytest.mark.parametrize("option", OPTIONS, ids=str)
def test_averages_equal_a_slow_loop_over_the_weights(option) -> None:
    model = make_model()
    average, weights = averaged_copy(model, option), [flat(model)]
    for step in range(STEPS):
        moved(model, step)
        weights.append(flat(model))
        update_average(average, model, option.weight(Position(step, 7, STEPS)))
        expected = slow_average(option, weights)
        np.testing.assert_allclose(flat(average), expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(flat(model), weights[-1])


@pytest.mark.parametrize(
    ("option", "theirs", "first"),
    [
        (StochasticWeightAverage(start=0.0), swa_utils.get_swa_multi_avg_fn(), 0),
        (StochasticWeightAverage(start=0.5), swa_utils.get_swa_multi_avg_fn(), STEPS // 2),
        (ExponentialAverage(decay=0.05), swa_utils.get_ema_multi_avg_fn(0.05), 0),
        (ExponentialAverage(decay=0.8), swa_utils.get_ema_multi_avg_fn(0.8), 40),
    ],
    ids=["swa from the start", "swa of half", "short ema", "long ema"],
)
def test_averages_are_those_of_torch(option, theirs, first: int) -> None:
    """From the step on where the rise of the decay is over; torch copies the first weights."""
    model = make_model()
    average = averaged_copy(model, option)
    expected = swa_utils.AveragedModel(model, multi_avg_fn=theirs)
    if isinstance(option, ExponentialAverage):
        expected.update_parameters(model)
    for step in range(first, first + 12):
        moved(model, step)
        update_average(average, model, option.weight(Position(step, 7, STEPS)))
        expected.update_parameters(model)
    np.testing.assert_allclose(flat(average), flat(expected.module), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("option", OPTIONS[:3], ids=str)
def test_running_statistics_are_those_of_the_model(option) -> None:
    model = make_model(batch_norm=True)
    average = averaged_copy(model, option)
    for step in range(5):
        for buffer in model.buffers():
            buffer.add_(1 + step)
        moved(model, step)
        update_average(average, model, option.weight(Position(step, 7, STEPS)))
    names = [name.rpartition(".")[2] for name, _ in average.named_buffers()]
    assert names == ["running_mean", "running_var", "num_batches_tracked"]
    for mine, theirs in zip(average.buffers(), model.buffers(), strict=True):
        assert torch.equal(mine, theirs)
        assert mine.data_ptr() != theirs.data_ptr()


def test_a_copy_is_a_model_of_its_own_that_never_drops_units() -> None:
    model = make_model(num_layers=2, dropout=0.5, batch_norm=True).train()
    average = averaged_copy(model, ExponentialAverage())
    before = flat(average)
    moved(model, 1)
    np.testing.assert_array_equal(flat(average), before)
    assert model.training
    assert not any(module.training for module in average.modules())
    assert averaged_copy(model, NoAveraging()) is None


@pytest.mark.gpu
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_copy_on_a_gpu_forecasts_as_the_model_does(cell: str) -> None:
    """In the same fast way too: weights that do not lie together would be warned of."""
    model = make_model(cell=cell, num_layers=2).cuda().eval()
    average = averaged_copy(model, StochasticWeightAverage())
    batch = torch.ones(5, 4, 1).cuda(), torch.zeros(5, 2, 0).cuda(), torch.zeros(5, 0).cuda()
    assert torch.equal(average(*batch), model(*batch))
    moved_on_cpu = make_model(cell=cell, num_layers=2)
    moved(moved_on_cpu, 1)
    model.load_state_dict(moved_on_cpu.state_dict())
    update_average(average, model, 1.0)
    assert torch.equal(average(*batch), model(*batch))
