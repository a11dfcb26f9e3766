"""Seasons seen in values: hand-made ones, and the recurrence as a loop has it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.init.season import LONGEST, MOST_SERIES, recurrence, seen_season


def seasonal(length: int, rows: int, noise: float = 0.1, seed: int = 0) -> np.ndarray:
    """A pattern of that length again and again, a trend, and noise."""
    rng = np.random.default_rng(seed)
    pattern = rng.normal(size=length)
    steps = np.arange(rows)
    return pattern[steps % length] + 0.05 * steps + rng.normal(0, noise, rows)


@pytest.mark.parametrize(("length", "rows"), [(4, 80), (7, 200), (12, 144), (24, 480), (168, 1500)])
def test_a_season_is_found_beneath_trend_and_noise(length, rows):
    assert seen_season([seasonal(length, rows)]) == length


@given(st.integers(3, 40), st.integers(5, 12), st.floats(0.01, 1e6), st.floats(-1e6, 1e6))
def test_level_and_unit_do_not_matter(length: int, seasons: int, factor: float, level: float):
    values = np.round(seasonal(length, length * seasons), 3)
    assert seen_season([values]) == seen_season([factor * values + factor * level])


def test_a_walk_and_noise_have_no_season():
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(size=300)
        assert seen_season([noise.cumsum()]) == 1
        assert seen_season([np.arange(300.0)]) == 1
        assert seen_season([noise]) == 1


@pytest.mark.parametrize("bend", [lambda t: 5e6 * 1.01**t // 1, lambda t: 100 * t**1.5 // 1])
def test_a_smooth_bend_has_no_season(bend):
    """Rounding makes lags that agree a little more with their neighbours of what grows steadily."""
    assert seen_season([bend(np.arange(rows)) for rows in (60, 61, 90)]) == 1
    assert seen_season([bend(np.arange(90)) * np.tile([1, 1.1], 45)]) == 2


def test_the_season_of_most_counts_in_a_panel():
    panel = [seasonal(12, 120, seed=seed) for seed in range(9)]
    assert seen_season([*panel, seasonal(7, 120, seed=9)]) == 12


def test_of_many_series_some_are_looked_at():
    panel = [np.random.default_rng(number).normal(size=120) for number in range(10 * MOST_SERIES)]
    for number in range(0, len(panel), 10):
        panel[number] = seasonal(12, 120, seed=number)
    assert seen_season(panel) == 12


@pytest.mark.parametrize(
    "series", [[], [1.0], [1.0, 2.0], [5.0] * 50, [1.0, 3.0, 1.0, 3.0, 1.0], [np.pi] * 2000]
)
def test_short_and_constant_series_have_none(series: list[float]):
    assert seen_season([np.array(series)]) == 1


def test_a_season_must_be_seen_three_times_and_not_be_too_long():
    assert seen_season([seasonal(30, 100)]) == 30
    assert seen_season([seasonal(30, 80)]) != 30
    assert seen_season([seasonal(LONGEST + 50, 5 * LONGEST)]) <= LONGEST


@pytest.mark.parametrize("noise", [3, 10, 20])
def test_a_smooth_season_is_found_beneath_noise_that_hides_it_from_row_to_row(noise):
    rng = np.random.default_rng(0)
    wave = 30 * np.sin(2 * np.pi * np.arange(490) / 24)
    assert seen_season([wave + rng.normal(0, noise, 490) for _ in range(10)]) == 24


def test_a_week_of_five_equal_days_is_no_fortnight():
    noise = np.random.default_rng(0).normal(0, 0.3, 420)
    assert seen_season([np.tile([0, 0, 0, 0, 1, 1, 0], 60) + noise]) == 7


@given(st.integers(2, 60), st.integers(0, 40), st.integers(0, 99))
def test_recurrence_is_that_of_a_loop_over_lags_and_rows(rows: int, longest: int, seed: int):
    values = np.random.default_rng(seed).normal(5, 2, rows)
    expected = np.zeros(max(2, longest + 1))
    for lag in range(2, longest + 1):
        half, edge = lag // 2, 0.5 if lag % 2 == 0 else 1.0
        weights = np.ones(2 * half + 1)
        weights[[0, -1]] *= edge
        swings = {
            row: values[row] - (weights * values[row - half : row + half + 1]).sum() / lag
            for row in range(half, rows - half)
        }
        pairs = np.array([(swings[r], swings[r - lag]) for r in swings if r - lag in swings])
        if len(pairs):
            now, then = pairs.T
            expected[lag] = (now * then).sum() / np.sqrt((now**2).sum() * (then**2).sum())
    np.testing.assert_allclose(recurrence(values, longest), expected, atol=1e-9)


@pytest.mark.parametrize("values", [np.full(90, 7.0), np.arange(90.0), np.full(90, np.pi) * 1e6])
def test_nothing_recurs_where_nothing_swings(values):
    np.testing.assert_array_equal(recurrence(values, 30), np.zeros(31))
