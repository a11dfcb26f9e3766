"""Transforms: inverses by hand, states against other packages, degenerate series."""

import csv
import tracemalloc
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import optimize, special, stats
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from statsmodels.tsa.statespace.tools import diff
from statsmodels.tsa.stattools import kpss

from forecast.config.transforms import Difference, Log, MinMax, Power, Robust, Standardize
from forecast.data.chain import FittedChain, fit_chain
from forecast.data.moments import min_max, robust, standard
from forecast.data.transforms import TRANSFORMS, difference_orders
from forecast.tables import compact

from .chains import OPTIONS, SCOPES, data_of, fit, quick, random_data, seeds

ROOT = Path(__file__).resolve().parents[2]


# ------------------------------------------------------------------ the inverse


def test_seasonal_and_first_difference_by_hand():
    data = data_of([1, 2, 4, 7, 11, 16, 22])
    chain = fit(data, Difference(lag=3), Difference())
    scaled = chain.apply(data.values, data.offsets)[:, 0]
    # Seasonal: 7-1, 11-2, 16-4, 22-7 = 6, 9, 12, 15; then the first difference is 3.
    np.testing.assert_array_equal(scaled, [np.nan] * 4 + [3, 3, 3])
    assert chain.rows_lost == 4
    forecast = np.array([3.0, 5.0])[None, :, None, None]
    restored = chain.invert(forecast, data.values[None, -4:], np.array([0]))
    # The seasonal differences go on with 15 + 3 = 18 and 18 + 5 = 23, on top of 11 and 16.
    np.testing.assert_array_equal(restored.ravel(), [29, 39])


def test_a_difference_sums_within_each_phase_beyond_one_season():
    data = data_of([10.0, 20.0, 11.0, 22.0])
    chain = fit(data, Difference(lag=2))
    forecast = np.array([1.0, 2.0, 3.0, 4.0, 5.0])[None, :, None, None]
    restored = chain.invert(forecast, data.values[None], np.array([0]))
    np.testing.assert_array_equal(restored.ravel(), [12, 24, 15, 28, 20])


def test_nan_in_one_phase_of_the_history_stays_in_that_phase():
    chain = fit(data_of([1.0, 2.0, 3.0, 4.0]), Difference(lag=2))
    history = np.array([np.nan, 5.0])[None, :, None]
    restored = chain.invert(np.ones((1, 4, 1, 1)), history, np.array([0]))
    np.testing.assert_array_equal(restored.ravel(), [np.nan, 6, np.nan, 7])


@pytest.mark.parametrize(
    ("method", "values", "forecast", "end"),
    [
        ("box_cox", np.linspace(1, 60, 60) ** 0.5, -1e6, 0.0),  # exponent 2 at most: x >= 0
        ("yeo_johnson", -(np.linspace(1, 60, 60) ** 3), 1e6, np.inf),
    ],
)
def test_a_forecast_beyond_the_range_of_a_power_gives_the_end_of_the_range(
    method, values, forecast, end
):
    chain = fit(data_of(values), Power(method=method))
    one = np.full((1, 1, 1, 1), forecast)
    restored = float(chain.invert(one, np.zeros((1, 0, 1)), np.array([0])).item())
    assert not np.isnan(restored)
    if end == 0:
        assert 0 <= restored < 1e-5 * np.abs(values).max()
    else:
        assert restored > np.abs(values).max()


# ------------------------------------------------------------------ fitted states


SCALERS = {
    Standardize: (StandardScaler, "mean_", lambda s: s.scale_),
    MinMax: (MinMaxScaler, "data_min_", lambda s: s.data_range_),
    Robust: (RobustScaler, "center_", lambda s: s.scale_),
}


@pytest.mark.parametrize("kind", SCALERS)
@pytest.mark.parametrize("seed", range(3))
def test_locations_and_scales_are_those_of_scikit_learn(kind, seed):
    data = random_data(seed, missing=0.2)
    scaler, location, scale = SCALERS[kind]
    per_series, pooled = fit(data, kind(scope="per_series")), fit(data, kind(scope="global"))
    for series, (first, last) in enumerate(data.train):
        fitted = scaler().fit(data.values[first:last])
        expected = np.stack([getattr(fitted, location), scale(fitted)], axis=-1)
        np.testing.assert_allclose(per_series.states[0][series], expected, rtol=1e-12)
    rows = np.concatenate([np.arange(first, last) for first, last in data.train])
    fitted = scaler().fit(data.values[rows])
    expected = np.stack([getattr(fitted, location), scale(fitted)], axis=-1)
    np.testing.assert_allclose(pooled.states[0][0], expected, rtol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_box_cox_state_and_values_are_those_of_scipy(seed):
    data = random_data(seed, missing=0.1)
    chain = fit(data, Power(method="box_cox"))
    scaled = chain.apply(data.values, data.offsets)
    for series, (first, last) in enumerate(data.train):
        for column in range(data.values.shape[1]):
            train = data.values[first:last, column]
            train = train[~np.isnan(train)]
            exponent, scale = chain.states[0][series, column]
            assert scale == pytest.approx(stats.gmean(train), rel=1e-12)
            best = optimize.minimize_scalar(
                lambda power, x=train / scale: -stats.boxcox_llf(power, x),
                bounds=(-1, 2),
                method="bounded",
                options={"xatol": 1e-8},
            )
            assert exponent == pytest.approx(best.x, abs=1e-4)
            rows = slice(data.offsets[series], data.offsets[series + 1])
            np.testing.assert_allclose(
                scaled[rows, column],
                special.boxcox(data.values[rows, column] / scale, exponent),
                rtol=1e-9,
                atol=1e-12,
            )


@pytest.mark.parametrize("seed", range(4))
def test_yeo_johnson_state_and_values_are_those_of_scipy(seed):
    data = random_data(seed, signed=True, missing=0)
    chain = fit(data, Power(method="yeo_johnson", scope="global"))
    scaled = chain.apply(data.values, data.offsets)
    rows = np.concatenate([np.arange(first, last) for first, last in data.train])
    for column in range(data.values.shape[1]):
        train = data.values[rows, column]
        exponent, scale = chain.states[0][0, column]
        assert scale == pytest.approx(np.abs(train).mean(), rel=1e-12)
        wanted = np.clip(stats.yeojohnson_normmax(train / scale), -1, 2)
        assert exponent == pytest.approx(wanted, abs=1e-5)
        np.testing.assert_allclose(
            scaled[:, column],
            stats.yeojohnson(data.values[:, column] / scale, exponent),
            rtol=1e-9,
            atol=1e-12,
        )


@pytest.mark.parametrize("exponent", [-1.0, -1e-14, 0.0, 1e-14, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("method", ["box_cox", "yeo_johnson"])
def test_power_values_for_given_exponents(method, exponent):
    values = np.array([1e-3, 0.5, 1.0, 3.0, 1e3])
    if method == "yeo_johnson":
        values = np.concatenate([-values, [0.0], values])
    reference = special.boxcox if method == "box_cox" else stats.yeojohnson
    chain = FittedChain((Power(method=method),), (np.array([[[exponent, 2.0]]]),))
    scaled = chain.apply(values[:, None], np.array([0, len(values)]))
    # scipy's own Yeo-Johnson is 0 / 0-like next to exponents 0 and 2; the limit is meant.
    near = 0.0 if abs(exponent) < 1e-9 else exponent
    np.testing.assert_allclose(scaled[:, 0], reference(values / 2.0, near), rtol=1e-9)
    restored = chain.invert(scaled[None, :, :, None], np.zeros((1, 0, 1)), np.array([0]))
    np.testing.assert_allclose(restored.ravel(), values, rtol=1e-9)


@quick
@given(seeds, st.integers(1, 6), st.integers(1, 3))
def test_a_difference_is_that_of_numpy_and_statsmodels(seed, lag, order):
    data = random_data(seed)
    chain = fit(data, Difference(lag=lag, order=order), Difference())
    scaled = chain.apply(data.values, data.offsets)
    past = lag * order + 1
    assert chain.rows_lost == past
    for series in range(len(data.train)):
        rows = slice(data.offsets[series], data.offsets[series + 1])
        assert np.isnan(scaled[rows][:past]).all()
        wanted = diff(data.of(series), k_diff=1, k_seasonal_diff=order, seasonal_periods=lag)
        scale = np.nanmax(np.abs(data.values))
        np.testing.assert_allclose(scaled[rows][past:], wanted, rtol=1e-9, atol=1e-12 * scale)
        if lag == 1:
            wanted = np.diff(data.of(series), n=order + 1, axis=0)
            np.testing.assert_allclose(scaled[rows][past:], wanted, rtol=1e-9, atol=1e-12 * scale)


def test_a_lag_longer_than_a_series_leaves_nothing():
    data = data_of(np.arange(3.0), np.arange(6.0))
    scaled = fit(data, Difference(lag=5), Standardize()).apply(data.values, data.offsets)
    np.testing.assert_array_equal(scaled[:, 0], [np.nan] * 8 + [0])


def test_every_configurable_transform_has_a_step():
    assert set(TRANSFORMS) == {option.key() for option in OPTIONS}


# ------------------------------------------------------------------ difference: auto


def bundled(name: str, column: str) -> np.ndarray:
    with (ROOT / "data" / name).open(newline="", encoding="utf-8") as file:
        return np.array([float(row[column]) for row in csv.DictReader(file)])


def kpss_order(values: np.ndarray) -> int:
    """1 if the level-stationarity test rejects at 5 %, with the lags that are usual in R."""
    with warnings.catch_warnings(action="ignore"):
        statistic = kpss(values, "c", nlags=int(3 * np.sqrt(len(values)) / 13))[0]
    return int(statistic > 0.463)


def test_auto_takes_the_season_of_airline_passengers():
    passengers = bundled("air_passengers.csv", "passengers")
    for rows in (96, 120, 144):
        values = np.log(passengers[:rows])
        data = data_of(values)
        chain = fit(data, Difference(lag="auto"), season=12)
        seasonal = values[12:] - values[:-12]
        first = kpss_order(seasonal)
        expected = [12.0, 1.0, 1.0, 1.0][: 2 + 2 * first]
        np.testing.assert_array_equal(chain.states[0].ravel(), expected)
        assert chain.rows_lost == 12 + first
        wanted = np.diff(seasonal, n=first)
        scaled = chain.apply(data.values, data.offsets)[chain.rows_lost :, 0]
        np.testing.assert_allclose(scaled, wanted, rtol=0, atol=1e-12)
        history = data.values[None, -12 - chain.rows_lost : -12]
        restored = chain.invert(scaled[None, -12:, None, None], history, np.array([0]))
        np.testing.assert_allclose(restored.ravel(), values[-12:], rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_auto_differences_a_random_walk_once_and_noise_as_the_kpss_test_says(seed):
    noise = np.random.default_rng(seed).normal(size=200)
    for values in (noise.cumsum(), noise):
        wanted = [(1, 1)] if kpss_order(values) else []
        assert difference_orders(values[:, None], np.array([0, 200]), 1) == wanted
    assert kpss_order(noise.cumsum()) == 1


def test_auto_without_a_need_changes_nothing_and_inverts():
    noise = np.random.default_rng(1).normal(size=60)
    data = data_of(noise)
    chain = fit(data, Difference(lag="auto"), Standardize(), season=1)
    assert chain.states[0].shape == (1, 1, 0)
    assert chain.rows_lost == 0
    scaled = chain.apply(data.values, data.offsets)
    np.testing.assert_allclose(scaled[:, 0], stats.zscore(noise), rtol=1e-12)
    restored = chain.invert(scaled[None, -3:, :, None], np.zeros((1, 0, 1)), np.array([0]))
    np.testing.assert_allclose(restored.ravel(), noise[-3:], rtol=1e-12)


def test_auto_takes_the_median_over_the_panel():
    random = np.random.default_rng(0)
    walks = [random.normal(size=100).cumsum() for _ in range(5)]
    noises = [random.normal(size=100) for _ in range(2)]
    both = data_of(*noises, *walks)
    assert difference_orders(both.values, both.offsets, 1) == [(1, 1)]
    swapped = data_of(*[random.normal(size=100) for _ in range(5)], *walks[:2])
    assert difference_orders(swapped.values, swapped.offsets, 1) == []


@pytest.mark.parametrize("values", [np.ones(60), np.full(60, np.nan), np.arange(5.0), np.zeros(0)])
def test_auto_of_a_series_that_tells_nothing_is_no_difference(values):
    data = data_of(values, np.ones(3))
    assert difference_orders(data.values, data.offsets, 12) == []


def test_auto_leaves_out_series_too_short_to_tell():
    random = np.random.default_rng(0)
    walks = [random.normal(size=100).cumsum() for _ in range(2)]
    panel = data_of(*[random.normal(size=9) for _ in range(5)], *walks)
    assert difference_orders(panel.values, panel.offsets, 1) == [(1, 1)]
    waves = [np.tile(np.arange(12.0), 10) + random.normal(size=120) for _ in range(2)]
    panel = data_of(*[random.normal(size=24) for _ in range(5)], *waves)
    assert difference_orders(panel.values, panel.offsets, 12) == [(12, 1)]


def test_two_seasons_and_a_row_are_enough_to_see_a_season():
    noise = np.random.default_rng(0).normal(size=25)
    values = (10 * np.sin(2 * np.pi * np.arange(25) / 12) + 0.1 * noise)[:, None]
    assert (12, 1) in difference_orders(values, np.array([0, 25]), 12)
    assert difference_orders(values[:24], np.array([0, 24]), 12) == []


def test_auto_skips_empty_cells():
    values = np.random.default_rng(0).normal(size=200).cumsum()
    values[[3, 50, 51, 120]] = np.nan
    assert difference_orders(values[:, None], np.array([0, 200]), 1) == [(1, 1)]


# ------------------------------------------------------------------ degenerate data


AFFINE = [kind(scope=scope) for kind in (Standardize, MinMax, Robust) for scope in SCOPES]


@pytest.mark.parametrize("option", AFFINE, ids=str)
@pytest.mark.parametrize("value", [0.0, 5.0, 0.1, -1e6])
def test_a_constant_column_is_shifted_not_divided_by_zero(option, value):
    chain = fit(data_of(np.full(7, value)), option)
    level = abs(value) or 1.0
    np.testing.assert_allclose(chain.states[0], [[[value, level]]], rtol=1e-15)
    scaled = chain.apply(np.array([[value], [value + 2]]), np.array([0, 2]))
    np.testing.assert_allclose(scaled[:, 0], [0, 2 / level], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 2.5, 1e6])
@pytest.mark.parametrize("kind", [Standardize, MinMax, Robust, Power])
@pytest.mark.parametrize("before", [(), (Difference(),), (Log(),)], ids=str)
def test_no_unit_is_special(kind, before, unit):
    if kind is Power and before == (Log(),):
        pytest.skip("a power of logarithms depends on the unit")
    random = np.random.default_rng(0)
    series = [random.uniform(1, 9, 30), np.full(30, 4.0), np.linspace(2, 60, 30)]
    series += [np.linspace(1e4, 1e4 + 7, 30), np.full(30, 0.7) + 1e-16 * random.normal(size=30)]
    series += [np.repeat([2.0, 3.0], [25, 5])]  # more than half of it alike
    series += [] if before == (Log(),) else [np.zeros(30)]
    train = [20] * len(series)

    def scaled(unit):
        data = data_of(*(unit * values for values in series), train=train)
        chain = fit(data, *before, kind())
        return chain.apply(data.values + unit * np.arange(len(data.values))[:, None], data.offsets)

    rtol = 1e-4 if kind is Power else 1e-6  # the search for an exponent ends at some digit
    np.testing.assert_allclose(scaled(unit), scaled(1.0), rtol=rtol, atol=1e-9)


@pytest.mark.parametrize("unit", [1e-300, 1e-130, 1e-38])
def test_small_values_are_scaled_like_others(unit):
    values = np.random.default_rng(0).normal(size=(50, 2)) * unit
    for fit_columns in ORACLES:
        expected = fit_columns(values / unit)
        np.testing.assert_allclose(np.array(fit_columns(values)) / unit, expected, rtol=1e-9)


@pytest.mark.parametrize("method", ["box_cox", "yeo_johnson"])
@pytest.mark.parametrize("value", [5.0, 0.1])
def test_the_power_of_a_constant_column_is_a_straight_line(method, value):
    chain = fit(data_of(np.full(7, value)), Power(method=method))
    np.testing.assert_allclose(chain.states[0], [[[1.0, value]]], rtol=1e-12)
    scaled = chain.apply(np.array([[value], [2 * value]]), np.array([0, 2]))
    np.testing.assert_allclose(np.diff(scaled[:, 0]), 1.0, rtol=1e-12)


@pytest.mark.parametrize("method", ["box_cox", "yeo_johnson"])
def test_over_a_short_range_a_power_is_a_straight_line(method):
    chain = fit(data_of(np.linspace(1e4, 1e4 + 7, 30)), Power(method=method))
    assert chain.states[0][0, 0, 0] == 1.0


def test_yeo_johnson_of_zeros_is_zero():
    chain = fit(data_of(np.zeros(5)), Power())
    np.testing.assert_array_equal(chain.states[0], [[[1.0, 1.0]]])


@pytest.mark.parametrize("option", [o for o in OPTIONS if hasattr(o, "scope")], ids=str)
@pytest.mark.parametrize("width", [1, 2])
def test_a_series_without_training_rows_is_left_as_it_is(option, width):
    random = np.random.default_rng(0)
    long, new = random.uniform(1, 9, (12, width)), random.uniform(1, 9, (4, width))
    data = data_of(long, new, train=[10, 0])
    chain = fit(data, option)
    scaled = chain.apply(data.values, data.offsets)
    if option.scope == "per_series":
        alone = fit(data_of(long, train=[10]), option)
        np.testing.assert_array_equal(chain.states[0][:1], alone.states[0])
        is_box_cox = getattr(option, "method", "") == "box_cox"
        scale = 1.0 if is_box_cox else alone.states[0][0, :, 1]  # that of the other series
        neutral = 1.0 if isinstance(option, Power) else 0.0
        np.testing.assert_array_equal(chain.states[0][1, :, 0], neutral)
        np.testing.assert_array_equal(chain.states[0][1, :, 1], scale)
        shift = 1.0 if is_box_cox else 0.0
        np.testing.assert_allclose(scaled[12:], new / scale - shift, rtol=1e-12)
    else:
        state = fit(data_of(long[:10]), option).states[0]
        np.testing.assert_allclose(chain.states[0], state, rtol=1e-12)


@pytest.mark.parametrize("option", OPTIONS, ids=str)
def test_a_column_without_a_known_value_stays_unknown(option):
    values = np.column_stack([np.arange(1.0, 31), np.full(30, np.nan)])
    data = data_of(values, values[:20])
    chain = fit(data, option)
    scaled = chain.apply(data.values, data.offsets)
    assert np.isnan(scaled[:, 1]).all()
    assert np.isfinite(scaled[chain.rows_lost : 30, 0]).all()
    assert all(np.isfinite(state).all() for state in chain.states)


def test_one_long_series_among_many_short_ones_does_not_fill_the_memory():
    lengths = np.array([40_000, *[20] * 2_000])
    values = np.random.default_rng(0).normal(size=(lengths.sum(), 1))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    train = np.column_stack([offsets[:-1], offsets[1:]])
    fit_chain((Standardize(),), values[:10], np.array([[0, 10]]), 1)  # imports are not counted
    tracemalloc.start()
    try:
        chain = fit_chain((Standardize(),), values, train, 1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 * values.nbytes  # padded to the longest: 1,000 times
    for series in (0, 1, 2_000):
        rows = values[offsets[series] : offsets[series + 1]]
        np.testing.assert_allclose(chain.states[0][series, 0], [rows.mean(), rows.std()])


# ------------------------------------------------------------------ location and scale

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
    varies = np.nanmax(columns, axis=0) > np.nanmin(columns, axis=0)
    np.testing.assert_allclose(fit(columns)[1], np.where(varies, expected_scale, 0), rtol=1e-11)


@pytest.mark.parametrize("fit", ORACLES)
def test_long_columns_in_parts_are_fitted_like_whole_ones(fit, monkeypatch):
    columns = np.random.default_rng(1).normal(size=(1000, 2)) + 7
    columns[:400, 1] = np.nan  # whole parts of NaN
    whole = fit(columns)
    monkeypatch.setattr(compact, "ROWS_AT_ONCE", 64)
    np.testing.assert_allclose(fit(columns), whole, rtol=1e-12)


@pytest.mark.parametrize("fit", ORACLES)
def test_a_column_of_nan_and_a_constant_one_have_scale_zero(fit):
    columns = np.array([[np.nan, 0.1, 0.0], [np.nan, 0.1, 0.0], [np.nan, 0.1, np.nan]])
    location, scale = fit(columns)
    np.testing.assert_allclose(location, [0, 0.1, 0], rtol=1e-15)
    assert scale.tolist() == [0, 0, 0]


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
        assert scale[0] == 0
