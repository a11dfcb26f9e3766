"""What the network is told: finite for every history, and on the series' own scale."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.pretrained.features import DECODER_INPUTS, LONGEST_UNSEEN, features
from forecast.pretrained.methods import METHODS

SEASON = 4
ODD = {
    "constant": np.full(30, 5.0),
    "zeros": np.zeros(30),
    "one row": np.r_[np.full(29, np.nan), 7.0],
    "two rows": np.r_[np.full(28, np.nan), 7.0, 8.0],
    "one sale": np.r_[np.zeros(29), 1.0],
    "huge": np.linspace(1e12, 1.1e12, 30),
    "tiny": np.linspace(1e-12, 2e-12, 30),
    "negative": -(np.arange(30.0) ** 2),
    "explosive": np.exp(np.arange(30.0)),
    "with gaps": np.where(np.arange(30) % 3 == 1, np.nan, np.arange(30.0)),
}


def series(seed=0, rows=60):
    random = np.random.default_rng(seed)
    return 20 + np.tile([3.0, -1, 0, -2], rows // 4) + random.normal(size=rows).cumsum() / 2


def told(values, season=SEASON, horizon=6, long_season=0):
    return features(np.atleast_2d(values), season, horizon, long_season)


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize(("season", "long_season"), [(1, 0), (4, 0), (4, 12), (12, 0), (40, 0)])
def test_every_history_gives_finite_features(name, season, long_season):
    found = told(ODD[name], season, 9, long_season)
    for each in vars(found).values():
        assert np.isfinite(each).all()
    assert found.decoder.shape == (1, 9, DECODER_INPUTS)
    assert found.methods.shape == (1, 9, METHODS)
    assert (found.scale > 0).all()


def test_a_season_that_never_fits_takes_no_memory():
    found, expected = (told(series(), season) for season in (2**31 - 1, LONGEST_UNSEEN))
    for name, each in vars(found).items():
        np.testing.assert_array_equal(each, getattr(expected, name))


@given(st.floats(1e-6, 1e6), st.integers(0, 50))
def test_another_unit_changes_location_and_scale_alone(unit, seed):
    one, other = told(series(seed)), told(series(seed) * unit)
    for name in ("encoder", "decoder", "methods", "errors", "spread", "width"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(other.location, one.location * unit)
    np.testing.assert_allclose(other.scale, one.scale * unit)


def test_padding_says_nothing():
    short = series(rows=24)
    padded = np.r_[np.full(17, np.nan), short]
    both = np.stack([padded, series(rows=44)[-41:]])
    alone, beside = told(short), told(both)
    np.testing.assert_allclose(alone.methods[0], beside.methods[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(alone.encoder[0], beside.encoder[0], rtol=1e-5, atol=1e-5)
    assert not beside.encoder[0][:-24, :5].any()


def test_a_pure_season_is_carried_on_by_every_seasonal_method():
    found = told(50 + np.tile([9.0, -3, 0, -6], 15), horizon=8)
    ahead = found.methods[0] * found.scale[0] + found.location[0]  # (H, M)
    truth = 50 + np.tile([9.0, -3, 0, -6], 2)
    is_right = np.isclose(ahead, truth[:, None], rtol=1e-3).all(axis=0)
    assert is_right.sum() >= METHODS - 6  # but those that know no season: mean, median, ...


def test_a_line_is_carried_on_by_the_mean_change():
    found = told(10 + 2 * np.arange(40.0), season=1, horizon=5)
    ahead = found.methods[0] * found.scale[0] + found.location[0]
    line = 10 + 2 * np.arange(40.0, 45.0)
    assert np.isclose(ahead, line[:, None], rtol=1e-2).all(axis=0).any()


def test_a_longer_season_counts_from_its_second_time_on():
    values = series(rows=60)
    for rows, is_told in ((39, False), (40, True)):
        with_it, without = told(values[-rows:], long_season=20), told(values[-rows:])
        assert np.array_equal(with_it.methods, without.methods) != is_told
        assert with_it.encoder[..., 4].any() == is_told


def test_a_week_of_hours_counts_where_it_shows():
    hours = np.arange(3 * 168)
    random = np.random.default_rng(0)
    day = 10 * np.sin(2 * np.pi * hours / 24)
    weather = day + np.cumsum(random.normal(size=len(hours)))
    traffic = day * (hours // 24 % 7 < 5) + random.normal(size=len(hours))

    def differs(values):
        with_week, without = told(values, 24, long_season=168), told(values, 24)
        return not np.array_equal(with_week.methods, without.methods)

    assert differs(traffic)
    assert not differs(weather)


def test_an_error_that_nobody_knows_is_not_taken_for_none():
    season = 12
    found = told(series(rows=season), season)  # no value has one a season before it
    assert 0.3 < found.spread < 2  # in units of the mean change
    assert found.errors.max() < 3


def test_few_rows_have_widths_nearer_to_the_mean_change():
    few, more = (told(10 + 2 * np.arange(float(rows)), season=1) for rows in (3, 60))
    assert few.width > 0.5  # among so many methods one fits three rows without an error
    assert more.width < 0.05
