"""Rules that read a learning rate off a curve: curves made by hand, and noise."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.training import lr_rules
from forecast.training.lr_rules import (
    SETTLING,
    Point,
    Sweep,
    is_flat,
    lr_found,
    mean_curve,
    median_rate,
    suggest,
)
from tests.training.helpers import debiased_average


def curve(losses, first: float = 1e-6, last: float = 10.0, smoothed=None) -> list[Point]:
    """A curve over a geometric range of rates."""
    rates = np.geomspace(first, last, len(losses))
    smoothed = losses if smoothed is None else smoothed
    rows = zip(rates, losses, smoothed, strict=True)
    return [Point(float(rate), float(loss), float(mean)) for rate, loss, mean in rows]


def logistic(count: int = 160, middle: float = 1e-2, steepness: float = 3.0) -> np.ndarray:
    """From 1 down to 0.1; steepest against the logarithm of the rate at `middle`."""
    rates = np.geomspace(1e-6, 10.0, count)
    return 0.1 + 0.9 / (1 + (rates / middle) ** steepness)


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
    run = lr_rules._longest_decreasing(np.array(values))
    assert len(run) == max(longest)
    assert all(a < b and values[a] > values[b] for a, b in itertools.pairwise(run))


def test_half_divergence_by_hand() -> None:
    points = curve(logistic())
    whole = suggest(points, 10.0)
    assert "half_divergence" not in whole
    cut = suggest(points[:130], 10.0)
    assert cut["half_divergence"] == pytest.approx(points[129].rate / 2)
    assert set(cut) == set(whole) | {"half_divergence"} == set(lr_rules.RULES) | {"half_divergence"}


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
