"""Training and the range test as a whole: what is yielded, written, refused, and left alone."""

import csv
import io
import itertools
import json
import logging
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal

from forecast import learning_rate
from forecast.config.tree import read_config
from forecast.drawing import plots
from forecast.errors import ConfigError, DataError, DeviceError
from forecast.experiment import lr_find, train
from forecast.forecasting.model_file import load
from forecast.learning_rate import with_rate
from forecast.reporting.pictures import write_lr_range
from forecast.runs.drain import result_of
from forecast.runs.folder import RunFolder, existing_run, new_run
from forecast.training.lr_rules import LR_RULES, LrFound, Point, Sweep
from tests.helpers import in_nanoseconds, small_config, wave_table

TABLE = wave_table(72, "2018-01-01", "MS", period=12, level=50, seed=2)
SWEEP = {"seeds": 2, "steps": 60, "first": 1e-4, "last": 10.0, "rule": "valley"}


pytestmark = pytest.mark.usefixtures("no_pictures")


def config(overrides=(), **training):
    training = {"epochs": 3, "lr_range": SWEEP, **training}
    return small_config(overrides, training=training, intervals={"levels": [80]})


def trained(steps):
    """What a training yields, and what it returns."""
    progress = []
    return progress, result_of(steps, progress.append)


def files_in(path):
    found = [file for file in path.iterdir() if file.is_file()]
    return {file.name: file.read_bytes() for file in found}


def test_members_that_differ_are_trained_scored_and_saved(tmp_path):
    listed = [{"window.lookback": 20}, {"training.loss": "mae", "window.lags": [5]}, {}]
    progress, model = trained(train(config(ensemble=listed), TABLE))
    assert [p.member for p in progress] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    # Origins are those of the member that reads most: trained by itself it is the same.
    alone = config([], ensemble=1).model_copy(update={"window": model.config.widest})
    _, other = trained(train(alone, TABLE))
    for name, weight in other.models[0].state_dict().items():
        assert torch.equal(weight, model.models[0].state_dict()[name])
    assert other.summary["windows"] == model.summary["windows"]
    assert model.rows_needed == 20 + model.pipeline.chain.rows_lost
    model.save(tmp_path / "model.safetensors")
    assert_frame_equal(load(tmp_path).forecast(), model.forecast())


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    progress, model = trained(train(config(), TABLE))
    assert [p.epoch.number for p in progress] == [1, 2, 3]
    assert list(tmp_path.iterdir()) == []
    assert len(model.forecast()) == 3


def test_a_run_folder_holds_every_file_and_each_reads_back(tmp_path, caplog):
    folder = new_run(tmp_path / "run")
    with caplog.at_level(logging.INFO, "forecast"):
        progress, model = trained(train(config(), TABLE, folder))
    files = files_in(folder.path)
    assert files.keys() == {
        *("config.yaml", "environment.json", "metrics.jsonl", "summary.json", "log.txt"),
        *("model.safetensors", "resume.safetensors"),
        *("forecast.csv", "learning_curve.png", "forecast.png"),
    }
    written = read_config(folder.path / "config.yaml")
    path = str(folder.path / model.config.data.path)  # relative to the file that it stands in
    data = model.config.data.model_copy(update={"path": path})
    assert written == model.config.model_copy(update={"data": data})
    assert model.config.data.frequency == "MS"
    assert json.loads(files["environment.json"])["device"] == "cpu"
    assert json.loads(files["summary.json"]) == model.summary
    metrics = [json.loads(line) for line in files["metrics.jsonl"].splitlines()]
    assert [line["train_loss"] for line in metrics] == [p.epoch.train_loss for p in progress]
    assert "stack" in " ".join(metrics[0]["gradient_norms"])
    lines = files["log.txt"].decode().splitlines()
    assert [line.split(" INFO ")[1] for line in lines] == caplog.messages
    assert caplog.messages[0].startswith("device: cpu")
    assert caplog.messages[1] == (
        "data: 1 series, 72 rows, frequency MS, season 12; windows: 37 train, 7 validation, 10 test"
    )
    assert caplog.messages[-1] == (
        f"stopped: 3 epochs are done; kept epoch {model.summary['kept_epochs'][0]}"
    )
    pd.testing.assert_frame_equal(load(folder.path).forecast(), model.forecast())
    table = pd.read_csv(folder.path / "forecast.csv", parse_dates=["ds"])
    pd.testing.assert_frame_equal(in_nanoseconds(table), model.forecast())


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.manual_seed(len(name))
        trained(train(config([f"seed={seed}"]), TABLE, new_run(tmp_path / name)))
    files = {name: files_in(tmp_path / name) for name in "abc"}
    for same in ("model.safetensors", "summary.json", "forecast.csv", "config.yaml"):
        assert files["a"][same] == files["b"][same]
    assert files["a"]["model.safetensors"] != files["c"]["model.safetensors"]


@pytest.mark.parametrize("members", [1, 2])
def test_an_interrupted_run_resumes_to_the_same_files(members, tmp_path):
    chosen = config(ensemble=members, schedule={"plateau": {"patience": 1}})
    trained(train(chosen, TABLE, new_run(tmp_path / "whole")))
    folder = new_run(tmp_path / "part")
    for _ in train(chosen, TABLE, folder):
        break  # closes the generator, as Ctrl-C does
    assert {"resume.safetensors", "config.yaml"} <= files_in(folder.path).keys()
    assert "model.safetensors" not in files_in(folder.path)
    trained(train(chosen, TABLE, existing_run(folder.path), resume=True))
    whole, part = files_in(tmp_path / "whole"), files_in(folder.path)
    assert whole.keys() == part.keys()
    for same in ("model.safetensors", "summary.json", "forecast.csv", "config.yaml"):
        assert whole[same] == part[same], same
    assert len(part["metrics.jsonl"].splitlines()) == 3 * members


def test_a_run_interrupted_while_it_draws_is_finished_without_training(tmp_path, monkeypatch):
    folder = new_run(tmp_path / "run")

    def interrupt(figure):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(plots, "png", interrupt)
        with pytest.raises(KeyboardInterrupt):
            trained(train(config(), TABLE, folder))
    assert "model.safetensors" in files_in(folder.path), "the model comes first"
    progress, model = trained(train(config(), TABLE, existing_run(folder.path), resume=True))
    assert progress == []
    assert json.loads(files_in(folder.path)["summary.json"]) == model.summary


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"y": 5.0}, DataError),
        ({"ds": "yesterday"}, DataError),
        ({}, DeviceError),
        ({}, ConfigError),
    ],
)
def test_what_cannot_be_trained_leaves_the_old_run_as_it_was(change, error, tmp_path):
    trained(train(config(), TABLE, new_run(tmp_path / "run")))
    before = files_in(tmp_path / "run")
    overrides = {DeviceError: ["device=cuda:99"], ConfigError: ["split.test=2"]}.get(error, [])
    with pytest.raises(error):
        trained(
            train(config(overrides), TABLE.assign(**change), new_run(tmp_path / "run", force=True))
        )
    assert files_in(tmp_path / "run") == before


def test_force_replaces_the_run_and_nothing_else(tmp_path, caplog):
    caplog.set_level(logging.INFO, "forecast")
    path = tmp_path / "run"
    trained(train(config(learning_rate="auto"), TABLE, new_run(path)))
    (path / "notes.md").write_text("mine")
    trained(train(config(epochs=1), TABLE, new_run(path, force=True)))
    files = files_in(path)
    assert files["notes.md"] == b"mine"
    assert "lr_range.csv" not in files, "it belonged to the old run"
    assert len(files["metrics.jsonl"].splitlines()) == 1
    assert files["log.txt"].count(b"device: cpu") == 1


def test_the_old_model_serves_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "run"
    _, old = trained(train(config(), TABLE, new_run(path)))
    before = files_in(path)
    for _ in train(config(["seed=5"]), TABLE, new_run(path, force=True)):
        break  # as a signal does
    assert files_in(path) == before
    assert_frame_equal(load(path).forecast(), old.forecast())
    _, new = trained(train(config(["seed=5"]), TABLE, existing_run(path), resume=True))
    assert_frame_equal(load(path).forecast(), new.forecast())
    assert read_config(path / "config.yaml").seed == 5
    assert files_in(path).keys() == before.keys()


def test_a_finished_run_goes_on_as_if_it_had_never_stopped(tmp_path):
    whole, part = tmp_path / "whole", tmp_path / "part"
    trained(train(config(epochs=5), TABLE, new_run(whole)))
    trained(train(config(epochs=3), TABLE, new_run(part)))
    (part / "lr_range.csv").write_text("its curve")
    progress, _ = trained(train(config(epochs=5), TABLE, existing_run(part, True), resume=True))
    assert [p.epoch.number for p in progress] == [4, 5]
    for name in ("model.safetensors", "summary.json", "forecast.csv", "config.yaml"):
        assert (whole / name).read_bytes() == (part / name).read_bytes(), name
    assert (part / "lr_range.csv").read_text() == "its curve"


@pytest.mark.parametrize("override", ["seed=5", "training.learning_rate=0.5"])
def test_a_resume_with_another_configuration_is_refused(tmp_path, override):
    folder = new_run(tmp_path / "run")
    for _ in train(config(), TABLE, folder):
        break
    before, key = files_in(folder.path), override.split("=")[0]
    with pytest.raises(ConfigError, match=rf"run/config.yaml: {key} is .*began with"):
        trained(train(config([override]), TABLE, existing_run(folder.path), resume=True))
    assert files_in(folder.path) == before


def test_the_table_is_found_by_its_whole_path_and_never_replaced(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    (tmp_path / "forecast.csv").write_text(TABLE.to_csv(index=False))
    monkeypatch.chdir(tmp_path)
    trained(train(config(["data.path=forecast.csv"]), None, new_run(tmp_path / "run")))
    path = read_config("run/config.yaml").data.path
    assert path == str(tmp_path / "forecast.csv")
    shutil.copytree("run", "other")
    os.unlink("other/forecast.csv")
    os.link("forecast.csv", "other/forecast.csv")
    with pytest.raises(ConfigError, match=r"other/forecast.csv is the table"):
        trained(train(config(["data.path=forecast.csv"]), None, new_run(Path("other"), True)))


def test_a_resume_on_changed_data_leaves_the_run_as_it_was(tmp_path):
    folder = new_run(tmp_path / "run")
    for _ in train(config(), TABLE, folder):
        break
    before = files_in(folder.path)
    changed = TABLE.assign(y=TABLE.y + (TABLE.index == 70))
    with pytest.raises(DataError, match="the data have changed since the run began"):
        trained(train(config(), changed, existing_run(folder.path), resume=True))
    assert files_in(folder.path) == before


def test_learning_rate_auto_trains_at_the_rate_that_lr_find_finds(tmp_path, caplog):
    found = lr_find(config(), TABLE)
    assert found.rule == "valley"
    assert found.rate is not None
    folder = new_run(tmp_path / "auto")
    with caplog.at_level(logging.INFO, "forecast"):
        _, model = trained(train(config(learning_rate="auto"), TABLE, folder))
    assert model.config.training.learning_rate == found.rate
    assert model.summary["learning_rate"] == found.rate
    assert f"learning rate: {found.rate:g} (rule valley)" in caplog.messages
    assert read_config(folder.path / "config.yaml").training.learning_rate == found.rate
    assert {"lr_range.csv", "lr_range.png"} <= files_in(folder.path).keys()
    trained(train(with_rate(config(), found.rate), TABLE, new_run(tmp_path / "fixed")))
    fixed, auto = files_in(tmp_path / "fixed"), files_in(folder.path)
    assert fixed["model.safetensors"] == auto["model.safetensors"]
    assert fixed["config.yaml"] == auto["config.yaml"]


def test_a_run_interrupted_in_the_range_test_can_be_resumed(tmp_path, monkeypatch):
    folder = new_run(tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(
            learning_rate, "run_sweeps", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            trained(train(config(learning_rate="auto"), TABLE, folder))
    assert read_config(folder.path / "config.yaml").training.learning_rate == "auto"
    _, model = trained(
        train(read_config(folder.path / "config.yaml"), TABLE, existing_run(folder.path), True)
    )
    assert isinstance(model.config.training.learning_rate, float)


TINY = {"steps": 20, "first": 1e-9, "last": 1e-8}


def test_a_flat_curve_suggests_nothing_and_auto_trains_with_the_usual_rate(tmp_path, caplog):
    flat = config(lr_range={**TINY, "seeds": 2})
    found = lr_find(flat, TABLE)
    assert found.rates == dict.fromkeys(LR_RULES)
    assert found.rate is None
    folder = new_run(tmp_path / "run")
    auto = config(learning_rate="auto", lr_range={**TINY, "seeds": 2})
    _, model = trained(train(auto, TABLE, folder))
    assert caplog.messages[0] == (
        "training.learning_rate: auto: no rate stands out: even the mean of 8 curves falls by no"
        " more than its noise; keep training.learning_rate: 0.003"
    )
    assert model.config.training.learning_rate == 0.003
    assert "lr_range.csv" in files_in(folder.path), "to look at"


def test_a_rule_without_a_rate_is_told_from_a_flat_curve():
    found = LrFound([], {"half_divergence": None, "valley": 0.1}, "half_divergence")
    assert found.rate is None
    assert found.why_none.startswith("rule half_divergence suggests nothing, for the loss did not")
    assert "training.lr_range.rule" in found.why_none


def test_rates_are_the_geometric_medians_over_the_seeds_to_three_digits():
    found = lr_find(config(lr_range={**SWEEP, "seeds": 3}, batch_size=8), TABLE)
    assert [sweep.seed for sweep in found.sweeps] == [0, 1, 2]
    for rule in ("steepest", "valley", "minimum_tenth"):
        middle = sorted(sweep.suggestions[rule] for sweep in found.sweeps)[1]
        assert found.rates[rule] == float(f"{middle:.3g}")


def test_the_range_test_sees_training_rows_only_and_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    later = TABLE.assign(y=TABLE.y.where(TABLE.index < 51, -1000.0 * TABLE.index))
    torch.manual_seed(1)
    state = torch.get_rng_state()
    curves = [
        [[(p.rate, p.loss) for p in sweep.points] for sweep in lr_find(config(), data).sweeps]
        for data in (TABLE, later)
    ]
    assert curves[0] == curves[1]
    assert torch.equal(torch.get_rng_state(), state)
    assert list(tmp_path.iterdir()) == []


def test_the_device_is_chosen_before_the_data_are_read():
    with pytest.raises(DeviceError, match=r"'cuda:99' is not there; choose auto, cpu"):
        lr_find(config(["device=cuda:99"]))


def test_the_curve_is_written_with_every_digit(tmp_path):
    points = tuple(Point(10.0**-k, 1 / 3 + k, 0.1 * k) for k in range(3))
    found = LrFound([Sweep(4, points, {}), Sweep(5, points[:1], {})], {"valley": None}, "valley")
    write_lr_range(found, RunFolder(tmp_path))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "lr_range.csv").read_text())))
    assert [(int(r["seed"]), int(r["step"])) for r in rows] == [(4, 0), (4, 1), (4, 2), (5, 0)]
    for row, point in zip(rows, itertools.chain(points, points), strict=False):
        numbers = [float(row[name]) for name in ("learning_rate", "loss", "smoothed_loss")]
        assert numbers == [point.rate, point.loss, point.smoothed]
    assert (tmp_path / "lr_range.png").read_bytes() == b"picture"
