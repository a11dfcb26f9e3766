"""Metrics against utilsforecast, slow loops and numbers worked out by hand."""

import itertools
import math
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from utilsforecast import losses

from forecast.evaluation.metrics import METRICS, ErrorSums, mase_scale

SEEDS = st.integers(0, 10**6)
SEASON = 4


def random_case(seed: int, missing: float = 0.2, zeros: float = 0.1):
    """Windows (B, H, K) of three series with two targets, and what MASE divides by."""
    rng = np.random.default_rng(seed)
    actual = rng.normal(5, 3, size=(12, 3, 2))
    actual[rng.random(actual.shape) < zeros] = 0
    actual[rng.random(actual.shape) < missing] = np.nan
    forecast = rng.normal(5, 3, size=actual.shape)
    series = np.r_[0, 1, 2, rng.integers(0, 3, 9)]
    return actual, forecast, rng.uniform(1, 3, (3, 2)), series


def summed(actual, forecast, scale, series, bounds=()):
    """The sums of all windows, added in one batch or cut at some windows."""
    sums = ErrorSums.empty(actual.shape[1], len(scale), actual.shape[2])
    edges = [0, *sorted(bounds), len(actual)]
    for first, end in itertools.pairwise(edges):
        part = slice(first, end)
        sums = sums.add(actual[part], forecast[part], scale, series[part])
    return sums


def errors_of_one(true: float, guess: float, scale: float) -> dict[str, float]:
    """Every error of one number; a metric that is not defined for it is left out."""
    if math.isnan(true):
        return {}
    size = abs(true) + abs(guess)
    found = {
        "MAE": abs(true - guess),
        "RMSE": (true - guess) ** 2,
        "sMAPE": 200 * abs(true - guess) / size if size else 0.0,
    }
    if true != 0:
        found["MAPE"] = 100 * abs(true - guess) / abs(true)
    if not math.isnan(scale):
        found["MASE"] = abs(true - guess) / scale
    return found


def slow_metrics(actual, forecast, scale, series, group) -> dict[str, dict[int, float]]:
    """Metric -> group -> value, number by number; `group` reads (window, step, target)."""
    collected: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for window, step, target in np.ndindex(actual.shape):
        place = (window, step, target)
        errors = errors_of_one(actual[place], forecast[place], scale[series[window], target])
        for name, error in errors.items():
            collected[name][group(*place)].append(error)
    finish = {"RMSE": math.sqrt}
    return {
        name: {key: finish.get(name, float)(sum(e) / len(e)) for key, e in groups.items()}
        for name, groups in collected.items()
    }


def assert_same(found, expected, groups: int) -> None:
    assert list(found) == list(METRICS)
    for name in METRICS:
        wanted = [expected.get(name, {}).get(number, math.nan) for number in range(groups)]
        np.testing.assert_allclose(np.atleast_1d(found[name]), wanted, rtol=1e-12)


def test_numbers_worked_out_by_hand() -> None:
    actual = np.array([[[2.0], [4.0]], [[0.0], [math.nan]]])
    forecast = np.array([[[3.0], [1.0]], [[1.0], [7.0]]])
    sums = summed(actual, forecast, np.array([[0.5]]), np.array([0, 0]))
    assert sums.overall() == pytest.approx(
        {
            "MAE": (1 + 3 + 1) / 3,
            "RMSE": math.sqrt((1 + 9 + 1) / 3),
            "MAPE": (50 + 75) / 2,
            "sMAPE": (200 / 5 + 600 / 5 + 200 / 1) / 3,
            "MASE": (2 + 6 + 2) / 3,
        }
    )


@given(SEEDS)
@settings(max_examples=40, deadline=None)
def test_every_grouping_equals_a_loop(seed: int) -> None:
    actual, forecast, scale, series = random_case(seed)
    sums = summed(actual, forecast, scale, series)
    case = (actual, forecast, scale, series)
    assert_same(sums.overall(), slow_metrics(*case, lambda *_: 0), 1)
    assert_same(sums.per_step(), slow_metrics(*case, lambda _, step, __: step), 3)
    assert_same(sums.per_series(), slow_metrics(*case, lambda window, *_: int(series[window])), 3)
    assert_same(sums.per_target(), slow_metrics(*case, lambda *place: place[2]), 2)


@given(SEEDS, st.lists(st.integers(0, 12), max_size=4))
@settings(max_examples=40, deadline=None)
def test_batches_add_up_to_the_whole(seed: int, bounds: list[int]) -> None:
    case = random_case(seed)
    whole, parts = summed(*case), summed(*case, bounds)
    for name in METRICS:
        for read in ("overall", "per_step", "per_series", "per_target"):
            np.testing.assert_allclose(
                getattr(parts, read)()[name], getattr(whole, read)()[name], rtol=1e-12
            )


def test_adding_leaves_the_earlier_sums_as_they_were() -> None:
    case = random_case(0)
    before = ErrorSums.empty(3, 3, 2)
    before.add(*case)
    assert all(np.isnan(value) for value in before.overall().values())


@pytest.mark.parametrize("seed", range(5))
def test_metrics_of_each_series_are_those_of_utilsforecast(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lengths, horizon = rng.integers(20, 40, 4), 6
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = rng.normal(10, 4, int(offsets[-1])).round(1)
    values[offsets[1] - 2] = 0  # an actual value of zero, which MAPE leaves out
    origins = offsets[1:] - horizon - 1
    forecast = rng.normal(10, 4, (4, horizon))
    train = np.column_stack([offsets[:-1], offsets[1:] - horizon])
    table = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(4), lengths),
            "ds": np.concatenate([np.arange(length) for length in lengths]),
            "y": values,
        }
    )
    ahead = np.concatenate([np.arange(end - horizon, end) for end in offsets[1:]])
    tested = table.iloc[ahead].assign(model=forecast.ravel())
    scored = {
        "MAE": losses.mae(tested, ["model"]),
        "RMSE": losses.rmse(tested, ["model"]),
        "MAPE": losses.mape(tested, ["model"]),
        "sMAPE": losses.smape(tested, ["model"]),
        "MASE": losses.mase(tested, ["model"], SEASON, table.drop(index=table.index[ahead])),
    }
    factor = {"MAPE": 100, "sMAPE": 200}  # fractions there, percent here; smape without its 2

    scale = mase_scale(values[:, None], offsets, train, SEASON)
    actual = values[origins[:, None] + 1 + np.arange(horizon)]
    sums = summed(actual[..., None], forecast[..., None], scale, np.arange(4))
    for name, result in scored.items():
        expected = result.sort_values("unique_id")["model"].to_numpy() * factor.get(name, 1)
        np.testing.assert_allclose(sums.per_series()[name], expected, rtol=1e-12)


def test_two_zeros_are_no_symmetric_error_and_no_percentage() -> None:
    zero = np.zeros((1, 1, 1))
    metrics = summed(zero, zero, np.ones((1, 1)), np.array([0])).overall()
    assert metrics["sMAPE"] == metrics["MAE"] == metrics["MASE"] == 0
    assert math.isnan(metrics["MAPE"])


def test_a_forecast_that_is_no_number_is_not_passed_over() -> None:
    actual, forecast = np.ones((2, 1, 1)), np.array([1.0, math.nan]).reshape(2, 1, 1)
    sums = summed(actual, forecast, np.ones((2, 1)), np.array([0, 1]))
    assert math.isnan(sums.overall()["MAE"])
    np.testing.assert_array_equal(sums.per_series()["MAE"], [0, math.nan])


def test_nothing_observed_is_nan_everywhere() -> None:
    unknown = np.full((2, 3, 1), math.nan)
    sums = summed(unknown, np.ones_like(unknown), np.ones((1, 1)), np.array([0, 0]))
    assert all(math.isnan(value) for value in sums.overall().values())
    assert sums.per_step()["RMSE"].shape == (3,)


def test_mase_scale_by_hand_reads_training_rows_only() -> None:
    values = np.array([1.0, 3.0, 2.0, 7.0, 100.0, -100.0, 10.0, 20.0, 40.0])[:, None]
    offsets, train = np.array([0, 6, 9]), np.array([[0, 4], [6, 9]])
    np.testing.assert_allclose(
        mase_scale(values, offsets, train, 1), [[(2 + 1 + 5) / 3], [(10 + 20) / 2]]
    )
    np.testing.assert_allclose(mase_scale(values, offsets, train, 2), [[(1 + 4) / 2], [30]])


def test_mase_scale_is_unknown_without_a_season_of_rows_or_without_change() -> None:
    values = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0], [4.0, 5.0]])
    offsets, train = np.array([0, 4]), np.array([[0, 3]])
    np.testing.assert_array_equal(mase_scale(values, offsets, train, 1), [[1, math.nan]])
    for season in (3, 4, 9):
        assert np.isnan(mase_scale(values, offsets, train, season)).all()


@given(SEEDS, st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_mase_scale_equals_a_loop_over_known_pairs(seed: int, season: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 12, 3)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = rng.normal(size=(int(offsets[-1]), 2))
    values[rng.random(values.shape) < 0.2] = np.nan
    train = np.column_stack([offsets[:-1], rng.integers(offsets[:-1], offsets[1:] + 1)])
    expected = np.full((3, 2), np.nan)
    for number, (first, end) in enumerate(train):
        for column in range(2):
            changes = [
                abs(values[row, column] - values[row - season, column])
                for row in range(first + season, end)
            ]
            known = [change for change in changes if not math.isnan(change)]
            if known:
                expected[number, column] = sum(known) / len(known)
    np.testing.assert_allclose(mase_scale(values, offsets, train, season), expected, rtol=1e-12)
