"""Schedules against torch.optim.lr_scheduler."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn, optim
from torch.optim import lr_scheduler

from forecast.config.schedules import (
    Constant,
    Cosine,
    Exponential,
    OneCycle,
    Plateau,
    Position,
    StepDecay,
    StochasticWeightAverage,
)


def optimizer() -> optim.SGD:
    return optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)


def rates_of(build, steps: int) -> list[float]:
    """The rates that torch's scheduler sets, with one call of it after each step."""
    sgd = optimizer()
    scheduler = build(sgd)
    rates = []
    for number in range(steps):
        rates.append(float(sgd.param_groups[0]["lr"]))
        sgd.step()
        if number < steps - 1:
            scheduler.step()
    return rates


def factors(option, steps: int, steps_per_epoch: int = 1) -> list[float]:
    return [option.rate_factor(Position(step, steps_per_epoch, steps)) for step in range(steps)]


def test_constant() -> None:
    assert factors(Constant(), 7, 3) == [1.0] * 7


@pytest.mark.parametrize(("every", "gamma"), [(1, 0.5), (3, 0.1), (4, 1.0)])
def test_step_changes_by_the_epoch(every: int, gamma: float) -> None:
    expected = rates_of(lambda sgd: lr_scheduler.StepLR(sgd, every, gamma), 10)
    found = factors(StepDecay(every=every, gamma=gamma), 50, steps_per_epoch=5)
    assert found == pytest.approx([rate for rate in expected for _ in range(5)])


def test_exponential_changes_by_the_epoch() -> None:
    expected = rates_of(lambda sgd: lr_scheduler.ExponentialLR(sgd, 0.8), 10)
    found = factors(Exponential(gamma=0.8), 40, steps_per_epoch=4)
    assert found == pytest.approx([rate for rate in expected for _ in range(4)])


@pytest.mark.parametrize(("total", "final"), [(2, 0.0), (17, 0.1), (40, 0.0)])
def test_cosine_ends_at_the_last_step(total: int, final: float) -> None:
    expected = rates_of(
        lambda sgd: lr_scheduler.CosineAnnealingLR(sgd, T_max=total - 1, eta_min=final), total
    )
    found = factors(Cosine(final=final), total, steps_per_epoch=3)
    assert found == pytest.approx(expected, abs=1e-12)
    assert found[-1] == pytest.approx(final)


@given(total=st.integers(2, 150), rise=st.floats(0.05, 0.99), divide=st.floats(1.5, 100))
def test_one_cycle(total: int, rise: float, divide: float) -> None:
    if rise * total - 1 <= 1e-6:  # torch divides by zero, or has no rise
        total = math.ceil(1.1 / rise)
    expected = rates_of(
        lambda sgd: lr_scheduler.OneCycleLR(
            sgd, 1.0, total_steps=total, pct_start=rise, div_factor=divide, cycle_momentum=False
        ),
        total,
    )
    found = factors(OneCycle(rise=rise, divide=divide), total, steps_per_epoch=7)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    "option", [Cosine(), OneCycle(), OneCycle(rise=0.99), StepDecay(), Plateau()]
)
@pytest.mark.parametrize("total", [1, 2, 3])
def test_the_shortest_trainings_have_a_rate(option, total: int) -> None:
    found = factors(option, total)
    assert all(0 <= factor <= 1 for factor in found)
    assert found[0] > 0


@given(
    losses=st.lists(st.integers(0, 6).map(float) | st.just(math.nan), max_size=40),
    patience=st.integers(1, 4),
)
def test_plateau(losses: list[float], patience: int) -> None:
    sgd = optimizer()
    scheduler = lr_scheduler.ReduceLROnPlateau(
        sgd, factor=0.5, patience=patience, threshold=0.0, threshold_mode="abs", eps=0.0
    )
    option = Plateau(factor=0.5, patience=patience)
    for epoch in range(len(losses) + 1):
        position = Position(10 * epoch, 10, 1000, losses[:epoch])
        assert option.rate_factor(position) == sgd.param_groups[0]["lr"]
        if epoch < len(losses):
            scheduler.step(losses[epoch])


def test_share_of_a_position() -> None:
    assert [Position(step, 4, 9).share for step in (0, 4, 8, 12)] == [0.0, 0.5, 1.0, 1.0]
    assert [Position(step, 4, 9).epoch for step in (0, 3, 4, 8)] == [0, 0, 1, 2]


@pytest.mark.parametrize("option", [Cosine(final=0.1), OneCycle(), OneCycle(rise=0.6)])
def test_a_schedule_whose_time_is_over_sooner_ends_with_the_time(option) -> None:
    """At half the pace, what 200 steps would have been is seen at every second of them."""
    whole = [option.rate_factor(Position(step, 1, 199)) for step in range(199)]
    late = [Position(step, 1, 199, time=2 * step / 198) for step in range(100)]
    assert [option.rate_factor(each) for each in late] == pytest.approx(whole[::2])
    after = [Position(step, 1, 199, time=t) for step, t in ((100, 1.0), (110, 1.5))]
    assert [option.rate_factor(each) for each in after] == pytest.approx([whole[-1]] * 2)


def test_time_that_is_over_more_slowly_than_the_steps_changes_nothing() -> None:
    for option in (Cosine(), OneCycle()):
        for step in range(50):
            position = Position(step, 1, 50)
            timed = Position(step, 1, 50, time=0.9 * step / 49)
            assert option.rate_factor(timed) == option.rate_factor(position)


def test_the_last_steps_that_there_is_time_for_are_averaged() -> None:
    """60 of 100 steps fit: the mean of the second half begins at step 30."""
    option = StochasticWeightAverage(start=0.5)
    weights = [option.weight(Position(step, 1, 100, time=step / 59.4)) for step in range(60)]
    assert weights[:31] == [1.0] * 31
    assert weights[31:] == pytest.approx([1 / (step - 29) for step in range(31, 60)])
