"""Chains: exact inverses of random ones, a slow loop, nothing but training rows, new series."""

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy import special, stats
from sklearn.preprocessing import PowerTransformer

from forecast.config.transforms import Difference, Log, Log1p, MinMax, Power, Robust, Standardize
from forecast.data.chain import FittedChain, OutOfRangeError, fit_chain, known_rows_lost
from forecast.errors import DataError
from forecast.tables import compact

from .chains import OPTIONS, SCOPES, SEASON, Data, data_of, fit, quick, random_data, seeds

ROOT = Path(__file__).resolve().parents[2]


def last_rows(data: Data, count: int, before: int = 0) -> np.ndarray:
    """(S, count) row numbers at the end of each series, `before` rows earlier."""
    return (data.offsets[1:] - before - count)[:, None] + np.arange(count)


def assert_frozen(state: np.ndarray, width: int) -> None:
    assert type(state) is np.ndarray
    assert state.dtype == np.float64
    assert state.ndim == 3
    assert state.shape[1] == width


chains = st.lists(st.sampled_from(OPTIONS), max_size=5).map(tuple)


class AnyPower(PowerTransformer):
    """Exponents of all kinds at once, where it does not matter that they are the likeliest."""

    def fit(self, columns):
        self.lambdas_ = 1 - 2 * np.nanstd(columns, axis=0)
        return self


of_any_power = mock.patch("sklearn.preprocessing.PowerTransformer", AnyPower)


def fit_in_range(data: Data, options: tuple) -> tuple[FittedChain, np.ndarray]:
    """Fitted chain and values on the model's scale; a log of the wrong sign is no example."""
    try:
        fitted = fit(data, *options)
        return fitted, fitted.apply(data.values, data.offsets)
    except OutOfRangeError:
        assume(False)
        raise


# ------------------------------------------------------------------ the inverse


def inverted(
    data: Data, chain: FittedChain, scaled: np.ndarray, horizon: int
) -> tuple[np.ndarray, np.ndarray]:
    """The last values of each series out of scaled ones, and how far they may be off: a millionth
    of a thousandth, and what ten roundings between the transforms come to, where values are one."""
    history = data.values[last_rows(data, chain.rows_lost, before=horizon)]
    stages, series = scaled[last_rows(data, horizon)][..., None], np.arange(len(data.train))
    restored = chain.invert(stages, history, series)[..., 0]
    moved = chain.invert(stages + np.finfo(float).eps, history, series)[..., 0]
    return restored, 1e-9 * data.scales() + 10 * np.abs(moved - restored)


@of_any_power
@quick
@given(chains, seeds, st.integers(1, 12))
def test_invert_undoes_apply_of_any_chain(options, seed, horizon):
    data = random_data(seed)
    chain, scaled = fit_in_range(data, options)
    assume(min(np.diff(data.offsets)) >= chain.rows_lost + horizon)
    wanted = data.values[last_rows(data, horizon)]
    history = data.values[last_rows(data, chain.rows_lost, before=horizon)]
    restored, allowed = inverted(data, chain, scaled, horizon)
    error = np.abs(restored - wanted)
    assert (np.isnan(error) | (error <= allowed)).all()
    assert np.isnan(restored[np.isnan(wanted)]).all()
    complete = ~np.isnan(history).any(axis=1) & ~np.isnan(wanted).any(axis=1)
    for series, column in np.argwhere(complete):
        assert (error[series, :, column] <= allowed[series, :, column]).all()


POWERS = tuple(Power(method="yeo_johnson", scope=scope) for scope in SCOPES)


@of_any_power
@quick
@given(chains, seeds)
@example((POWERS[0], POWERS[0], POWERS[1], POWERS[1], POWERS[0]), 217)  # ill conditioned
def test_invert_undoes_apply_of_values_without_nan_of_any_sign(options, seed):
    data = random_data(seed, signed=True, missing=0)
    chain, scaled = fit_in_range(data, options)
    horizon = 5
    assume(min(np.diff(data.offsets)) >= chain.rows_lost + horizon)
    restored, allowed = inverted(data, chain, scaled, horizon)
    assert (np.abs(restored - data.values[last_rows(data, horizon)]) <= allowed).all()


@of_any_power
@quick
@given(chains, seeds)
def test_a_batch_of_origins_and_quantiles_is_inverted_one_by_one(options, seed):
    data = random_data(seed, missing=0)
    chain, scaled = fit_in_range(data, options)
    horizon = 3
    assume(min(np.diff(data.offsets)) >= chain.rows_lost + horizon)
    random = np.random.default_rng(seed)
    series = random.integers(0, len(data.train), 6)
    first = np.array(
        [
            random.integers(data.offsets[s] + chain.rows_lost, data.offsets[s + 1] - horizon + 1)
            for s in series
        ]
    )
    forecast = scaled[first[:, None] + np.arange(horizon)][..., None] + np.array([0.0, 0.125])
    longer = np.minimum(first - data.offsets[series], chain.rows_lost + 2).min()
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


@of_any_power
@quick
@given(chains, seeds, st.integers(1, 8))
def test_blocks_of_rows_are_transformed_like_the_whole(options, seed, extra):
    data = random_data(seed)
    chain, scaled = fit_in_range(data, options)
    length = chain.rows_lost + extra
    assume(min(np.diff(data.offsets)) >= length)
    random = np.random.default_rng(seed)
    series = random.integers(0, len(data.train), 5)
    first = np.array(
        [random.integers(data.offsets[s], data.offsets[s + 1] - length + 1) for s in series]
    )
    rows = first[:, None] + np.arange(length)
    blocks = chain.apply(data.values[rows.ravel()], np.arange(6) * length, series)
    blocks = blocks.reshape(5, length, -1)
    np.testing.assert_array_equal(blocks[:, chain.rows_lost :], scaled[rows[:, chain.rows_lost :]])


def test_an_inverse_needs_as_many_rows_as_the_chain_says():
    chain = fit(data_of(np.arange(20.0)), Difference(lag=4, order=2), Difference())
    assert chain.rows_lost == 9
    with pytest.raises(AssertionError):
        chain.invert(np.zeros((1, 2, 1, 1)), np.zeros((1, 8, 1)), np.array([0]))


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
    assume(len(np.unique(train)) > 1)  # others have the scale of their level, or of other series
    if isinstance(option, Power):
        return slow_power(option.method, train, values)
    return slow_affine(option, train, values)


def slow_affine(option, train: np.ndarray, values: np.ndarray) -> np.ndarray:
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
        scale = np.exp(np.log(train).mean())
        fitted = fitted_exponent(method, train / scale)
        return special.boxcox(values / scale, fitted)
    scale = np.abs(train).mean() if train.any() else 1.0
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


@of_any_power
@quick
@given(chains, seeds, st.sampled_from([1, 7, 40]))
def test_blocks_of_any_size_give_what_all_rows_at_once_give(options, seed, rows_at_once):
    data = random_data(seed)
    chain, scaled = fit_in_range(data, options)
    with mock.patch.object(compact, "ROWS_AT_ONCE", rows_at_once):
        np.testing.assert_array_equal(chain.apply(data.values, data.offsets), scaled)


# ------------------------------------------------------------------ fitted states


@of_any_power
@quick
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


@quick
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
    assert ("use log1p for zeros" in message) == (option.key() != "log1p")
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


@of_any_power
@quick
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
    assert chain.rows_lost == 1
    new = data_of(random.normal(size=40) + 500)  # noise: by itself it would not be differenced
    theirs = fit_chain(chain.options, new.values, new.train, 1, shared=chain)
    mean, deviation = np.diff(old.values[:, 0]).mean(), np.diff(old.values[:, 0]).std()
    steps = (np.diff(new.values[:, 0]) - mean) / deviation
    low, middle, high = np.percentile(steps, [25, 50, 75])
    np.testing.assert_allclose(theirs.states[2].ravel(), [middle, high - low], rtol=1e-9)
    np.testing.assert_array_equal(theirs.states[1], chain.states[1])


# ------------------------------------------------------------------ no scikit-learn


def test_apply_and_invert_do_not_import_scikit_learn(request):
    values = np.linspace(1, 9, 40)[:, None]
    data = data_of(values.ravel() + np.sin(np.arange(40)))
    options = (
        Log1p(),
        Power(),
        Difference(lag="auto"),
        Standardize(),
        MinMax(scope="global"),
        Robust(),
    )
    chain = fit(data, *options, season=1)
    request.getfixturevalue("without_fitting")
    scaled = chain.apply(values, np.array([0, 40]), np.array([0]))
    history = values[None, 35 - chain.rows_lost : 35]
    restored = chain.invert(scaled[None, 35:, :, None], history, np.array([0]))
    np.testing.assert_allclose(restored.ravel(), values[35:, 0], rtol=1e-9)


@pytest.mark.usefixtures("without_fitting")
def test_only_powers_and_automatic_differences_need_a_slow_import_to_be_fitted():
    options = (Log1p(), Difference(), Standardize(), MinMax(scope="global"), Robust())
    data = data_of(np.linspace(1, 9, 40))
    fit(data, *options, season=1)
    for slow in (Power(), Difference(lag="auto")):
        with pytest.raises(ImportError):
            fit(data, slow, season=1)


def test_states_of_some_series_are_replaced_where_they_are_their_own():
    options = (Log(), Difference(lag=2, order=2), MinMax(scope="global"), Standardize())
    random = np.random.default_rng(0)
    chain = fit(data_of(*(random.uniform(5, 9, 30) for _ in range(3))), *options)
    before = [state.copy() for state in chain.states]
    other = fit(data_of(*(random.uniform(50, 99, 20) for _ in range(2))), *options)
    found = chain.replaced(np.array([2, 0]), other)
    for number in range(3):
        np.testing.assert_array_equal(found.states[number], before[number])
    expected = [other.states[3][1], before[3][1], other.states[3][0]]
    np.testing.assert_array_equal(found.states[3], expected)
    np.testing.assert_array_equal(chain.states[3], before[3])
    assert known_rows_lost(options) == chain.rows_lost == 4
    assert known_rows_lost((Difference(lag="auto"), Difference())) == 1
