"""Metrics against utilsforecast, slow loops and numbers worked out by hand."""

import itertools
import math
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import r2_score
from utilsforecast import losses

from forecast.data.scale import Scale, training_scale
from forecast.evaluation.metrics import (
    METRICS,
    ErrorSums,
    owa,
    point_errors,
    point_metrics,
    quantile_errors,
    quantile_metrics,
)

SEEDS = st.integers(0, 10**6)
SEASON = 4
LEVELS = (0.1, 0.25, 0.5, 0.9)
READINGS = ("overall", "per_step", "per_series", "per_target")


def random_scale(rng) -> Scale:
    return Scale(rng.uniform(1, 3, (3, 2)), rng.uniform(1, 3, (3, 2)), rng.normal(size=(3, 2)))


def random_case(seed: int, missing: float = 0.2, zeros: float = 0.1):
    """Windows (B, H, K) of three series with two targets, and what errors are divided by."""
    rng = np.random.default_rng(seed)
    actual = rng.normal(5, 3, size=(12, 3, 2))
    actual[rng.random(actual.shape) < zeros] = 0
    actual[rng.random(actual.shape) < missing] = np.nan
    forecast = rng.normal(5, 3, size=actual.shape)
    series = np.r_[0, 1, 2, rng.integers(0, 3, 9)]
    return actual, forecast, random_scale(rng), series


def parts(bounds, windows: int):
    """Slices of windows: all in one, or cut at some."""
    edges = [0, *sorted(bounds), windows]
    return [slice(first, end) for first, end in itertools.pairwise(edges)]


def summed(actual, forecast, scale, series, bounds=()):
    """The sums of all windows, added in one batch or cut at some windows."""
    sums = ErrorSums(point_metrics, len(scale.absolute))
    for part in parts(bounds, len(actual)):
        errors = point_errors(actual[part], forecast[part], scale, series[part])
        sums = sums.add(errors, series[part])
    return sums


def simple_scale(scale: float = 1.0, series: int = 1) -> Scale:
    return Scale(*(np.full((series, 1), value) for value in (scale, scale**2, 0.0)))


def errors_of_one(true: float, guess: float, absolute: float, squared: float) -> dict[str, float]:
    """Every error of one number; a metric that is not defined for it is left out."""
    if math.isnan(true):
        return {}
    size = abs(true) + abs(guess)
    found = {
        "MAE": abs(true - guess),
        "MSE": (true - guess) ** 2,
        "RMSE": (true - guess) ** 2,
        "sMAPE": 200 * abs(true - guess) / size if size else 0.0,
        "bias": guess - true,
    }
    if true != 0:
        found["MAPE"] = 100 * abs(true - guess) / abs(true)
    if not math.isnan(absolute):
        found |= {"MASE": abs(true - guess) / absolute, "RMSSE": (true - guess) ** 2 / squared}
    return found


def slow_metrics(actual, forecast, scale, series, group) -> dict[str, dict[int, float]]:
    """Metric -> group -> value, number by number; `group` reads (window, step, target)."""
    collected: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for window, step, target in np.ndindex(actual.shape):
        place, owner = (window, step, target), (series[window], target)
        divisors = (scale.absolute[owner], scale.squared[owner])
        for name, error in errors_of_one(actual[place], forecast[place], *divisors).items():
            collected[name][group(*place)].append(error)
    finish = {"RMSE": math.sqrt, "RMSSE": math.sqrt}
    found = {
        name: {key: finish.get(name, float)(sum(e) / len(e)) for key, e in groups.items()}
        for name, groups in collected.items()
    }
    return found | {"R2": slow_r2(actual, forecast, scale, series, group)}


def slow_r2(actual, forecast, scale, series, group) -> dict[int, float]:
    """scikit-learn's R2 of each group, less the centre of each series; the mean of the targets."""
    pairs: dict[int, dict[int, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for window, step, target in np.ndindex(actual.shape):
        place = (window, step, target)
        if not math.isnan(actual[place]):
            center = scale.center[series[window], target]
            pair = (actual[place] - center, forecast[place] - center)
            pairs[group(*place)][target].append(pair)
    scores = {
        key: [r2_score(*np.transpose(each)) for each in targets.values() if len(set(each)) > 1]
        for key, targets in pairs.items()
    }
    return {key: np.mean(each) for key, each in scores.items() if each}


def assert_same(found, expected, groups: int) -> None:
    assert list(found) == [*METRICS, "R2"]
    for name in found:
        wanted = [expected.get(name, {}).get(number, math.nan) for number in range(groups)]
        np.testing.assert_allclose(np.atleast_1d(found[name]), wanted, rtol=1e-9, atol=1e-12)


def test_numbers_worked_out_by_hand() -> None:
    actual = np.array([[[2.0], [4.0]], [[0.0], [math.nan]]])
    forecast = np.array([[[3.0], [1.0]], [[1.0], [7.0]]])
    sums = summed(actual, forecast, simple_scale(0.5), np.array([0, 0]))
    assert sums.overall() == pytest.approx(
        {
            "MAE": (1 + 3 + 1) / 3,
            "MSE": (1 + 9 + 1) / 3,
            "RMSE": math.sqrt((1 + 9 + 1) / 3),
            "MAPE": (50 + 75) / 2,
            "sMAPE": (200 / 5 + 600 / 5 + 200 / 1) / 3,
            "MASE": (2 + 6 + 2) / 3,
            "RMSSE": math.sqrt((4 + 36 + 4) / 3),
            "bias": (1 - 3 + 1) / 3,
            "R2": 1 - (1 + 9 + 1) / (0 + 4 + 4),
        }
    )


@given(SEEDS)
def test_every_grouping_equals_a_loop(seed: int) -> None:
    case = random_case(seed)
    series = case[3]
    sums = summed(*case)
    assert_same(sums.overall(), slow_metrics(*case, lambda *_: 0), 1)
    assert_same(sums.per_step(), slow_metrics(*case, lambda _, step, __: step), 3)
    assert_same(sums.per_series(), slow_metrics(*case, lambda window, *_: int(series[window])), 3)
    assert_same(sums.per_target(), slow_metrics(*case, lambda *place: place[2]), 2)


@given(SEEDS, st.lists(st.integers(0, 12), max_size=4))
def test_batches_add_up_to_the_whole(seed: int, bounds: list[int]) -> None:
    case = random_case(seed)
    whole, cut = summed(*case), summed(*case, bounds)
    for read in READINGS:
        expected = getattr(whole, read)()
        for name, value in getattr(cut, read)().items():
            np.testing.assert_allclose(value, expected[name], rtol=1e-9, atol=1e-12)


def test_adding_leaves_the_earlier_sums_as_they_were() -> None:
    case = random_case(0)
    before = summed(*case)
    expected = before.overall()
    before.add(point_errors(*case), case[3])
    assert before.overall() == expected


@pytest.fixture(scope="module")
def panel():
    """Four series, their last steps to be forecast, as arrays and as utilsforecast has them."""
    rng = np.random.default_rng(2)
    lengths, horizon = rng.integers(20, 40, 4), 6
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = rng.normal(10, 4, int(offsets[-1])).round(1)
    values[offsets[1] - 2] = 0  # an actual value of zero, which MAPE leaves out
    train = np.column_stack([offsets[:-1], offsets[1:] - horizon])
    ahead = np.concatenate([np.arange(end - horizon, end) for end in offsets[1:]])
    table = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(4), lengths),
            "ds": np.concatenate([np.arange(length) for length in lengths]),
            "y": values,
        }
    )
    actual = values[ahead].reshape(4, horizon, 1)
    return values[:, None], offsets, train, actual, table.iloc[ahead], table.drop(index=ahead)


def by_series(result, name: str = "model") -> np.ndarray:
    return result.sort_values("unique_id")[name].to_numpy()


def test_point_metrics_of_each_series_are_those_of_utilsforecast(panel) -> None:
    values, offsets, train, actual, tested, before = panel
    forecast = np.random.default_rng(5).normal(10, 4, actual.shape)
    tested = tested.assign(model=forecast.ravel())
    args = (tested, ["model"])
    expected = {
        "MAE": losses.mae(*args),
        "MSE": losses.mse(*args),
        "RMSE": losses.rmse(*args),
        "MAPE": losses.mape(*args),
        "sMAPE": losses.smape(*args),
        "MASE": losses.mase(*args, SEASON, before),
        "RMSSE": losses.rmsse(*args, SEASON, before),
        "bias": losses.bias(*args),
    }
    factor = {"MAPE": 100, "sMAPE": 200}  # fractions there, percent here; smape without its 2
    scale = training_scale(values, offsets, train, SEASON)
    found = summed(actual, forecast, scale, np.arange(4)).per_series()
    assert {*expected, "R2"} == set(found)
    for name, result in expected.items():
        wanted = by_series(result) * factor.get(name, 1)
        np.testing.assert_allclose(found[name], wanted, rtol=1e-12)


def quantile_sums(actual, quantiles, series, num_series, levels=LEVELS, bounds=()):
    sums = ErrorSums(quantile_metrics(levels), num_series)
    for part in parts(bounds, len(actual)):
        sums = sums.add(quantile_errors(actual[part], quantiles[part], levels), series[part])
    return sums


@pytest.mark.parametrize("bounds", [(), (1, 3)])
def test_quantile_metrics_of_each_group_are_those_of_utilsforecast(panel, bounds) -> None:
    rng = np.random.default_rng(8)
    actual = np.where(rng.random(panel[3].shape) < 0.2, np.nan, panel[3])
    quantiles = np.sort(rng.normal(10, 4, (*actual.shape, 4)), axis=-1)
    table = panel[4].assign(y=actual.ravel(), step=np.tile(np.arange(6), 4), all=0)
    names = ["model-lo-80", "q25", "q50", "model-hi-80"]
    table[names] = quantiles.reshape(-1, 4)
    table, columns = table.dropna(), {"model": names}
    sums = quantile_sums(actual, quantiles, np.arange(4), 4, bounds=bounds)
    for read, key in (("per_series", "unique_id"), ("per_step", "step"), ("overall", "all")):
        found = getattr(sums, read)()
        expected = {
            "pinball": losses.mqloss(table, columns, np.array(LEVELS), id_col=key),
            "sCRPS": losses.scaled_crps(table, columns, np.array(LEVELS), id_col=key),
            "coverage-80": losses.coverage(table, ["model"], 80, id_col=key),
            "Winkler-80": losses.winkler_score(table, ["model"], 80, id_col=key),
        }
        assert list(found) == list(expected)
        for name, result in expected.items():
            wanted = result.sort_values(key).model
            np.testing.assert_allclose(np.atleast_1d(found[name]), wanted, rtol=1e-12)
    only = quantile_sums(actual, quantiles[..., 1:2], np.arange(4), 4, (0.25,)).per_series()
    wanted = by_series(losses.quantile_loss(table, {"model": "q25"}, q=0.25))
    np.testing.assert_allclose(only["pinball"], wanted, rtol=1e-12)


def test_the_ends_of_an_interval_belong_to_it() -> None:
    actual = np.array([1.0, 3.0, 3.5]).reshape(3, 1, 1)
    quantiles = np.broadcast_to([1.0, 3.0], (3, 1, 1, 2))
    found = quantile_sums(actual, quantiles, np.zeros(3, dtype=int), 1, (0.1, 0.9)).overall()
    assert found["coverage-80"] == pytest.approx(2 / 3)
    assert found["Winkler-80"] == pytest.approx(2 + 0.5 * 10 / 3)


def test_owa_is_that_of_the_m4_competition() -> None:
    # ES-RNN on M4 Hourly, and Naive2 there.
    ours, naive2 = {"sMAPE": 9.328, "MASE": 0.893}, {"sMAPE": 18.383, "MASE": 2.395}
    assert owa(ours, naive2) == pytest.approx(0.440, abs=5e-4)
    assert owa(naive2, naive2) == 1
    assert math.isnan(owa(ours, {"sMAPE": 0.0, "MASE": 0.0}))


def test_two_zeros_are_no_symmetric_error_and_no_percentage() -> None:
    zero = np.zeros((1, 1, 1))
    metrics = summed(zero, zero, simple_scale(), np.array([0])).overall()
    assert metrics["sMAPE"] == metrics["MAE"] == metrics["MASE"] == 0
    assert math.isnan(metrics["MAPE"])


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_forecast_that_is_no_number_is_not_passed_over(wrong: float) -> None:
    actual, forecast = np.ones((2, 1, 1)), np.array([1.0, wrong]).reshape(2, 1, 1)
    sums = summed(actual, forecast, simple_scale(series=2), np.array([0, 1]))
    assert not any(math.isfinite(sums.overall()[name]) for name in METRICS)
    assert sums.per_series()["MAE"][0] == 0
    assert not math.isfinite(sums.per_series()["MAE"][1])


def test_nothing_observed_is_nan_everywhere() -> None:
    unknown = np.full((2, 3, 1), math.nan)
    sums = summed(unknown, np.ones_like(unknown), simple_scale(), np.array([0, 0]))
    assert all(math.isnan(value) for value in sums.overall().values())
    assert sums.per_step()["RMSE"].shape == (3,)
    quantiles = np.ones((2, 3, 1, 4))
    found = quantile_sums(unknown, quantiles, np.array([0, 0]), 1).overall()
    assert all(math.isnan(value) for value in found.values())


def test_equal_actual_values_have_no_r2() -> None:
    actual = np.full((5, 3, 1), 0.1)
    scale = Scale(np.ones((1, 1)), np.ones((1, 1)), np.full((1, 1), 0.7))
    assert math.isnan(summed(actual, actual + 1, scale, np.zeros(5, dtype=int)).overall()["R2"])


def test_r2_of_a_large_level_is_not_rounded_away() -> None:
    rng = np.random.default_rng(0)
    actual = 1e9 + rng.normal(size=(50, 4, 1))
    forecast = actual + rng.normal(0, 0.5, actual.shape)
    scale = Scale(np.ones((1, 1)), np.ones((1, 1)), np.full((1, 1), 1e9))
    found = summed(actual, forecast, scale, np.zeros(50, dtype=int)).overall()["R2"]
    assert found == pytest.approx(r2_score(actual.ravel(), forecast.ravel()), rel=1e-6)
