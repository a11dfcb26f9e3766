"""AutoETS, AutoARIMA and AutoTheta: as statsforecast called directly, and what failures do."""

import builtins
import logging
import warnings

import numpy as np
import pytest
from statsforecast import models

from forecast.errors import ConfigError
from forecast.evaluation.baselines import History, seasonal_naive
from forecast.evaluation.statistical import (
    STATISTICAL,
    history_rows,
    require_statistical,
    statistical_forecast,
)

SEASON, HORIZON = 4, 5
RANDOM = np.random.default_rng(3)
OFFSETS = np.array([0, 60, 120])
FIRST = np.array([0, 0, 60])
ORIGINS = np.array([39, 47, 119])


def values():
    steps = np.arange(120)
    trend = 20 + 0.3 * (steps % 60) + 3 * np.sin(steps * 2 * np.pi / SEASON)
    return np.column_stack([trend, 2 * trend + 5]) + RANDOM.normal(0, 0.5, (120, 2))


def forecast(name, table, origins=ORIGINS, offsets=OFFSETS, season=SEASON):
    return statistical_forecast(name, History(table, offsets, season), origins, HORIZON)


@pytest.mark.parametrize("name", STATISTICAL)
def test_forecasts_are_those_of_statsforecast_at_every_origin(name):
    table = values()
    origins = ORIGINS[:1] if name == "auto_arima" else ORIGINS  # AutoARIMA: a second a fit
    found = forecast(name, table, origins)
    assert found.shape == (len(origins), HORIZON, 2)
    for window in range(len(origins)):
        for target in range(2):
            history = table[FIRST[window] : ORIGINS[window] + 1, target]
            with warnings.catch_warnings(action="ignore"):
                model = getattr(models, STATISTICAL[name])(season_length=SEASON)
                expected = model.forecast(y=history, h=HORIZON)["mean"]
            np.testing.assert_array_equal(found[window, :, target], expected)


def test_nothing_after_the_origin_and_no_other_series_is_seen():
    table = values()
    before = forecast("auto_theta", table)
    table[48:60] = 1e6  # after the second origin, before the third series' first row
    after = forecast("auto_theta", table)
    np.testing.assert_array_equal(before, after)


def test_only_the_last_ten_seasons_and_at_least_200_rows_are_read():
    assert [history_rows(season) for season in (1, 12, 24, 168)] == [200, 200, 240, 1680]
    table = RANDOM.normal(10, 1, (500, 1)).cumsum(axis=0)
    where = (np.array([499]), np.array([0, 500]), 1)
    before = forecast("auto_ets", table, *where)
    table[:300] = -1e6
    np.testing.assert_array_equal(before, forecast("auto_ets", table, *where))
    table[300] += 50
    assert (before != forecast("auto_ets", table, *where)).any()


def test_rows_before_the_first_known_value_are_left_out():
    table = values()
    table[:8] = np.nan
    found = forecast("auto_ets", table, ORIGINS[:1])
    expected = models.AutoETS(season_length=SEASON).forecast(y=table[8:40, 0], h=HORIZON)
    np.testing.assert_array_equal(found[0, :, 0], expected["mean"])


def test_a_failure_is_said_and_seasonal_naive_stands_in(caplog):
    table, origins = values(), np.array([1, 47])
    with caplog.at_level(logging.WARNING, "forecast"):
        found = forecast("auto_ets", table, origins)
    (message,) = caplog.messages
    assert message.startswith("auto_ets failed on 2 of 4 fits (")
    assert message.endswith("; seasonal naive stands in there")
    naive = seasonal_naive(History(table, OFFSETS, SEASON), origins, HORIZON)
    np.testing.assert_array_equal(found[0], naive[0])
    assert (found[1] != naive[1]).all()


def test_a_forecast_that_is_no_number_is_a_failure(caplog, monkeypatch):
    class Broken:
        def __init__(self, season_length):
            pass

        def forecast(self, y, h):
            warnings.warn("noise that nobody should see", stacklevel=1)
            return {"mean": np.log(np.full(h, -1.0))}

    monkeypatch.setattr(models, "AutoTheta", Broken)
    found = forecast("auto_theta", values())
    assert np.isfinite(found).all()
    assert "auto_theta failed on 6 of 6 fits (FloatingPointError" in caplog.messages[0]


def test_an_unknown_model_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match=r"baseline 'auto_arma': did you mean 'auto_arima'\?"):
        require_statistical(["auto_ets", "auto_arma"])
    require_statistical([])


def test_without_statsforecast_one_line_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **options):
        if name.split(".")[0] == "statsforecast":
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError) as error:
        require_statistical(["auto_ets"])
    assert str(error.value) == (
        "baseline auto_ets needs statsforecast: pip install 'forecast-lstm[baselines]'"
    )
