"""The learning-rate range test: the sweep against slow loops, the rules on curves made by hand."""

import copy
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.data import WindowConfig
from forecast.config.optimizers import StochasticGradientDescent
from forecast.config.training import LrRangeConfig, TrainingConfig
from forecast.config.tree import config_from
from forecast.data.assemble import read_panel
from forecast.data.pipeline import fit_pipeline, part_windows
from forecast.data.split import split
from forecast.data.windows import Windows
from forecast.training import lr_range
from forecast.training import step as steps
from forecast.training.learner import Learner
from forecast.training.lr_range import (
    SETTLING,
    Point,
    Sweep,
    is_flat,
    lr_found,
    mean_curve,
    median_rate,
    run_sweeps,
    suggest,
    sweep,
)
from tests.training.helpers import gathered, seeded_learner

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


def curve(losses, first: float = 1e-6, last: float = 10.0, smoothed=None) -> list[Point]:
    """A curve over a geometric range of rates."""
    rates = np.geomspace(first, last, len(losses))
    smoothed = losses if smoothed is None else smoothed
    rows = zip(rates, losses, smoothed, strict=True)
    return [Point(float(rate), float(loss), float(mean)) for rate, loss, mean in rows]


def debiased_average(losses, smoothing: float) -> list[float]:
    """Every past loss weighted by a power of `smoothing`, by the definition."""
    means = []
    for end in range(1, len(losses) + 1):
        weights = smoothing ** np.arange(end)[::-1].astype(float)
        means.append(float(np.sum(weights * losses[:end]) / weights.sum()))
    return means


def logistic(count: int = 160, middle: float = 1e-2, steepness: float = 3.0) -> np.ndarray:
    """From 1 down to 0.1; steepest against the logarithm of the rate at `middle`."""
    rates = np.geomspace(1e-6, 10.0, count)
    return 0.1 + 0.9 / (1 + (rates / middle) ** steepness)


# --- sweep -----------------------------------------------------------------------------------


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


def answers(*rates: float | None) -> list[Sweep]:
    return [Sweep(0, (), {} if rate is None else {"valley": rate}) for rate in rates]


@pytest.mark.parametrize(
    ("rates", "median"),
    [
        ((1e-3, 1e-1, 1e-2), 1e-2),  # on the logarithmic scale
        ((1e-3, 1e-1), 1e-2),
        ((1e-4, 1e-3, 1e-1, 1.0), 1e-2),
        ((0.02, None, 0.02), 0.02),
        ((None, None, None), None),  # unless most sweeps have a rate
        ((0.1, None, None), None),
        ((0.1, None), None),
        ((), None),
    ],
)
def test_median_rate_by_hand(rates, median) -> None:
    assert median_rate(answers(*rates), "valley") == (median and pytest.approx(median))
    assert median_rate(answers(*rates), "steepest") is None


# --- rules -----------------------------------------------------------------------------------


@pytest.mark.parametrize("middle", [1e-4, 1e-2, 0.3])
@pytest.mark.parametrize("count", [40, 160, 400])
def test_steepest_by_hand(middle: float, count: int) -> None:
    found = suggest(curve(logistic(count, middle, steepness=4.0)), 10.0)["steepest"]
    spacing = 7 / (count - 1)
    assert abs(math.log10(found / middle)) <= 1.01 * spacing


def test_steepest_is_against_the_logarithm_of_the_rate() -> None:
    """Against the rate itself this fall would be steepest where it begins."""
    losses = np.concatenate([np.ones(40), np.linspace(1, 0.9, 40), np.linspace(0.89, 0.2, 20)])
    points = curve(np.concatenate([losses, np.full(20, 0.21)]))
    found = suggest(points, 10.0)["steepest"]
    assert points[80].rate <= found <= points[99].rate


@given(seed=st.integers(0, 10**6), middle=st.sampled_from([1e-3, 1e-2, 1e-1]))
def test_steepest_is_not_misled_by_noise_before_the_fall(seed: int, middle: float) -> None:
    """Noise of a fifth of the loss in each mini-batch, smoothed as in a sweep."""
    noise = np.random.default_rng(seed).normal(0, 0.2, 160)
    losses = logistic(160, middle) * (1 + noise)
    points = curve(losses, smoothed=debiased_average(losses, 0.9))
    found = suggest(points, 10.0)["steepest"]
    assert 0.1 * middle < found < 30 * middle


def test_minimum_tenth_by_hand() -> None:
    """A parabola in the logarithm of the rate, lowest at the point nearest to 0.05."""
    rates = np.geomspace(1e-6, 10.0, 160)
    points = curve(0.2 + np.log10(rates / 0.05) ** 2)
    nearest = rates[np.argmin(np.abs(np.log(rates / 0.05)))]
    found = suggest(points, 10.0)["minimum_tenth"]
    assert found == pytest.approx(nearest / 10, rel=1e-9)


def test_valley_by_hand() -> None:
    """A level stretch, 30 falling points, a rise: two thirds down are 20 points on, bumps or not.

    The run begins with one of the level points, then the 30: point 50 - 1 + 2 * 31 // 3.
    """
    losses = np.concatenate([np.ones(50), np.linspace(0.99, 0.1, 30), np.linspace(0.2, 3.0, 20)])
    points = curve(losses)
    assert suggest(points, 10.0)["valley"] == points[69].rate
    losses[[55, 63]] += 0.5
    assert points[67].rate <= suggest(curve(losses), 10.0)["valley"] <= points[71].rate


@given(st.lists(st.integers(0, 12).map(float), min_size=1, max_size=40))
def test_longest_decreasing_run_against_all_pairs(values: list[float]) -> None:
    longest = [1] * len(values)
    for end in range(len(values)):
        for start in range(end):
            if values[end] < values[start]:
                longest[end] = max(longest[end], longest[start] + 1)
    run = lr_range._longest_decreasing(np.array(values))
    assert len(run) == max(longest)
    assert all(a < b and values[a] > values[b] for a, b in itertools.pairwise(run))


def test_half_divergence_by_hand() -> None:
    points = curve(logistic())
    whole = suggest(points, 10.0)
    assert "half_divergence" not in whole
    cut = suggest(points[:130], 10.0)
    assert cut["half_divergence"] == pytest.approx(points[129].rate / 2)
    assert set(cut) == set(whole) | {"half_divergence"} == set(lr_range.RULES) | {"half_divergence"}


def test_divergence_at_the_very_last_rate_counts() -> None:
    losses = logistic()
    losses[-1] = 0.5
    assert suggest(curve(losses), 10.0)["half_divergence"] == pytest.approx(5.0)


def test_rules_do_not_read_the_unsettled_start() -> None:
    """A first point far below all others is the minimum only for one who reads it."""
    losses = logistic()
    losses[0] = 0.01
    assert suggest(curve(losses), 10.0) == suggest(curve(logistic()), 10.0)


# --- flat curves -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "losses",
    [
        *([level] * 160 for level in (0.0, 1e-30, 1.0, 1e30)),
        *(np.geomspace(1, 4, count) for count in (20, 60, 160)),
        *(np.linspace(1, 4, count) for count in (20, 60, 160)),
    ],
    ids=lambda losses: f"{losses[0]:g} to {losses[-1]:g}, {len(losses)}",
)
def test_a_loss_that_does_not_fall_suggests_nothing(losses) -> None:
    assert suggest(curve(losses), 10.0) == suggest(curve(losses), 20.0) == {}


def test_a_curve_of_few_points_suggests_nothing() -> None:
    assert suggest([], 10.0) == {}
    falling = curve(np.linspace(1, 0.1, 2 * SETTLING))
    assert suggest(falling[:-1], 10.0) == {}
    assert suggest(falling, 10.0) != {}


@pytest.mark.parametrize(("fall", "flat"), [(0.04, True), (0.07, False)])
def test_a_small_fall_is_flat(fall: float, flat: bool) -> None:
    losses = np.concatenate([np.ones(80), np.full(80, 1 - fall)])
    assert is_flat(curve(losses)) == flat


NOISES = {
    "normal": lambda rng: rng.normal(1, 0.3, 160),
    "gamma": lambda rng: rng.gamma(4, 1, 160),
    "log_normal": lambda rng: np.exp(rng.normal(0, 1, 160)),
    "short": lambda rng: rng.normal(1, 0.1, 25),
}


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_pure_noise_suggests_nothing(noise) -> None:
    """A test at three standard errors errs rarely, and the median of three sweeps hardly ever."""
    rng = np.random.default_rng(0)
    sweeps = []
    for _ in range(300):
        sweeps.append(Sweep(0, (), suggest(curve(noise(rng)), 10.0)))
    assert sum(bool(one.suggestions) for one in sweeps) < 0.08 * 300
    medians = [median_rate(sweeps[start : start + 3], "valley") for start in range(0, 300, 3)]
    assert sum(rate is not None for rate in medians) <= 2


def test_noise_hides_no_clear_fall() -> None:
    rng = np.random.default_rng(0)
    found = [is_flat(curve(logistic() * rng.gamma(10, 0.1, 160))) for _ in range(200)]
    assert sum(found) == 0


def test_a_range_of_rates_too_small_to_learn_suggests_nothing(air) -> None:
    config = LrRangeConfig(first=1e-8, last=1e-6, steps=30, seeds=2)
    sweeps = run_sweeps(make_learner, air["train"], config, seed=0)
    assert [len(one.points) for one in sweeps] == [30] * 8, "repeated, for it may be noise"
    assert lr_found(sweeps, "valley", 1e-6).rate is None


def test_a_fall_that_noise_hides_from_each_curve_is_seen_in_their_mean() -> None:
    rng = np.random.default_rng(1)
    falls = 1 - 0.12 * (1 - logistic())
    losses = [falls + rng.normal(0, 0.3, 160) for _ in range(12)]
    noisy = [curve(each, smoothed=debiased_average(each, 0.9)) for each in losses]
    sweeps = [Sweep(n, tuple(points), suggest(points, 10.0)) for n, points in enumerate(noisy)]
    assert sum(bool(each.suggestions) for each in sweeps) < 6, "most are flat alone"
    found = lr_found(sweeps, "steepest", 10.0)
    clear = suggest(curve(falls), 10.0)["steepest"]
    assert 1 / 4 < found.rate / clear < 4


@pytest.mark.parametrize("noise", [*range(20)])
def test_the_mean_of_pure_noise_suggests_nothing(noise) -> None:
    rng = np.random.default_rng(noise)
    noisy = [curve(rng.normal(1, 0.3, 160)) for _ in range(12)]
    sweeps = [Sweep(n, tuple(points), suggest(points, 10.0)) for n, points in enumerate(noisy)]
    assert lr_found(sweeps, "steepest", 10.0).rate is None


def test_curves_of_several_lengths_have_a_mean_as_far_as_all_go() -> None:
    first, second = curve(np.full(30, 1.0)), curve(np.full(30, 3.0))[:25]
    mean = mean_curve([Sweep(0, tuple(first), {}), Sweep(1, tuple(second), {})])
    assert [(each.rate, each.loss) for each in mean] == [(p.rate, 2.0) for p in second]


# --- a real curve ----------------------------------------------------------------------------


def test_airline_passengers(air) -> None:
    """Each seed has each rule in the decades where this model learns, none at the first rates.

    Where the loss diverges above them is chaotic: another order of adding up moves it.
    """
    config = LrRangeConfig(seeds=4)
    sweeps = run_sweeps(make_learner, air["train"], config, seed=0)
    for one in sweeps:
        assert set(one.suggestions) >= set(lr_range.RULES)
        assert all(2e-3 < one.suggestions[rule] < 2 for rule in lr_range.RULES)
        assert one.suggestions.get("half_divergence", 1.0) > 0.1
    for rule in lr_range.RULES:
        assert 5e-3 < median_rate(sweeps, rule) < 0.3


@pytest.mark.gpu
def test_a_sweep_runs_on_a_gpu(air) -> None:
    learner = seeded_learner(TrainingConfig(), LOOKBACK, HORIZON, device="cuda")
    state = torch.cuda.get_rng_state()
    points = list(sweep(learner, air["train"].to(torch.device("cuda")), SHORT))
    assert len(points) == SHORT.steps
    assert torch.equal(torch.cuda.get_rng_state(), state)
