"""The short backtest after a training: where it is made, what it says, and what it costs."""

import numpy as np
import pandas as pd
import pytest

from forecast.backtesting import short
from forecast.backtesting.run import backtest
from forecast.config.tree import config_from
from forecast.experiment import train
from forecast.runs.drain import result_of

pytestmark = pytest.mark.short_backtest
SENTENCE = "Short backtest, trained anew on what was known at "


def trained(test, rows=80, series=1, validation=6, **training):
    steps = np.arange(rows)
    frames = [
        pd.DataFrame({"unique_id": f"s{n}", "ds": steps, "y": 9 + n + np.sin(steps) + 0.1 * steps})
        for n in range(series)
    ]
    config = config_from(
        {
            "data": {"path": "-", "frequency": 1, "season": 6},
            "split": {"validation": validation, "test": test},
            "window": {"lookback": 6, "horizon": 4},
            "model": {"hidden_size": 4},
            "training": {"epochs": 2, "learning_rate": 0.01, **training},
            "device": "cpu",
        }
    )
    frame = pd.concat(frames)
    return config, frame, result_of(train(config, frame))


@pytest.mark.parametrize("test", [0, 4, 6])
def test_a_test_part_that_tells_too_little_is_followed_by_one(test):
    config, frame, model = trained(test)
    *others, last = model.summary["remarks"]
    assert last.startswith(f"{SENTENCE}59: lstm is ")  # five folds of 4 rows behind row 59
    assert not any("too few to tell" in each for each in others)
    found = model.summary["backtest"]
    assert len(found["origins"]) == 5
    assert last.endswith(" ".join([found["verdict"], *found["remarks"]]))
    alone = result_of(backtest(config, data=frame, folds=5)).summary
    assert found["metrics"] == alone["metrics"]


def test_the_same_seed_tells_the_same():
    first, second = (trained(4)[2].summary for _ in range(2))
    assert first == second
    assert "backtest" in first


@pytest.mark.parametrize(
    ("sizes", "why"),
    [
        ({"test": 12}, "three origins a horizon apart are enough"),
        ({"test": 6, "series": 5}, "so are five series"),
        ({"test": 4, "rows": 24}, "too few rows would be left to train on"),
        ({"test": 4, "validation": "70"}, "a date"),
    ],
)
def test_no_other_is(sizes, why):
    _, _, model = trained(**sizes)
    assert "backtest" not in model.summary, why


def test_a_training_that_took_long_is_not_made_twice(monkeypatch):
    monkeypatch.setattr(short, "MOST_SECONDS", 0.0)
    _, _, model = trained(4)
    assert "backtest" not in model.summary
    assert "too few to tell" in " ".join(model.summary["remarks"])


def test_it_is_no_longer_than_the_training(monkeypatch):
    asked = []

    def noted(config, **_):
        asked.append(config)
        raise short.ForecastError("enough")

    monkeypatch.setattr(short, "backtest", noted)
    _, _, model = trained(4, epochs=50, learning_rate=3.0, early_stopping={"patience": 1})
    assert asked[0].training.epochs == model.summary["epochs"][0] < 50


def test_what_goes_wrong_in_it_is_said_and_costs_no_training(monkeypatch, caplog):
    def fails(*_, **__):
        raise short.ForecastError("no fold can be forecast from")

    monkeypatch.setattr(short, "backtest", fails)
    _, _, model = trained(4)
    assert "no short backtest: no fold can be forecast from" in caplog.text
    assert "backtest" not in model.summary
