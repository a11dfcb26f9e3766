"""Metrics of labels: scikit-learn's, and loops where it has none."""

import numpy as np
import pytest
from sklearn import metrics as sklearn

from forecast.evaluation.labels import (
    BINS,
    LabelSums,
    best_by_accuracy,
    label_verdict,
    reliability_of,
)

COUNTS, SERIES = (4, 2), 3


def some(seed=0, windows=40, horizon=3, unknown=0.2, unseen=0.1):
    """Labels that came, and probabilities; target 1 has two classes."""
    rng = np.random.default_rng(seed)
    shape = (windows, horizon)
    came = np.stack([rng.integers(0, count, shape) for count in COUNTS], axis=-1).astype(float)
    came[rng.random(came.shape) < unseen] = -1
    came[rng.random(came.shape) < unknown] = np.nan
    shares = rng.dirichlet([0.5] * 4, (*shape, 2))
    shares[:, :, 1, 2:] = 0
    shares[:, :, 1] /= shares[:, :, 1].sum(axis=-1, keepdims=True)
    return came, shares, rng.integers(0, SERIES, windows)


def summed(came, shares, series):
    """In three batches."""
    sums = LabelSums.empty(COUNTS, SERIES)
    for part in np.array_split(np.arange(len(came)), 3):
        sums = sums.add(came[part], shares[part], series[part], part)
    return sums


def of_target(came, shares, target):
    """Labels, the forecast ones and probabilities; one more class for what was never seen."""
    known = ~np.isnan(came[..., target])
    width = COUNTS[target]
    true = came[..., target][known].astype(int)
    chances = shares[:, :, target, :width][known]
    with_unseen = np.column_stack([chances, np.zeros(len(chances))])
    return np.where(true < 0, width, true), chances.argmax(axis=1), with_unseen


@pytest.mark.filterwarnings("ignore:y_pred contains classes")
@pytest.mark.parametrize("unseen", [0.0, 0.1])
def test_they_are_those_of_scikit_learn(unseen):
    came, shares, series = some(unseen=unseen)
    found = summed(came, shares, series).per_target()
    for target in range(len(COUNTS)):
        each = {name: values[target] for name, values in found.items()}
        true, forecast, chances = of_target(came, shares, target)
        classes = [*range(chances.shape[1])]
        one_hot = np.eye(len(classes))[true]
        expected = {
            "accuracy": sklearn.accuracy_score(true, forecast),
            "balanced_accuracy": sklearn.balanced_accuracy_score(true, forecast),
            "macro_F1": sklearn.f1_score(true, forecast, average="macro", zero_division=0),
            "log_loss": sklearn.log_loss(true, chances, labels=classes),
            "Brier": ((chances - one_hot) ** 2).sum(axis=1).mean(),
        }
        for name, value in expected.items():
            assert each[name] == pytest.approx(value, rel=1e-9), name
        if target == 1 and not unseen:  # scikit-learn's is one class of two
            half = sklearn.brier_score_loss(true, chances[:, 1])
            assert each["Brier"] == pytest.approx(2 * half)


def test_the_calibration_error_is_the_mean_distance_of_ten_bins():
    came, shares, series = some(seed=3)
    sums = summed(came, shares, series)
    total, curve = [], []
    for target in range(2):
        true, forecast, chances = of_target(came, shares, target)
        surest, distance = chances.max(axis=1), 0.0
        for low in range(BINS):
            inside = (surest >= low / BINS) & ((surest < (low + 1) / BINS) | (low == BINS - 1))
            if inside.any():
                gap = (true == forecast)[inside].mean() - surest[inside].mean()
                distance += inside.sum() * abs(gap)
        total.append(distance / len(true))
        curve.append((surest, true == forecast))
    assert sums.overall()["calibration_error"] == pytest.approx(np.mean(total))
    surest, right = (np.concatenate(each) for each in zip(*curve, strict=True))
    for count, mean, share in reliability_of(sums):
        inside = np.minimum((surest * BINS).astype(int), BINS - 1) == int(mean * BINS)
        assert (count, mean, share) == pytest.approx(
            (inside.sum(), surest[inside].mean(), right[inside].mean())
        )


def test_over_all_targets_every_value_counts_alike():
    came, shares, series = some(seed=1)
    sums = summed(came, shares, series)
    known = ~np.isnan(came)
    right = (shares.argmax(axis=-1) == came)[known].mean()
    assert sums.overall()["accuracy"] == pytest.approx(right)
    assert sums.overall()["macro_F1"] == pytest.approx(sums.per_target()["macro_F1"].mean())
    for number, accuracy in enumerate(sums.per_series()["accuracy"]):
        of_series = known & (series == number)[:, None, None]
        assert accuracy == pytest.approx((shares.argmax(axis=-1) == came)[of_series].mean())
    by_step = sums.per_step()["accuracy"]
    assert by_step[1] == pytest.approx((shares.argmax(axis=-1) == came)[:, 1][known[:, 1]].mean())


def test_the_confusion_matrix_counts_what_came_against_what_was_forecast():
    came, shares, series = some(seed=2)
    sums = summed(came, shares, series)
    for target, width in enumerate(COUNTS):
        true, forecast, _ = of_target(came, shares, target)
        expected = sklearn.confusion_matrix(true, forecast, labels=[*range(width + 1)])
        found = sums.confusion[target]
        assert (found[:width, :width] == expected[:width, :width]).all()
        assert (found[-1, :width] == expected[width, :width]).all()
        assert found.sum() == len(true)


def test_nothing_known_is_no_score():
    came, shares, series = some(unknown=1.1)
    assert all(np.isnan(value) for value in summed(came, shares, series).overall().values())


def scores(**accuracy):
    return {name: {"accuracy": each, "log_loss": 1 - each} for name, each in accuracy.items()}


@pytest.mark.parametrize(
    ("ours", "how"),
    [
        (0.7, "lstm is 10.0 points more often right than the last label"),
        (0.5, "lstm is 10.0 points less often right than the last label"),
        (0.6001, "lstm is as often right as the last label"),
    ],
)
def test_the_verdict_names_the_best_opponent(ours, how):
    found = scores(lstm=ours, last_label=0.6, markov_chain=0.4)
    assert best_by_accuracy(found, "lstm") == "last_label"
    found["markov_chain"]["log_loss"] = 0.1
    said = label_verdict(found, "lstm", 12)
    assert said.startswith(f"{how}, the best of 2 opponents: accuracy")
    assert said.endswith("the lowest of the others 0.1 (the Markov chain).")
    assert "12 test windows" in said
    assert "1 test window." in label_verdict(found, "lstm", 1)


def test_without_labels_in_the_test_part_there_is_no_verdict():
    found = scores(lstm=np.nan, last_label=np.nan)
    assert "cannot be judged" in label_verdict(found, "lstm", 3)
