"""The model and the baselines on the same windows, and the sentence that it comes to."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.evaluation.metrics import mase_scale
from forecast.evaluation.scoring import Actuals, score, verdict

OFFSETS = np.array([0, 20, 50])
HORIZON, SEASON = 3, 4


def random_actuals(seed: int) -> Actuals:
    rng = np.random.default_rng(seed)
    filled = rng.normal(10, 2, size=(50, 2))
    values = np.where(rng.random(filled.shape) < 0.15, np.nan, filled)
    train = np.array([[0, 10], [20, 35]])
    return Actuals(values, filled, OFFSETS, mase_scale(values, OFFSETS, train, SEASON), SEASON)


def random_batches(seed: int, origins: np.ndarray):
    forecasts = np.random.default_rng(seed).normal(10, 2, size=(len(origins), HORIZON, 2))
    half = len(origins) // 2
    return [(origins[:half], forecasts[:half]), (origins[half:], forecasts[half:])]


def slow_errors(batches, actuals: Actuals) -> dict[str, list[tuple[int, int, float]]]:
    """Method -> (series, step, absolute error) of every observed value."""
    found: dict[str, list[tuple[int, int, float]]] = {}
    for origins, forecasts in batches:
        for origin, forecast in zip(origins, forecasts, strict=True):
            series = 0 if origin < OFFSETS[1] else 1
            for step in range(HORIZON):
                row = origin + 1 + step
                earlier = row - SEASON if row - SEASON >= OFFSETS[series] else origin
                for target in range(2):
                    true = actuals.values[row, target]
                    if math.isnan(true):
                        continue
                    for method, guess in {
                        "model": forecast[step, target],
                        "naive": actuals.filled[origin, target],
                        "seasonal_naive": actuals.filled[earlier, target],
                    }.items():
                        found.setdefault(method, []).append((series, step, abs(true - guess)))
    return found


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_every_method_is_scored_on_the_same_values(seed: int) -> None:
    actuals = random_actuals(seed)
    origins = np.array([0, 2, 12, 16, 20, 21, 30, 40, 46])
    batches = random_batches(seed, origins)
    scores = score(iter(batches), actuals)
    assert list(scores) == ["model", "naive", "seasonal_naive"]
    for method, errors in slow_errors(batches, actuals).items():
        every = [error for *_, error in errors]
        assert scores[method].overall()["MAE"] == pytest.approx(np.mean(every))
        rmse = math.sqrt(np.mean(np.square(every)))
        assert scores[method].overall()["RMSE"] == pytest.approx(rmse)
        for step in range(HORIZON):
            of_step = [error for _, at, error in errors if at == step]
            assert scores[method].per_step()["MAE"][step] == pytest.approx(np.mean(of_step))
        for series in range(2):
            of_series = [error for of, _, error in errors if of == series]
            assert scores[method].per_series()["MAE"][series] == pytest.approx(np.mean(of_series))


def test_the_mase_of_seasonal_naive_is_one_on_its_own_training_rows() -> None:
    values = np.random.default_rng(0).normal(size=(30, 1))
    offsets, train = np.array([0, 30]), np.array([[0, 30]])
    actuals = Actuals(values, values, offsets, mase_scale(values, offsets, train, SEASON), SEASON)
    origins = np.arange(SEASON - 1, 29)
    scores = score([(origins, np.zeros((len(origins), 1, 1)))], actuals)
    assert scores["seasonal_naive"].overall()["MASE"] == pytest.approx(1)


def test_no_windows_give_no_scores() -> None:
    assert score([], random_actuals(0)) == {}


def judged(ours: float, theirs: float, windows: int = 25) -> str:
    return verdict({"lstm": {"MAE": ours}, "seasonal_naive": {"MAE": theirs}}, "lstm", windows)


@pytest.mark.parametrize(
    ("ours", "theirs", "sentence"),
    [
        (
            14.0,
            20.0,
            "lstm is 30.0 % better than seasonal naive: MAE 14 against 20 on 25 test windows.",
        ),
        (
            25.5,
            20.0,
            "lstm is 27.5 % worse than seasonal naive: MAE 25.5 against 20 on 25 test windows.",
        ),
        (
            20.009,
            20.0,
            "lstm and seasonal naive are equally good: MAE 20.01 against 20 on 25 test windows.",
        ),
        (
            0.0,
            0.0,
            "lstm and seasonal naive are equally good: MAE 0 against 0 on 25 test windows.",
        ),
        (
            0.5,
            0.0,
            "Seasonal naive is perfect here, lstm is not: MAE 0.5 against 0 on 25 test windows.",
        ),
        (
            math.nan,
            2.0,
            "lstm is worse than seasonal naive: it forecasts no finite numbers: MAE nan against 2"
            " on 25 test windows.",
        ),
        (
            math.nan,
            math.nan,
            "The test part holds no observed values, so lstm cannot be judged.",
        ),
    ],
)
def test_the_verdict_says_which_is_better_and_by_how_much(
    ours: float, theirs: float, sentence: str
) -> None:
    assert judged(ours, theirs) == sentence


def test_a_single_window_is_not_called_windows() -> None:
    assert judged(1.0, 2.0, windows=1).endswith("on 1 test window.")


@given(st.floats(0.01, 100), st.floats(0.01, 100))
@settings(max_examples=60, deadline=None)
def test_better_is_said_only_of_the_lower_error(ours: float, theirs: float) -> None:
    sentence = judged(ours, theirs)
    if abs(ours - theirs) > 0.001 * theirs:
        assert ("better" in sentence) == (ours < theirs)
        assert ("worse" in sentence) == (ours > theirs)


def test_the_verdict_tells_when_even_the_last_value_does_better() -> None:
    metrics = {"gru": {"MAE": 15.0}, "naive": {"MAE": 12.0}, "seasonal_naive": {"MAE": 20.0}}
    assert verdict(metrics, "gru", 3) == (
        "gru is 25.0 % better than seasonal naive: MAE 15 against 20 on 3 test windows; the last"
        " value as forecast does better, 12."
    )
    assert "last value" not in verdict({**metrics, "naive": {"MAE": 16.0}}, "gru", 3)
