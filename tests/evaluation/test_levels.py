"""Levels of intervals: names, quantiles, and which of them a model can give."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.errors import ConfigError
from forecast.evaluation.conformal import Calibration, ConformalScores
from forecast.evaluation.levels import (
    central_intervals,
    chosen_quantiles,
    conformal_levels,
    interval_quantiles,
    what_is_left_out,
)
from forecast.forecasting.predict import interval_columns


def test_intervals_are_pairs_of_quantiles_symmetric_about_the_median():
    assert central_intervals((0.025, 0.1, 0.3, 0.5, 0.9, 0.975)) == {"95": (0, 5), "80": (1, 4)}
    assert central_intervals((0.5,)) == {}


@given(st.sets(st.integers(10, 999), min_size=1, max_size=6))
def test_columns_are_named_by_their_level(tenths):
    levels = [each / 10 for each in sorted(tenths)]
    quantiles = interval_quantiles(levels)
    names = [f"lo-{level:g}" for level in reversed(levels)] + [f"hi-{level:g}" for level in levels]
    assert list(interval_columns(quantiles)) == names
    assert quantiles[len(levels)] == 0.5
    assert list(quantiles) == sorted(quantiles)


def few(count):
    scores = ConformalScores(np.arange(count), np.ones((count, 2, 1), dtype=np.float32))
    return Calibration.of(scores, np.ones((1, 1)), (80.0, 95.0), 500)


def test_levels_without_errors_enough_are_left_out_and_refused():
    configured = (80.0, 95.0)
    assert conformal_levels(None, configured, few(19)) == configured
    assert conformal_levels([95, 50.0, 95], configured, few(19)) == (50.0, 95.0)
    assert conformal_levels(90, configured, few(19)) == (90.0,)
    assert conformal_levels([], configured, None) == ()
    assert what_is_left_out(configured, few(19)) is None
    assert what_is_left_out((), None) is None
    remedy = "raise split.validation or split.test, or take a lower level"
    why = f"such an interval needs 19 errors of each step, validation and test gave 18; {remedy}"
    assert conformal_levels(None, configured, few(18)) == (80.0,)
    assert what_is_left_out(configured, few(18)) == f"intervals from 95 % on are left out: {why}"
    with pytest.raises(ConfigError) as refused:
        conformal_levels([80, 95], configured, few(18))
    assert str(refused.value) == f"level 95: {why}"


def test_a_model_without_errors_has_no_intervals():
    why = (
        "the model keeps no errors to make them from; train it with a validation or a test part,"
        " and with intervals.levels"
    )
    assert conformal_levels(None, (80.0,), None) == ()
    assert what_is_left_out((80.0,), None) == f"intervals from 80 % on are left out: {why}"
    with pytest.raises(ConfigError, match=f"^level 60: {why}$"):
        conformal_levels([60], (80.0,), None)


@pytest.mark.parametrize("level", [0.8, 0, -5, 100, math.nan, math.inf])
def test_a_level_is_a_percentage(level):
    message = f"^level {level:g} is not allowed; give percent from 1 to 99.9, e.g. 80$"
    with pytest.raises(ConfigError, match=message):
        conformal_levels([50, level], (), few(30))


def test_a_quantile_model_gives_the_intervals_it_was_trained_on():
    quantiles = (0.025, 0.1, 0.3, 0.5, 0.9, 0.95, 0.975)
    assert chosen_quantiles(quantiles, None) == [0, 1, 2, 3, 4, 5, 6]
    assert chosen_quantiles(quantiles, [80]) == [1, 3, 4]
    assert chosen_quantiles(quantiles, [95.0, 80]) == [0, 1, 3, 4, 6]
    assert chosen_quantiles(quantiles, []) == [3]
    remedy = "ask for what it has, or train with other training.loss.quantile.levels"
    with pytest.raises(ConfigError) as refused:
        chosen_quantiles(quantiles, [80, 90])
    had = "level 90: the model was trained on the quantiles of 80 % and 95 %"
    assert str(refused.value) == f"{had}; {remedy}"
    with pytest.raises(ConfigError, match="trained on the quantiles of no interval; "):
        chosen_quantiles((0.3, 0.5, 0.9), [80])
