"""The linear opponent against scikit-learn's ridge, on windows cut by loops."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from forecast.data.windows import Windows
from forecast.evaluation import linear
from forecast.evaluation.linear import PENALTIES, LinearModel, fit_linear, moments

LOOKBACK, HORIZON, TARGETS = 6, 3, 2


def windows_of(values: np.ndarray, first: int, end: int, targets: np.ndarray | None = None):
    """Every window whose rows lie in a range; a covariate after the targets is not to be read."""
    inputs = np.column_stack([values, np.full(len(values), 1e3)]).astype(np.float32)
    starts = torch.arange(first, max(first, end - LOOKBACK - HORIZON + 1))
    return Windows(
        inputs=torch.from_numpy(inputs),
        targets=torch.from_numpy((values if targets is None else targets).astype(np.float32)),
        static=torch.zeros(1, 0),
        first_rows=torch.zeros(1, dtype=torch.int64),
        starts=starts,
        lookback=LOOKBACK,
        horizon=HORIZON,
        num_future=1,
    )


def random_values(seed: int, rows: int = 90) -> np.ndarray:
    """Two noisy waves with a level far from zero, exact in float32."""
    rng = np.random.default_rng(seed)
    wave = np.sin(np.arange(rows)[:, None] * 2 * np.pi / np.array([6, 9]))
    return np.round(50 + 4 * wave + rng.normal(0, 1, (rows, TARGETS)), 3).astype(np.float32)


def slow_pairs(values, windows: Windows, targets=None) -> tuple[np.ndarray, np.ndarray]:
    """Past and future of every window and target without unknown values, less the last value."""
    targets = values if targets is None else targets
    past, ahead = [], []
    for start in windows.starts.tolist():
        middle = start + LOOKBACK
        for target in range(TARGETS):
            seen = values[start:middle, target].astype(np.float64)
            wanted = targets[middle : middle + HORIZON, target].astype(np.float64)
            if not np.isnan(wanted).any():
                past.append(seen - seen[-1])
                ahead.append(wanted - seen[-1])
    return np.array(past), np.array(ahead)


def ridge(past, ahead, penalty: float) -> Ridge:
    return Ridge(alpha=penalty, fit_intercept=False, solver="svd").fit(past, ahead)


def penalties(past: np.ndarray) -> np.ndarray:
    return PENALTIES * np.square(past).sum() / LOOKBACK


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_weights_are_those_of_scikit_learn_with_the_penalty_best_on_validation(seed: int) -> None:
    values = random_values(seed)
    training, validation = windows_of(values, 0, 60), windows_of(values, 54, 90)
    found = fit_linear(training, validation)
    past, ahead = slow_pairs(values, training)
    errors = {}
    for penalty in penalties(past):
        seen, wanted = slow_pairs(values, validation)
        errors[penalty] = np.square(ridge(past, ahead, penalty).predict(seen) - wanted).mean()
    assert found.penalty == pytest.approx(min(errors, key=errors.get))
    expected = ridge(past, ahead, found.penalty).coef_.T
    np.testing.assert_allclose(found.weights, expected, rtol=1e-6, atol=1e-8)


def test_forecasts_are_those_of_scikit_learn_around_the_last_value() -> None:
    values = random_values(1)
    training = windows_of(values, 0, 60)
    model = fit_linear(training, windows_of(values, 54, 90))
    oracle = ridge(*slow_pairs(values, training), model.penalty)
    past = values[None, 70 : 70 + LOOKBACK].astype(np.float64)
    found = model.forecast(past)
    assert found.shape == (1, HORIZON, TARGETS)
    for target in range(TARGETS):
        last = past[0, -1, target]
        expected = oracle.predict(past[:, :, target] - last)[0] + last
        np.testing.assert_allclose(found[0, :, target], expected, rtol=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_without_validation_the_penalty_is_that_of_generalised_cross_validation(seed: int) -> None:
    values = random_values(seed)
    training = windows_of(values, 0, 30)
    past, ahead = slow_pairs(values, training)
    scores = {}
    for penalty in penalties(past):
        hat = past @ np.linalg.solve(past.T @ past + penalty * np.eye(LOOKBACK), past.T)
        left = np.square(ahead - hat @ ahead).sum()
        scores[penalty] = left / (len(past) - np.trace(hat)) ** 2
    found = fit_linear(training, windows_of(values, 0, 0))
    assert found.penalty == pytest.approx(min(scores, key=scores.get))


def test_windows_with_masked_targets_are_left_out() -> None:
    values = random_values(2)
    targets = values.copy()
    targets[[20, 21, 40], [0, 0, 1]] = np.nan
    training, none = windows_of(values, 0, 60, targets), windows_of(values, 0, 0)
    past, ahead = slow_pairs(values, training, targets)
    seen = moments(training)
    assert seen.rows == len(past) < TARGETS * len(training)
    np.testing.assert_allclose(seen.inputs, past.T @ past, rtol=1e-10)
    np.testing.assert_allclose(seen.crossed, past.T @ ahead, rtol=1e-10, atol=1e-9)
    found = fit_linear(training, none)
    expected = ridge(past, ahead, found.penalty).coef_.T
    np.testing.assert_allclose(found.weights, expected, rtol=1e-6, atol=1e-8)


def test_the_squared_error_is_that_of_the_forecasts() -> None:
    values = random_values(3)
    windows = windows_of(values, 0, 60)
    past, ahead = slow_pairs(values, windows)
    weights = np.random.default_rng(0).normal(size=(LOOKBACK, HORIZON))
    expected = np.square(past @ weights - ahead).sum()
    assert moments(windows).squared_error(weights) == pytest.approx(expected)


def test_batches_add_up_to_the_whole(monkeypatch) -> None:
    windows = windows_of(random_values(4), 0, 60)
    whole = moments(windows)
    monkeypatch.setattr(linear, "ROWS_AT_ONCE", 7)
    parts = moments(windows)
    np.testing.assert_allclose(parts.inputs, whole.inputs, rtol=1e-12)
    np.testing.assert_allclose(parts.crossed, whole.crossed, rtol=1e-10, atol=1e-9)
    assert (parts.rows, parts.targets) == (whole.rows, pytest.approx(whole.targets))


def test_of_many_windows_evenly_spaced_ones_are_read(monkeypatch) -> None:
    values = random_values(5)
    windows = windows_of(values, 0, 48)
    assert len(windows) == 40
    monkeypatch.setattr(linear, "MOST_ROWS", 10 * TARGETS)
    few = windows.subset(torch.arange(0, 40, 4))
    past, _ = slow_pairs(values, few)
    np.testing.assert_allclose(moments(windows).inputs, past.T @ past, rtol=1e-10)


def test_of_a_long_lookback_the_last_rows_are_read(monkeypatch) -> None:
    values = random_values(6)
    training, validation = windows_of(values, 0, 60), windows_of(values, 54, 90)
    monkeypatch.setattr(linear, "MOST_LOOKBACK", 4)
    model = fit_linear(training, validation)
    past, ahead = slow_pairs(values, training)
    expected = ridge(past[:, -4:], ahead, model.penalty).coef_.T
    np.testing.assert_allclose(model.weights, expected, rtol=1e-6, atol=1e-8)
    window = values[None, 70 : 70 + LOOKBACK].astype(np.float64)
    changed = window + np.where(np.arange(LOOKBACK) < 2, 5.0, 0.0)[None, :, None]
    np.testing.assert_array_equal(model.forecast(window), model.forecast(changed))


def test_without_a_known_target_the_last_value_is_forecast() -> None:
    values = random_values(7)
    unknown = windows_of(values, 0, 60, np.full_like(values, np.nan))
    model = fit_linear(unknown, unknown)
    past = values[None, :LOOKBACK].astype(np.float64)
    expected = np.broadcast_to(past[:, -1:], (1, HORIZON, TARGETS))
    np.testing.assert_array_equal(model.forecast(past), expected)


def test_a_lookback_of_one_row_is_the_last_value() -> None:
    model = LinearModel(np.ones((1, HORIZON)), 1.0)
    found = model.forecast(np.full((2, 1, TARGETS), 7.0))
    np.testing.assert_array_equal(found, np.full((2, HORIZON, TARGETS), 7.0))
