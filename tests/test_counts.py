"""A training with a loss of counts: from the table to forecasts, on every path."""

import numpy as np
import pandas as pd
import pytest

import forecast
from forecast.backtesting.run import backtest
from forecast.forecasting.model_file import load
from forecast.runs.drain import result_of
from forecast.runs.folder import MODEL_FILE
from tests.helpers import refusal, small_config
from tests.proposed import propose

RANDOM = np.random.default_rng(4)
SALES = pd.concat(
    pd.DataFrame(
        {
            "unique_id": name,
            "ds": pd.date_range("2024-01-01", periods=60),
            "y": RANDOM.negative_binomial(1, 1 / (1 + mean), 60),
        }
    )
    for name, mean in (("rare", 0.2), ("often", 4.0), ("large", 4000.0))
)

PARTS = {"window": {"lookback": 7, "horizon": 3}, "split": {"validation": 10, "test": 10}}


def count_config(loss, *overrides, **sections):
    return small_config([f"training.loss={loss}", *overrides], **PARTS, **sections)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A training of two members beside a partner, and its folder."""
    run = tmp_path_factory.mktemp("runs") / "run"
    config = count_config("negative_binomial", "training.ensemble=2")
    return forecast.train(config, SALES, run=run), run


def test_forecasts_are_means_and_intervals_whole_numbers(trained):
    model, run = trained
    table = model.forecast()
    assert [*table.columns[3:]] == [
        *("forecast", "lo-95", "lo-80", "lo-50", "median", "hi-50", "hi-80", "hi-95")
    ]
    numbers = table.drop(columns=["unique_id", "ds", "target", "forecast"]).to_numpy()
    assert (numbers >= 0).all()
    assert (numbers % 1 == 0).all()
    assert (np.diff(numbers, axis=1) >= 0).all()
    means = table.groupby("unique_id")["forecast"].mean()
    assert means["large"] > 100 * means["often"]  # one network, by the scale of each window
    pd.testing.assert_frame_equal(load(run / MODEL_FILE).forecast(), table)
    assert [*model.forecast(level=80).columns[3:]] == ["forecast", "lo-80", "hi-80"]
    assert len(model.forecast(horizon=5)) == 15


def test_a_verdict_says_that_the_median_is_zero_and_shows_the_mean(trained):
    model, _ = trained
    assert {"croston", "sba", "tsb"} < {*model.summary["metrics"]}
    said = [each for each in model.summary["remarks"] if each.startswith("The median is 0")]
    assert len(said) == 1
    assert "which is the mean (" in said[0]
    metrics = model.summary["quantile_metrics"]
    assert metrics["sCRPS"] > 0


def test_a_backtest_has_the_same_columns(trained):
    model, _ = trained
    folds = result_of(backtest(model.config, model, data=SALES, folds=2))
    assert {"lstm-lo-80", "lstm-median", "lstm-hi-80"} <= {*folds.forecasts.columns}


def test_tables_that_are_no_counts_are_refused():
    wrong = SALES.reset_index(drop=True)
    negative = wrong.assign(y=wrong["y"].where(wrong.index != 2, -1))
    said = refusal(forecast.train, count_config("poisson"), negative)
    assert said.startswith("data row 2: column 'y': -1 is negative"), said
    half = wrong.assign(y=wrong["y"].where(wrong.index != 1, 0.5))
    said = refusal(forecast.train, count_config("poisson"), half)
    assert "0.5 is no whole number" in said
    forecast_of_half = forecast.train(count_config("tweedie", "training.epochs=1"), half).forecast()
    assert (forecast_of_half["lo-95"] >= 0).all()


def test_a_loss_of_counts_is_not_proposed_unasked():
    counts = RANDOM.poisson(0.3, (40, 260))
    times = pd.date_range("2024-01-01", periods=260)
    table = pd.concat(
        pd.DataFrame({"unique_id": f"s{n}", "ds": times, "y": each})
        for n, each in enumerate(counts)
    )
    text = propose(table)
    assert "loss: mae" in text
    assert "minimum: 0" in text


def test_sample_paths_are_whole_numbers(trained):
    model, _ = trained
    numbers = model.sample(samples=20).values
    assert (numbers >= 0).all()
    assert (numbers % 1 == 0).all()


def test_a_value_below_the_minimum_is_refused():
    config = small_config(["data.minimum=2"], **PARTS)
    assert "1 is below data.minimum 2" in refusal(forecast.train, config, SALES.assign(y=1.0))
