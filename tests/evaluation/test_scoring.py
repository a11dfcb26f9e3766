"""The model and the baselines on the same windows, and the sentence that it comes to."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.data.scale import training_scale
from forecast.evaluation import scoring
from forecast.evaluation.baselines import History
from forecast.evaluation.scoring import (
    Actuals,
    best_opponent,
    method_in_words,
    overall,
    verdict,
    with_batch,
)

OFFSETS = np.array([0, 20, 50])
HORIZON, SEASON = 3, 4


METHODS = ["model", "naive", "seasonal_naive", "drift", "mean", "moving_average"]


def random_actuals(seed: int) -> Actuals:
    rng = np.random.default_rng(seed)
    filled = rng.normal(10, 2, size=(50, 2))
    values = np.where(rng.random(filled.shape) < 0.15, np.nan, filled)
    train = np.array([[0, 10], [20, 35]])
    scale = training_scale(values, OFFSETS, train, SEASON)
    return Actuals(values, History(filled, OFFSETS, SEASON), scale)


def score(batches, actuals, opponents=()):
    sums = {}
    for origins, forecast in batches:
        sums = with_batch(sums, origins, {"model": forecast}, actuals, dict(opponents))
    return sums


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
                        "naive": actuals.history.values[origin, target],
                        "seasonal_naive": actuals.history.values[earlier, target],
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
    assert list(scores) == METHODS
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
    scale = training_scale(values, offsets, train, SEASON)
    actuals = Actuals(values, History(values, offsets, SEASON), scale)
    origins = np.arange(SEASON - 1, 29)
    scores = score([(origins, np.zeros((len(origins), 1, 1)))], actuals)
    assert scores["seasonal_naive"].overall()["MASE"] == pytest.approx(1)


def test_a_further_opponent_is_asked_for_the_same_origins_and_scored_like_the_model() -> None:
    actuals, origins = random_actuals(1), np.array([0, 2, 12, 20, 30])
    batches = random_batches(1, origins)
    by_origin = {row: values for rows, each in batches for row, values in zip(rows, each)}  # noqa: B905
    asked = []

    def twin(rows: np.ndarray) -> np.ndarray:
        asked.extend(rows.tolist())
        return np.stack([by_origin[row] for row in rows])

    scores = score(batches, actuals, {"twin": twin})
    assert list(scores) == [*METHODS, "twin"]
    assert asked == origins.tolist()
    assert scores["twin"].overall() == scores["model"].overall()


def test_windows_are_scored_alike_few_or_many_at_once(monkeypatch) -> None:
    actuals, batches = random_actuals(3), random_batches(3, np.arange(21, 44))
    whole = overall(score(batches, actuals))
    monkeypatch.setattr(scoring, "VALUES_AT_ONCE", 5 * HORIZON * 2)
    for name, metrics in overall(score(batches, actuals)).items():
        assert metrics == pytest.approx(whole[name], rel=1e-10)


def test_owa_is_relative_to_seasonal_naive() -> None:
    origins = np.arange(22, 40)
    metrics = overall(score(random_batches(2, origins), random_actuals(2)))
    assert metrics["seasonal_naive"]["OWA"] == pytest.approx(1)
    ours, reference = metrics["model"], metrics["seasonal_naive"]
    halves = ours["sMAPE"] / reference["sMAPE"] / 2, ours["MASE"] / reference["MASE"] / 2
    assert ours["OWA"] == pytest.approx(sum(halves))


def maes(model: float, **others: float) -> dict[str, dict[str, float]]:
    return {name: {"MAE": mae} for name, mae in {"lstm": model, **others}.items()}


ALONE = [
    (14.0, 20.0, "lstm is 30.0 % better than seasonal naive: MAE 14 against 20"),
    (25.5, 20.0, "lstm is 27.5 % worse than seasonal naive: MAE 25.5 against 20"),
    (20.009, 20.0, "lstm is as good as seasonal naive: MAE 20.01 against 20"),
    (0.0, 0.0, "lstm is as good as seasonal naive: MAE 0 against 0"),
    (0.5, 0.0, "lstm is worse than seasonal naive, which is perfect here: MAE 0.5 against 0"),
    (
        13.0,
        3e-14,  # a rounding
        "lstm is worse than seasonal naive, which is perfect here: MAE 13 against 3e-14",
    ),
    (
        math.nan,
        2.0,
        "lstm forecasts no finite numbers, which is worse than seasonal naive: MAE nan against 2",
    ),
]


@pytest.mark.parametrize(("ours", "theirs", "sentence"), ALONE)
def test_the_verdict_says_which_is_better_and_by_how_much(ours, theirs, sentence) -> None:
    metrics = maes(ours, seasonal_naive=theirs)
    assert verdict(metrics, "lstm", 25) == f"{sentence} on 25 test windows."
    assert verdict(metrics, "lstm", 1) == f"{sentence} on 1 test window."


TWO = [
    (
        maes(9.0, seasonal_naive=20.0, drift=15.0, linear_model=10.0),
        "lstm is 10.0 % better than the linear model, the best of 3 opponents: MAE 9 against 10 on"
        " 8 test windows. It is 55.0 % better than seasonal naive (20).",
    ),
    (
        maes(15.0, seasonal_naive=12.0, moving_average=10.0),
        "lstm is 50.0 % worse than the moving average, the best of 2 opponents: MAE 15 against 10"
        " on 8 test windows. It is 25.0 % worse than seasonal naive (12).",
    ),
    (
        maes(12.0, seasonal_naive=12.0, drift=0.0),
        "lstm is worse than drift, which is perfect here, the best of 2 opponents: MAE 12 against"
        " 0 on 8 test windows. It is as good as seasonal naive (12).",
    ),
    (
        maes(12.0, seasonal_naive=8.0, naive=9.0, linear_model=math.nan),
        "lstm is 50.0 % worse than seasonal naive, the best of 3 opponents: MAE 12 against 8 on 8"
        " test windows.",
    ),
    (
        maes(math.inf, seasonal_naive=8.0, naive=7.0),
        "lstm forecasts no finite numbers, which is worse than naive, the best of 2 opponents:"
        " MAE inf against 7 on 8 test windows.",
    ),
    (
        maes(math.nan, seasonal_naive=math.nan, naive=math.nan),
        "The test part holds no observed values, so lstm cannot be judged.",
    ),
]


@pytest.mark.parametrize(("metrics", "sentences"), TWO)
def test_the_verdict_names_the_best_opponent_and_still_seasonal_naive(metrics, sentences) -> None:
    assert verdict(metrics, "lstm", 8) == sentences


def test_what_is_the_whole_of_a_combination_is_no_opponent_of_it() -> None:
    metrics = maes(9.0, combination=9.0, theta=10.0, seasonal_naive=20.0)
    assert best_opponent(metrics, "combination") == "theta"
    assert verdict(metrics, "combination", 8, ("lstm", "theta")) == (
        "The combination is 10.0 % better than theta, the best of 2 opponents: MAE 9 against 10 on"
        " 8 test windows. It is 55.0 % better than seasonal naive (20). Alone: lstm 9, theta 10."
    )
    assert best_opponent(metrics, "lstm") == "combination"  # a tie of others is one


POSITIVE = st.floats(0.01, 100)


@given(POSITIVE, st.lists(POSITIVE, min_size=2, max_size=2))
def test_better_than_the_best_is_said_only_of_the_lowest_error(ours: float, others) -> None:
    metrics = maes(ours, **dict(zip(("seasonal_naive", "drift"), others, strict=True)))
    assert metrics[best_opponent(metrics, "lstm")]["MAE"] == min(others)
    sentence = verdict(metrics, "lstm", 3).split(":")[0]
    if abs(ours - min(others)) > 0.001 * min(others):
        assert ("better" in sentence) == (ours < min(others))
        assert ("worse" in sentence) == (ours > min(others))


def test_methods_are_called_by_words() -> None:
    assert method_in_words("seasonal_naive") == "seasonal naive"
    assert method_in_words("moving_average") == "the moving average"
