"""Schedules against torch.optim.lr_scheduler, and the warm-up by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn, optim
from torch.optim import lr_scheduler

from forecast.config.options import options_of
from forecast.config.training import (
    Constant,
    Cosine,
    Exponential,
    OneCycle,
    Plateau,
    ScheduleOption,
    StepDecay,
)
from forecast.training.schedules import SCHEDULES, Position, rate_factor


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


def factors(option, steps: int, steps_per_epoch: int = 1, warmup: int = 0) -> list[float]:
    return [
        rate_factor(option, Position(step, steps_per_epoch, steps), warmup) for step in range(steps)
    ]


def test_every_schedule_of_the_configuration_is_there() -> None:
    assert set(SCHEDULES) == set(options_of(ScheduleOption))


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


@settings(max_examples=60, deadline=None)
@given(
    total=st.integers(2, 150),
    rise=st.floats(0.05, 0.99),
    divide=st.floats(1.5, 100),
)
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


@settings(max_examples=60, deadline=None)
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
        assert rate_factor(option, position, 0) == sgd.param_groups[0]["lr"]
        if epoch < len(losses):
            scheduler.step(losses[epoch])


def test_warmup_by_hand() -> None:
    """Two epochs of three steps: sixths of the rate, then the schedule alone."""
    found = factors(Constant(), 9, steps_per_epoch=3, warmup=2)
    assert found == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1, 1, 1, 1])


def test_warmup_multiplies_the_schedule() -> None:
    found = factors(Exponential(gamma=0.5), 6, steps_per_epoch=2, warmup=2)
    assert found == pytest.approx([0.25, 0.5, 0.75 * 0.5, 1.0 * 0.5, 0.25, 0.25])


def test_share_of_a_position() -> None:
    assert [Position(step, 4, 9).share for step in (0, 4, 8, 12)] == [0.0, 0.5, 1.0, 1.0]
    assert [Position(step, 4, 9).epoch for step in (0, 3, 4, 8)] == [0, 0, 1, 2]
