"""Sample paths of trained models: whose marginals, in which table, and for whom there are none."""

import numpy as np
import pandas as pd
import pytest

import forecast
from forecast.errors import ConfigError
from forecast.forecasting import sample
from forecast.forecasting.model_file import load
from forecast.runs.folder import MODEL_FILE
from tests.forecasting.cases import air, built, conformal, two_series
from tests.helpers import refusal


def ends(values, level):
    """(S, K, H) lower and upper, flat in the order of a forecast's rows."""
    shares = [(1 - level / 100) / 2, (1 + level / 100) / 2]
    found = np.quantile(values, shares, axis=0, method="hazen")  # (2, S, H, K)
    return found.transpose(0, 1, 3, 2).reshape(2, -1)


@pytest.mark.parametrize("name", ["air", "panel", "macro_joint"])
def test_samples_have_the_intervals_of_the_forecast_and_survive_the_file(name, tmp_path):
    case, trained = conformal(name, levels=(60, 80))
    table, values = trained.sample(samples=100, future=case.future)
    expected = trained.forecast(future=case.future)
    for level in (60, 80):
        lower, upper = ends(values, level)
        width = expected[f"hi-{level}"] - expected[f"lo-{level}"]
        assert (abs(lower - expected[f"lo-{level}"]) < 0.05 * width).all()
        assert (abs(upper - expected[f"hi-{level}"]) < 0.05 * width).all()
    trained.save(tmp_path / MODEL_FILE)
    again = load(tmp_path).sample(samples=100, future=case.future)
    pd.testing.assert_frame_equal(again.table, table, check_exact=True)
    other = trained.sample(samples=100, seed=1, future=case.future)
    np.testing.assert_array_equal(np.sort(other.values, axis=0), np.sort(values, axis=0))
    assert not np.array_equal(other.values, values)


def test_the_table_has_a_row_for_each_series_sample_and_step():
    case, trained = conformal("panel")
    table, values = trained.sample(samples=4, future=case.future)
    assert list(table) == ["unique_id", "ds", "sample", "y"]
    expected = trained.forecast(future=case.future)
    for number, name in enumerate(expected.unique_id.unique()):
        rows = table[table.unique_id == name]
        assert rows["sample"].tolist() == np.repeat(range(4), 6).tolist()
        assert rows.y.tolist() == values[:, number].ravel().tolist()
        assert rows.ds.tolist() == 4 * expected[expected.unique_id == name].ds.tolist()


def test_a_series_has_the_same_samples_whatever_is_forecast_beside_it(monkeypatch):
    case, trained = conformal("panel")
    whole = trained.sample(samples=30, future=case.future)
    monkeypatch.setattr(sample, "AT_ONCE", 1)  # a series at a time
    alone = case.frame[case.frame.unique_id == "NA"]
    found = trained.sample(alone, 30, future=case.future)
    np.testing.assert_allclose(found.values[:, 0], whole.values[:, 2], rtol=1e-6)
    apart = trained.sample(samples=30, future=case.future)
    np.testing.assert_array_equal(apart.values, whole.values)


def test_steps_beyond_the_horizon_go_on_as_the_last_one(caplog):
    _, trained = conformal("air")
    values = trained.sample(samples=20, horizon=8).values[:, 0, :, 0]
    ranks = values.argsort(axis=0).argsort(axis=0)
    np.testing.assert_array_equal(ranks[:, 6:], ranks[:, [5, 5]])
    assert "samples like those of its last step" in caplog.text


def test_a_quantile_model_has_samples_of_its_own_quantiles_and_a_minimum():
    case = air(["log", "standardize"], training={"loss": {"quantile": {"levels": [0.1, 0.5, 0.9]}}})
    chosen = {**case.config, "data": {**case.config["data"], "minimum": 104}}
    trained = forecast.train(chosen, case.frame, quiet=True)
    values, expected = trained.sample(samples=200).values, trained.forecast()
    lower, upper = ends(values, 80)
    np.testing.assert_allclose(lower, expected["lo-80"], rtol=0.02)
    np.testing.assert_allclose(upper, expected["hi-80"], rtol=0.02)
    assert sample.as_targets(np.array([5.5, 200.5]), trained.pipeline).tolist() == [104, 200.5]
    assert set(trained.summary["sum_coverage"]) == {"quantile"}


def test_a_target_called_sample_keeps_its_name():
    case = two_series("global")
    names = {"y": "sample", "ds": "sample_id", "unique_id": "series"}
    data = {"frequency": 1, "time": "sample_id", "id": "series", "target": ["sample"]}
    chosen = {**case.config, "data": {**case.config["data"], **data}, "intervals": {"levels": [80]}}
    trained = forecast.train(chosen, case.frame.rename(columns=names), quiet=True)
    table = trained.sample(samples=2).table
    assert list(table) == ["series", "ds", "sample_id", "sample"]
    assert table["sample_id"].tolist() == 2 * [0, 0, 0, 1, 1, 1]
    swapped = case.frame.sort_values("unique_id", ascending=False, kind="stable")
    again = trained.sample(swapped.rename(columns=names), samples=2).table
    again = again.sort_values("series", kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(again, table)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"samples": 1}, "samples 1 is not allowed; give 2 to 10000"),
        ({"samples": 10**9}, "samples 1000000000 is not allowed; give 2 to 10000"),
        ({"seed": -1}, "seed -1 is not allowed; give 0 to 4294967295"),
        ({"horizon": 0}, "horizon 0 is not allowed; ask for 1 step or more"),
    ],
)
def test_what_cannot_be_is_refused(arguments, says):
    assert refusal(conformal("air")[1].sample, **arguments, error=ConfigError) == says


def test_half_a_sample_is_refused():
    message = refusal(sample._whole, "samples", 2.5, 2, error=ConfigError)
    assert message == "samples 2.5 is not allowed; give a whole number"


def test_a_model_that_keeps_no_errors_has_no_samples(monkeypatch):
    assert refusal(built("air")[1].sample, error=ConfigError) == sample.NO_PATHS
    monkeypatch.setattr(sample, "MOST_NUMBERS", 1000)
    assert refusal(conformal("air")[1].sample, error=ConfigError) == (
        "200 samples of 1 series are 1200 numbers, more than 1000; ask for fewer samples, or give"
        " fewer series at a time"
    )
