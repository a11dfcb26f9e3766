"""Forecasts by the weights that come with the package."""

import numpy as np
import pytest
import torch

from forecast.errors import DataError
from forecast.pretrained import forecaster, weights
from forecast.pretrained.forecaster import LEAST_BATCH, MOST_BATCH
from forecast.pretrained.network import LEVELS, MEDIAN
from forecast.pretrained.weights import pretrained_forecaster
from forecast.pretrained.zero_shot import gathered, zero_shot

AIR = 100 + 3 * np.arange(96.0) + 20 * np.sin(2 * np.pi * np.arange(96) / 12)


def ends(lengths):
    offsets = np.r_[0, np.cumsum(lengths)]
    return offsets[:-1], offsets[1:] - 1


def test_a_trend_with_a_season_is_carried_on():
    begins, origins = ends([84])
    quantiles = zero_shot(AIR[:84, None], begins, origins, 12, 12)[0, :, 0]  # (H, Q)
    assert quantiles.shape == (12, len(LEVELS))
    error = np.abs(quantiles[:, MEDIAN] - AIR[84:]).mean()
    naive = np.abs(AIR[72:84] - AIR[84:]).mean()
    assert error < 0.4 * naive
    assert (np.diff(quantiles, axis=-1) >= 0).all()


def test_each_series_is_forecast_as_if_it_were_alone():
    random = np.random.default_rng(0)
    lengths = [3, 40, 11, 1, 25]
    values = 10 + random.normal(size=(sum(lengths), 2)).cumsum(axis=0)
    begins, origins = ends(lengths)
    together = zero_shot(values, begins, origins, 4, 6)
    for number, (begin, origin) in enumerate(zip(begins, origins, strict=True)):
        own = values[begin : origin + 1]
        alone = zero_shot(own, np.array([0]), np.array([len(own) - 1]), 4, 6)
        np.testing.assert_allclose(together[number], alone[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("count", [1, 33, 129, 386])
def test_how_many_windows_go_through_the_network_at_once_changes_no_byte(count, monkeypatch):
    values = 50 + np.random.default_rng(1).normal(size=(count, 40)).cumsum(axis=1)
    model, sizes = pretrained_forecaster(1), []
    model.network.register_forward_pre_hook(lambda _, read: sizes.append(len(read[0])))
    with torch.inference_mode():
        in_parts = model.quantiles(values, 3)
        assert (sum(sizes), len(sizes)) == (max(count, LEAST_BATCH), -(-count // MOST_BATCH))
        assert LEAST_BATCH <= min(sizes) <= max(sizes) <= MOST_BATCH
        monkeypatch.setattr(forecaster, "MOST_BATCH", 10**6)
        assert torch.equal(in_parts, model.quantiles(values, 3))


def test_nothing_known_gives_nothing():
    values = np.array([[np.nan], [np.nan], [1.0], [2.0]])
    found = zero_shot(values, np.array([0, 2]), np.array([1, 3]), 1, 3)
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


def test_the_future_is_not_read():
    values = AIR[:60, None].copy()
    begins, origins = np.array([0]), np.array([47])
    before = zero_shot(values, begins, origins, 12, 6)
    values[48:] = -1e6
    np.testing.assert_array_equal(before, zero_shot(values, begins, origins, 12, 6))


def test_another_unit_gives_the_same_forecast_in_it():
    begins, origins = ends([60])
    one = zero_shot(AIR[:60, None], begins, origins, 12, 6)
    other = zero_shot(AIR[:60, None] * 1e6, begins, origins, 12, 6)
    np.testing.assert_allclose(other, one * 1e6, rtol=1e-3)


def test_histories_are_gathered_with_padding():
    values = np.arange(6.0)[:, None]
    found = gathered(values, np.array([0, 3]), np.array([2, 4]))[..., 0]
    np.testing.assert_array_equal(found, [[0, 1, 2], [np.nan, 3, 4]])


def test_as_a_model_of_the_toolkit_it_gives_the_same():
    model = pretrained_forecaster(12)
    past = torch.tensor(np.stack([AIR[:60], AIR[20:80]], axis=-1))[None]  # (1, L, 2)
    with torch.no_grad():
        output = model(past, torch.zeros(1, 6, 0), torch.zeros(1, 0))
    assert output.shape == (1, 6, 2, len(LEVELS))
    begins, origins = np.array([0]), np.array([59])
    alone = zero_shot(AIR[:60, None], begins, origins, 12, 6)
    np.testing.assert_allclose(output[0, :, 0].numpy(), alone[0, :, 0], rtol=1e-4)


def test_damaged_weights_are_refused_in_one_line(tmp_path, monkeypatch):
    damaged = tmp_path / "weights.safetensors"
    damaged.write_bytes(weights.WEIGHTS.read_bytes()[:-1])
    monkeypatch.setattr(weights, "WEIGHTS", damaged)
    weights._state.cache_clear()
    with pytest.raises(DataError, match=r"weights.safetensors"):
        pretrained_forecaster(1)
    weights._state.cache_clear()


def test_neither_the_random_state_nor_the_weights_of_others_are_touched():
    before = torch.random.get_rng_state()
    first, second = pretrained_forecaster(12), pretrained_forecaster(12)
    assert torch.equal(torch.random.get_rng_state(), before)
    with torch.no_grad():
        first.network.trust.zero_()
    assert second.network.trust.any()
    assert pretrained_forecaster(12).network.trust.any()
    assert all(weight.requires_grad for weight in first.parameters())
