"""The second training, on all rows: what it changes, and what stays that of the first."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from forecast.backtesting.files import open_source
from forecast.distributed.work import as_work, prepared_by
from forecast.errors import ConfigError
from forecast.experiment import train
from forecast.forecasting.model_file import load
from forecast.prepare import on_all_rows, prepare
from forecast.runs.drain import result_of
from forecast.runs.folder import existing_run, new_run
from tests.helpers import small_config, wave_table

TABLE = wave_table(72, "2018-01-01", "MS", period=12, level=50, seed=2)

pytestmark = pytest.mark.usefixtures("no_pictures")


def config(overrides=(), **training):
    training = {"epochs": 4, "early_stopping": None, "refit": True, **training}
    return small_config(overrides, training=training, intervals={"levels": [80]})


def trained(steps):
    """What a training yields, and what it returns."""
    progress = []
    return progress, result_of(steps, progress.append)


def weights(model):
    return torch.cat([weight.flatten() for m in model.models for weight in m.parameters()])


def test_scores_and_errors_are_those_of_the_first_training_and_weights_those_of_the_second():
    progress, again = trained(train(config(), TABLE))
    _, first = trained(train(config(refit=False), TABLE))
    assert [each.is_again for each in progress] == [False] * 4 + [True] * 4
    assert all(each.epoch.validation_loss is None for each in progress if each.is_again)
    num_windows = len(TABLE) - again.config.window.reach - again.config.window.horizon + 1
    assert again.summary.pop("refit") == {"windows": num_windows, "epochs": [4]}
    last = pd.Timestamp(again.summary.pop("trained_until"))
    assert pd.Timestamp(first.summary.pop("trained_until")) < last == pd.Timestamp("2023-12-01")
    assert again.summary == first.summary
    assert np.array_equal(again.calibration.at([80.0]), first.calibration.at([80.0]))
    assert not torch.equal(weights(again), weights(first))
    assert not np.allclose(again.forecast().forecast, first.forecast().forecast)


def test_it_is_the_training_of_a_configuration_without_other_parts_on_the_same_scale():
    prepared = prepare(config(["transforms=[]"]), TABLE)
    whole = on_all_rows(prepared, (4,))
    without = config(["transforms=[]"], refit=False).updated("split", validation=0, test=0)
    expected = prepare(without, TABLE)
    assert torch.equal(whole.windows["train"].starts, expected.windows["train"].starts)
    assert len(whole.windows["validation"]) == len(whole.windows["test"]) == 0
    _, again = trained(train(config(["transforms=[]"]), TABLE))
    _, alone = trained(train(without.updated("training", refit=True), TABLE))
    assert "refit" not in alone.summary, "nothing was held back"
    assert torch.equal(weights(again), weights(alone))


def test_validation_tells_for_how_long_but_a_schedule_is_gone_through_again():
    stopping = {"patience": 2}
    stopped = config(learning_rate=0.5, epochs=30, early_stopping=stopping, ensemble=2)
    _, model = trained(train(stopped, TABLE))
    assert model.summary["refit"]["epochs"] == model.summary["kept_epochs"]
    laid_out = {"schedule": "cosine", "epochs": 8, "ensemble": 2}
    _, model = trained(train(config(early_stopping=stopping, **laid_out), TABLE))
    assert model.summary["refit"]["epochs"] == [8, 8]


def test_weights_that_were_kept_as_they_began_are_not_trained_again(caplog):
    caplog.set_level("INFO", "forecast")
    changes = ["model={start: pretrained}", "transforms=[]", "split.validation=3"]
    _, model = trained(train(config(changes, epochs=1), TABLE))
    assert model.summary["kept_epochs"] == [0]
    assert "refit" not in model.summary
    assert "not trained again on all rows: weights were kept as they began" in caplog.text


def test_a_run_that_was_stopped_in_the_second_training_goes_on_to_the_same_bytes(tmp_path):
    table = tmp_path / "table.csv"
    TABLE.to_csv(table, index=False)
    asked = config([f"data.path={table}"])
    trained(train(asked, folder=new_run(tmp_path / "whole")))
    for progress in train(asked, folder=new_run(tmp_path / "stopped")):
        if progress.is_again:
            break
    assert not (tmp_path / "stopped" / "model.safetensors").exists()
    trained(train(asked, folder=existing_run(tmp_path / "stopped"), resume=True))
    for name in ("model.safetensors", "forecast.csv"):
        found = [(tmp_path / run / name).read_bytes() for run in ("whole", "stopped")]
        assert found[0] == found[1], name
    epochs = (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()
    assert len(epochs) == 4, "the records are those of the first training"
    loaded = load(tmp_path / "whole")
    assert loaded.summary["refit"]["epochs"] == [4]
    assert json.loads((tmp_path / "whole" / "summary.json").read_text())["refit"]


def test_a_run_that_knows_its_test_rows_is_trained_anew_to_be_tested(tmp_path):
    _, model = trained(train(config(), TABLE))
    model.save(tmp_path / "model.safetensors")
    asked, found = open_source(tmp_path / "model.safetensors")
    assert found is None
    assert asked.training.refit
    _, model = trained(train(config(refit=False), TABLE))
    model.save(tmp_path / "first.safetensors")
    assert open_source(tmp_path / "first.safetensors")[1] is not None


def test_it_is_of_all_members():
    with pytest.raises(ConfigError, match="all members are trained again, or none"):
        config(ensemble=[{"training.refit": True}, {}])


def test_another_process_makes_the_same_windows_ready(tmp_path):
    table = tmp_path / "table.csv"
    TABLE.to_csv(table, index=False)
    whole = on_all_rows(prepare(config([f"data.path={table}"])), (3,))
    there = prepared_by(as_work(whole))
    assert there.epochs_again == (3,)
    assert torch.equal(there.windows["train"].starts, whole.windows["train"].starts)
    assert torch.equal(there.windows["train"].inputs, whole.windows["train"].inputs)


def test_minutes_bound_each_of_both():
    progress, _ = trained(train(config(epochs=100_000, max_minutes=1e-3), TABLE))
    for again in (False, True):
        seconds = [each.epoch.seconds for each in progress if each.is_again == again]
        assert seconds
        assert sum(each < 0.06 for each in seconds) >= len(seconds) - 1, "the last one ends later"
        assert len(seconds) < 100_000


def test_a_second_training_that_breaks_leaves_the_model_that_was_tested(tmp_path, caplog):
    """The last value is a slip, so large that its square is none: the first training knows none."""
    slip = TABLE.assign(y=[*TABLE.y[:-1], 1e36])
    _, broken = trained(train(config(), slip, folder=new_run(tmp_path / "run")))
    assert "not trained again on all rows: the training loss is inf in epoch 1" in caplog.text
    _, first = trained(train(config(refit=False), slip))
    assert torch.equal(weights(broken), weights(first))
    assert broken.summary == first.summary == load(tmp_path / "run").summary
