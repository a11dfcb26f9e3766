"""Locations and scales against scikit-learn, exact fractions, columns of NaN and constants."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from forecast.data import compact
from forecast.data.moments import min_max, robust, standard

ORACLES = {
    standard: (StandardScaler, "mean_", "scale_"),
    min_max: (MinMaxScaler, "data_min_", "data_range_"),
    robust: (RobustScaler, "center_", "scale_"),
}


@pytest.mark.parametrize("share", [0.0, 0.3])
@pytest.mark.parametrize("fit", ORACLES)
@pytest.mark.parametrize("shape", [(1, 3), (50, 1), (700, 4), (30, 300)])
def test_columns_are_those_of_scikit_learn(fit, shape, share):
    random = np.random.default_rng(0)
    columns = random.normal(size=shape) * random.uniform(0.1, 100, shape[1])
    columns = columns + random.normal(size=shape[1]) * 10
    columns[random.uniform(size=shape) < share] = np.nan
    columns[0] = 1.5
    scaler, location, scale = ORACLES[fit]
    wanted = scaler().fit(columns)
    expected_scale = getattr(wanted, scale)
    np.testing.assert_allclose(fit(columns)[0], getattr(wanted, location), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        fit(columns)[1], np.where(expected_scale > 0, expected_scale, 1), rtol=1e-11
    )


@pytest.mark.parametrize("fit", ORACLES)
def test_long_columns_in_parts_are_fitted_like_whole_ones(fit, monkeypatch):
    columns = np.random.default_rng(1).normal(size=(1000, 2)) + 7
    columns[:400, 1] = np.nan  # whole parts of NaN
    whole = fit(columns)
    monkeypatch.setattr(compact, "ROWS_AT_ONCE", 64)
    np.testing.assert_allclose(fit(columns), whole, rtol=1e-12)


@pytest.mark.parametrize("fit", ORACLES)
def test_a_column_of_nan_and_a_constant_one_have_scale_one(fit):
    columns = np.array([[np.nan, 0.1, 0.0], [np.nan, 0.1, 0.0], [np.nan, 0.1, np.nan]])
    location, scale = fit(columns)
    np.testing.assert_allclose(location, [0, 0.1, 0], rtol=1e-15)
    assert scale.tolist() == [1, 1, 1]


@given(
    arrays.arrays(np.float64, st.integers(2, 40), elements=st.integers(-1000, 1000)),
    st.sampled_from([0.0, 1e6, -1e9, 2.0**40]),
)
def test_mean_and_deviation_keep_their_digits_far_from_zero(values, shift):
    exact = [Fraction(each) for each in values.tolist()]
    mean = sum(exact) / len(exact)
    variance = sum((each - mean) ** 2 for each in exact) / len(exact)
    location, scale = standard((values + shift)[:, None])
    assert location[0] - shift == pytest.approx(float(mean), abs=1e-15 * abs(shift) + 1e-9)
    if variance:
        assert scale[0] == pytest.approx(float(variance) ** 0.5, rel=1e-9)
    else:
        assert scale[0] == 1
