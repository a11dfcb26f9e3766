"""`model.start: pretrained`, through the whole story: trained, kept or not, saved, forecast."""

import numpy as np
import pandas as pd
import pytest

import forecast
from forecast import experiment
from forecast.config.model import PRETRAINED_LEVELS
from forecast.config.tree import config_from
from forecast.forecasting.model_file import load
from forecast.pretrained.network import MEDIAN
from forecast.pretrained.zero_shot import zero_shot
from forecast.runs.folder import existing_run, new_run

ROWS, HORIZON, SEASON = 60, 4, 4


def table(series=("a", "b", "c"), rows=ROWS):
    random = np.random.default_rng(0)
    level = 50 + random.normal(size=(len(series), rows)).cumsum(axis=1)
    values = level + np.tile([5.0, -2, 0, -3], rows // 4)
    return pd.DataFrame(
        {
            "id": np.repeat(series, rows),
            "quarter": np.tile(np.arange(rows), len(series)),
            "sales": values.ravel(),
        }
    )


def config(**training):
    return {
        "data": {"time": "quarter", "target": "sales", "id": "id", "season": SEASON},
        "transforms": [],
        "split": {"validation": 16, "test": 8},
        "window": {"lookback": 40, "horizon": HORIZON, "least_history": 3},
        "model": {"start": "pretrained"},
        "training": {"loss": "mae", "epochs": 1, "learning_rate": 0.0003, **training},
    }


def zero_shot_of(data):
    groups = [group["sales"].to_numpy()[-40:] for _, group in data.groupby("id")]
    offsets = np.cumsum([0, *map(len, groups)])
    values = np.concatenate(groups)[:, None]
    return zero_shot(values, offsets[:-1], offsets[1:] - 1, SEASON, HORIZON)[:, :, 0]


def test_weights_that_validation_does_not_like_are_not_kept():
    data = table()
    trained = forecast.train(config(learning_rate=3.0, epochs=2), data)
    assert trained.summary["kept_epochs"] == [0]
    found = trained.forecast(level=[])["forecast"].to_numpy().reshape(3, HORIZON)
    np.testing.assert_allclose(found, zero_shot_of(data)[..., MEDIAN], rtol=1e-5)


def test_of_logarithms_the_forecasts_and_intervals_are_brought_back():
    data = table()
    changed = {**config(learning_rate=3.0), "transforms": ["log", "standardize"]}
    found = forecast.train(changed, data).forecast(level=[80]).set_index("id")
    logs = data.assign(sales=np.log(data["sales"]))
    trained = logs[logs["quarter"] < ROWS - 24].groupby("id")["sales"]
    mean, deviation = trained.mean(), trained.std(ddof=0)
    scaled = (logs["sales"] - logs["id"].map(mean)) / logs["id"].map(deviation)
    right = zero_shot_of(logs.assign(sales=scaled))[..., MEDIAN]
    right = np.exp(right * deviation.to_numpy()[:, None] + mean.to_numpy()[:, None])
    np.testing.assert_allclose(found["forecast"].to_numpy(), right.ravel(), rtol=1e-5)
    np.testing.assert_allclose(found["hi-80"] * found["lo-80"], found["forecast"] ** 2, rtol=1e-9)
    assert (found["lo-80"] < found["forecast"]).all()


def test_without_a_validation_part_nothing_speaks_for_other_weights():
    changed = {**config(), "split": {"validation": 0, "test": 8}}
    assert forecast.train(changed, table()).summary["kept_epochs"] == [0]


def test_a_validation_part_of_one_stretch_of_time_does_not_decide():
    changed = {**config(epochs=3), "split": {"validation": HORIZON, "test": HORIZON}}
    summary = forecast.train(changed, table()).summary
    assert (summary["kept_epochs"], summary["epochs"]) == ([0], [1])
    assert summary["stopped"] == ["the validation part is too short to judge trained weights by"]


def test_what_is_learned_is_kept_where_validation_says_so():
    data = table()
    phase = data["quarter"] % 6  # a season that the table does not tell of
    data["sales"] = 10.0 + np.where(phase < 3, 0.0, 8.0)
    trained = forecast.train(config(epochs=4, learning_rate=0.006, batch_size=16), data)
    assert trained.summary["kept_epochs"][0] > 0


def test_its_own_quantiles_are_forecast_with_their_loss():
    levels = list(PRETRAINED_LEVELS)
    data = table()
    changed = config(loss={"quantile": levels}, learning_rate=3.0)
    trained = forecast.train(changed, data)
    found = trained.forecast(level=[80])
    expected = zero_shot_of(data)
    np.testing.assert_allclose(found["lo-80"], expected[..., 1].ravel(), rtol=1e-5)
    np.testing.assert_allclose(found["hi-80"], expected[..., -2].ravel(), rtol=1e-5)


@pytest.mark.usefixtures("no_pictures")
def test_a_saved_model_forecasts_the_same(tmp_path):
    trained = forecast.train(config(), table(), run=tmp_path / "run")
    pd.testing.assert_frame_equal(load(tmp_path / "run").forecast(), trained.forecast())


def test_a_counter_far_from_zero_keeps_its_steps():
    data = table()
    data["sales"] = 1e9 + 3.0 * data["quarter"]  # single precision knows steps of 64 there
    found = forecast.train(config(), data).forecast(level=[])["forecast"].to_numpy()
    expected = 1e9 + 3.0 * np.arange(ROWS, ROWS + HORIZON)
    np.testing.assert_allclose(found.reshape(3, -1) - expected, 0, atol=3)


def test_a_series_shorter_than_the_lookback_is_forecast():
    short = table(("z",), 8)
    trained = forecast.train(config(), pd.concat([table(), short]))
    assert np.isfinite(trained.forecast(short)["forecast"]).all()


@pytest.mark.parametrize("targets", [["sales", "cost"]])
def test_every_target_is_forecast_by_itself(targets):
    data = table().assign(cost=lambda t: 1000 - t["sales"])
    changed = config(learning_rate=3.0)
    changed["data"]["target"] = targets
    found = forecast.train(changed, data).forecast(level=[])
    sales = found[found["target"] == "sales"]["forecast"].to_numpy().reshape(3, HORIZON)
    np.testing.assert_allclose(sales, zero_shot_of(data)[..., MEDIAN], rtol=1e-5)


@pytest.mark.parametrize("validation", [16, HORIZON])
@pytest.mark.usefixtures("no_pictures")
def test_an_interrupted_fine_tuning_ends_as_one_never_stopped(tmp_path, validation):
    chosen = {
        **config(epochs=3, epoch_windows=16),
        "split": {"validation": validation, "test": HORIZON},
    }
    chosen["data"] = {"path": "table.csv", **chosen["data"]}
    chosen = config_from(chosen)
    whole = list(experiment.train(chosen, table(), new_run(tmp_path / "whole", force=False)))
    steps = experiment.train(chosen, table(), new_run(tmp_path / "part", force=False))
    next(steps)
    steps.close()
    folder = existing_run(tmp_path / "part")
    assert len(list(experiment.train(chosen, table(), folder, resume=True))) == len(whole) - 1
    for name in ("model.safetensors", "summary.json", "forecast.csv"):
        assert (folder.path / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
