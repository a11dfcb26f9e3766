"""Baselines against slow loops and statsforecast."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsforecast.models import Naive, SeasonalNaive

from forecast.evaluation.baselines import BASELINES, naive, seasonal_naive

SEEDS = st.integers(0, 10**6)


def random_windows(seed: int):
    """Values (N, 2) of three series, and origins with the first row of their series."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 30, 3)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = rng.normal(size=(int(offsets[-1]), 2))
    origins = rng.integers(0, len(values), 10)
    first = offsets[np.searchsorted(offsets, origins, side="right") - 1]
    return values, origins, first


def slow_seasonal(values, origins, first, horizon: int, season: int) -> np.ndarray:
    """Step by step; a step beyond a season looks back at the season before it was forecast."""
    result = np.empty((len(origins), horizon, values.shape[1]))
    for window, (origin, begin) in enumerate(zip(origins, first, strict=True)):
        for step in range(horizon):
            row = origin + 1 + step
            while row > origin:
                row -= season
            result[window, step] = values[row if row >= begin else origin]
    return result


def test_both_baselines_are_offered() -> None:
    assert dict(BASELINES) == {"naive": naive, "seasonal_naive": seasonal_naive}


@given(SEEDS, st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_naive_repeats_the_last_value(seed: int, horizon: int) -> None:
    values, origins, first = random_windows(seed)
    forecast = naive(values, origins, first, horizon, 12)
    assert forecast.shape == (len(origins), horizon, 2)
    for window, origin in enumerate(origins):
        for step in range(horizon):
            np.testing.assert_array_equal(forecast[window, step], values[origin])


@given(SEEDS, st.integers(1, 30), st.integers(1, 14))
@settings(max_examples=60, deadline=None)
def test_seasonal_naive_equals_a_loop(seed: int, horizon: int, season: int) -> None:
    values, origins, first = random_windows(seed)
    found = seasonal_naive(values, origins, first, horizon, season)
    expected = slow_seasonal(values, origins, first, horizon, season)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("horizon", "season"), [(3, 7), (7, 7), (20, 7), (5, 1)])
def test_baselines_are_those_of_statsforecast(horizon: int, season: int) -> None:
    values = np.random.default_rng(1).normal(size=40)
    window = (values[:, None], np.array([39]), np.array([0]), horizon, season)
    expected = Naive().forecast(y=values, h=horizon)["mean"]
    np.testing.assert_allclose(naive(*window)[0, :, 0], expected)
    expected = SeasonalNaive(season_length=season).forecast(y=values, h=horizon)["mean"]
    np.testing.assert_allclose(seasonal_naive(*window)[0, :, 0], expected)


def test_a_young_series_is_given_its_last_value_not_that_of_its_neighbour() -> None:
    values = np.array([100.0, 200.0, 1.0, 2.0, 3.0])[:, None]
    forecast = seasonal_naive(values, np.array([4]), np.array([2]), 5, 4)
    np.testing.assert_array_equal(forecast[0, :, 0], [3, 1, 2, 3, 3])


def test_a_season_without_a_known_value_falls_back_to_the_last_value() -> None:
    values = np.array([np.nan, 5.0, 6.0, 7.0])[:, None]
    forecast = seasonal_naive(values, np.array([3]), np.array([0]), 3, 4)
    np.testing.assert_array_equal(forecast[0, :, 0], [7, 5, 6])
