"""Sample paths without a training: whose marginals, how often sums hold, and for whom none are."""

import numpy as np
import pytest

import forecast
from forecast.errors import ConfigError
from forecast.evaluation.copula import HeldOutErrors
from forecast.zero_shot.calibration import unit_width_factors
from forecast.zero_shot.sample import NO_ERRORS, SAMPLED, Spread
from tests.helpers import refusal, wave_table
from tests.zero_shot.test_calibration import normal_quantiles
from tests.zero_shot.test_quick import TABLE, panel_of


@pytest.mark.parametrize("num", [99, 200])
def test_samples_have_the_quantiles_of_the_forecast(num):
    two = TABLE.assign(z=TABLE.y.to_numpy()[::-1])
    found = forecast.quick(two, horizon=6, target=["y", "z"], level=[50, 80, 90], partners=())
    table, paths = found.sample(num)
    assert list(table) == ["ds", "sample", "y", "z"]
    assert paths.shape == (num, 1, 6, 2)
    shares = np.array([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95])
    ends = np.quantile(paths, shares, axis=0, method="hazen")  # (Q, S, H, K)
    wanted = np.moveaxis(found.values, -1, 0)
    assert (abs(ends - wanted) < 0.03 * (wanted[-1] - wanted[0])).all()
    again, other = found.sample(num), found.sample(num, seed=1)
    np.testing.assert_array_equal(again.values, paths)
    assert not np.array_equal(other.values, paths)
    np.testing.assert_array_equal(np.sort(other.values, axis=0), np.sort(paths, axis=0))


def test_sums_hold_as_often_as_they_say_where_the_errors_of_steps_go_together():
    """A level that comes at the first step and stays: days alone would add up to too little."""
    random = np.random.default_rng(0)
    errors = random.normal(size=(400, 1, 1)) + 0.1 * random.normal(size=(400, 5, 1))
    found = forecast.quick(TABLE, horizon=5, partners=())
    spread = Spread(
        unit_width_factors(SAMPLED, 5),
        np.zeros((1, 5, 1)),
        normal_quantiles(1, 5),
        np.full((1, 1, 1), -np.inf),
    )
    known = HeldOutErrors(np.arange(400), np.zeros(400, dtype=int), errors)
    forecaster = type(found)(**{**vars(found), "spread": spread, "errors": known})
    sums = forecaster.sample(500).values.sum(axis=(1, 2, 3))
    coming = random.normal(size=(4000, 1)) + 0.1 * random.normal(size=(4000, 5))
    low, high = np.quantile(sums, [0.1, 0.9])
    inside = (low <= coming.sum(axis=1)) & (coming.sum(axis=1) <= high)
    assert inside.mean() == pytest.approx(0.8, abs=0.03)
    assert high - low > 2 * 2 * 1.28 * np.sqrt(5)  # of days that are wrong independently


def test_counts_stay_above_zero_and_a_series_without_intervals_has_no_path():
    table = panel_of({"long": 30, "other": 30, "one": 1}).assign(y=lambda each: each.y % 3)
    found = forecast.quick(table, horizon=3, partners=())
    samples, paths = found.sample(20)
    assert samples.unique_id.unique().tolist() == ["long", "other"]
    assert len(samples) == 2 * 20 * 3
    assert samples.y.min() >= 0
    assert np.isnan(paths[:, 2]).all()


def test_without_held_out_rows_there_are_none():
    found = forecast.quick(wave_table(30, "2015-01-01", "MS", 12, 50.0), folds=0, partners=())
    assert refusal(found.sample, error=ConfigError) == NO_ERRORS
    message = refusal(found.sample, 1, error=ConfigError)
    assert message == "samples 1 is not allowed; give 2 to 10000"
