"""The learning-rate range test: sweeps against slow loops, and a real curve."""

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from forecast.config.optimizers import StochasticGradientDescent
from forecast.config.training import LrRangeConfig, TrainingConfig
from forecast.config.tree import config_from
from forecast.config.windows import WindowConfig
from forecast.data.assemble import read_panel
from forecast.data.pipeline import fit_pipeline, part_windows
from forecast.data.split import split
from forecast.data.windows import Windows
from forecast.training import step as steps
from forecast.training.learner import Learner
from forecast.training.lr_range import run_sweeps, sweep
from forecast.training.lr_rules import RULES, lr_found, median_rate, suggest
from tests.training.helpers import debiased_average, gathered, seeded_learner

ROOT = Path(__file__).resolve().parents[2]
LOOKBACK, HORIZON = 24, 12
SGD = StochasticGradientDescent(momentum=0.0)
SHORT = LrRangeConfig(first=1e-4, last=1e-2, steps=30, seeds=2)


@pytest.fixture(scope="module")
def air() -> dict[str, Windows]:
    """Windows of the airline passengers, as a configuration makes them."""
    config = config_from(
        {
            "data": {
                "path": str(ROOT / "data" / "air_passengers.csv"),
                "time": "month",
                "target": "passengers",
            },
            "transforms": ["log", {"difference": 12}, "standardize"],
            "split": {"validation": 24, "test": 36},
        }
    )
    panel = read_panel(config.data)
    parts = split(panel, config.split)
    window = WindowConfig(lookback=LOOKBACK, horizon=HORIZON)
    pipeline = fit_pipeline(config.data, config.transforms, panel, parts, 12, window)
    filled = pipeline.filled(panel, parts.offsets())
    return part_windows(pipeline, panel, filled, parts, window)


def make_learner(seed: int = 0, dropout: float = 0.0, **options) -> Learner:
    network = {"hidden_size": 16, "num_layers": 1 + bool(dropout), "dropout": dropout}
    config = TrainingConfig(**options)
    return seeded_learner(config, LOOKBACK, HORIZON, rate=1e-3, seed=seed, **network)


def scripted(monkeypatch, losses: list[float]) -> None:
    """Let the mini-batches of a sweep have these losses."""
    script = iter(losses)

    def loss(learner: Learner, chunks, seeds, workers) -> torch.Tensor:
        for parameter in learner.model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        return torch.tensor(next(script))

    monkeypatch.setattr(steps, "set_gradient", loss)


def test_rates_are_geometric_from_first_to_last(air) -> None:
    config = LrRangeConfig(first=1e-5, last=1e-3, steps=21)
    rates = [point.rate for point in sweep(make_learner(), air["train"], config)]
    assert rates == pytest.approx([10 ** (-5 + 0.1 * step) for step in range(21)], rel=1e-9)


@pytest.mark.parametrize("smoothing", [0.0, 0.5, 0.9, 0.98])
def test_smoothing_is_the_debiased_average(smoothing: float, air) -> None:
    config = LrRangeConfig(first=1e-4, last=1e-2, steps=40, smoothing=smoothing)
    points = list(sweep(make_learner(), air["train"], config))
    losses = [point.loss for point in points]
    assert len(set(losses)) == 40
    expected = debiased_average(losses, smoothing)
    assert [point.smoothed for point in points] == pytest.approx(expected, rel=1e-9)


def test_each_loss_is_of_the_weights_before_its_step(air) -> None:
    """Plain gradient steps at the rates of the sweep, over batches that are shuffled each epoch."""
    config = LrRangeConfig(first=1e-2, last=1.0, steps=20)
    learner = make_learner(optimizer=SGD, batch_size=100)
    model, windows = copy.deepcopy(learner.model), air["train"]
    for point in sweep(learner, windows, config):
        batch = windows.gather(torch.arange(len(windows)))
        error = model(batch.past, batch.future, batch.static)[..., 0] - batch.target
        loss = error.square().mean()
        assert point.loss == pytest.approx(loss.item(), rel=1e-4)
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter -= point.rate * gradient


def test_steps_are_clipped_as_in_training(air) -> None:
    """An entry of a weight moves by no more than the rates times the limit, added up."""
    learner = make_learner(optimizer=SGD, clip_value=1e-3)
    before = copy.deepcopy(learner.model.state_dict())
    points = list(sweep(learner, air["train"], LrRangeConfig(first=0.01, last=1.0, steps=20)))
    limit = 1e-3 * sum(point.rate for point in points)
    after = learner.model.state_dict()
    moved = max(float((after[name] - before[name]).abs().max()) for name in before)
    assert 0 < moved <= limit * 1.001


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({"batch_size": 20}, [20, 16]),
        ({"batch_size": 8, "epoch_windows": 12}, [8, 4]),
        ({"batch_size": 8, "epoch_windows": 12, "sampling": "uniform"}, [8, 4]),
    ],
    ids=str,
)
def test_windows_are_drawn_as_in_training(options, sizes, air, monkeypatch) -> None:
    """Epochs of two batches, each window once or with repetition, and in another order."""
    seen = gathered(monkeypatch)
    windows = air["train"].subset(torch.arange(36))
    list(sweep(make_learner(**options), windows, LrRangeConfig(last=1e-5, steps=20)))
    assert [len(index) for index in seen] == sizes * 10
    epochs = [torch.cat(seen[start : start + 2]).tolist() for start in range(0, 20, 2)]
    is_once = options.get("sampling") != "uniform"
    assert all(len(set(epoch)) == sum(sizes) for epoch in epochs) == is_once
    assert epochs[0] != epochs[1]


def test_a_sweep_leaves_the_average_alone(air) -> None:
    learner = make_learner(averaging="ema")
    before = copy.deepcopy(learner.average.state_dict())
    list(sweep(learner, air["train"], SHORT))
    torch.testing.assert_close(learner.average.state_dict(), before, rtol=0, atol=0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("after", [0, 3, 15])
def test_a_loss_that_is_no_number_ends_the_sweep(bad: float, after: int, monkeypatch, air) -> None:
    scripted(monkeypatch, [1.0] * after + [bad] + [1.0] * 99)
    points = list(sweep(make_learner(), air["train"], LrRangeConfig()))
    assert [point.loss for point in points] == [1.0] * after


@pytest.mark.parametrize("smoothing", [0.0, 0.8])
def test_four_times_the_best_ends_the_sweep(smoothing: float, monkeypatch, air) -> None:
    """The point that exceeds it is the last one."""
    losses = [*np.linspace(2.0, 1.0, 30), *(1.0 * 1.1**step for step in range(90))]
    scripted(monkeypatch, losses)
    points = list(
        sweep(make_learner(), air["train"], LrRangeConfig(steps=120, smoothing=smoothing))
    )
    means = debiased_average(losses, smoothing)
    end = next(step for step in range(120) if means[step] > 4 * min(means[: step + 1]))
    assert len(points) == end + 1 < 120


@pytest.mark.parametrize(
    ("losses", "smoothing"),
    [
        ([1.0] * 15 + [4.0] * 15, 0.0),  # exactly four times the lowest
        ([0.1] + [1.0] * 39, 0.9),  # an easy first batch, at which the mean is not settled
    ],
)
def test_what_does_not_end_the_sweep(losses, smoothing, monkeypatch, air) -> None:
    scripted(monkeypatch, losses)
    config = LrRangeConfig(steps=len(losses), smoothing=smoothing)
    assert len(list(sweep(make_learner(), air["train"], config))) == len(losses)


def test_the_sweep_follows_from_the_seed_and_leaves_the_callers_state(air) -> None:
    torch.manual_seed(11)
    state, numpy_state = torch.get_rng_state(), repr(np.random.get_state())
    points = []
    for point in sweep(make_learner(dropout=0.4), air["train"], SHORT):
        assert torch.equal(torch.get_rng_state(), state)
        points.append(point)
    assert torch.equal(torch.get_rng_state(), state)
    assert repr(np.random.get_state()) == numpy_state
    torch.manual_seed(12)
    other = sweep(make_learner(dropout=0.4), air["train"], SHORT)
    again = []
    for point in other:
        torch.rand(3)  # the caller draws between the points
        again.append(point)
    assert again == points


def test_dropout_differs_from_step_to_step(air) -> None:
    """With rates that change nothing and a single window, dropout alone changes the loss."""
    config = LrRangeConfig(first=1e-12, last=1e-11, steps=20)
    learner, one = make_learner(dropout=0.4, optimizer=SGD), air["train"].subset(torch.arange(1))
    losses = [round(point.loss, 6) for point in sweep(learner, one, config)]
    assert len(set(losses)) > 15


def test_only_training_rows_are_read(air) -> None:
    """Rows after the training part are made NaN: a sweep that saw one would end at once."""
    train = air["train"]
    after = int(train.starts.max()) + LOOKBACK + HORIZON
    assert after < len(train.inputs)
    poisoned = copy.deepcopy(train)
    poisoned.inputs[after:] = math.nan
    poisoned.targets[after:] = math.nan
    clean, found = (list(sweep(make_learner(), part, SHORT)) for part in (train, poisoned))
    assert clean == found
    assert len(found) == SHORT.steps


# --- several sweeps --------------------------------------------------------------------------


def test_sweeps_are_of_consecutive_seeds(air) -> None:
    found = run_sweeps(make_learner, air["train"], SHORT, seed=7)
    assert [one.seed for one in found] == [*range(7, 15)], "flat, so repeated"
    for one in (found[0], found[-1]):
        assert list(one.points) == list(sweep(make_learner(one.seed), air["train"], SHORT))
        assert one.suggestions == suggest(one.points, SHORT.last)
    assert found[0].points != found[1].points


def test_a_range_of_rates_too_small_to_learn_suggests_nothing(air) -> None:
    config = LrRangeConfig(first=1e-8, last=1e-6, steps=30, seeds=2)
    sweeps = run_sweeps(make_learner, air["train"], config, seed=0)
    assert [len(one.points) for one in sweeps] == [30] * 8, "repeated, for it may be noise"
    assert lr_found(sweeps, "valley", 1e-6).rate is None


def test_airline_passengers(air) -> None:
    """Each seed has each rule in the decades where this model learns, none at the first rates.

    Where the loss diverges above them is chaotic: another order of adding up moves it.
    """
    config = LrRangeConfig(seeds=4)
    sweeps = run_sweeps(make_learner, air["train"], config, seed=0)
    for one in sweeps:
        assert set(one.suggestions) >= set(RULES)
        assert all(2e-3 < one.suggestions[rule] < 2 for rule in RULES)
        assert one.suggestions.get("half_divergence", 1.0) > 0.1
    for rule in RULES:
        assert 5e-3 < median_rate(sweeps, rule) < 0.3


@pytest.mark.gpu
def test_a_sweep_runs_on_a_gpu(air) -> None:
    learner = seeded_learner(TrainingConfig(), LOOKBACK, HORIZON, device="cuda")
    state = torch.cuda.get_rng_state()
    points = list(sweep(learner, air["train"].to(torch.device("cuda")), SHORT))
    assert len(points) == SHORT.steps
    assert torch.equal(torch.cuda.get_rng_state(), state)
