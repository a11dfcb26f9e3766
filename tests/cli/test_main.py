"""The command line: every command and option, what it prints and writes, and its exit codes."""

import csv
import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from forecast import experiment
from forecast.cli import commands
from forecast.cli import main as cli
from forecast.cli.main import main
from forecast.config.tree import json_schema, read_config
from forecast.forecasting.model_file import load
from forecast.reporting import plots
from forecast.runs import files
from forecast.runs.lock import locked

ROOT = Path(__file__).parents[2]
ROWS = 72
RANDOM = np.random.default_rng(6)
TABLE = pd.DataFrame(
    {
        "month": pd.date_range("2018-01-01", periods=ROWS, freq="MS").strftime("%Y-%m-%d"),
        "sales": (50 + 10 * np.sin(np.arange(ROWS) * np.pi / 6) + RANDOM.normal(0, 1, ROWS)).round(
            3
        ),
    }
)
CONFIG = """\
data: {path: table.csv, time: month, target: sales}
split: {validation: 9, test: 12}
window: {lookback: 12, horizon: 3}
model: {hidden_size: 4}
training:
  epochs: 3
  learning_rate: 0.01
  lr_range: {seeds: 2, steps: 60, first: 1e-4, rule: valley}
intervals: {levels: [80]}
"""
RUN_FILES = {
    *("config.yaml", "environment.json", "metrics.jsonl", "summary.json", "log.txt"),
    *("model.safetensors", "resume.safetensors"),
    *("forecast.csv", "learning_curve.png", "forecast.png"),
}


pytestmark = pytest.mark.usefixtures("no_pictures")


def furnish(folder):
    TABLE.to_csv(folder / "table.csv", index=False)
    (folder / "config.yaml").write_text(CONFIG)
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a table and a configuration, to work in."""
    monkeypatch.chdir(tmp_path)
    return furnish(tmp_path)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a finished run."""
    folder = furnish(tmp_path_factory.mktemp("trained"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(plots, "png", lambda figure: b"picture")
        assert main(["train", "config.yaml", "--run", "run", "--quiet"]) == 0
    return folder / "run"


@pytest.fixture
def call(capsys):
    """Run a command; exit code, stdout, stderr."""

    def run_command(*words):
        capsys.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = stop.code
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return run_command


@pytest.fixture
def refuse(call):
    """Run a command that fails; its one line. Nothing goes to stdout."""

    def run_command(code, *words):
        found, out, err = call(*words)
        lines = [line for line in err.splitlines() if line.startswith("forecast: ")]
        assert (found, out, len(lines)) == (code, "", 1), err
        return lines[0].removeprefix("forecast: ")

    return run_command


def names_in(folder):
    return {path.name for path in folder.iterdir()}


# Train


def test_train_prints_scores_and_verdict_and_logs_to_stderr(place, call):
    code, out, err = call("train", "config.yaml", "--run", "run")
    assert code == 0
    summary = json.loads((place / "run" / "summary.json").read_text())
    lines = out.splitlines()
    printed = ["MAE", "RMSE", "sMAPE", "MASE", "RMSSE", "R2", "bias"]
    assert lines[0].split() == ["test", *printed]
    for line, (method, metrics) in zip(lines[1:8], summary["metrics"].items(), strict=True):
        assert line.split() == [method, *(f"{metrics[name]:.4g}" for name in printed)]
    assert {len(line) for line in lines[:8]} == {93}, "columns are aligned, within 100"
    assert summary["verdict"] in lines[8:-2]
    assert lines[-2:] == [
        "forecast: run/forecast.csv, run/forecast.png, run/learning_curve.png",
        "run: run",
    ]
    assert re.fullmatch(
        r"INFO: device: cpu\n"
        r"INFO: data: 1 series, 72 rows, frequency MS, season 12; windows: 37 train, 7 validation,"
        r" 10 test\n"
        r"INFO: epoch 1/3: loss [\d.]+, validation [\d.]+\n"
        r"INFO: stopped: 3 epochs are done; kept epoch \d\n",
        err,
    )
    log = (place / "run" / "log.txt").read_text()
    assert [line.split(" INFO ")[1] for line in log.splitlines()] == [
        line.removeprefix("INFO: ") for line in err.splitlines()
    ]


def test_train_prints_the_errors_of_several_targets(place, call):
    TABLE.assign(units=TABLE.sales * 100).to_csv("table.csv", index=False)
    code, out, _ = call("train", "config.yaml", "--run", "run", "data.target=[sales, units]")
    assert code == 0
    summary = json.loads((place / "run" / "summary.json").read_text())
    best = summary["best_opponent"]
    model, other = (summary["mae_by_target"][method] for method in ("lstm", best))
    assert out.splitlines()[8] == (
        f"MAE by target       sales {model['sales']:.4g} ({other['sales']:.4g}),"
        f" units {model['units']:.4g} ({other['units']:.4g}); in brackets: {best}"
    )


def test_a_run_folder_holds_what_it_should(run):
    assert names_in(run) == RUN_FILES
    config = read_config(run / "config.yaml")
    assert config == load(run).config
    assert config.data.frequency == "MS"
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [(line["member"], line["number"]) for line in metrics] == [(0, 1), (0, 2), (0, 3)]
    environment = json.loads((run / "environment.json").read_text())
    assert environment["packages"]["torch"] == torch.__version__
    assert environment["device"] == "cpu"
    with open(run / "forecast.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["month"] for row in rows] == ["2024-01-01", "2024-02-01", "2024-03-01"]


def test_train_json_is_the_summary_and_the_folder(place, call):
    code, out, _ = call("train", "config.yaml", "--json", "--run", "run")
    assert code == 0
    summary = json.loads((place / "run" / "summary.json").read_text())
    assert json.loads(out) == {"run": "run", **summary}


def test_train_quiet_says_nothing_on_stderr(place, call):
    code, out, err = call("train", "config.yaml", "--quiet", "--run", "run")
    assert (code, err) == (0, "")
    assert out.endswith("run: run\n")


def test_the_default_folder_is_named_for_configuration_and_time(place, call):
    for _ in range(2):
        code, out, _ = call("train", "config.yaml", "training.epochs=1")
        assert code == 0
    folders = sorted((place / "runs" / "config").iterdir())
    assert len(folders) == 2
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ", folder.name) for folder in folders)
    assert all(names_in(folder) == RUN_FILES for folder in folders)
    assert out.endswith(f"run: runs/config/{folders[-1].name}\n")


@pytest.mark.parametrize(
    "words",
    [
        ["config.yaml", "seed=3", "--run", "run", "training.epochs=1"],
        ["--run", "run", "config.yaml", "training.epochs=1", "seed=3"],
        ["--quiet", "config.yaml", "training.epochs=1", "--run", "run", "seed=3"],
    ],
)
def test_overrides_may_stand_anywhere(words, place, call):
    assert call("train", *words)[0] == 0
    config = read_config(place / "run" / "config.yaml")
    assert (config.training.epochs, config.seed) == (1, 3)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=5", "override 'training.epoch=5': training.epoch: unknown key; did you"),
        ("training.epochs=ten", "override 'training.epochs=ten': training.epochs: 'ten' is not"),
        ("window.horizon=0", "override 'window.horizon=0': window.horizon: 0 is not allowed: must"),
        ("device=gpu", "override 'device=gpu': device: 'gpu' is no device; write "),
    ],
)
def test_a_wrong_override_is_named(override, message, place, refuse):
    assert refuse(2, "train", "config.yaml", "--run", "run", override).startswith(message)
    assert not (place / "run").exists()


def test_a_number_without_a_point_is_a_number(place, call):
    text = CONFIG.replace("learning_rate: 0.01", "learning_rate: 1e-2")
    (place / "config.yaml").write_text(text)
    assert call("train", "config.yaml", "--run", "run")[0] == 0
    assert read_config(place / "run" / "config.yaml").training.learning_rate == 0.01


def test_train_never_overwrites_and_force_keeps_what_is_not_its_own(place, call, refuse):
    call("train", "config.yaml", "--run", "run")
    (place / "run" / "notes.md").write_text("mine")
    (place / "run" / "figures").mkdir()
    before = (place / "run" / "model.safetensors").read_bytes()
    message = refuse(2, "train", "config.yaml", "--run", "run", "seed=1")
    assert message.startswith("run holds a finished run; give another folder with --run, or")
    assert (place / "run" / "model.safetensors").read_bytes() == before
    assert call("train", "config.yaml", "--run", "run", "seed=1", "--force")[0] == 0
    assert names_in(place / "run") == RUN_FILES | {"notes.md", "figures"}
    assert (place / "run" / "model.safetensors").read_bytes() != before
    assert len((place / "run" / "metrics.jsonl").read_text().splitlines()) == 3


def test_force_leaves_a_folder_of_others_alone(place, refuse):
    (place / "photos").mkdir()
    (place / "photos" / "forecast.png").write_text("a holiday")
    message = refuse(2, "train", "config.yaml", "--run", "photos", "--force")
    assert message == "photos is not empty and holds no run; give another folder with --run"
    assert (place / "photos" / "forecast.png").read_text() == "a holiday"


def test_nothing_is_left_of_a_run_that_could_not_begin(place, call, refuse):
    (place / "table.csv").write_text("month,sales\n2020-01-01,x\n")
    refuse(3, "train", "config.yaml", "--run", "run")
    refuse(3, "train", "config.yaml")
    assert names_in(place) == {"config.yaml", "table.csv", "runs"}
    assert list((place / "runs").rglob("*Z*")) == []


def test_force_keeps_the_old_run_where_the_new_one_cannot_begin(place, call, refuse):
    call("train", "config.yaml", "--run", "run")
    before = {path.name: path.read_bytes() for path in (place / "run").iterdir()}
    refuse(2, "train", "config.yaml", "--run", "run", "--force", "split.test=1")
    refuse(3, "train", "config.yaml", "--run", "run", "--force", "data.path=gone.csv")
    assert {path.name: path.read_bytes() for path in (place / "run").iterdir()} == before


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_is_written_on_request(place, call):
    assert call("train", "config.yaml", "--run", "run", "--tensorboard")[0] == 0
    (events,) = (place / "run" / "tensorboard").iterdir()
    assert events.name.startswith("events.out.tfevents.")
    assert call("train", "config.yaml", "--run", "run", "--force")[0] == 0
    assert list((place / "run" / "tensorboard").iterdir()) == []


@pytest.mark.parametrize(
    ("overrides", "windows", "verdict"),
    [
        (["split.test=0"], [49, 7, 0], "There is no test part, so nothing is known of the"),
        (["split.validation=0"], [46, 0, 10], "lstm is "),
        (["split.validation=0", "split.test=0"], [58, 0, 0], "There is no test part"),
    ],
)
def test_parts_may_be_left_out(overrides, windows, verdict, place, call):
    code, out, _ = call("train", "config.yaml", "--run", "run", "--json", *overrides)
    assert code == 0
    summary = json.loads(out)
    assert list(summary["windows"].values()) == windows
    assert summary["verdict"].startswith(verdict)
    code, out, _ = call("train", "config.yaml", "--run", "run", "--force", *overrides)
    assert out.splitlines()[-3].startswith(verdict)
    assert call("predict", "run")[0] == 0


# Resume


def test_a_finished_run_is_not_resumed(run, refuse):
    assert refuse(2, "train", "--resume", run) == (
        f"{run}: the run is finished; there is nothing to resume"
    )


def test_a_folder_without_a_run_is_not_resumed(place, refuse):
    (place / "empty").mkdir()
    assert refuse(3, "train", "--resume", "empty") == (
        "empty: no run to resume; it holds no config.yaml"
    )


@pytest.mark.parametrize(
    "words", [["config.yaml"], ["training.epochs=9"], ["--run", "x"], ["--force"]]
)
def test_resume_takes_no_other_configuration(words, place, refuse):
    message = refuse(2, "train", "--resume", "run", *words)
    assert message.startswith("--resume DIR goes on as the run was configured; leave CONFIG,")


def test_train_needs_something_to_train(place, refuse):
    assert refuse(2, "train") == "nothing to train; give CONFIG, or --resume DIR"


def interrupt_after(epochs, monkeypatch, error=KeyboardInterrupt):
    """Let the screen show some epochs, and then a signal comes."""
    real = experiment.Session._after_epoch

    def then_interrupt(self, epoch):
        real(self, epoch)
        if sum(map(len, self.histories)) == epochs:
            raise error

    monkeypatch.setattr(experiment.Session, "_after_epoch", then_interrupt)


def test_an_interrupted_run_is_resumed_to_the_same_bytes(place, call, refuse, monkeypatch):
    words = ["training.ensemble=2", "model.dropout=0.3", "training.schedule=plateau"]
    call("train", "config.yaml", "--run", "whole", *words)
    with monkeypatch.context() as patch:
        interrupt_after(4, patch)
        message = refuse(130, "train", "config.yaml", "--run", "part", *words)
    assert message == "interrupted; go on with: forecast train --resume part"
    assert "model.safetensors" not in names_in(place / "part")
    assert refuse(2, "train", "config.yaml", "--run", "part").startswith(
        "part holds an interrupted run; go on with --resume part, give another folder with --run"
    )
    code, out, err = call("train", "--resume", "part")
    assert code == 0
    assert "epoch 2/3" not in err or "model 1/2" not in err
    assert out.endswith("run: part\n")
    assert names_in(place / "part") == RUN_FILES
    for name in ("model.safetensors", "summary.json", "forecast.csv", "config.yaml"):
        assert (place / "part" / name).read_bytes() == (place / "whole" / name).read_bytes(), name
    lines = (place / "part" / "metrics.jsonl").read_text().splitlines()
    numbers = [(line["member"], line["number"]) for line in map(json.loads, lines)]
    assert numbers == [(member, number) for member in (0, 1) for number in (1, 2, 3)]


def interrupted(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("command", ["train", "check", "lr-find"])
def test_an_interruption_before_the_first_epoch_leaves_nothing(command, place, refuse, monkeypatch):
    for module in ("experiment", "check"):
        monkeypatch.setattr(f"forecast.{module}.prepare", interrupted)
    assert refuse(130, command, "config.yaml") == "interrupted"
    assert list((place / "runs").rglob("*Z*")) == []


def test_a_resume_on_changed_data_is_refused(place, refuse, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        refuse(130, "train", "config.yaml", "--run", "run")
    TABLE.assign(sales=TABLE.sales + 1).to_csv("table.csv", index=False)
    assert refuse(3, "train", "--resume", "run") == (
        "table.csv: the data have changed since the run was interrupted; train anew"
    )
    TABLE.to_csv("table.csv", index=False)
    assert main(["train", "--resume", "run", "--quiet"]) == 0


def test_a_resume_file_that_is_damaged_is_refused(place, refuse, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        refuse(130, "train", "config.yaml", "--run", "run")
    path = place / "run" / "resume.safetensors"
    path.write_bytes(path.read_bytes()[:-7])
    assert "run/resume.safetensors: truncated or damaged" in refuse(3, "train", "--resume", "run")


# Predict


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_predict_prints_the_forecast_of_training(run, call):
    code, out, err = call("predict", run)
    assert (code, err) == (0, "")
    assert out == (run / "forecast.csv").read_text()


def test_predict_takes_the_model_file_as_well(run, call):
    assert call("predict", run / "model.safetensors")[1] == (run / "forecast.csv").read_text()


def test_predict_json_holds_the_same_numbers(run, call):
    code, out, _ = call("predict", run, "--json")
    assert code == 0
    expected = rows_of((run / "forecast.csv").read_text())
    for row, written in zip(json.loads(out), expected, strict=True):
        numbers = {name: float(written[name]) for name in ("forecast", "lo-80", "hi-80")}
        assert row == written | numbers
        assert f'"forecast": {written["forecast"]},\n' in out


@pytest.mark.parametrize("name", ["out.csv", "out.parquet", "out.pq"])
def test_predict_writes_a_table(name, run, call, tmp_path):
    code, out, _ = call("predict", run, "--output", tmp_path / name)
    assert (code, out) == (0, f"3 rows in {tmp_path / name}\n")
    read = pd.read_csv if name.endswith("csv") else pd.read_parquet
    expected = load(run).forecast()
    table = read(tmp_path / name).assign(month=lambda t: pd.to_datetime(t.month))
    pd.testing.assert_frame_equal(table, expected, check_dtype=False, rtol=1e-12)
    code, out, _ = call("predict", run, "--output", tmp_path / name, "--json", "--force")
    assert json.loads(out) == {"output": str(tmp_path / name), "rows": 3}


def test_predict_overwrites_only_by_force_and_never_what_it_reads(place, call, refuse):
    assert call("train", "config.yaml", "--run", "run", "--quiet")[0] == 0
    (place / "out.csv").write_text("old")
    assert refuse(2, "predict", "run", "--output", "out.csv") == (
        "out.csv exists; give another --output, or --force"
    )
    assert (place / "out.csv").read_text() == "old"
    assert call("predict", "run", "--output", "out.csv", "--force")[0] == 0
    assert (place / "out.csv").read_text() == (place / "run" / "forecast.csv").read_text()
    TABLE.to_csv("newer.csv", index=False)
    before = (place / "table.csv").read_text()
    (place / "link.csv").symlink_to("newer.csv")
    for words, message in (
        (["--data", "newer.csv", "--output", "./newer.csv"], "./newer.csv is given as --data"),
        (["--data", "link.csv", "--output", "newer.csv"], "newer.csv is given as --data"),
        (["--future", "newer.csv", "--output", "newer.csv"], "newer.csv is given as --future"),
        (["--output", place / "table.csv"], f"{place / 'table.csv'} is the training table"),
    ):
        found = refuse(2, "predict", "run", "--force", *words)
        assert found == f"{message}; give another --output"
    assert (place / "table.csv").read_text() == (place / "newer.csv").read_text() == before


def test_predict_refuses_a_format_before_it_loads(place, refuse):
    message = refuse(2, "predict", "nowhere", "--output", "x.xlsx")
    assert message == "x.xlsx: write .csv, .parquet or .pq"


def test_predict_from_an_unfinished_run_says_how_to_go_on(place, refuse, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        refuse(130, "train", "config.yaml", "--run", "run")
    assert refuse(3, "predict", "run") == (
        "run: the run is not finished; go on with forecast train --resume run"
    )


def test_predict_beyond_the_horizon_rolls_forward_and_says_so(run, call):
    code, out, err = call("predict", run, "--horizon", "7")
    assert code == 0
    rows = rows_of(out)
    assert [row["month"] for row in rows][::6] == ["2024-01-01", "2024-07-01"]
    assert rows[:3] == rows_of((run / "forecast.csv").read_text())
    assert err == (
        "WARNING: horizon 7 is beyond the trained 3: the model goes on from its own forecast; the"
        " intervals of the later steps leave out the error of the forecast they go on from, so they"
        " are too narrow\n"
    )
    assert len(rows_of(call("predict", run, "--horizon", "1")[1])) == 1


def test_predict_gives_the_levels_that_are_asked_for(run, call, refuse):
    code, out, err = call("predict", run, "--level", "90", "50")
    assert (code, err) == (0, "")
    columns = ["month", "target", "forecast", "lo-90", "lo-50", "hi-50", "hi-90"]
    assert list(rows_of(out)[0]) == columns
    assert refuse(2, "predict", run, "--level", "95") == (
        "level 95: such an interval needs 19 errors of each step, validation and test gave 17;"
        " raise split.validation or split.test, or take a lower level"
    )
    message = "level 0.8 is not allowed; give percent from 1 to 99.9, e.g. 80"
    assert refuse(2, "predict", run, "--level", "0.8") == message


def test_predict_says_which_intervals_are_left_out(place, call):
    words = ("train", "config.yaml", "intervals.levels=[80, 95]", "--run", "run", "--quiet")
    left_out = "intervals from 95 % on are left out: such an interval needs 19 errors of each step"
    assert call(*words)[2].startswith(f"WARNING: {left_out}")
    assert call("predict", "run")[2].startswith(f"INFO: {left_out}")
    assert call("predict", "run", "--quiet")[2] == ""


def test_train_tells_how_much_its_intervals_cover(place, call):
    words = ("intervals.levels=[50, 80]", "--run", "run", "--quiet")
    out = call("train", "config.yaml", *words)[1]
    held = json.loads((place / "run" / "summary.json").read_text())["coverage"]["rolling"]
    shares = [f"{100 * held[level]:.1f} %" for level in ("50", "80")]
    line = f"50 % intervals cover {shares[0]} of the test values, 80 %: {shares[1]}\n"
    assert line in out
    none = call("train", "config.yaml", "intervals.levels=[]", "--run", "none", "--quiet")[1]
    assert "intervals cover" not in none


def test_predict_goes_on_from_newer_history(run, call, tmp_path):
    months = pd.date_range("2018-01-01", periods=ROWS + 5, freq="MS").strftime("%Y-%m-%d")
    newer = pd.DataFrame({"month": months, "sales": [*TABLE.sales, 50, 51, 52, 53, 54]})
    newer.iloc[-20:].to_csv(tmp_path / "newer.csv", index=False)
    code, out, _ = call("predict", run, "--data", tmp_path / "newer.csv")
    assert code == 0
    assert [row["month"] for row in rows_of(out)] == ["2024-06-01", "2024-07-01", "2024-08-01"]
    newer.iloc[:ROWS].to_csv(tmp_path / "same.csv", index=False)
    assert call("predict", run, "--data", tmp_path / "same.csv")[1] == call("predict", run)[1]


def test_predict_says_when_the_history_is_too_short(run, refuse, tmp_path):
    TABLE.iloc[-5:].to_csv(tmp_path / "short.csv", index=False)
    message = refuse(3, "predict", run, "--data", tmp_path / "short.csv")
    assert "5 rows are too few to forecast from; the model needs the last 12" in message


def test_predict_reads_the_future_of_covariates(place, call, refuse):
    TABLE.assign(sale=np.arange(ROWS) % 4).to_csv("table.csv", index=False)
    code, out, err = call("train", "config.yaml", "--run", "run", "data.future=[sale]")
    assert code == 0
    assert "WARNING: forecast.csv is left out: the model needs the future values of sale" in err
    assert "forecast: run/forecast.png, run/learning_curve.png\n" in out
    assert "give them with forecast predict run --future FILE\n" in err
    assert "give them as `future` (in the command: --future FILE)" in refuse(3, "predict", "run")
    months = ["2024-01-01", "2024-02-01", "2024-03-01"]
    pd.DataFrame({"month": months, "sale": [0, 1, 2]}).to_csv("future.csv", index=False)
    code, out, _ = call("predict", "run", "--future", "future.csv")
    assert code == 0
    assert [row["month"] for row in rows_of(out)] == months


@pytest.mark.parametrize("horizon", ["0", "-2"])
def test_predict_needs_a_step(horizon, run, refuse):
    assert refuse(2, "predict", run, "--horizon", horizon) == (
        f"horizon {horizon} is not allowed; ask for 1 step or more"
    )


def test_predict_without_a_run_says_what_to_give(place, refuse):
    assert refuse(3, "predict", "nowhere") == (
        "nowhere/model.safetensors: No such file or directory; give the folder of a finished run"
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-9], "truncated or damaged"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "damaged"),
        (lambda data: b"", "not a checkpoint of this program, or truncated"),
        (lambda data: b"PK\x03\x04 a pickle in a zip", "not a checkpoint of this program"),
    ],
)
def test_predict_refuses_a_damaged_or_foreign_checkpoint(damage, message, run, refuse, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(damage((run / "model.safetensors").read_bytes()))
    assert refuse(3, "predict", path).startswith(f"{path}: ")
    assert message in refuse(3, "predict", path)


def test_an_output_folder_that_is_not_there_is_named(run, refuse, tmp_path):
    path = tmp_path / "no" / "out.csv"
    message = refuse(2, "predict", run, "--output", path)
    assert message == f"--output {path}: there is no folder {path.parent}; make it first"


# Devices and memory


@pytest.mark.parametrize("device", ["cuda:99", "mps"])
@pytest.mark.parametrize("command", ["train", "predict", "lr-find"])
def test_a_device_that_is_not_there_is_an_error_that_lists_what_is(
    command, device, place, run, refuse
):
    subject = run if command == "predict" else "config.yaml"
    message = refuse(4, command, subject, "--device", device)
    assert message.startswith(f"device '{device}' is not there; choose auto, cpu")
    assert names_in(place) <= {"config.yaml", "table.csv", "runs"}


def test_check_says_that_a_device_is_not_there(place, call):
    code, out, _ = call("check", "config.yaml", "--device", "cuda:99")
    assert code == 4
    assert "device 'cuda:99' is not there; choose auto, cpu" in out


@pytest.mark.skipif(torch.cuda.is_available(), reason="cuda is there")
def test_cuda_is_refused_where_it_is_absent(place, refuse):
    message = refuse(4, "train", "config.yaml", "--device", "cuda")
    assert message == "device 'cuda' is not there; choose auto, cpu"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 3 TiB"),
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_memory_that_runs_out_is_code_4_with_a_remedy(error, place, refuse, monkeypatch):
    interrupt_after(1, monkeypatch, error)
    assert refuse(4, "train", "config.yaml", "--run", "run") == (
        "out of memory; lower training.batch_size or model.hidden_size"
    )
    assert "resume.safetensors" in names_in(place / "run")


# The learning-rate range test


def test_lr_find_prints_rules_side_by_side_and_writes_the_curve(place, call):
    code, out, err = call("lr-find", "config.yaml", "--output", "sweep")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["rule", "rate", "lowest", "highest", "(2", "seeds)"]
    rules = {line.split()[0]: line.split()[1:4] for line in lines[1:5]}
    assert list(rules) == ["half_divergence", "steepest", "valley", "minimum_tenth"]
    rate = rules["valley"][0]
    assert float(rules["valley"][1]) <= float(rate) <= float(rules["valley"][2])
    assert lines[3].endswith("<- training.lr_range.rule")
    assert lines[5] == "curve: sweep/lr_range.png, sweep/lr_range.csv"
    assert lines[6:] == ["paste under `training`:", f"  learning_rate: {rate}"]
    assert names_in(place / "sweep") == {"lr_range.csv", "lr_range.png"}
    rows = rows_of((place / "sweep" / "lr_range.csv").read_text())
    assert {row["seed"] for row in rows} == {"0", "1"}
    rates = [float(row["learning_rate"]) for row in rows if row["seed"] == "0"]
    assert rates[0] == 1e-4
    steps = np.diff(np.log(rates))
    np.testing.assert_allclose(steps, np.log(1e5) / 59, rtol=1e-9)


def test_lr_find_json_seeds_and_default_folder(place, call):
    code, out, _ = call("lr-find", "config.yaml", "--json", "--seeds", "1", "seed=4")
    assert code == 0
    result = json.loads(out)
    assert result["rule"] == "valley"
    assert result["rate"] == result["rates"]["valley"]
    folder = place / result["folder"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-lr", folder.name)
    rows = rows_of((folder / "lr_range.csv").read_text())
    assert {row["seed"] for row in rows} == {"4"}


def test_lr_find_writes_a_configuration_that_trains_at_its_rate(place, call):
    code, out, _ = call("lr-find", "config.yaml", "--output", "sweep", "--write", "new.yaml")
    assert code == 0
    assert out.splitlines()[-1] == "now run: forecast train new.yaml"
    rate = read_config("new.yaml").training.learning_rate
    assert f"{rate:.3g}" == out.splitlines()[3].split()[1]
    assert read_config("new.yaml", ["training.learning_rate=0.01"]) == read_config("config.yaml")
    assert call("train", "new.yaml", "--run", "run")[0] == 0
    assert json.loads((place / "run" / "summary.json").read_text())["learning_rate"] == rate
    auto = ["training.learning_rate=auto", "--run", "auto"]
    assert call("train", "config.yaml", *auto)[0] == 0
    assert names_in(place / "auto") == RUN_FILES | {"lr_range.csv", "lr_range.png"}
    for name in ("summary.json", "model.safetensors"):
        assert (place / "auto" / name).read_bytes() == (place / "run" / name).read_bytes()


def test_lr_find_never_writes_over_a_file(place, refuse):
    message = refuse(2, "lr-find", "config.yaml", "--write", "config.yaml")
    assert message == "--write config.yaml: exists already; give another file"
    assert (place / "config.yaml").read_text() == CONFIG
    message = refuse(2, "lr-find", "config.yaml", "--write", "no/new.yaml")
    assert message == "--write no/new.yaml: there is no folder no; make it first"


FLAT = ["training.lr_range.first=1e-9", "training.lr_range.last=1e-8"]


def test_lr_find_declines_on_a_flat_curve(place, call, refuse):
    code, out, _ = call("lr-find", "config.yaml", "--output", "sweep", *FLAT)
    assert code == 0
    assert [line.split()[1:4] for line in out.splitlines()[1:5]] == [["-", "-", "-"]] * 4
    assert out.splitlines()[-1].startswith("the curve is flat, so no rate is suggested; check the")
    code, out, _ = call("lr-find", "config.yaml", "--output", "sweep", "--json", *FLAT)
    assert json.loads(out)["rate"] is None
    code, out, _ = call(
        *("lr-find", "config.yaml", "--output", "sweep", "--write", "new.yaml", *FLAT)
    )
    assert code == 2, "so that `lr-find --write NEW && train NEW` stops"
    assert out.splitlines()[-1].endswith("; new.yaml is not written.")
    assert not (place / "new.yaml").exists()
    message = refuse(2, "train", "config.yaml", "training.learning_rate=auto", *FLAT)
    assert message.startswith("training.learning_rate: auto: the curve is flat")


# Backtest


def test_backtest_prints_tables_and_a_verdict_and_writes_a_folder(place, call):
    code, out, err = call(
        *("backtest", "config.yaml", "--folds", 3, "--output", "back", "training.epochs=1"),
        *("--baselines", "auto_theta"),
    )
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].split() == ["backtest", "MAE", "RMSE", "sMAPE", "MASE"]
    methods = [line.split()[0] for line in lines[1 : lines.index(lines[0]) + 20]]
    assert methods[0] == "lstm"
    assert "auto_theta" in methods
    assert "MAE by fold              1         2         3" in lines
    assert "MAE by step              1         2         3" in lines
    assert lines[-2].startswith("lstm is ")
    assert lines[-1] == (
        "files: back/backtest.csv, back/scores.csv, back/backtest.png, back/summary.json"
    )
    assert names_in(place / "back") == {
        *("backtest.csv", "scores.csv", "backtest.png", "summary.json")
    }
    folds = [line for line in err.splitlines() if "fold " in line]
    assert [line[:25] for line in folds] == [f"INFO: fold {n}/3: origin 20" for n in (1, 2, 3)]


def test_backtest_of_a_run_as_json_in_a_default_folder(place, run, call):
    code, out, err = call("backtest", run, "--json", "--quiet", "--folds", 10, "--step", 1)
    assert (code, err) == (0, "")
    result = json.loads(out)
    trained = json.loads((run / "summary.json").read_text())
    assert result["metrics"]["lstm"]["MAE"] == pytest.approx(trained["metrics"]["lstm"]["MAE"])
    folder = place / result["folder"]
    assert folder.parent == place / "runs" / "run"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-backtest", folder.name)
    assert json.loads((folder / "summary.json").read_text())["verdict"] == result["verdict"]


def test_backtest_refuses_in_one_line_and_leaves_no_folder(place, run, refuse):
    message = refuse(2, "backtest", run, "--folds", "5", "--step", "3")
    assert message == (
        "folds 5, step 3: they need 15 test rows, the run has 12; 4 folds fit; give fewer folds,"
        " or a smaller step, or refit"
    )
    message = refuse(2, "backtest", run, "training.epochs=1")
    assert message.endswith("leave training.epochs=1 out, or add --refit")
    message = refuse(2, "backtest", "config.yaml", "--baselines", "auto_arma")
    assert message == "baseline 'auto_arma': did you mean 'auto_arima'?"
    assert refuse(2, "backtest", "config.yaml", "--folds", "0").startswith("folds 0 is not allowed")
    message = refuse(2, "backtest", "config.yaml", "--output", run)
    assert "is not empty and holds no backtest" in message
    assert not (place / "runs").exists()


def test_backtest_force_replaces_a_backtest_only(place, call, refuse):
    words = ["backtest", "config.yaml", "--folds", "2", "--quiet", "--output", "back"]
    assert call(*words)[0] == 0
    before = (place / "back" / "backtest.csv").read_bytes()
    (place / "back" / "notes.md").write_text("mine")
    assert "replace it with --force" in refuse(2, *words)
    assert call(*words, "--force", "--refit", "seed=5")[0] == 0
    assert (place / "back" / "backtest.csv").read_bytes() != before
    assert (place / "back" / "notes.md").read_text() == "mine"


# Check and config


def test_check_reads_everything_and_writes_nothing(place, call):
    code, out, _ = call("check", "config.yaml")
    assert code == 0
    for word in ("72 rows", "2018-01-01 to 2023-12-01", "frequency MS", "37 train, 7 validation"):
        assert word in out
    code, out, _ = call("check", "config.yaml", "--json", "window.horizon=6")
    assert code == 0
    assert json.loads(out)["windows"] == {"train": 34, "validation": 4, "test": 7}
    assert names_in(place) == {"config.yaml", "table.csv"}


@pytest.mark.parametrize(
    ("override", "exit_code"), [("split.test=2", 2), ("window.lookback=60", 3)]
)
def test_check_ends_with_the_code_that_train_would_end_with(override, exit_code, place, call):
    code, out, _ = call("check", "config.yaml", override)
    assert code == exit_code == call("train", "config.yaml", override)[0]
    assert "problem" in out
    code, out, _ = call("check", "config.yaml", "--json", override)
    assert json.loads(out)["exit_code"] == code == exit_code


def test_config_init_writes_a_configuration_that_passes_the_check(place, call, refuse):
    code, out, _ = call("config", "init", "table.csv")
    assert code == 0
    code, said, _ = call("config", "init", "table.csv", "--output", "new.yaml", "--horizon", "4")
    assert said == "new.yaml: now run `forecast check new.yaml`\n"
    config = read_config("new.yaml")
    assert (config.data.time, config.data.target) == ("month", ("sales",))
    assert config.window.horizon == 4
    (place / "printed.yaml").write_text(out)
    assert call("check", "new.yaml")[0] == call("check", "printed.yaml")[0] == 0
    before = (place / "new.yaml").read_text()
    message = refuse(2, "config", "init", "table.csv", "--output", "new.yaml")
    assert message == "--output new.yaml: exists already; give another file"
    assert (place / "new.yaml").read_text() == before


def test_config_init_takes_the_columns_it_is_given(place, call, refuse):
    long = pd.concat([TABLE.assign(shop=name, units=TABLE.sales * 2) for name in ("x", "y")])
    long.to_csv("long.csv", index=False)
    words = ["--time", "month", "--id", "shop", "--target", "units", "--target", "sales"]
    assert call("config", "init", "long.csv", *words, "--output", "long.yaml")[0] == 0
    data = read_config("long.yaml").data
    assert (data.time, data.id, data.target) == ("month", "shop", ("units", "sales"))
    assert "no column 'weight'" in refuse(3, "config", "init", "long.csv", "--target", "weight")
    assert "gone.csv: no such file" in refuse(3, "config", "init", "gone.csv")


def test_config_init_takes_the_season_it_is_given(place, call, refuse):
    assert call("config", "init", "table.csv", "--season", "6", "--output", "six.yaml")[0] == 0
    assert read_config("six.yaml").data.season == 6
    assert "--season 0 is not allowed" in refuse(2, "config", "init", "table.csv", "--season", "0")


def test_config_init_writes_the_zone_and_the_format_it_is_given(place, call):
    hours = pd.date_range("2024-10-26", periods=60, freq="h", tz="Europe/Berlin")
    frame = pd.DataFrame({"at": hours.strftime("%d/%m/%y %H:%M"), "y": np.arange(60) % 7})
    frame.to_csv("local.csv", index=False)
    words = ["--timezone", "Europe/Berlin", "--time-format", "%d/%m/%y %H:%M"]
    assert call("config", "init", "local.csv", *words, "--output", "local.yaml")[0] == 0
    data = read_config("local.yaml").data
    assert (data.time, data.timezone) == ("at", "Europe/Berlin")
    assert (data.time_format, data.frequency) == ("%d/%m/%y %H:%M", "h")


def test_config_show_prints_all_defaults_and_reads_back(place, call):
    code, out, _ = call("config", "show", "config.yaml", "seed=7")
    assert code == 0
    (place / "shown.yaml").write_text(out)
    assert read_config("shown.yaml") == read_config("config.yaml", ["seed=7"])
    assert "early_stopping" in out, "a default that config.yaml does not name"


def test_config_show_prints_json(place, call):
    code, out, _ = call("config", "show", "config.yaml", "seed=7", "--json")
    assert code == 0
    shown = json.loads(out)
    assert (shown["seed"], shown["data"]["target"]) == (7, ["sales"])
    (place / "shown.yaml").write_text(out)
    assert read_config("shown.yaml") == read_config("config.yaml", ["seed=7"])


def test_config_schema_is_the_json_schema(call):
    code, out, _ = call("config", "schema")
    assert code == 0
    assert json.loads(out) == json_schema()


# Exit codes and errors


def test_an_unexpected_error_is_one_line_and_code_1(place, call, refuse, monkeypatch):
    interrupt_after(1, monkeypatch, ZeroDivisionError("division\nby zero"))
    assert refuse(1, "train", "config.yaml", "--run", "run") == (
        "unexpected: ZeroDivisionError: division by zero (FORECAST_DEBUG=1 shows where)"
    )
    monkeypatch.setenv("FORECAST_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(["train", "config.yaml", "--run", "other"])


def fill_the_disk(monkeypatch, after=0):
    """From some write on, the disk is full."""
    real, written = os.fsync, []

    def fsync(descriptor):
        written.append(descriptor)
        if len(written) > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(files.os, "fsync", fsync)


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(place, refuse, monkeypatch):
    fill_the_disk(monkeypatch)
    message = refuse(4, "train", "config.yaml", "--run", "run")
    assert message == "run/config.yaml: No space left on device; make room"
    assert not (place / "run").exists()


def test_a_disk_that_fills_up_at_the_end_loses_no_training(place, refuse, call, monkeypatch):
    with monkeypatch.context() as patch:
        fill_the_disk(patch, after=14)
        message = refuse(4, "train", "config.yaml", "--run", "run")
    assert re.fullmatch(
        r"run/[a-z_]+\.\w+: No space left on device; make room; go on with: forecast train"
        " --resume run",
        message,
    )
    left = names_in(place / "run")
    assert "resume.safetensors" in left
    assert "summary.json" not in left
    assert not [name for name in left if name.endswith(".tmp")]
    code, _, err = call("train", "--resume", "run")
    assert code == 0
    assert "epoch 1/3" not in err
    assert names_in(place / "run") == RUN_FILES


def test_a_full_disk_keeps_the_old_forecast(run, refuse, tmp_path, monkeypatch):
    path = tmp_path / "out.csv"
    path.write_text("old")
    fill_the_disk(monkeypatch)
    message = refuse(4, "predict", run, "--output", path, "--force")
    assert message == f"{path}: No space left on device; make room"
    assert path.read_text() == "old"
    assert names_in(tmp_path) == {"out.csv"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_device_as_output_is_written_to_and_stays_a_device(run, refuse):
    assert refuse(4, "predict", run, "--output", "/dev/full") == (
        "/dev/full: No space left on device; make room"
    )
    assert Path("/dev/full").is_char_device()
    assert main(["predict", str(run), "--output", "/dev/null"]) == 0
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_like_ctrl_c(place, refuse, monkeypatch, sent):
    real = experiment.Session._after_epoch

    def then_terminate(self, epoch):
        real(self, epoch)
        os.kill(os.getpid(), sent)

    monkeypatch.setattr(experiment.Session, "_after_epoch", then_terminate)
    message = refuse(130, "train", "config.yaml", "--run", "run")
    assert message == "interrupted; go on with: forecast train --resume run"
    assert len((place / "run" / "metrics.jsonl").read_text().splitlines()) == 1
    assert "resume.safetensors" in names_in(place / "run")


def test_a_second_sigterm_does_not_disturb_the_saving(place, refuse, monkeypatch):
    """timeout(1), for one, sends two."""
    real, fsync, sent = experiment.Session._after_epoch, os.fsync, []

    def then_terminate(self, epoch):
        real(self, epoch)
        os.kill(os.getpid(), signal.SIGTERM)

    def terminated(descriptor):
        if any((place / "run").glob(".resume.*")):
            sent.append(os.kill(os.getpid(), signal.SIGTERM))
        fsync(descriptor)

    monkeypatch.setattr(experiment.Session, "_after_epoch", then_terminate)
    monkeypatch.setattr(os, "fsync", terminated)
    refuse(130, "train", "config.yaml", "--run", "run")
    assert len(sent) == 1
    assert "resume.safetensors" in names_in(place / "run")


def test_nohup_is_respected(place, call, monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    real = experiment.Session._after_epoch

    def then_hang_up(self, epoch):
        real(self, epoch)
        os.kill(os.getpid(), signal.SIGHUP)

    monkeypatch.setattr(experiment.Session, "_after_epoch", then_hang_up)
    try:
        call("train", "config.yaml", "--run", "run", "training.epochs=2")
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert "summary.json" in names_in(place / "run")


def test_a_terminal_that_is_gone_changes_no_exit_code(place, monkeypatch):
    def write(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(sys.stderr, "write", write)
    assert main(["config", "show", "nothing.yaml"]) == 2


def test_signals_mean_what_they_did_after_a_command(place, call):
    signals = (signal.SIGTERM, signal.SIGHUP)
    before = [*map(signal.getsignal, signals)]
    call("config", "show", "config.yaml")
    assert [*map(signal.getsignal, signals)] == before


# Bad input, from file to exit code

GOOD = [f"2020-{month:02}-01,{month + 10}" for month in range(1, 13)]
HEADER = "month,sales"


def table(*lines, header=HEADER):
    """A good table, and further lines."""
    return "\n".join([header, *GOOD, *lines]) + "\n"


def replaced(line, text):
    """The good table with one line, from 1, replaced."""
    lines = [HEADER, *GOOD]
    lines[line - 1] = text
    return "\n".join(lines) + "\n"


BAD_TABLES = {
    "empty file": ("", r"table.csv:1: the file is empty"),
    "no rows": (f"{HEADER}\n", r"table.csv: no rows below the header"),
    "missing column": (table(header="month,sale"), r"table.csv:1: no column 'sales'; did you mean"),
    "text": (replaced(4, "2020-03-01,oops"), r"table.csv:4: column 'sales' holds 'oops', not a nu"),
    "comma": (
        table(header="month;sales").replace("01,", "01;").replace(";1", ";1,"),
        r"table.csv:1: the cells are separated by ';', not ','; set data.separator: ';'",
    ),
    "mixed dates": (
        replaced(5, "01.04.2020,14"),
        r"table.csv:5: column 'month' holds '01.04.2020'",
    ),
    "no date": (replaced(5, "April,14"), r"table.csv:5: column 'month' holds 'April'"),
    "day or month": (
        "month,sales\n" + "".join(f"0{d}/01/2020,{d}\n" for d in range(1, 9)),
        r"table.csv:2: column 'month' holds '01/01/2020', day first or month first; set data.time",
    ),
    "unsorted": (
        replaced(6, "2020-01-15,15"),
        r"table.csv:6: column 'month': 2020-01-15 comes after 2020-04-01; sort the rows by time",
    ),
    "duplicate": (
        table("2020-12-01,23"),
        r"table.csv:14: column 'month': 2020-12-01 appears twice; keep one",
    ),
    "gap": (
        table("2021-02-01,23", "2021-03-01,24"),
        r"table.csv:13: after this row the row of 2021-01-01 .*is missing .* set data.missing",
    ),
    "infinite": (replaced(3, "2020-02-01,inf"), r"table.csv:3: column 'sales' holds inf, which is"),
    "1e39": (replaced(3, "2020-02-01,1e39"), r"table.csv:3: column 'sales' holds 1e\+39, which is"),
    "empty cell": (
        replaced(3, "2020-02-01,"),
        r"table.csv:3: column 'sales' is empty \(1 empty cells in all\); set data.missing",
    ),
    "empty time": (
        replaced(3, ",12"),
        r"table.csv:3: column 'month' is empty; every row needs its",
    ),
    "ragged": (replaced(3, "2020-02-01,12,9"), r"table.csv:3: 3 cells, but the header has 2"),
    "constant": (
        "month,sales\n" + "".join(f"2020-{m:02}-01,5\n" for m in range(1, 13)),
        r"table.csv: column 'sales' is constant \(5 in all training rows\)",
    ),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_is_one_line_with_file_and_line(name, place, refuse):
    text, message = BAD_TABLES[name]
    (place / "table.csv").write_text(text)
    words = ["window.lookback=2", "window.horizon=1", "split.validation=1", "split.test=2"]
    assert re.match(message, refuse(3, "train", "config.yaml", "--run", "run", *words))
    assert names_in(place) == {"config.yaml", "table.csv"}


def test_decimal_commas_are_named_with_their_remedy(place, refuse, call):
    rows = "".join(f"2020-{m:02}-01;{m},5\n" for m in range(1, 13))
    (place / "table.csv").write_text("month;sales\n" + rows)
    words = ["window.lookback=2", "window.horizon=1", "split.validation=1", "split.test=2"]
    words += ["data.separator=;", "--run", "run"]
    message = refuse(3, "train", "config.yaml", *words)
    assert message == (
        "table.csv:2: column 'sales' holds '1,5', not a number; set data.decimal: ','"
    )
    assert call("train", "config.yaml", *words, "data.decimal=','", "training.epochs=1")[0] == 0


def test_a_byte_order_mark_is_no_part_of_a_name(place, call):
    text = (place / "table.csv").read_text()
    (place / "table.csv").write_text(text, encoding="utf-8-sig")
    (place / "config.yaml").write_text(CONFIG, encoding="utf-8-sig")
    assert call("check", "config.yaml")[0] == 0


def test_the_repeated_hour_is_named(place, refuse):
    hours = pd.date_range("2024-10-26", periods=60, freq="h").strftime("%Y-%m-%d %H:%M")
    pd.DataFrame({"month": hours, "sales": np.arange(60) % 7}).to_csv("table.csv", index=False)
    message = refuse(3, "train", "config.yaml", "data.timezone=Europe/Berlin")
    assert message.startswith("table.csv:28: column 'month' holds '2024-10-27 02:00:00', which ")
    assert "happens twice in Europe/Berlin" in message
    assert "write all times with their UTC offset" in message


def test_the_log_of_a_negative_is_named_with_its_line(place, refuse):
    lines = (place / "table.csv").read_text().splitlines()
    lines[9] = "2018-09-01,-4"
    (place / "table.csv").write_text("\n".join(lines))
    message = refuse(3, "train", "config.yaml", "transforms=[log]")
    assert message.startswith("table.csv:10: column 'sales': ")
    assert "-4" in message


def test_ids_are_kept_as_they_are_written(place, call):
    long = pd.concat([TABLE.assign(unique_id=name) for name in ("007", "NA", "1e3")])
    long.to_csv("table.csv", index=False)
    assert call("train", "config.yaml", "--run", "run", "training.epochs=1")[0] == 0
    with open(place / "run" / "forecast.csv", newline="") as file:
        ids = [row["unique_id"] for row in csv.DictReader(file)]
    assert ids == ["007"] * 3 + ["NA"] * 3 + ["1e3"] * 3


def test_a_short_series_is_an_error_or_skipped_as_configured(place, refuse, call):
    long = pd.concat([TABLE.assign(unique_id="a"), TABLE.iloc[-30:].assign(unique_id="b")])
    long.to_csv("table.csv", index=False)
    message = refuse(3, "train", "config.yaml", "--run", "run")
    assert message.startswith("table.csv: series b has 9 training rows, too few for one window of")
    assert message.endswith("or set data.short_series: skip")
    code, _, err = call("train", "config.yaml", "--run", "run", "data.short_series=skip")
    assert code == 0
    assert "WARNING: skipped 1 series too short to train on: b\n" in err


BAD_CONFIGS = {
    "unknown key": ("trainig: {epochs: 3}", r"config.yaml:10: trainig: unknown key; did you mean"),
    "duplicate key": ("seed: 1\nseed: 2", r"config.yaml:11: key 'seed' appears twice; keep one"),
    "alias": ("device: &a cpu\nseed: *a", r"config.yaml:10: anchors and aliases are not allowed"),
    "wrong type": ("seed: soon", r"config.yaml:10: seed: 'soon' is not allowed: must be a whole"),
    "tag": ("seed: !!python/object:os.system 1", r"config.yaml:10: tags are not allowed"),
    "no yaml": ("seed: [1", r"config.yaml:\d+: not valid YAML"),
}


@pytest.mark.parametrize("name", BAD_CONFIGS)
@pytest.mark.parametrize("command", [["train"], ["lr-find"], ["check"], ["config", "show"]])
def test_a_bad_configuration_is_one_line_with_file_and_line(command, name, place, refuse):
    text, message = BAD_CONFIGS[name]
    (place / "config.yaml").write_text(CONFIG + text + "\n")
    assert re.match(message, refuse(2, *command, "config.yaml"))
    assert names_in(place) == {"config.yaml", "table.csv"}


def test_files_that_are_not_there_are_named(place, refuse):
    assert refuse(2, "check", "gone.yaml").startswith("gone.yaml: No such file or directory")
    assert refuse(3, "train", "config.yaml", "data.path=gone.csv").startswith("gone.csv: no such")


def test_check_reports_a_table_that_cannot_be_read(place, call):
    TABLE.iloc[[0, 0, *range(1, 72)]].to_csv("table.csv", index=False)
    code, out, _ = call("check", "config.yaml", "--json")
    result = json.loads(out)
    assert (code, result["exit_code"], result["findings"]) == (3, 3, [])
    assert result["problem"].startswith("table.csv:3: column 'month': 2018-01-01 appears twice")
    code, out, _ = call("check", "config.yaml")
    assert (code, out) == (3, f"problem     {result['problem']}\n")


# In processes of their own

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
FORECAST = (sys.executable, "-m", "forecast")


def start(*words, hash_seed="random"):
    return subprocess.Popen(
        words,
        env={**ENVIRONMENT, "PYTHONHASHSEED": hash_seed},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    out, err = process.communicate(timeout=90)
    assert "Traceback" not in err
    return process.returncode, out, err


def test_two_processes_and_the_script_train_the_same_bytes(place, call):
    script = str(ROOT / "scripts" / "train.py")
    both = [
        start(*FORECAST, "train", "config.yaml", "--run", "one", hash_seed="1"),
        start(sys.executable, script, "config.yaml", "--run", "two", hash_seed="2"),
    ]
    (code, out, _), (other_code, other_out, _) = map(ended, both)
    assert code == other_code == 0
    assert re.sub(r"\bone\b", "two", out) == other_out
    call("train", "config.yaml", "--run", "three")
    for name in ("model.safetensors", "summary.json", "forecast.csv"):
        contents = {(place / run / name).read_bytes() for run in ("one", "two", "three")}
        assert len(contents) == 1, name


def test_ctrl_c_ends_training_soon_and_resume_ends_it_alike(place, call):
    words = ["training.early_stopping=null", "model.dropout=0.2", "training.epochs=100000"]
    process = start(*FORECAST, "train", "config.yaml", "--run", "part", *words)
    metrics = place / "part" / "metrics.jsonl"
    deadline = time.monotonic() + 60
    while not (metrics.exists() and metrics.read_text().count("\n") >= 3):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    code, out, err = ended(process)
    assert time.monotonic() - sent < 5
    assert (code, out) == (130, "")
    assert err.endswith("\nforecast: interrupted; go on with: forecast train --resume part\n")
    assert "resume.safetensors" in names_in(place / "part")
    epochs = metrics.read_text().count("\n") + 4
    config = (place / "part" / "config.yaml").read_text()
    (place / "part" / "config.yaml").write_text(config.replace("100000", str(epochs)))
    code, out, err = call("train", "--resume", "part")
    assert code == 0
    call("train", "config.yaml", "--run", "whole", *words, f"training.epochs={epochs}")
    for name in ("config.yaml", "model.safetensors", "summary.json", "forecast.csv"):
        assert (place / "part" / name).read_bytes() == (place / "whole" / name).read_bytes()
    assert len(metrics.read_text().splitlines()) == epochs


def test_two_runs_in_one_folder_are_refused_and_readers_are_not(place, call, refuse):
    assert call("train", "config.yaml", "--run", "run", "--quiet")[0] == 0
    with locked(place / "run"):
        for words in (["config.yaml", "--run", "run", "--force"], ["config.yaml", "--run", "run"]):
            assert refuse(2, "train", *words) == (
                f"run: in use by process {os.getpid()}; wait for it, or give another folder with"
                " --run"
            )
        (place / "run" / "summary.json").rename("summary.json")
        assert refuse(2, "train", "--resume", "run").startswith("run: in use by process")
        assert call("predict", "run")[0] == 0
    assert ".lock" not in names_in(place / "run")


@pytest.mark.parametrize(
    ("script", "command"),
    [("train.py", "train"), ("lr_find.py", "lr-find"), ("predict.py", "predict")],
)
def test_scripts_are_the_commands(script, command, call):
    code, out, _ = ended(start(sys.executable, str(ROOT / "scripts" / script), "--help"))
    assert code == 0
    assert out == call(command, "--help")[1]


def test_a_reader_that_stops_early_is_no_error():
    with start(*FORECAST, "config", "schema") as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=30) == 0


PREDICT = "from forecast.cli.main import main; main(['predict', {run!r}])"


def test_predict_imports_nothing_it_does_not_need(run):
    shown = "; import sys; print(*sorted(sys.modules), file=sys.stderr)"
    code = PREDICT.format(run=str(run)) + shown
    _, _, err = ended(start(sys.executable, "-c", code))
    modules = set(err.splitlines()[-1].split())
    needless = {"sklearn", "scipy", "matplotlib", "coreforecast", "rich", "tensorboard", "jinja2"}
    assert not needless & modules
    assert not {"torch._dynamo", "torch._inductor", "torch.utils.tensorboard"} & modules
    above = {"experiment", "training.session", "evaluate", "prepare", "check", "cli.progress"}
    assert not {f"forecast.{name}" for name in above} & modules


def wall_time(*words):
    began = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True, env=ENVIRONMENT)
    return time.perf_counter() - began


@pytest.mark.slow
def test_help_answers_at_once():
    assert min(wall_time(*FORECAST, "--help") for _ in range(5)) < 0.15


@pytest.mark.slow
def test_predict_takes_little_more_than_its_imports(run):
    pairs = [
        (
            wall_time(*FORECAST, "predict", str(run)),
            wall_time(sys.executable, "-c", "import torch, pandas"),
        )
        for _ in range(5)
    ]
    predict, imports = np.median(pairs, axis=0)
    assert predict < 1.5 * imports


def test_ctrl_c_while_the_options_are_read_is_an_interruption(monkeypatch, capsys):
    def parse(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "parse", parse)
    assert cli.main(["train"]) == 130
    assert capsys.readouterr().err == "forecast: interrupted\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.EIO, "Input/output error"), 130),
        (OSError(errno.EIO, "Input/output error", "resume.safetensors"), 4),
        (OSError(errno.ENOSPC, "No space left on device", "resume.safetensors"), 4),
    ],
    ids=["terminal", "broken disk", "full disk"],
)
def test_a_terminal_that_closes_is_an_interruption_and_a_disk_that_fails_then_is_not(
    error, code, monkeypatch
):
    def train(_):
        try:
            raise KeyboardInterrupt
        finally:
            raise error

    monkeypatch.setattr(commands, "train", train)
    assert cli.main(["train", "config.yaml"]) == code
