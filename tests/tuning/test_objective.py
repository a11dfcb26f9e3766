"""One trial: scored on validation in the user's units, and never on what the test part holds."""

import numpy as np
import pytest
import torch

from forecast.config.tree import changed
from forecast.data.assemble import read_panel
from forecast.evaluate import part_forecasts, trained_models
from forecast.prepare import new_session, prepare
from forecast.tuning.objective import (
    Failed,
    Reported,
    Scored,
    advance,
    trial,
    without_rows,
)
from forecast.tuning.runners import InProcess
from forecast.tuning.search import Limits, search
from forecast.tuning.study import Study
from tests.tuning.helpers import ROWS, basis_in, config_of, table


def events_of(config, basis):
    """All that a trial does."""
    steps, events = trial(config, basis), []
    while not isinstance(event := advance(steps), Scored | Failed):
        events.append(event)
    return [each for each in events if each is not None], event


def mase_by_hand(values, forecasts, first_validation, season):
    """Of forecasts by origin, with the mean seasonal change of the training rows."""
    changes = [abs(values[t] - values[t - season]) for t in range(season, first_validation)]
    errors = [
        abs(values[origin + 1 + step] - value)
        for origin, row in forecasts
        for step, value in enumerate(row)
    ]
    return np.mean(errors) / np.mean(changes)


def test_the_score_is_the_mase_of_what_training_keeps(tmp_path):
    basis = basis_in(tmp_path, transforms=["log", "standardize"])
    epochs, end = events_of(basis.config, basis)
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3]
    assert end.epochs == 3

    prepared = prepare(basis.config, read_panel(basis.config.data))
    session = new_session(prepared, torch.device("cpu"))
    assert len([*session.run()]) == 3
    forecasts = [
        (origin, row[:, 0, 0])
        for rows, values in part_forecasts(
            trained_models(prepared, session), prepared, "validation"
        )
        for origin, row in zip(rows, values, strict=True)
    ]
    values = table()["sales"].to_numpy()
    expected = mase_by_hand(values, forecasts, len(values) - 9 - 12, 12)
    assert end.score == pytest.approx(expected, rel=1e-9)
    kept = session.kept[0].number
    assert (end.kept_epoch, end.score) == (kept, epochs[kept - 1].score)
    assert end.parameters == sum(p.numel() for p in session.learner.model.parameters())


SEARCHED = {
    "transforms": [["log", "standardize"], ["standardize"], [{"difference": 1}, "standardize"]],
    "training.learning_rate": {"low": 0.01, "high": 0.1},
}


def studied(folder, frame):
    """The trials of a study of a table."""
    folder.mkdir()
    basis = basis_in(folder, frame, tune=SEARCHED)
    study = Study(folder / "study.jsonl", basis)
    list(search(study, InProcess(basis), Limits(3)))
    rows = [(row.state, row.score, dict(row.values)) for row in study.rows()]
    study.close()
    return rows


def test_nothing_that_the_test_part_holds_changes_a_study(tmp_path):
    frames = {"as it is": table(), "huge": table(), "negative": table(), "validation": table()}
    frames["huge"].loc[ROWS - 12 :, "sales"] = 1e9
    frames["negative"].loc[ROWS - 12 :, "sales"] = -1.0
    frames["validation"].loc[ROWS - 13, "sales"] = 77.0  # its last row
    rows = {name: studied(tmp_path / name, frame) for name, frame in frames.items()}
    assert rows["as it is"] == rows["huge"] == rows["negative"] != rows["validation"]
    assert {state for state, _, _ in rows["as it is"]} == {"complete"}


def test_hidden_rows_hold_what_was_known_before_them(tmp_path):
    config = config_of(tmp_path)
    panel = read_panel(config.data)
    hidden = without_rows(panel, np.array([[60, 72]]))
    np.testing.assert_array_equal(hidden.values[:60], panel.values[:60])
    assert (hidden.values[60:] == panel.values[59]).all()
    panel.values[55:60] = np.nan
    assert (without_rows(panel, np.array([[60, 72]])).values[60:] == panel.values[54]).all()
    assert np.isnan(without_rows(panel, np.array([[0, 72]])).values).all()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"training.learning_rate": 1e30, "training.optimizer": "sgd"}, "loss is nan"),
        ({"window.lookback": 60}, "too few for one window of lookback 60"),
        ({"model.segment": 5, "window.lookback": 30}, None),
    ],
)
def test_what_a_trial_cannot_do_is_its_own_failure(tmp_path, changes, reason):
    basis = basis_in(tmp_path)
    _, end = events_of(changed(basis.config, changes), basis)
    assert isinstance(end, Scored if reason is None else Failed)
    if reason:
        assert reason in end.reason


def test_out_of_memory_is_a_failure_and_a_fault_of_the_program_is_raised():
    def raising(error):
        raise error
        yield

    assert advance(raising(MemoryError("no room"))) == Failed("MemoryError: no room")
    assert advance(raising(RuntimeError("CUDA\nout"))) == Failed("RuntimeError: CUDA\\nout")
    with pytest.raises(KeyError):
        advance(raising(KeyError("a")))


def test_series_that_lose_validation_rows_to_a_lookback_fail_the_trial(tmp_path):
    import pandas as pd

    short = table(40).assign(shop="b")
    frame = pd.concat([table().assign(shop="a"), short])
    data = {"path": str(tmp_path / "table.csv"), "time": "month", "target": "sales", "id": "shop"}
    basis = basis_in(tmp_path, frame, data=data | {"short_series": "skip"})
    _, end = events_of(changed(basis.config, {"window.lookback": 30}), basis)
    assert "leaves other validation rows than those of the study" in end.reason


def test_a_learning_rate_is_found_where_it_is_not_searched(tmp_path):
    ranged = {"seeds": 1, "steps": 40, "first": 1e-4, "rule": "valley"}
    training = {"epochs": 2, "learning_rate": "auto", "lr_range": ranged, "ensemble": 3}
    basis = basis_in(tmp_path, training=training, tune={"model.hidden_size": [2, 4]})
    epochs, end = events_of(basis.config, basis)
    assert len(epochs) == 2
    assert isinstance(epochs[0], Reported)
    assert isinstance(end, Scored)


def test_without_changes_over_a_season_the_error_itself_is_the_score(tmp_path):
    frame = table()
    frame["sales"] = np.tile(np.arange(1.0, 13.0), 6)
    basis = basis_in(tmp_path, frame)
    _, end = events_of(basis.config, basis)
    assert basis.metric == "MAE"
    assert end.score > 0
