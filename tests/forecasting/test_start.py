"""A training that begins with the weights of a finished run: on newer rows, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

import forecast
from forecast.config.tree import config_from
from forecast.errors import ConfigError
from forecast.prepare import new_learner, prepare
from forecast.training.device import choose_device
from tests.helpers import refusal

ROWS = 90
CPU = choose_device("cpu")


def frame(rows=ROWS, first="2021-01-01"):
    steps = np.arange(rows)
    dates = pd.date_range(first, periods=rows)
    return pd.DataFrame({"ds": dates, "y": np.sin(steps / 3) + steps % 7, "x": steps % 5 * 1.0})


def config(start=None, model=(), window=(), training=(), **others):
    return config_from(
        {
            "data": {"path": "data", "past": ["x"]},
            "split": {"validation": 10, "test": 12},
            "window": {"lookback": 7, "horizon": 3, **dict(window)},
            "model": dict(model),
            "training": {"epochs": 2, "ensemble": 2, "start_from": start, **dict(training)},
            "device": "cpu",
            **others,
        }
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("start") / "run"
    return str(path), forecast.train(config(), frame(), run=path)


def weights_of(learner):
    return [weight.detach().numpy() for weight in learner.model.parameters()]


@pytest.mark.parametrize("member", [0, 1, 2])
def test_members_begin_with_those_of_the_run_by_turns(run, member):
    path, model = run
    prepared = prepare(config(path), frame(110))
    assert prepared.config.model.hidden_size == model.config.model.hidden_size
    learner = new_learner(prepared, CPU, 0.01, prepared.config.seed + member)
    for mine, theirs in zip(
        weights_of(learner), model.models[member % 2].parameters(), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs.detach().numpy())
    assert learner.is_trained
    assert not new_learner(prepare(config(), frame()), CPU, 0.01, 0).is_trained


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_members_that_differ_begin_with_those_that_are_like_them(tmp_path):
    listed = {"ensemble": [{"window.lookback": 9}, {"model.proj_size": 20}]}
    forecast.train(config(training=listed), frame(), run=tmp_path / "run")
    found = prepare(config(str(tmp_path / "run"), training=listed), frame(110)).config
    assert [each.model.hidden_size for each in found.listed] == [32, 40]
    turned = {"ensemble": listed["ensemble"][::-1]}
    message = refusal(prepare, config(str(tmp_path / "run"), training=turned), frame(110))
    assert "has model.proj_size 0, here it is 20; make them alike" in message


def test_weights_that_training_makes_no_better_are_kept(run):
    path, _ = run
    worse = config(path, training={"learning_rate": 3.0, "epochs": 1})
    model = forecast.train(worse, frame(100))
    assert model.summary["kept_epochs"] == [0, 0]


def test_rows_of_the_training_never_judge(run):
    path, model = run
    until = frame().ds[ROWS - 10 - 12 - 1].strftime("%Y-%m-%d")
    assert model.summary["trained_until"] == until
    split = {"validation": 10, "test": 13}
    assert prepare(config(path, split={**split, "test": 12}), frame()).first
    message = refusal(prepare, config(path, split=split), frame(), error=ConfigError)
    assert message == (
        f"training.start_from: {path} was trained on rows up to {until}, and those from {until} on"
        " are to judge it; lower split.validation and split.test, or leave start_from out"
    )


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"model": {"cell": "gru"}}, "model.cell 'lstm', here it is 'gru'"),
        ({"window": {"horizon": 4}}, "window.horizon 3, here it is 4"),
        ({"transforms": []}, "transforms standardize, here it is none"),
        ({"data": {"path": "data"}}, "past columns x, here it is none"),
        ({"training": {"loss": "mae"}}, "training.loss 'mse', here it is 'mae'"),
    ],
)
def test_other_networks_are_refused(run, changed, what):
    path, _ = run
    message = refusal(prepare, config(path, **changed), frame(100), error=ConfigError)
    assert message == (
        f"training.start_from: {path} has {what}; make them alike, or leave start_from out"
    )


def test_no_backtest_is_made_of_weights_that_know_its_rows(run):
    path, _ = run
    message = refusal(forecast.backtest, config(path), data=frame(100), error=ConfigError)
    assert message == (
        f"training.start_from: {path} may know rows behind the origins of a backtest; set it to"
        " null"
    )
