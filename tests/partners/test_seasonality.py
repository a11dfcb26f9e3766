"""Seasons: found where there is one, removed and put on again, beside statsmodels."""

import numpy as np
import pytest
from statsmodels.tsa.seasonal import seasonal_decompose

from forecast.partners.seasonality import additive, is_seasonal, multiplicative, unseasonal
from tests.partners.helpers import aligned, waves


@pytest.mark.parametrize("season", [4, 7])
@pytest.mark.parametrize("model", ["additive", "multiplicative"])
def test_indices_are_those_of_classical_decomposition(season, model):
    series = waves([40, 33], season)
    histories = aligned(series, season)
    found = additive(histories) if model == "additive" else multiplicative(histories)
    indices = found.summands if model == "additive" else found.factors
    for number, each in enumerate(series):
        expected = seasonal_decompose(each, model=model, period=season).seasonal
        begin = len(histories.values) - len(each)
        phases = np.arange(begin, len(histories.values)) % season
        np.testing.assert_allclose(indices[phases, number], expected, rtol=1e-9)


def test_a_season_is_found_where_there_is_one():
    wave, noise = waves([60], 4, noise=0.3, slope=0.0)[0], np.random.default_rng(0).normal(size=60)
    found = is_seasonal(aligned([wave, noise, wave[:20], wave[:8]], 4))
    assert found.tolist() == [True, False, True, False]


def test_what_is_removed_goes_on_in_the_forecast():
    steps = np.arange(50)
    wave = 10 + np.array([-1.0, 2.0, -1.0])[steps % 3]
    histories = aligned([wave[:40]], 3)
    for season in (additive(histories), multiplicative(histories)):
        np.testing.assert_allclose(season.removed_from(histories).values, 10, rtol=1e-9)
        np.testing.assert_allclose(season.put_on(np.full((10, 1), 10.0))[:, 0], wave[40:])
    assert unseasonal(histories).removed_from(histories).values.tolist() == wave[:40, None].tolist()


def test_no_season_without_two_of_them_and_no_factors_without_positive_values():
    series = waves([20, 20, 8], 4)
    series[1][3] = 0.0
    histories = aligned(series, 4)
    assert additive(histories).applies.tolist() == [True, True, False]
    assert multiplicative(histories).applies.tolist() == [True, False, False]
    assert (multiplicative(histories).factors[:, 1] == 1).all()
