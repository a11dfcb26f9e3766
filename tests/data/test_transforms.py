"""Transforms: exact inverses of random chains, states against other packages, nothing but train."""

import csv
import json
import subprocess
import sys
import tracemalloc
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, RobustScaler, StandardScaler
from statsmodels.tsa.statespace.tools import diff
from statsmodels.tsa.stattools import kpss

from forecast.data.chain import FittedChain, OutOfRangeError, fit_chain
from forecast.data.config import (
    Difference,
    Log,
    Log1p,
    MinMax,
    Power,
    Robust,
    Standardize,
)
from forecast.data.transforms import TRANSFORMS, difference_orders
from forecast.errors import DataError

ROOT = Path(__file__).resolve().parents[2]
SEASON = 4
SCOPES = ("per_series", "global")
OPTIONS = (
    Log(),
    Log1p(),
    *(
        Power(method=method, scope=scope)
        for method in ("box_cox", "yeo_johnson")
        for scope in SCOPES
    ),
    Difference(),
    Difference(lag=2, order=2),
    Difference(lag=SEASON),
    Difference(lag="auto"),
    *(kind(scope=scope) for kind in (Standardize, MinMax, Robust) for scope in SCOPES),
)


@dataclass(frozen=True)
class Data:
    values: np.ndarray
    offsets: np.ndarray
    train: np.ndarray

    def of(self, series: int) -> np.ndarray:
        return self.values[self.offsets[series] : self.offsets[series + 1]]

    def scales(self) -> np.ndarray:
        """(S, 1, 1) the largest absolute value of each series."""
        largest = [np.nanmax(np.abs(self.of(s)), initial=0) for s in range(len(self.train))]
        return np.array(largest)[:, None, None]


def data_of(*series: np.ndarray, train: list[int] | None = None) -> Data:
    arrays = [np.asarray(one, dtype=float) for one in series]
    columns = [one if one.ndim == 2 else one[:, None] for one in arrays]
    lengths = [len(one) for one in columns]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    counts = lengths if train is None else train
    return Data(
        np.concatenate(columns), offsets, np.column_stack([offsets[:-1], offsets[:-1] + counts])
    )


def random_data(seed: int, signed: bool = False, missing: float | None = None) -> Data:
    """Some series of different lengths and several columns: level, season, random walk, NaN."""
    random = np.random.default_rng(seed)
    width = random.integers(1, 4)
    level = 10 ** random.uniform(-3, 6)
    share = random.choice([0, 0.1]) if missing is None else missing
    series, train = [], []
    for length in random.integers(20, 50, random.integers(1, 5)):
        time = np.arange(length)[:, None]
        season = random.uniform(0, 0.5) * np.sin(2 * np.pi * time / SEASON)
        walk = random.uniform(0, 0.1) * random.normal(size=(length, width)).cumsum(axis=0)
        values = level * 10 ** random.uniform(-1, 1, width) * np.exp(season + walk)
        values[random.random((length, width)) < share] = np.nan
        series.append(values - signed * np.nanmean(values))
        train.append(int(length * random.uniform(0.3, 0.9)))
    return data_of(*series, train=train)


def fit(data: Data, *options, season: int = SEASON) -> FittedChain:
    return fit_chain(options, data.values, data.train, season)


def last_rows(data: Data, count: int, before: int = 0) -> np.ndarray:
    """(S, count) row numbers at the end of each series, `before` rows earlier."""
    return (data.offsets[1:] - before - count)[:, None] + np.arange(count)


def assert_frozen(state: np.ndarray, width: int) -> None:
    assert type(state) is np.ndarray
    assert state.dtype == np.float64
    assert state.ndim == 3
    assert state.shape[1] == width


chains = st.lists(st.sampled_from(OPTIONS), max_size=5).map(tuple)
seeds = st.integers(0, 2**32 - 1)
quick = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much]
)


def fit_in_range(data: Data, options: tuple) -> tuple[FittedChain, np.ndarray]:
    """Fitted chain and values on the model's scale; a log of the wrong sign is no example."""
    try:
        fitted = fit(data, *options)
        return fitted, fitted.apply(data.values, data.offsets)
    except OutOfRangeError:
        assume(False)
        raise


# ------------------------------------------------------------------ the inverse


@settings(quick, max_examples=60)
@given(chains, seeds, st.integers(1, 12))
def test_invert_undoes_apply_of_any_chain(options, seed, horizon):
    data = random_data(seed)
    chain, scaled = fit_in_range(data, options)
    assume(min(np.diff(data.offsets)) >= chain.past + horizon)
    rows = last_rows(data, horizon)
    history = data.values[last_rows(data, chain.past, before=horizon)]
    restored = chain.invert(scaled[rows][..., None], history, np.arange(len(data.train)))[..., 0]
    wanted = data.values[rows]
    error = np.abs(restored - wanted) / data.scales()
    assert (np.isnan(error) | (error <= 1e-9)).all()
    assert np.isnan(restored[np.isnan(wanted)]).all()
    complete = ~np.isnan(history).any(axis=1) & ~np.isnan(wanted).any(axis=1)
    for series, column in np.argwhere(complete):
        assert (error[series, :, column] <= 1e-9).all()


@settings(quick, max_examples=25)
@given(chains, seeds)
def test_invert_undoes_apply_of_values_without_nan_of_any_sign(options, seed):
    data = random_data(seed, signed=True, missing=0)
    chain, scaled = fit_in_range(data, options)
    horizon = 5
    assume(min(np.diff(data.offsets)) >= chain.past + horizon)
    rows = last_rows(data, horizon)
    history = data.values[last_rows(data, chain.past, before=horizon)]
    restored = chain.invert(scaled[rows][..., None], history, np.arange(len(data.train)))[..., 0]
    assert (np.abs(restored - data.values[rows]) <= 1e-9 * data.scales()).all()


@settings(quick, max_examples=25)
@given(chains, seeds)
def test_a_batch_of_origins_and_quantiles_is_inverted_one_by_one(options, seed):
    data = random_data(seed, missing=0)
    chain, scaled = fit_in_range(data, options)
    horizon = 3
    assume(min(np.diff(data.offsets)) >= chain.past + horizon)
    random = np.random.default_rng(seed)
    series = random.integers(0, len(data.train), 6)
    first = np.array(
        [
            random.integers(data.offsets[s] + chain.past, data.offsets[s + 1] - horizon + 1)
            for s in series
        ]
    )
    forecast = scaled[first[:, None] + np.arange(horizon)][..., None] + np.array([0.0, 0.125])
    longer = np.minimum(first - data.offsets[series], chain.past + 2).min()
    history = data.values[first[:, None] + np.arange(-longer, 0)]
    together = chain.invert(forecast, history, series)
    assert together.shape == (6, horizon, data.values.shape[1], 2)
    for number in range(6):
        for quantile in range(2):
            alone = chain.invert(
                forecast[number : number + 1, ..., quantile : quantile + 1],
                history[number : number + 1],
                series[number : number + 1],
            )
            np.testing.assert_array_equal(together[number, ..., quantile], alone[0, ..., 0])


@quick
@given(chains, seeds, st.integers(1, 8))
def test_blocks_of_rows_are_transformed_like_the_whole(options, seed, extra):
    data = random_data(seed)
    chain, scaled = fit_in_range(data, options)
    length = chain.past + extra
    assume(min(np.diff(data.offsets)) >= length)
    random = np.random.default_rng(seed)
    series = random.integers(0, len(data.train), 5)
    first = np.array(
        [random.integers(data.offsets[s], data.offsets[s + 1] - length + 1) for s in series]
    )
    rows = first[:, None] + np.arange(length)
    blocks = chain.apply(data.values[rows.ravel()], np.arange(6) * length, series)
    blocks = blocks.reshape(5, length, -1)
    np.testing.assert_array_equal(blocks[:, chain.past :], scaled[rows[:, chain.past :]])


def test_seasonal_and_first_difference_by_hand():
    data = data_of([1, 2, 4, 7, 11, 16, 22])
    chain = fit(data, Difference(lag=3), Difference())
    scaled = chain.apply(data.values, data.offsets)[:, 0]
    # Seasonal: 7-1, 11-2, 16-4, 22-7 = 6, 9, 12, 15; then the first difference is 3.
    np.testing.assert_array_equal(scaled, [np.nan] * 4 + [3, 3, 3])
    assert chain.past == 4
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


def test_an_inverse_needs_as_many_rows_as_the_chain_says():
    chain = fit(data_of(np.arange(20.0)), Difference(lag=4, order=2), Difference())
    assert chain.past == 9
    with pytest.raises(AssertionError):
        chain.invert(np.zeros((1, 2, 1, 1)), np.zeros((1, 8, 1)), np.array([0]))


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


# ------------------------------------------------------------------ apply against a slow loop


def slow_chain(data: Data, options: tuple, season: int = SEASON) -> np.ndarray:
    """Every step, series and column in turn, with other packages' formulas."""
    current = data.values.copy()
    for option in options:
        result = np.full_like(current, np.nan)
        for column in range(current.shape[1]):
            pooled = [
                current[first:last, column] for first, last in data.train
            ]  # training rows of each series
            for number in range(len(data.train)):
                rows = slice(data.offsets[number], data.offsets[number + 1])
                per_series = getattr(option, "scope", "global") == "per_series"
                train = pooled[number] if per_series else np.concatenate(pooled)
                result[rows, column] = slow_step(
                    option, train[~np.isnan(train)], current[rows, column]
                )
        current = result
    return current


def slow_step(option, train: np.ndarray, values: np.ndarray) -> np.ndarray:
    if isinstance(option, Log):
        return np.array([np.log(x) for x in values])
    if isinstance(option, Log1p):
        return np.array([np.log1p(x) for x in values])
    if isinstance(option, Difference):
        for _ in range(option.order):
            values = np.array(
                [
                    values[t] - values[t - option.lag] if t >= option.lag else np.nan
                    for t in range(len(values))
                ]
            )
        return values
    if isinstance(option, Power):
        return slow_power(option.method, train, values)
    return slow_affine(option, train, values)


def slow_affine(option, train: np.ndarray, values: np.ndarray) -> np.ndarray:
    if not len(train):
        return values
    if isinstance(option, Standardize):
        location, scale = train.mean(), train.std()
    elif isinstance(option, MinMax):
        location, scale = train.min(), train.max() - train.min()
    else:
        low, location, high = np.percentile(train, [25, 50, 75])
        scale = high - low
    is_constant = scale <= 1e-12 * max(np.abs(train).max(), 1e-3)
    return (values - location) / (1 if is_constant else scale)


def slow_power(method: str, train: np.ndarray, values: np.ndarray) -> np.ndarray:
    if method == "box_cox":
        scale = np.exp(np.log(train).mean()) if len(train) else 1.0
        fitted = fitted_exponent(method, train / scale)
        return special.boxcox(values / scale, fitted)
    scale = np.abs(train).mean() if len(train) and train.any() else 1.0
    fitted = fitted_exponent(method, train / scale)
    known = ~np.isnan(values)
    result = np.full_like(values, np.nan)
    result[known] = stats.yeojohnson(values[known] / scale, fitted)
    return result


def fitted_exponent(method: str, train: np.ndarray) -> float:
    if len(np.unique(train)) < 2:
        return 1.0
    transformer = PowerTransformer(method.replace("_", "-"), standardize=False)
    return float(np.clip(transformer.fit(train[:, None]).lambdas_[0], -1, 2))


steps_of_the_oracle = st.lists(
    st.sampled_from([option for option in OPTIONS if getattr(option, "lag", 1) != "auto"]),
    max_size=3,
).map(tuple)


@quick
@given(steps_of_the_oracle, seeds)
def test_apply_is_what_a_slow_loop_gives(options, seed):
    data = random_data(seed)
    _, scaled = fit_in_range(data, options)
    wanted = slow_chain(data, options)
    np.testing.assert_array_equal(np.isnan(scaled), np.isnan(wanted))
    scale = np.nanmax(np.abs(wanted), initial=1e-300)
    np.testing.assert_allclose(scaled, wanted, rtol=1e-6, atol=1e-6 * scale)


# ------------------------------------------------------------------ fitted states


@settings(quick, max_examples=25)
@given(chains, seeds)
def test_states_are_plain_float64_arrays(options, seed):
    data = random_data(seed)
    chain, scaled = fit_in_range(data, options)
    assert len(chain.states) == len(options)
    assert scaled.dtype == np.float64
    for option, state in zip(options, chain.states, strict=True):
        assert_frozen(state, data.values.shape[1])
        assert np.isfinite(state).all()
        per_series = getattr(option, "scope", "global") == "per_series"
        assert len(state) == (len(data.train) if per_series else 1)


@settings(quick, max_examples=25)
@given(chains, seeds)
def test_states_depend_on_training_rows_alone(options, seed):
    data = random_data(seed)
    chain, _ = fit_in_range(data, options)
    before = data.values.copy()
    other = data.values.copy()
    is_train = np.zeros(len(other), dtype=bool)
    for first, last in data.train:
        is_train[first:last] = True
    other[~is_train] = -1e9 * np.random.default_rng(seed).normal(size=other[~is_train].shape)
    again = fit_chain(options, other, data.train, SEASON)
    for state, same in zip(chain.states, again.states, strict=True):
        assert state.tobytes() == same.tobytes()
    np.testing.assert_array_equal(data.values, before)


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
    assert chain.past == past
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
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
        assert chain.past == 12 + first
        wanted = np.diff(seasonal, n=first)
        scaled = chain.apply(data.values, data.offsets)[chain.past :, 0]
        np.testing.assert_allclose(scaled, wanted, rtol=0, atol=1e-12)
        history = data.values[None, -12 - chain.past : -12]
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
    assert chain.past == 0
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
    np.testing.assert_allclose(chain.states[0], [[[value, 1.0]]], rtol=1e-15)
    scaled = chain.apply(np.array([[value], [value + 2]]), np.array([0, 2]))
    np.testing.assert_allclose(scaled[:, 0], [0, 2], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("method", ["box_cox", "yeo_johnson"])
@pytest.mark.parametrize("value", [5.0, 0.1])
def test_the_power_of_a_constant_column_is_a_straight_line(method, value):
    chain = fit(data_of(np.full(7, value)), Power(method=method))
    np.testing.assert_allclose(chain.states[0], [[[1.0, value]]], rtol=1e-12)
    scaled = chain.apply(np.array([[value], [2 * value]]), np.array([0, 2]))
    np.testing.assert_allclose(np.diff(scaled[:, 0]), 1.0, rtol=1e-12)


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
        neutral = [1.0, 1.0] if isinstance(option, Power) else [0.0, 1.0]
        np.testing.assert_array_equal(chain.states[0][1], [neutral] * width)
        shift = 1.0 if getattr(option, "method", "") == "box_cox" else 0.0
        np.testing.assert_allclose(scaled[12:], new - shift, rtol=1e-12)
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
    assert np.isfinite(scaled[chain.past : 30, 0]).all()
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


# ------------------------------------------------------------------ out of range


@pytest.mark.parametrize(
    ("option", "value", "name"),
    [
        (Log(), -3.5, "log"),
        (Log(), 0.0, "log"),
        (Log1p(), -1.0, "log1p"),
        (Log1p(), -7.0, "log1p"),
        (Power(method="box_cox"), 0.0, "power"),
        (Power(method="box_cox", scope="global"), -2.0, "power"),
    ],
    ids=str,
)
@pytest.mark.parametrize("row", [13, 18])
def test_a_value_without_an_image_is_named_with_its_place_and_remedy(option, value, name, row):
    values = np.random.default_rng(0).uniform(1, 2, (20, 2))
    values[row, 1] = value
    values[0, 0] = np.nan
    data = Data(values, np.array([0, 8, 20]), np.array([[0, 6], [8, 16]]))
    with pytest.raises(OutOfRangeError) as caught:
        fit(data, option).apply(values, data.offsets)
    assert isinstance(caught.value, DataError)
    assert (caught.value.row, caught.value.column) == (row, 1)
    message = str(caught.value)
    assert f"transform {name} has no value for {value:g}" in message
    assert "use log1p for zeros" in message
    assert "yeo_johnson for any sign" in message


def test_the_value_named_is_the_one_that_the_transform_meets():
    data = data_of(np.arange(1.0, 5), np.array([30.0, 20.0, 10.0]))
    with pytest.raises(OutOfRangeError, match="log has no value for 0;") as caught:
        fit(data, MinMax(), Log())
    assert (caught.value.row, caught.value.column) == (0, 0)
    with pytest.raises(OutOfRangeError, match="log has no value for -10;") as caught:
        fit(data, Difference(), Log())
    assert (caught.value.row, caught.value.column) == (5, 0)


def test_training_rows_are_refused_at_fit_and_later_rows_at_apply():
    values = np.arange(1.0, 11)[:, None]
    values[7] = -1
    offsets = np.array([0, 10])
    with pytest.raises(OutOfRangeError):
        fit_chain((Log(),), values, np.array([[0, 8]]), 1)
    chain = fit_chain((Log(),), values, np.array([[0, 7]]), 1)
    with pytest.raises(OutOfRangeError):
        chain.apply(values, offsets)


# ------------------------------------------------------------------ unseen series


@settings(quick, max_examples=25)
@given(chains, seeds, seeds)
def test_joined_states_serve_old_and_new_series(options, seed, other_seed):
    old = random_data(seed, missing=0)
    new = random_data(other_seed, missing=0)
    assume(old.values.shape[1] == new.values.shape[1])
    chain, scaled = fit_in_range(old, options)
    whole = np.column_stack([new.offsets[:-1], new.offsets[1:]])
    try:
        theirs = fit_chain(options, new.values, whole, 1, shared=chain)
        scaled_new = theirs.apply(new.values, new.offsets)
    except OutOfRangeError:
        assume(False)
        raise
    joined = chain.joined(theirs)
    values = np.concatenate([old.values, new.values])
    offsets = np.concatenate([old.offsets, old.offsets[-1] + new.offsets[1:]])
    numbers = np.arange(len(offsets) - 1)
    together = joined.apply(values, offsets, numbers)
    np.testing.assert_array_equal(together, np.concatenate([scaled, scaled_new]))
    backwards = joined.apply(new.values, new.offsets, numbers[len(old.train) :])
    np.testing.assert_array_equal(backwards, scaled_new)
    for option, state, ours in zip(options, joined.states, chain.states, strict=True):
        per_series = getattr(option, "scope", "global") == "per_series"
        assert len(state) == (len(numbers) if per_series else 1)
        assert state[: len(ours)].tobytes() == ours.tobytes()


def test_new_series_are_fitted_behind_the_shared_steps():
    random = np.random.default_rng(0)
    old = data_of(random.normal(size=80).cumsum() * 10)
    chain = fit(old, Difference(lag="auto"), Standardize(scope="global"), Robust(), season=1)
    assert chain.past == 1
    new = data_of(random.normal(size=40) + 500)  # noise: by itself it would not be differenced
    theirs = fit_chain(chain.options, new.values, new.train, 1, shared=chain)
    mean, deviation = np.diff(old.values[:, 0]).mean(), np.diff(old.values[:, 0]).std()
    steps = (np.diff(new.values[:, 0]) - mean) / deviation
    low, middle, high = np.percentile(steps, [25, 50, 75])
    np.testing.assert_allclose(theirs.states[2].ravel(), [middle, high - low], rtol=1e-9)
    np.testing.assert_array_equal(theirs.states[1], chain.states[1])


# ------------------------------------------------------------------ no scikit-learn


FORECASTING = """
import json, sys
import numpy as np
from forecast.data.config import *
from forecast.data.chain import FittedChain
states = [np.array(state) for state in json.load(sys.stdin)]
options = (
    Log1p(), Power(), Difference(lag="auto"), Standardize(), MinMax(scope="global"), Robust()
)
chain = FittedChain(options, tuple(states))
values = np.linspace(1, 9, 40)[:, None]
scaled = chain.apply(values, np.array([0, 40]), np.array([0]))
history = values[None, 35 - chain.past : 35]
restored = chain.invert(scaled[None, 35:, :, None], history, np.array([0])).ravel()
heavy = [name for name in ("sklearn", "scipy", "coreforecast") if name in sys.modules]
print(json.dumps([heavy, restored.tolist()]))
"""


def test_apply_and_invert_do_not_import_scikit_learn():
    data = data_of(np.linspace(1, 9, 40) + np.sin(np.arange(40)))
    options = (
        Log1p(),
        Power(),
        Difference(lag="auto"),
        Standardize(),
        MinMax(scope="global"),
        Robust(),
    )
    states = [np.array(state).tolist() for state in fit(data, *options, season=1).states]
    done = subprocess.run(
        [sys.executable, "-c", FORECASTING],
        input=json.dumps(states),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    heavy, restored = json.loads(done.stdout)
    assert heavy == []
    np.testing.assert_allclose(restored, np.linspace(1, 9, 40)[35:], rtol=1e-9)
