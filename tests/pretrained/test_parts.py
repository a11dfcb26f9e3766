import numpy as np
import pytest
import torch

from forecast.pretrained.parts import SHARES, WHOLE, averaged, parts, shares_of
from forecast.pretrained.weights import pretrained_forecaster

SEASON, HORIZON = 4, 3


def history(rows, seed=0):
    random = np.random.default_rng(seed)
    wave = np.tile([3.0, 1.0, -2.0, -2.0], rows // 4 + 1)[:rows]
    return 20 + wave + np.cumsum(random.normal(size=rows))


def known(values):
    return np.flatnonzero(~np.isnan(values)).tolist()


def test_parts_are_the_whole_the_later_half_and_the_last_seasons():
    whole, later, recent = parts(history(60)[None], SHARES, SEASON, HORIZON)
    assert known(whole) == [*range(60)]
    assert known(later) == [*range(30, 60)]
    assert known(recent) == [*range(40, 60)]  # five seasons of four
    assert np.array_equal(later[30:], whole[30:])
    (*_, recent) = parts(history(60)[None], SHARES, SEASON, horizon=7)
    assert known(recent) == [*range(25, 60)]  # five horizons of seven


def test_half_a_history_begins_where_it_begins():
    padded = np.r_[np.full(20, np.nan), history(41)]
    later = parts(padded[None], SHARES, SEASON, HORIZON)[1]
    assert known(later) == [*range(40, 61)]


@pytest.mark.parametrize("rows", [3, 10])
def test_a_short_history_is_not_parted(rows):
    values = history(rows)[None]
    assert np.array_equal(parts(values, SHARES, SEASON, HORIZON), np.repeat(values, 3, axis=0))


def test_a_history_whose_last_seasons_are_missing_is_read_whole():
    values = history(60)[None]
    values[:, 30:] = np.nan
    assert np.array_equal(parts(values, SHARES, SEASON, HORIZON)[2], values[0], equal_nan=True)


def test_without_a_season_there_is_one_part():
    values = history(60)[None]
    assert shares_of(1) == WHOLE == (1.0,)
    assert parts(values, WHOLE, 1, HORIZON) is values
    assert shares_of(SEASON) == SHARES
    assert sum(SHARES) == 1


def test_the_mean_is_that_of_each_history():
    quantiles = torch.arange(12.0).reshape(6, 2, 1)  # three parts of two histories
    expected = 0.5 * quantiles[:2] + 0.25 * quantiles[2:4] + 0.25 * quantiles[4:]
    assert torch.equal(averaged(quantiles, SHARES), expected)


def test_a_forecast_is_the_mean_of_forecasts_from_each_part():
    values = np.stack([history(60, seed) for seed in range(3)])
    whole = pretrained_forecaster(SEASON, is_whole=True)
    with torch.no_grad():
        found = pretrained_forecaster(SEASON).quantiles(values, HORIZON)
        each = [whole.quantiles(values[:, -rows:], HORIZON) for rows in (60, 30, 20)]
    torch.testing.assert_close(found, 0.5 * each[0] + 0.25 * each[1] + 0.25 * each[2])
    assert not torch.allclose(found, each[0])


def test_a_network_that_has_learned_forecasts_from_the_whole():
    values = history(60)[None]
    model, whole = pretrained_forecaster(SEASON), pretrained_forecaster(SEASON, is_whole=True)
    with torch.no_grad():
        as_it_comes = model.quantiles(values, HORIZON)
    model.train().quantiles(values, HORIZON)
    restored = pretrained_forecaster(SEASON)
    restored.load_state_dict(model.state_dict())
    with torch.no_grad():
        expected = whole.quantiles(values, HORIZON)
        for each in (model.eval(), restored):
            assert torch.equal(each.quantiles(values, HORIZON), expected)
    assert not torch.allclose(as_it_comes, expected)


def test_a_gradient_alone_is_of_the_whole_and_teaches_nothing():
    values = history(60)[None]
    model, whole = pretrained_forecaster(SEASON), pretrained_forecaster(SEASON, is_whole=True)
    found = model.quantiles(values, HORIZON)  # with gradients, as memory is measured
    assert torch.equal(found, whole.quantiles(values, HORIZON))
    assert not model.is_whole
