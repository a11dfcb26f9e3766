"""Synthetic series: seeded, finite, and as wide as they say."""

import numpy as np
import pytest

from forecast.pretrained.synthetic import counts, cycle, local_trend, mean_reversion, synthetic


@pytest.mark.parametrize(("season", "long_season"), [(1, 0), (2, 0), (7, 365), (12, 0), (24, 168)])
def test_series_are_finite_and_of_size_one(season, long_season):
    values = synthetic(np.random.default_rng(0), 200, 60, season, long_season)
    assert values.shape == (200, 60)
    assert np.isfinite(values).all()
    size = np.abs(values).mean(axis=1)
    np.testing.assert_allclose(size[size > 0], 1.0)


def test_the_seed_alone_decides():
    one, same, other = (synthetic(np.random.default_rng(n), 9, 30, 12) for n in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_season_comes_again():
    values = synthetic(np.random.default_rng(0), 400, 96, 12)
    changes = np.diff(values, axis=1)
    again = [np.corrcoef(row[12:], row[:-12])[0, 1] for row in changes if row.std() > 0]
    aside = [np.corrcoef(row[11:], row[:-11])[0, 1] for row in changes if row.std() > 0]
    assert np.nanmedian(again) > np.nanmedian(aside) + 0.2


def test_counts_are_whole_and_often_zero():
    values = counts(np.random.default_rng(0), np.ones((300, 50)))
    assert (values == np.round(values)).all()
    assert (values >= 0).all()
    assert 0.1 < (values == 0).mean() < 0.6


def test_kinds_are_what_they_say():
    random = np.random.default_rng(0)
    reverting = mean_reversion(random, 500, 400, 1.0)
    assert np.abs(reverting.mean(axis=1)).mean() < reverting.std(axis=1).mean()
    walking = local_trend(random, 500, 400, 1.0)
    assert np.abs(walking[:, -1]).mean() > 2 * np.abs(walking[:, 20]).mean()
    swings = cycle(random, 300, 300, 1.0)
    assert np.isfinite(swings).all()
