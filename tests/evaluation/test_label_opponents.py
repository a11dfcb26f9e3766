"""Opponents of labels against slow loops over the training rows."""

import itertools

import numpy as np
import pytest

from forecast.evaluation.baselines import History
from forecast.evaluation.label_opponents import LabelOpponents

COUNTS, HORIZON, SEASON = (3, 2), 4, 3
OFFSETS = np.array([0, 25, 60])
TRAIN = np.array([[0, 15], [25, 45]])


def opponents(seed=0, season=SEASON, unknown=0.1):
    rng = np.random.default_rng(seed)
    filled = np.stack([rng.integers(0, count, 60) for count in COUNTS], axis=-1).astype(float)
    filled[:3, 1] = -1  # a label of the test part alone would be so
    observed = np.where(rng.random(filled.shape) < unknown, np.nan, filled)
    return LabelOpponents(History(filled, OFFSETS, season), observed, TRAIN, COUNTS, HORIZON)


def training_rows(found, series, target):
    first, end = TRAIN[series]
    return found.observed[first:end, target]


def share_held(found, target, lag):
    """Of the training rows with the label of `lag` rows before, with Laplace's two more."""
    right = total = 0
    for series in range(2):
        rows = training_rows(found, series, target)
        for before, after in zip(rows, rows[lag:], strict=False):
            if before >= 0 and after >= 0:
                right, total = right + (before == after), total + 1
    return (right + 1) / (total + 2)


def all_shares(found, target):
    rows = np.concatenate([training_rows(found, series, target) for series in range(2)])
    known = rows[rows >= 0]
    counts = [np.sum(known == label) for label in range(max(COUNTS))]
    return np.array(counts) / len(known)


@pytest.mark.parametrize(
    ("name", "lags"), [("last_label", (1, 2, 3, 4)), ("seasonal_label", (3, 3, 3, 6))]
)
def test_a_label_that_is_repeated_has_the_share_with_which_it_was_right(name, lags):
    found, origins = opponents(), np.array([18, 50])
    shares = found.forecasts(origins)[name]
    np.testing.assert_allclose(shares.sum(axis=-1), 1)
    for window, origin in enumerate(origins):
        for step in range(HORIZON):
            row = origin if name == "last_label" else origin + 1 + step - lags[step]
            for target in range(2):
                label = int(found.history.values[row, target])
                right, others = share_held(found, target, lags[step]), all_shares(found, target)
                others[label] = 0
                expected = (1 - right) * others / others.sum()
                expected[label] = right
                np.testing.assert_allclose(shares[window, step, target], expected)


def test_the_most_frequent_label_is_that_of_the_series():
    found, origins = opponents(), np.array([18, 50])
    shares = found.forecasts(origins)["most_frequent"]
    for series in range(2):
        for target in range(2):
            rows = training_rows(found, series, target)
            counts = np.array([np.sum(rows == label) for label in range(3)])
            mixed = counts + 3 * all_shares(found, target)
            expected = np.tile(mixed / mixed.sum(), (HORIZON, 1))
            np.testing.assert_allclose(shares[series, :, target], expected)


def test_the_chain_goes_on_from_the_last_label():
    found, origins = opponents(), np.array([18, 50])
    shares = found.forecasts(origins)["markov_chain"]
    for target in range(2):
        counted = np.tile(all_shares(found, target), (3, 1))
        for series in range(2):
            rows = training_rows(found, series, target)
            for before, after in itertools.pairwise(rows):
                if before >= 0 and after >= 0:
                    counted[int(before), int(after)] += 1
        chain = counted / counted.sum(axis=1, keepdims=True)
        for window, origin in enumerate(origins):
            label = int(found.history.values[origin, target])
            for step in range(HORIZON):
                expected = np.linalg.matrix_power(chain, step + 1)[label]
                np.testing.assert_allclose(shares[window, step, target], expected)


def test_without_a_season_there_is_no_seasonal_label():
    assert "seasonal_label" not in opponents(season=1).forecasts(np.array([18]))


def test_a_label_never_seen_leaves_the_shares_of_all():
    found = opponents()
    origins = np.array([2])  # target 1 is unseen there
    for name in ("last_label", "markov_chain"):
        shares = found.forecasts(origins)[name]
        np.testing.assert_allclose(shares.sum(axis=-1), 1)
        assert np.isfinite(shares).all()
    np.testing.assert_allclose(
        found.forecasts(origins)["last_label"][0, 0, 1], all_shares(found, 1)
    )


def test_rows_after_training_change_nothing_but_the_label_gone_on_from():
    found = opponents()
    other = opponents()
    other.observed[TRAIN[0, 1] : OFFSETS[1]] = 0
    other.observed[TRAIN[1, 1] :] = 1
    origins = np.array([16, 47])
    for name, shares in found.forecasts(origins).items():
        np.testing.assert_array_equal(other.forecasts(origins)[name], shares)
