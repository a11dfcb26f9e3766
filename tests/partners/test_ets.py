"""Exponential smoothing: what it finds in series whose kind is known, and beside statsforecast."""

import warnings

import numpy as np
import pytest
from statsforecast import models

from forecast.partners.ets import DAMPED, LEVEL, LINEAR, _grid, _moves, ets
from tests.partners.helpers import history_of, waves

HORIZON = 8


def mase(series, forecast, season):
    scale = np.abs(series[season:-HORIZON] - series[: -HORIZON - season]).mean()
    return np.abs(series[-HORIZON:] - forecast).mean() / scale


def test_a_line_without_noise_is_continued():
    line = 5 + 2.0 * np.arange(30)
    found = ets(*history_of([line], 1), HORIZON)[0, :, 0]
    np.testing.assert_allclose(found, 65 + 2.0 * np.arange(HORIZON), rtol=1e-6)


@pytest.mark.parametrize("is_multiplicative", [False, True])
def test_a_season_without_noise_is_continued(is_multiplicative):
    steps = np.arange(48 + HORIZON)
    wave = np.array([0.8, 1.1, 1.3, 0.8])[steps % 4]
    series = 10 * wave if is_multiplicative else 10 + wave
    found = ets(*history_of([series[:48]], 4), HORIZON)[0, :, 0]
    np.testing.assert_allclose(found, series[48:], rtol=1e-6)


def test_noise_about_a_level_is_forecast_by_its_mean():
    noise = np.random.default_rng(0).normal(10, 1, (20, 150))
    found = ets(*history_of(list(noise), 1), HORIZON)[..., 0]
    assert np.abs(found - 10).mean() < 0.25


@pytest.mark.parametrize("season", [1, 4])
def test_errors_are_about_those_of_statsforecast(season):
    """Over 24 series of many kinds the mean MASE is no more than 10 % above that of AutoETS.

    None of them grows without end: beside a season only damped trends are tried.
    """
    random = np.random.default_rng(2)
    series = [np.exp(each / 20) for each in waves([60] * 8, season, 3, slope=0.1, noise=2.0)]
    series += waves([60] * 8, season, 4, slope=0.1)
    series += [50 + random.normal(0, 1, 60).cumsum() for _ in range(8)]
    history, ends = history_of(series, season)
    ours = ets(history, ends - HORIZON, HORIZON)[..., 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = [
            models.AutoETS(season).forecast(y=each[:-HORIZON], h=HORIZON)["mean"] for each in series
        ]
    errors = [
        np.mean([mase(each, f, season) for each, f in zip(series, found, strict=True)])
        for found in (ours, theirs)
    ]
    assert errors[0] < 1.1 * errors[1]


@pytest.mark.parametrize("trend", [LEVEL, LINEAR, DAMPED])
def test_settings_that_are_tried_are_allowed_and_hold_the_one_they_come_from(trend):
    first = _grid(trend)
    column = type(first)(*(each[:, [-1]] for each in vars(first).values()))
    moved = _moves(column, trend, 0.8)
    for tried in (first, moved):
        assert ((tried.alpha > 0) & (tried.alpha < 1)).all()
        assert ((tried.beta >= 0) & (tried.beta <= tried.alpha)).all()
        assert ((tried.phi >= 0) & (tried.phi <= 1)).all()
    for name, values in vars(column).items():
        np.testing.assert_allclose(getattr(moved, name)[:, 0], values[:, 0])
