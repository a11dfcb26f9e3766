"""Smoothers of many histories at once, against one history at a time in plain Python."""

import numpy as np
import pytest

from forecast.pretrained.smoothing import (
    first_known,
    smoothed_level,
    smoothed_season,
    smoothed_trend,
)


@pytest.fixture
def histories():
    values = np.random.default_rng(0).normal(10, 2, (4, 15)).cumsum(axis=1)
    values[1, :6], values[2, :13], values[3, :14] = np.nan, np.nan, np.nan
    return values


def known(values):
    return values[~np.isnan(values)].tolist()


def test_level_as_one_series_at_a_time(histories):
    levels, errors = smoothed_level(histories, np.array([0.2, 0.7]))
    for number, rate in enumerate((0.2, 0.7)):
        for series, values in enumerate(map(known, histories)):
            level, missed = sum(values[:3]) / len(values[:3]), []
            for row, value in enumerate(values):
                missed += [abs(value - level)] if row >= 2 else []
                level += rate * (value - level)
            assert levels[number, series] == pytest.approx(level)
            assert errors[number, series] == pytest.approx(sum(missed) / max(len(missed), 1))


def test_trend_as_one_series_at_a_time(histories):
    rate, trend_rate, damping = 0.4, 0.1, 0.9
    levels, trends, errors = smoothed_trend(histories, np.array([(rate, trend_rate, damping)]))
    for series, values in enumerate(map(known, histories)):
        level, trend, missed = sum(values[:3]) / len(values[:3]), 0.0, []
        for row, value in enumerate(values):
            ahead = level + damping * trend
            missed += [abs(value - ahead)] if row >= 2 else []
            level = ahead + rate * (value - ahead)
            trend = damping * trend + trend_rate * (value - ahead)
        assert (levels[0, series], trends[0, series]) == pytest.approx((level, trend))
        assert errors[0, series] == pytest.approx(sum(missed) / max(len(missed), 1))


def test_season_as_one_series_at_a_time(histories):
    index = np.array([[1.0, -2.0, 1.0]] * 4)
    levels, seasons, errors = smoothed_season(histories, index, np.array([(0.3, 0.2)]))
    for series, values in enumerate(map(known, histories)):
        season, missed = [1.0, -2.0, 1.0], []
        phases = [(row - len(values)) % 3 for row in range(len(values))]
        first = [v - season[p] for v, p in zip(values[:3], phases, strict=False)]
        level = sum(first) / len(first)
        for row, (value, phase) in enumerate(zip(values, phases, strict=True)):
            error = value - level - season[phase]
            missed += [abs(error)] if row >= 2 else []
            level += 0.3 * error
            season[phase] += 0.2 * error
        assert levels[0, series] == pytest.approx(level)
        assert seasons[0, series] == pytest.approx(season)
        assert errors[0, series] == pytest.approx(sum(missed) / max(len(missed), 1))


def test_first_known_row():
    values = np.array([[np.nan, np.nan, 3.0], [1.0, np.nan, 2.0], [np.nan, np.nan, np.nan]])
    assert first_known(values).tolist() == [2, 0, 3]
