"""With `data.minimum` no forecast and no interval lies below it, wherever it is made."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import forecast
from forecast.backtesting.run import backtest
from forecast.config.counts import Poisson
from forecast.evaluation.baselines import History
from forecast.forecasting.model_file import load
from forecast.partners.combination import Combination
from forecast.prepare import prepare
from forecast.runs.drain import result_of
from forecast.runs.folder import MODEL_FILE
from tests.helpers import small_config
from tests.proposed import propose

COUNTS = pd.DataFrame(
    {
        "ds": pd.date_range("2024-01-01", periods=90),
        "y": np.random.default_rng(4).poisson(0.7, 90) * 20.0,
    }
)

PARTS = {"window": {"lookback": 7, "horizon": 3}, "split": {"validation": 20, "test": 20}}
NUMBERS = ["forecast", "lo-80", "hi-80", "lo-95", "hi-95"]


def test_forecasts_and_intervals_stop_at_the_minimum(tmp_path):
    free = forecast.train(small_config(**PARTS), COUNTS)
    held = forecast.train(small_config(["data.minimum=0"], **PARTS), COUNTS, run=tmp_path / "run")
    expected = free.forecast()
    assert (expected["lo-95"] < 0).all()
    expected[NUMBERS] = expected[NUMBERS].clip(lower=0)
    pd.testing.assert_frame_equal(held.forecast(), expected)
    pd.testing.assert_frame_equal(load(tmp_path / "run" / MODEL_FILE).forecast(), expected)
    folds = result_of(backtest(held.config, held, data=COUNTS, folds=2))
    assert (folds.forecasts["lstm"] >= 0).all()
    ends = folds.forecasts.filter(like="lo-")
    assert (ends.to_numpy() >= 0).all()
    assert ends.shape[1]


def test_a_combination_stops_there_too():
    combination = Combination(("lstm", "theta"), ((0.5, 0.5),), minimum=2.0)
    history = History(np.linspace(50, 1, 50)[:, None], np.array([0, 50]), 1)
    origins = np.array([49])
    own = np.full((1, 60, 1), 3.0)
    assert combination.partner_forecasts(history, origins, 60)["theta"].min() == 2
    assert combination.all_methods(own, history, origins)["combination"].min() >= 2
    quantiles = np.stack([own - 9, own, own + 9], axis=-1)
    assert combination.shifted(quantiles, history, origins).min() == 2


def test_quantiles_of_counts_keep_their_ratios_and_stay_whole():
    counts = Combination(("lstm", "theta"), ((0.5, 0.5),), minimum=0.0, distribution=Poisson())
    own = np.array([0.0, 1, 2, 2.0, 5, 9])[None, None, None]
    moved = counts.moved(own, np.full((1, 1, 1), 3.0))
    np.testing.assert_array_equal(moved[0, 0, 0], [0, 2, 3, 3, 8, 14])
    np.testing.assert_array_equal(counts.moved(own, np.full((1, 1, 1), 2.0)), own)


@pytest.mark.parametrize(
    "transforms",
    [["log1p", "standardize"], ["difference"], [{"difference": 7}, "min_max"], ["power", "robust"]],
)
def test_no_transform_takes_a_forecast_below_it(transforms):
    config = small_config(["data.minimum=0"], transforms=transforms, **PARTS)
    prepared = prepare(config, COUNTS)
    far = np.random.default_rng(0).normal(0, 30, (1, 3, 1, 5))
    origins = np.array([70])
    values = prepared.pipeline.invert(far, prepared.panel, prepared.filled_targets, origins)
    assert values.min() == 0
    free = replace(prepared.pipeline, minimum=-np.inf)
    expected = free.invert(far, prepared.panel, prepared.filled_targets, origins)
    np.testing.assert_array_equal(values, np.maximum(expected, 0))


def test_a_proposal_for_counts_has_it_and_others_have_not():
    assert "  minimum: 0  # no value is below, nor any forecast" in propose(COUNTS)
    assert "minimum" not in propose(COUNTS.assign(y=COUNTS["y"] - 20))
    assert "minimum" not in propose(COUNTS.assign(y=COUNTS["y"] + 500))
