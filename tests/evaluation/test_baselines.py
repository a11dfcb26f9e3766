"""Baselines against slow loops and statsforecast."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsforecast import models

from forecast.evaluation.baselines import (
    BASELINES,
    MOVING_ROWS,
    History,
    drift,
    mean,
    moving_average,
    naive,
    seasonal_naive,
)

SEEDS = st.integers(0, 10**6)
SEASONS = st.integers(1, 14)
HORIZONS = st.integers(1, 30)


def random_windows(seed: int, season: int, missing: float = 0.0):
    """History (N, 2) of three series of very different size, and origins in them."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 30, 3)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    size = np.repeat(rng.permutation([1e12, 1.0, 1e-6]), lengths)[:, None]
    values = size * rng.normal(3, 1, size=(int(offsets[-1]), 2))
    values[rng.random(values.shape) < missing] = np.nan
    return History(values, offsets, season), rng.integers(0, len(values), 10)


def one_series(values, season: int = 4) -> History:
    values = np.asarray(values, dtype=np.float64)
    return History(values.reshape(len(values), -1), np.array([0, len(values)]), season)


def expected_of(forecast_of_one, history, origins, horizon: int) -> np.ndarray:
    """Window by window and target by target; NaN steps are given the last value."""
    result = np.empty((len(origins), horizon, history.values.shape[1]))
    for window, origin in enumerate(origins):
        begin = max(first for first in history.offsets if first <= origin)
        for target in range(result.shape[2]):
            known = history.values[begin : origin + 1, target]
            steps = np.array(forecast_of_one(known, horizon, history.season), dtype=np.float64)
            result[window, :, target] = np.where(np.isnan(steps), known[-1], steps)
    return result


def slow_naive(known, horizon, season):
    return [known[-1]] * horizon


def slow_seasonal(known, horizon, season):
    """A step beyond a season looks back at the season before it was forecast."""
    steps = []
    for step in range(horizon):
        row = len(known) + step
        while row >= len(known):
            row -= season
        steps.append(known[row] if row >= 0 else known[-1])
    return steps


def slow_drift(known, horizon, season):
    rows = [row for row, value in enumerate(known) if not np.isnan(value)]
    if not rows or rows[0] == len(known) - 1:
        return [known[-1]] * horizon
    slope = (known[-1] - known[rows[0]]) / (len(known) - 1 - rows[0])
    return [known[-1] + step * slope for step in range(1, horizon + 1)]


def slow_mean(known, horizon, season):
    values = [value for value in known if not np.isnan(value)]
    return [sum(values) / len(values) if values else np.nan] * horizon


def slow_moving_average(known, horizon, season):
    return slow_mean(known[-(season if season > 1 else MOVING_ROWS) :], horizon, season)


SLOW = {
    naive: slow_naive,
    seasonal_naive: slow_seasonal,
    drift: slow_drift,
    mean: slow_mean,
    moving_average: slow_moving_average,
}


def test_every_baseline_is_offered() -> None:
    assert list(BASELINES.values()) == list(SLOW)


@pytest.mark.parametrize("baseline", SLOW)
@given(SEEDS, HORIZONS, SEASONS, st.sampled_from([0.0, 0.4]))
def test_baselines_equal_a_loop(baseline, seed: int, horizon: int, season: int, missing) -> None:
    history, origins = random_windows(seed, season, missing)
    found = baseline(history, origins, horizon)
    expected = expected_of(SLOW[baseline], history, origins, horizon)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize(("horizon", "season"), [(3, 7), (7, 7), (20, 7), (5, 1)])
def test_baselines_are_those_of_statsforecast(horizon: int, season: int) -> None:
    values = np.random.default_rng(1).normal(size=40)
    window = (one_series(values, season), np.array([39]), horizon)
    theirs = {
        naive: models.Naive(),
        seasonal_naive: models.SeasonalNaive(season_length=season),
        drift: models.RandomWalkWithDrift(),
        mean: models.HistoricAverage(),
        moving_average: models.WindowAverage(season if season > 1 else MOVING_ROWS),
    }
    for baseline, model in theirs.items():
        expected = model.forecast(y=values, h=horizon)["mean"]
        np.testing.assert_allclose(baseline(*window)[0, :, 0], expected, rtol=1e-6)


def test_a_young_series_is_given_its_own_values_not_those_of_its_neighbour() -> None:
    values = np.array([100.0, 200.0, 1.0, 2.0, 3.0])[:, None]
    window = (History(values, np.array([0, 2, 5]), 4), np.array([4]), 5)
    np.testing.assert_array_equal(seasonal_naive(*window)[0, :, 0], [3, 1, 2, 3, 3])
    np.testing.assert_array_equal(drift(*window)[0, :, 0], [4, 5, 6, 7, 8])
    np.testing.assert_allclose(mean(*window)[0, :, 0], [2] * 5)
    np.testing.assert_allclose(moving_average(*window)[0, :, 0], [2] * 5)


def test_the_rows_after_an_origin_are_not_read() -> None:
    values = np.random.default_rng(0).normal(size=(30, 2))
    other = np.where(np.arange(30)[:, None] > 19, 1e6, values)
    for baseline in BASELINES.values():
        found, changed = (baseline(one_series(v, 7), np.array([19]), 9) for v in (values, other))
        np.testing.assert_allclose(found, changed, rtol=1e-9)


def test_a_season_without_a_known_value_falls_back_to_the_last_value() -> None:
    history = one_series([np.nan, 5.0, 6.0, 7.0])
    np.testing.assert_array_equal(seasonal_naive(history, np.array([3]), 3)[0, :, 0], [7, 5, 6])


def test_a_series_of_one_known_value_keeps_it() -> None:
    history = one_series([np.nan, np.nan, 7.0])
    for baseline in BASELINES.values():
        np.testing.assert_allclose(baseline(history, np.array([2]), 3)[0, :, 0], [7, 7, 7])
