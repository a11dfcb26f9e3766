"""Paired comparisons: the interval holds as often as it says, and few origins claim little."""

import numpy as np
import pytest
from scipy import stats

from forecast.data.scale import Scale
from forecast.evaluation.metrics import ErrorSums, point_errors, point_metrics
from forecast.evaluation.paired import Comparison, compared, student


def sums_of(errors, series=None, times=None):
    """Sums of forecasts that miss by `errors` (B, H)."""
    errors = np.asarray(errors, dtype=np.float64)[..., None]
    number = np.zeros(len(errors), dtype=np.int64) if series is None else np.asarray(series)
    times = np.arange(len(errors)) if times is None else np.asarray(times)
    count = int(number.max()) + 1
    ones = np.ones((count, 1))
    scale = Scale(ones, ones, ones * 0)
    terms = point_errors(np.zeros_like(errors), errors, scale, number)
    return ErrorSums(point_metrics, count).add(terms, number, times)


def windows_of(noise, horizon):
    """Errors of windows that begin one step after the other: neighbours share most of them."""
    return np.lib.stride_tricks.sliding_window_view(noise, horizon)


def test_equal_methods_differ_by_chance_about_once_in_twenty():
    generator, horizon, found = np.random.default_rng(0), 6, []
    for _ in range(300):
        pair = [windows_of(generator.normal(size=65), horizon) for _ in range(2)]
        found.append(compared(*map(sums_of, pair), horizon).outcome != "not distinguishable")
    assert 0.01 < np.mean(found) < 0.07


def test_a_clear_difference_is_beyond_chance_and_within_its_interval():
    generator = np.random.default_rng(1)
    noise = generator.normal(size=205)
    ours, theirs = (sums_of(windows_of(scale * noise, 6)) for scale in (0.7, 1.0))
    better, worse = compared(ours, theirs, 6), compared(theirs, ours, 6)
    assert (better.outcome, worse.outcome) == ("better", "worse")
    assert better.low < 30 < better.high
    assert better.units == 200
    assert worse.low < 100 * (1 - 1 / 0.7) < worse.high


def test_the_unit_changes_nothing_and_windows_that_go_together_are_one_origin():
    generator = np.random.default_rng(2)
    one, other = generator.normal(size=(2, 40, 3))
    found = compared(sums_of(one), sums_of(other), 3)
    assert compared(sums_of(1e6 * one), sums_of(1e6 * other), 3).low == pytest.approx(found.low)
    twice = [np.concatenate([each, each]) for each in (one, other)]
    places = ([0] * 40 + [1] * 40, [*range(40)] * 2)
    copied = compared(*(sums_of(each, *places) for each in twice), 3)
    assert (copied.low, copied.high) == pytest.approx((found.low, found.high), rel=1e-5)
    assert (copied.units, copied.unit) == (40, "origins")


def test_origins_a_horizon_apart_do_not_go_together():
    generator = np.random.default_rng(3)
    one, other = np.abs(generator.normal(size=(2, 30, 3)))
    found = compared(*(sums_of(each, times=3 * np.arange(30)) for each in (one, other)), 3)
    gained = other.mean(axis=1) - one.mean(axis=1)
    interval = stats.ttest_1samp(gained, 0).confidence_interval(0.95)
    expected = 100 * np.array(interval) / other.mean()
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-5)
    assert (found.units, found.apart) == (30, 30)


def test_few_origins_are_paired_by_series_and_a_single_one_of_few_series_says_nothing():
    generator = np.random.default_rng(4)
    one, other = np.abs(generator.normal(size=(2, 50, 3))) * [[[0.2]], [[1.0]]]
    places = (np.arange(50), np.zeros(50, dtype=np.int64))
    found = compared(sums_of(one, *places), sums_of(other, *places), 3)
    assert (found.outcome, found.units, found.unit) == ("better", 50, "series")
    alone = compared(sums_of(one[:1]), sums_of(other[:1]), 3)
    assert (alone.outcome, alone.units) == ("unknown", 1)
    assert alone.sentence("x") == (
        "1 origin is too few to tell that from chance; a backtest of more folds tells."
    )


def test_perfect_and_infinite_forecasts():
    ones = np.ones((20, 2))
    for perfect in (0.0, 1e-14):
        found = compared(sums_of(ones), sums_of(perfect * ones), 2)
        assert (found.outcome, found.sentence("naive")) == ("unknown", "")
    assert compared(sums_of(ones * np.inf), sums_of(ones), 2).outcome == "unknown"
    assert compared(sums_of(0 * ones), sums_of(ones), 2).outcome == "better"
    assert compared(sums_of(ones), sums_of(ones), 2).outcome == "not distinguishable"


@pytest.mark.parametrize("degrees", [*range(1, 12), 30, 1000])
def test_students_quantile_is_scipys(degrees):
    assert student(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=2e-3)


@pytest.mark.parametrize(
    ("low", "high", "outcome", "sentence"),
    [
        (12.4, 54.4, "better", "12 to 54 % better than drift (95 %), so better beyond chance."),
        (-54.4, -12.4, "worse", "12 to 54 % worse than drift (95 %), so worse beyond chance."),
        (
            -8.0,
            40.0,
            "not distinguishable",
            "from 8 % worse to 40 % better than drift (95 %), so not distinguishable from it.",
        ),
    ],
)
def test_what_is_said(low, high, outcome, sentence):
    found = Comparison(outcome, low, high, 25, 3)
    assert found.sentence("drift") == (
        f"Paired over 25 origins (3 of them a horizon apart): {sentence}"
    )
