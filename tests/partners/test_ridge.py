"""Ridge regression as a partner: what it learns, what it reads, and that it is kept with a run."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from sklearn.linear_model import Ridge as Reference

import forecast
from forecast.data.windows import Windows
from forecast.errors import DataError
from forecast.evaluation.baselines import History, seasonal_naive
from forecast.evaluation.linear import fit_linear
from forecast.forecasting.model_file import load
from forecast.partners import ridge
from forecast.partners.ridge import Ridge, _lags, fitted_ridge, has_weeks, ridge_until
from forecast.partners.weights import prior_weights
from forecast.runs.checkpoint import load_checkpoint, save_checkpoint
from forecast.runs.folder import MODEL_FILE
from tests.helpers import refusal, small_config, wave_table
from tests.partners.helpers import history_of, waves

HORIZON = 3


def windows_of(history, lookback=10, horizon=HORIZON):
    """Every window of every series."""
    first, end = history.offsets[:-1], history.offsets[1:]
    starts = [np.arange(a, b - lookback - horizon + 1) for a, b in zip(first, end, strict=True)]
    values = torch.from_numpy(history.values)
    return Windows(
        inputs=values,
        targets=values,
        static=torch.zeros(len(first), 0),
        first_rows=torch.from_numpy(first),
        starts=torch.from_numpy(np.concatenate(starts)),
        lookback=lookback,
        horizon=horizon,
        num_future=0,
    )


def fitted(series, season=4, scale=None):
    history, origins = history_of(series, season)
    sizes = np.ones((len(series), 1)) if scale is None else scale
    return fitted_ridge(history, windows_of(history), sizes), history, origins


def test_the_map_is_that_of_ridge_regression_on_windows_in_units_of_their_series():
    series = waves([60, 45], 4)
    scale = np.array([[2.0], [0.5]])
    found, history, _ = fitted(series, scale=scale)
    lags = _lags(history, HORIZON)
    assert lags == 8
    inputs, targets = [], []
    for each, size in zip(series, scale[:, 0], strict=True):
        for end in range(10, len(each) - HORIZON + 1):
            window = each[end - lags : end + HORIZON] / size
            inputs.append(window[:lags] - window[lags - 1])
            targets.append(window[lags:] - window[lags - 1])
    history = History(
        np.concatenate([s / u for s, u in zip(series, scale[:, 0], strict=True)])[:, None],
        history.offsets,
        4,
    )
    shorter = windows_of(history)
    shorter = Windows(**{**vars(shorter), "starts": shorter.starts + 2, "lookback": lags})
    penalty = fit_linear(shorter, shorter.subset(torch.arange(0))).penalty
    expected = Reference(alpha=penalty, fit_intercept=False).fit(inputs, targets).coef_.T
    np.testing.assert_allclose(found.weights, expected, atol=1e-8)


@settings(max_examples=20, deadline=None)
@given(factor=st.floats(1e-6, 1e6), shift=st.floats(-1e3, 1e3), seed=st.integers(0, 99))
def test_a_forecast_moves_and_scales_with_its_series(factor, shift, seed):
    ridge, history, origins = fitted(waves([60, 45], 4, seed))
    plain = ridge(history, origins, HORIZON)
    moved = History(factor * (history.values + shift), history.offsets, 4)
    found = ridge(moved, origins, HORIZON)
    np.testing.assert_allclose(found, factor * (plain + shift), rtol=1e-6, atol=factor * 1e-6)


def test_it_reads_no_more_than_its_lags_of_its_own_series_and_goes_on_beyond_the_fitted_steps():
    ridge, history, _ = fitted(waves([60, 45], 4))
    origins = np.array([30, 104])
    before = ridge(history, origins, 7)
    changed = history.values.copy()
    changed[:23] = changed[31:60] = np.nan
    np.testing.assert_array_equal(ridge(History(changed, history.offsets, 4), origins, 7), before)
    np.testing.assert_array_equal(ridge(history, origins, 2), before[:, :2])
    path = list(history.values[23:31, 0])
    for _ in range(3):
        path += list((np.array(path[-8:]) - path[-1]) @ ridge.weights + path[-1])
    np.testing.assert_allclose(before[0, :, 0], path[8:15], rtol=1e-12)


def test_a_short_history_stands_on_its_first_row_and_an_unknown_one_on_seasonal_naive():
    ridge, *_ = fitted(waves([60, 45], 4))
    history, origins = history_of([np.array([5.0, 6.0, 8.0]), np.array([np.nan, 2.0])], 4)
    found = ridge(history, origins, HORIZON)
    padded = np.array([5.0] * 6 + [6.0, 8.0])
    np.testing.assert_allclose(found[0, :, 0], (padded - 8) @ ridge.weights + 8)
    np.testing.assert_array_equal(found[1], seasonal_naive(history, origins, HORIZON)[1])


def test_series_of_unknown_scale_teach_nothing():
    series = [*waves([60], 4), np.full(50, 3.0)]
    both, *_ = fitted(series, scale=np.array([[2.0], [np.nan]]))
    alone, *_ = fitted(series[:1], scale=np.array([[2.0]]))
    np.testing.assert_allclose(both.weights, alone.weights, rtol=1e-12)
    nothing, history, origins = fitted([np.full(50, 3.0)], scale=np.array([[np.nan]]))
    np.testing.assert_array_equal(nothing(history, origins, 2), np.full((1, 2, 1), 3.0))


def test_what_is_fitted_until_some_rows_is_that_of_series_which_end_there():
    series = waves([60, 45, 30], 4)
    history, _ = history_of(series, 4)
    cut = history_of([series[0][:50], series[1][:45], series[2][:0]], 4)[0]
    ends = history.offsets[:-1] + np.array([49, 44, -1])
    scale = np.array([[2.0], [0.5], [1.0]])
    found = ridge_until(history, ends, scale, HORIZON)
    expected = fitted_ridge(cut, windows_of(cut, _lags(history, HORIZON)), scale)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-9, atol=1e-12)
    nothing = ridge_until(history, history.offsets[:-1] - 1, scale, HORIZON)
    assert not nothing.weights.any()


def test_of_many_windows_some_are_read_of_every_phase_of_the_season(monkeypatch):
    history, ends = history_of(waves([400], 4), 4)
    scale = np.ones((1, 1))
    read = []
    monkeypatch.setattr(ridge, "MOST_WINDOWS", 80)
    fit = ridge.fitted_ridge
    monkeypatch.setattr(ridge, "fitted_ridge", lambda *given: read.append(given[1]) or fit(*given))
    first, second = (ridge.ridge_until(history, ends, scale, HORIZON) for _ in range(2))
    np.testing.assert_array_equal(first.weights, second.weights)
    starts = read[0].starts.numpy()
    assert len(np.unique(starts)) == 80
    assert starts.max() <= 400 - read[0].lookback - HORIZON
    assert (np.bincount(starts % 4) >= 8).all()
    everything = fitted_ridge(history, windows_of(history, _lags(history, HORIZON)), scale)
    np.testing.assert_allclose(first.weights, everything.weights, atol=0.2)


@pytest.mark.parametrize(
    ("season", "horizon", "lengths", "expected"),
    [
        (24, 24, [3000], True),
        (24, 24, [800] * 60, True),
        (24, 24, [800] * 20, False),
        (24, 24, [600] * 1000, False),
        (96, 96, [9000], True),
        (7, 7, [5000], False),
    ],
)
def test_weeks_are_learned_from_a_thousand_windows_of_parts_of_days(
    season, horizon, lengths, expected
):
    history, _ = history_of([np.zeros(rows) for rows in lengths], season)
    assert has_weeks(history, horizon) is expected


@pytest.mark.parametrize(
    ("season", "rows", "lags"),
    [
        (1, 90, 6),
        (12, 200, 24),
        (24, 900, 336),
        (96, 9000, 1024),
        (24, 300, 148),
        (365, 5000, 256),
        (7, 9, 3),
        (7, 4, 1),
    ],
)
def test_lags(season, rows, lags):
    history, _ = history_of([np.arange(float(rows))], season)
    assert _lags(history, HORIZON) == lags


def test_beside_a_pretrained_network_errors_must_speak_for_it():
    assert prior_weights(("lstm", "pretrained", "ridge"), 12).tolist() == [0.5, 0.5, 0.0]
    assert prior_weights(("lstm", "ridge"), 12).tolist() == [0.5, 0.5]


TABLE = pd.concat(
    [
        wave_table(120 - number, "2024-01-01", "D", 7, 30, seed=number).assign(
            unique_id=f"s{number}"
        )
        for number in range(3)
    ]
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ridge") / "run"
    chosen = small_config(
        ["partners=[ridge, theta]"],
        window={"lookback": 5, "horizon": 3},
        split={"validation": 20, "test": 12},
    )
    return folder, forecast.train(chosen, TABLE, run=folder)


def test_a_run_keeps_the_map_and_the_rows_that_it_reads(run):
    folder, model = run
    assert model.combination.ridge.weights.shape == (14, 3)
    assert model.tail.lengths.min() >= 14
    expected = model.forecast()
    assert_frame_equal(load(folder).forecast(), expected, check_exact=True)
    assert_frame_equal(model.forecast(TABLE), expected)
    own = model.without_partners().forecast(level=[]).forecast
    assert not np.allclose(own, expected.forecast)


@pytest.mark.parametrize(
    "weights", [np.zeros((14, 4)), np.zeros(3), np.zeros((1025, 3)), np.full((14, 3), np.nan), None]
)
def test_a_file_with_another_map_is_refused(run, tmp_path, weights):
    tensors, content = load_checkpoint(run[0] / MODEL_FILE, "model")
    tensors = {name: each for name, each in tensors.items() if name != "ridge.weights"}
    if weights is not None:
        tensors["ridge.weights"] = torch.from_numpy(weights)
    save_checkpoint(tmp_path / MODEL_FILE, "model", tensors, content)
    message = refusal(load, tmp_path, error=DataError)
    assert message.startswith(f"{tmp_path / MODEL_FILE}: not a model of this program: ")
    assert "ridge.weights" in message


def test_a_map_of_no_numbers_makes_no_forecast():
    history, origins = history_of(waves([30], 4), 4)
    found = Ridge(np.full((8, 3), np.nan))(history, origins, 3)
    np.testing.assert_array_equal(found, seasonal_naive(history, origins, 3))
