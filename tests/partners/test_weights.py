"""Weights of a combination: beside a slow search, and where they stay equal."""

import itertools

import numpy as np
import pytest

from forecast.partners.weights import HeldOut, chosen_weights, prior_weights

HORIZON = 3


def held_out(spreads, series=40, windows=3, bias=(), seed=0, targets=1):
    """Methods whose errors have these spreads, on some windows of each series."""
    random = np.random.default_rng(seed)
    count = series * windows
    actual = random.normal(0, 1, (count, HORIZON, targets))
    forecasts = np.stack([actual + random.normal(0, s, actual.shape) for s in spreads])
    for number, shift in enumerate(bias):
        forecasts[number] += shift
    return HeldOut(
        forecasts=forecasts,
        actual=actual,
        scale=random.uniform(0.5, 2, (series, targets)),
        series=np.repeat(np.arange(series), windows),
        times=np.tile(np.arange(windows), series),
    )


def slow_errors(given, weights):
    """Mean scaled error of each series, one value at a time."""
    found = {}
    for window, step, target in np.ndindex(given.actual.shape):
        series = given.series[window]
        forecast = weights @ given.forecasts[:, window, step, target]
        error = abs(forecast - given.actual[window, step, target]) / given.scale[series, target]
        found.setdefault(series, []).append(error)
    return np.array([np.mean(found[series]) for series in sorted(found)])


@pytest.mark.parametrize("spreads", [(0.5, 0.6, 2.0), (1.0, 0.1), (1.0, 1.0)])
def test_they_are_the_nearest_to_the_prior_within_one_standard_error_of_the_best(spreads):
    given = held_out(spreads, series=15, windows=2)
    prior = prior_weights(["lstm", "theta", "ets"][: len(spreads)], 1)
    grid = [prior] + [
        np.array(each) / 10
        for each in itertools.product(range(11), repeat=len(spreads))
        if sum(each) == 10
    ]
    errors = [slow_errors(given, weights) for weights in grid]
    best = min(errors, key=np.mean)
    allowed = [
        weights
        for weights, each in zip(grid, errors, strict=True)
        if np.mean(each - best)
        <= max(np.std(each - best, ddof=1) / np.sqrt(len(each)), 0.1 * np.mean(best))
    ]
    nearest = min(np.square(weights - prior).sum() for weights in allowed)
    [found] = chosen_weights(given, prior)
    assert any(np.allclose(found, weights) for weights in allowed)
    np.testing.assert_allclose(np.square(found - prior).sum(), nearest)


def test_methods_that_are_alike_stay_at_the_prior():
    given = held_out((1.0, 1.0, 1.0))
    np.testing.assert_array_equal(chosen_weights(given, np.full(3, 1 / 3)), np.full((1, 3), 1 / 3))


def test_one_good_method_among_bad_ones_takes_all_where_there_are_thousands_of_windows():
    given = held_out((0.01, 0.5, 0.5), series=1000, bias=(0.0, 3.0, 3.0))
    np.testing.assert_array_equal(chosen_weights(given, np.full(3, 1 / 3)), [[1, 0, 0]])


@pytest.mark.parametrize("series", [1, 3])
def test_few_windows_that_do_not_overlap_leave_the_prior(series):
    given = held_out((0.01, 5.0), series=series, windows=9)
    np.testing.assert_array_equal(chosen_weights(given, np.full(2, 0.5)), [[0.5, 0.5]])


def test_of_a_single_series_origins_that_do_not_overlap_count():
    given = held_out((0.01, 5.0), series=1, windows=60)
    assert len(np.unique(given.units)) == 60 / HORIZON
    np.testing.assert_array_equal(chosen_weights(given, np.full(2, 0.5)), [[1, 0]])


def test_what_is_unknown_or_no_finite_number_does_not_count():
    given = held_out((0.3, 0.6))
    expected = chosen_weights(given, np.full(2, 0.5))
    values = {
        name: np.concatenate([array, array[..., :1, :, :]], axis=-3)
        for name, array in (("forecasts", given.forecasts), ("actual", given.actual))
    }
    values["forecasts"][0, -1] = np.inf
    values["actual"][-1, 0] = np.nan
    more = HeldOut(
        **values,
        scale=np.concatenate([given.scale, [[np.nan]]]),
        series=np.append(given.series, 0),
        times=np.append(given.times, 0),
    )
    np.testing.assert_array_equal(chosen_weights(more, np.full(2, 0.5)), expected)


@pytest.mark.parametrize(
    ("methods", "season", "is_pretrained", "expected"),
    [
        (["lstm", "theta", "ets"], 12, False, [1 / 3, 1 / 3, 1 / 3]),
        (["lstm", "theta", "ets"], 4, True, [0.5, 0.25, 0.25]),
        (["lstm", "theta", "ets"], 12, True, [1, 0, 0]),
        (["lstm", "pretrained", "theta"], 1, False, [0.4, 0.4, 0.2]),
        (["pretrained", "theta", "ets"], 7, False, [1, 0, 0]),
    ],
)
def test_before_any_errors_networks_count_more(methods, season, is_pretrained, expected):
    found = prior_weights(methods, season, is_pretrained)
    np.testing.assert_allclose(found, expected)


def test_the_more_stretches_of_time_the_smaller_a_gain_may_be():
    found = []
    for stretches in (1, 30):
        given = held_out((1.0, 1.0), series=200, windows=stretches * HORIZON)
        given.forecasts[1] = given.actual + 1.05 * (given.forecasts[0] - given.actual)
        assert given.stretches == stretches
        found.append(chosen_weights(given, np.array([0.0, 1.0]))[0].tolist())
    assert found[0] == [0, 1]
    assert found[1][0] > 0


def test_each_target_goes_with_what_suits_it():
    given = held_out((0.01, 0.01), series=1000, targets=2)
    given.forecasts[0, ..., 1] += 3
    given.forecasts[1, ..., 0] += 3
    np.testing.assert_array_equal(chosen_weights(given, np.full(2, 0.5)), [[1, 0], [0, 1]])


def test_a_small_gain_is_not_worth_to_leave_the_prior():
    given = held_out((1.0, 1.0), series=2000)
    given.forecasts[1] = given.actual + 1.02 * (given.forecasts[0] - given.actual)
    np.testing.assert_array_equal(chosen_weights(given, np.array([0.0, 1.0])), [[0, 1]])


def test_a_method_that_learned_from_all_series_counts_no_more_after_few_stretches_of_time():
    found = []
    for stretches in (2, 3):
        given = held_out((1.0, 1.0, 1.0), series=50, windows=stretches * HORIZON)
        given.forecasts[2] = given.actual
        assert given.stretches == stretches
        found.append(chosen_weights(given, np.array([1.0, 0.0, 0.0]), pooled=[2])[0].tolist())
    assert found[0][2] == 0
    assert found[1][2] > 0.8
