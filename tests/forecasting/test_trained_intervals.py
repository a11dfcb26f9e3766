"""Intervals of trained models: as wide as the errors were, from the file too, and for whom."""

import copy
import math

import numpy as np
import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal

import forecast
from forecast.errors import ConfigError, DataError
from forecast.evaluate import part_forecasts
from forecast.forecasting.model_file import load
from forecast.prepare import prepare
from forecast.runs.checkpoint import load_checkpoint, save_checkpoint
from forecast.runs.folder import MODEL_FILE
from tests.forecasting.cases import air, built, conformal, two_series, warnings_of
from tests.helpers import refusal


def size(data, row):
    """Mean absolute change of the logarithms over a year, up to a row."""
    logs = np.log(data.panel.values[: row + 1 or None, 0])
    return np.abs(logs[12:] - logs[:-12]).mean()


def test_intervals_lie_around_the_forecast_as_the_errors_did():
    """Every step on its own: half the logarithm of hi / lo is the score in units of the end."""
    case, trained = conformal("air")
    data, errors = prepare(trained.config, case.frame), []
    for part in ("validation", "test"):
        for rows, values in part_forecasts(trained.models, data, part):
            actual = data.panel.values[rows[:, None] + 1 + np.arange(6)]
            error = np.abs(np.log(actual / values[..., 0]))[..., 0]
            errors.append(error / np.array([size(data, row) for row in rows])[:, None])
    scores = np.sort(np.concatenate(errors), axis=0)
    table = trained.forecast(level=[50, 80])
    assert list(table.columns)[3:] == ["lo-80", "lo-50", "hi-50", "hi-80"]
    for level in (50, 80):
        expected = scores[math.ceil((len(scores) + 1) * level / 100) - 1] * size(data, -1)
        ends = [table[f"{side}-{level}"] for side in ("lo", "hi")]
        np.testing.assert_allclose(np.log(ends[1] / ends[0]) / 2, expected, rtol=1e-5)
        np.testing.assert_allclose(np.sqrt(ends[0] * ends[1]), table.forecast, rtol=1e-9)


def test_intervals_are_those_of_the_configuration_unless_asked_for():
    case, trained = conformal("air")
    table = trained.forecast()
    assert list(table.columns)[3:] == ["lo-95", "lo-80", "hi-80", "hi-95"]
    assert_frame_equal(table, trained.forecast(level=[80, 95]))
    assert list(trained.forecast(level=[])) == ["month", "target", "forecast"]
    assert trained.quantiles() == pytest.approx((0.025, 0.1, 0.5, 0.9, 0.975))
    assert case.frame.month.max() < table.month.min()


@pytest.mark.parametrize("name", ["air", "panel", "macro_joint"])
def test_intervals_survive_the_checkpoint_and_are_no_work_for_the_training_table(name, tmp_path):
    case, trained = conformal(name, levels=(60, 80))
    trained.save(tmp_path / MODEL_FILE)
    loaded, expected = load(tmp_path), trained.forecast(future=case.future)
    assert_frame_equal(loaded.forecast(future=case.future), expected, check_exact=True)
    assert_frame_equal(loaded.forecast(case.frame, case.future), expected, rtol=1e-6)
    assert (expected["lo-80"] < expected["forecast"]).all()
    assert (expected["forecast"] < expected["hi-80"]).all()
    assert loaded.calibration.radii.nbytes < 10**6
    (tmp_path / "half").mkdir()
    tensors, content = load_checkpoint(tmp_path / MODEL_FILE, "model")
    del tensors["calibration.radii"]
    save_checkpoint(tmp_path / "half" / MODEL_FILE, "model", tensors, content)
    with pytest.raises(DataError, match="not a model of this program"):
        load(tmp_path / "half")


def test_intervals_beyond_the_horizon_are_those_of_its_last_step(caplog):
    _, trained = conformal("air")
    (message,) = warnings_of(caplog, trained, None, None, 8)
    assert message.endswith("so they are too narrow")
    assert "too narrow" not in warnings_of(caplog, trained, None, None, 8, [])[0]
    table = trained.forecast(horizon=8)
    reach = np.log(table["hi-80"] / table.forecast)
    np.testing.assert_allclose(reach[6:], reach[5], rtol=1e-6)


def test_a_series_that_is_new_has_intervals_in_units_of_its_own_changes():
    case = two_series("per_series")
    trained = forecast.train({**case.config, "intervals": {"levels": [80]}}, case.frame)
    rows = case.frame[case.frame.unique_id == "a"]
    both = pd.concat([rows, rows.assign(unique_id="new", y=9 * rows.y)])
    table = trained.forecast(both)
    own, new = (table["hi-80"] - table["lo-80"]).to_numpy().reshape(2, -1)
    np.testing.assert_allclose(new / own, 9, rtol=1e-5)


def test_a_quantile_model_gives_its_own_intervals():
    _, trained = built("quantile")
    assert list(trained.forecast())[3:] == ["lo-80", "q-0.3", "hi-80"]
    table = trained.forecast(level=[80])
    assert list(table)[3:] == ["lo-80", "hi-80"]
    assert_frame_equal(table, trained.forecast()[[*table.columns]])
    assert refusal(trained.forecast, level=[80, 33], error=ConfigError) == (
        "level 33: the model was trained on the quantiles of 80 %; ask for what it has, or train"
        " with other training.loss.quantile.levels"
    )
    assert trained.left_out is None


def test_crossing_quantiles_are_put_in_order():
    trained = copy.deepcopy(built("quantile")[1])
    for model in trained.models:
        for weight in model.parameters():
            torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(weight.numel()))
    quantiles = trained.forecast_panel(trained.tail)[1]
    assert (np.diff(quantiles, axis=-1) >= 0).all()
    assert (np.diff(quantiles, axis=-1) > 0).any()


@pytest.mark.parametrize("test", [0, 7])
def test_levels_without_errors_enough(test, caplog):
    case = air()
    case.config.update(split={"validation": 0, "test": test}, intervals={"levels": [50, 80]})
    trained = forecast.train(case.config, case.frame)
    left_out = [each for each in caplog.messages if "intervals from" in each]
    start = 80 if test else 50
    assert len(left_out) == 1
    assert left_out[0].startswith(f"intervals from {start} % on are left out: ")
    columns = ["lo-50", "hi-50"] if test else []
    assert list(trained.forecast())[3:] == columns
    message = refusal(trained.forecast, level=[80], error=ConfigError)
    remedy = "raise split.validation or split.test" if test else "train it with a validation"
    assert remedy in message
