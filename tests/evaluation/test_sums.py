"""Intervals of sums over the horizon: against a loop, and what they hold of a known process."""

import numpy as np
import pytest

from forecast.data.scale import training_scale
from forecast.evaluation.baselines import History
from forecast.evaluation.copula import Copula
from forecast.evaluation.scoring import Actuals
from forecast.evaluation.sums import MOST_JUDGED, median_errors, scored_windows, sum_coverage

RANDOM = np.random.default_rng(0)


def actuals_of(values):
    offsets = np.array([0, len(values)])
    scale = training_scale(values, offsets, np.array([[0, len(values)]]), 1)
    return Actuals(values, History(values, offsets, 1), scale)


@pytest.mark.parametrize("moves_together", [True, False])
def test_the_share_and_the_width_are_those_of_a_loop_over_windows(moves_together):
    """Steps that are all alike have a sum of H times one of them; mixed by chance they do not."""
    values, horizon = RANDOM.normal(size=(90, 2)), 3
    values[50, 1] = np.nan
    truth, rows = actuals_of(values), np.arange(20, 80)
    samples = np.sort(RANDOM.normal(size=200)) * np.ones((len(rows), horizon, 2, 1))
    order = np.arange(200) if moves_together else None
    ranks = np.stack(
        [RANDOM.permutation(200) if order is None else order for _ in range(horizon * 2)], axis=-1
    )
    copula = Copula(ranks.reshape(200, 1, horizon, 2).astype(np.uint16))
    parts = []
    found = sum_coverage(
        "split", rows, lambda part: parts.append(part) or samples[part], copula, truth, [80.0]
    )
    assert set(found) == {"sum_coverage", "sum_interval_width", "sum_interval_score"}
    if not moves_together:
        wide = horizon * np.subtract(*np.quantile(samples[0, 0, 0], [0.9, 0.1], method="hazen"))
        assert found["sum_interval_width"]["split"]["80"] < 0.75 * wide
        return
    low, high = horizon * np.quantile(samples[0, 0, 0], [0.1, 0.9], method="hazen")
    sums = np.array([values[row + 1 : row + 1 + horizon].sum(axis=0) for row in rows])
    sums = sums[~np.isnan(sums)]
    held = ((low <= sums) & (sums <= high)).mean()
    assert found["sum_coverage"]["split"]["80"] == pytest.approx(held)
    width = found["sum_interval_width"]["split"]["80"]
    assert width == pytest.approx(high - low)


def test_the_errors_of_quantiles_are_in_units_of_their_side():
    truth = actuals_of(np.array([[0.0], [3.0], [-1.0], [2.0], [np.nan]]))
    values = np.array([[[[0.0, 2.0, 4.0]], [[1.0, 1.0, 1.0]]], [[[2.0, 2.0, 2.0]], [[0.0] * 3]]])
    found = median_errors(np.array([0, 2]), values, truth, lambda rows: rows + 10)
    assert found.times.tolist() == [10, 12]
    assert found.values[0, :, 0].tolist() == [0.5, pytest.approx(-2e9)]
    assert found.values[1, 0, 0] == 0
    assert np.isnan(found.values[1, 1, 0])


def test_of_many_windows_evenly_spaced_ones_are_judged():
    assert scored_windows(7, 12).tolist() == [*range(7)]
    assert len(scored_windows(10**6, 1)) == MOST_JUDGED
    assert len(scored_windows(10**6, 10**7)) == 1
    assert scored_windows(0, 5).tolist() == []
