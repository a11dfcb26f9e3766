"""What fits into some minutes: members, epochs and windows by hand, and a promise for any costs."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast import budget
from forecast.budget import affordable, fitted
from forecast.config.training import TrainingConfig
from forecast.config.tree import config_from
from forecast.data.assemble import read_panel
from forecast.errors import DataError
from forecast.estimate import Cost
from tests.helpers import refusal

COST = Cost(step=0.01, validation=0.2, evaluation=5.0)


def training(**options):
    return TrainingConfig.model_validate({"epochs": 100, "ensemble": 3, **options})


def test_what_fits_is_left_alone():
    """3 members of 100 epochs of 10 steps and a validation: 90 seconds."""
    assert affordable(training(), 320, COST, 90.1) == {}
    assert affordable(training(), 320, COST, 89.0) != {}


def test_epochs_go_before_members_where_steps_are_many():
    """An epoch of 1,000 steps takes 10.2 seconds; three members of 33 take 1,010 of 1,020."""
    assert affordable(training(), 32_000, COST, 1020.0) == {
        "epochs": 33,
        "early_stopping": {"patience": 7},
    }


def test_members_go_before_their_steps_are_fewer_than_enough():
    """40 seconds are 4,000 steps, enough for one member; an epoch takes 1.2 seconds."""
    assert affordable(training(), 3200, COST, 40.0) == {
        "ensemble": 1,
        "epochs": 33,
        "early_stopping": {"patience": 7},
    }


def test_epochs_become_shorter_where_only_a_few_fit():
    """10,000 steps an epoch; 20 epochs in 100 seconds take 5 each, 480 steps and a validation."""
    assert affordable(training(ensemble=1), 320_000, COST, 100.0) == {
        "epochs": 20,
        "epoch_windows": 480 * 32,
        "early_stopping": {"patience": 4},
    }


def test_validation_has_its_share_of_short_epochs():
    """A validation of 10 seconds wants epochs of 40: seven fit into 300 seconds."""
    slow = Cost(step=0.01, validation=10.0, evaluation=0.0)
    assert affordable(training(ensemble=1), 320_000, slow, 300.0) == {
        "epochs": 7,
        "epoch_windows": 3000 * 32,
        "early_stopping": {"patience": 3},
    }


def test_other_options_of_early_stopping_stay():
    stopping = {"patience": 2, "smoothing": 0.5}
    found = affordable(training(early_stopping=stopping), 32_000, COST, 1020.0)
    assert found["early_stopping"] == stopping  # never more than was asked for
    assert "early_stopping" not in affordable(training(early_stopping=None), 32_000, COST, 1020.0)


@given(
    step=st.floats(1e-4, 1.0),
    validation=st.floats(0.0, 20.0),
    num_windows=st.integers(1, 10**7),
    epochs=st.integers(1, 300),
    ensemble=st.integers(1, 5),
    seconds=st.floats(1.0, 3000.0),
)
def test_what_is_proposed_fits_and_is_never_more_than_was_asked_for(
    step, validation, num_windows, epochs, ensemble, seconds
):
    cost = Cost(step, validation, 0.0)
    asked = training(epochs=epochs, ensemble=ensemble)
    found = affordable(asked, num_windows, cost, seconds)
    changed = training(**{"epochs": epochs, "ensemble": ensemble, **found})
    one_step = Cost.epoch(cost, training(epoch_windows=1), num_windows)
    assert cost.training(changed, num_windows) <= max(seconds * 1.001, one_step + 3 * validation)
    assert changed.epochs <= epochs
    assert changed.ensemble <= ensemble
    assert (changed.epoch_windows or 0) < num_windows
    assert changed.early_stopping.patience <= asked.early_stopping.patience


@pytest.fixture
def table(tmp_path):
    """A configuration and its panel."""
    path = tmp_path / "table.csv"
    times = pd.date_range("2010-01-01", periods=72, freq="MS")
    noise = np.random.default_rng(0).normal(10, 1, 72)
    pd.DataFrame({"ds": times, "y": noise}).to_csv(path, index=False)
    window = {"lookback": 12, "horizon": 3}
    split = {"validation": 9, "test": 12}
    config = config_from({"data": {"path": str(path)}, "window": window, "split": split})
    return config, read_panel(config.data)


def test_training_gets_the_minutes_less_what_else_takes_time(table, monkeypatch):
    monkeypatch.setattr(budget, "measured", lambda *_: Cost(0.001, 0.001, 29.0))
    found = fitted(*table, 5.0, time.perf_counter() - 10)
    # 300 s less a tenth, 10 for reading and 29 for the evaluation are 3.85 minutes.
    assert found.changes == {"max_minutes": 3.75}
    assert found.seconds == pytest.approx(10 + 29 + 100 * 0.003, abs=5)  # 36 windows, 2 steps


def test_training_keeps_a_share_whatever_else_takes_time(table, monkeypatch):
    monkeypatch.setattr(budget, "measured", lambda *_: Cost(10.0, 0.0, 1e6))
    found = fitted(*table, 5.0, time.perf_counter())
    assert found.changes["max_minutes"] == 1.0
    assert found.changes["epochs"] == 6


def test_a_table_that_cannot_be_trained_on_is_refused(table, monkeypatch):
    def refuse(*_):
        raise DataError("constant")

    monkeypatch.setattr(budget, "prepare", refuse)
    assert refusal(fitted, *table, 1.0, time.perf_counter()) == "constant"
