"""Croston's method, SBA and TSB against statsforecast, series by series and row by row."""

import numpy as np
import pytest

from forecast.data.zeros import are_counts, is_intermittent
from forecast.evaluation.baselines import (
    BASELINES,
    INTERMITTENT,
    History,
    baseline_forecasts,
    croston,
    sba,
    tsb,
)
from forecast.evaluation.scoring import method_in_words

LENGTHS = np.array([1, 30, 7, 64])
OFFSETS = np.array([0, *LENGTHS.cumsum()])
RANDOM = np.random.default_rng(0)
DEMANDS = RANDOM.poisson(0.4, (OFFSETS[-1], 2)) * RANDOM.uniform(1, 9, (OFFSETS[-1], 2))


def test_they_forecast_what_statsforecast_does_at_every_row_with_a_demand_before():
    models = pytest.importorskip("statsforecast.models")
    theirs = {
        croston: models.CrostonClassic(),
        sba: models.CrostonSBA(),
        tsb: models.TSB(alpha_d=0.1, alpha_p=0.1),
    }
    history = History(DEMANDS, OFFSETS, 1)
    for ours, model in theirs.items():
        found = ours(history, np.arange(OFFSETS[-1]), 2)
        for row, target in [(30, 0), (5, 1), (37, 0), (20, 1), *((r, 1) for r in range(60, 102))]:
            known = DEMANDS[OFFSETS[row >= OFFSETS].max() : row + 1, target]
            expected = model.forecast(y=known, h=2)["mean"] if known.any() else [0, 0]
            np.testing.assert_allclose(found[row, :, target], expected, rtol=1e-6)


def test_a_missing_value_is_passed_over_and_no_series_knows_of_another():
    known = DEMANDS[31:38]
    gaps = np.insert(known, 3, np.nan, axis=0)
    expected = croston(History(known, np.array([0, 7]), 1), np.array([6]), 1)
    values = np.concatenate([[[1e9, 1e9]], gaps])
    found = croston(History(values, np.array([0, 1, 9]), 1), np.array([8]), 1)
    np.testing.assert_allclose(found, expected)


def test_without_a_demand_the_forecast_is_zero():
    history = History(np.zeros((5, 1)), np.array([0, 5]), 1)
    for method in INTERMITTENT.values():
        assert (method(history, np.array([4]), 3) == 0).all()


def test_they_are_opponents_where_zeros_abound():
    assert is_intermittent(np.array([[0.0], [1], [np.nan], [0]]))
    assert not is_intermittent(np.array([[0.0], [1], [2], [3], [4]]))
    assert not is_intermittent(np.array([[0.0], [0], [1], [-1]]))
    assert not is_intermittent(np.zeros((4, 1)))
    assert are_counts(np.array([[0.0], [np.nan], [3]]))
    assert not are_counts(np.array([[0.5]]))
    assert not are_counts(np.array([[-1.0]]))
    history = History(DEMANDS, OFFSETS, 1)
    assert [*baseline_forecasts(history, np.array([9]), 1)] == [*BASELINES, *INTERMITTENT]
    assert [*map(method_in_words, INTERMITTENT)] == ["Croston's method", "SBA", "TSB"]
