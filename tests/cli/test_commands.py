"""train, lr-find, backtest and check: what they print, what they write, and how runs go on."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from forecast.config.tree import read_config
from forecast.forecasting.model_file import load
from tests.cli.helpers import RUN_FILES, TABLE, after_epoch, contents_of, names_in, raising, rows_of

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
    (level, share), *_ = summary["coverage"]["rolling"].items()
    assert lines[8:] == [
        f"{level} % intervals cover {100 * share:.1f} % of the test values",
        summary["verdict"],
        *summary["remarks"],
        "forecast: run/forecast.csv, run/forecast.png, run/learning_curve.png",
        "run: run",
    ]
    assert re.fullmatch(
        r"INFO: device: cpu\n"
        r"INFO: data: 1 series, 72 rows, frequency MS, season 12; windows: 37 train, 7 validation,"
        r" 10 test\n"
        r"INFO: ends at about \d\d:\d\d, in \d+ s, or sooner\n"
        r"INFO: epoch 1/3: loss [\d.]+, validation [\d.]+, best [\d.]+, at most \d+ s left\n"
        r"INFO: stopped: 3 epochs are done; kept epoch \d\n",
        err,
    )
    log = (place / "run" / "log.txt").read_text()
    assert [line.split(" INFO ")[1] for line in log.splitlines()] == [
        line.removeprefix("INFO: ") for line in err.splitlines()
    ]


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
    rows = rows_of((run / "forecast.csv").read_text())
    assert [row["month"] for row in rows] == ["2024-01-01", "2024-02-01", "2024-03-01"]


def test_train_as_json_is_the_summary_and_the_folder_and_quiet_is_quiet(place, call):
    code, out, err = call("train", "config.yaml", "--json", "--quiet", "--run", "run")
    assert (code, err) == (0, "")
    summary = json.loads((place / "run" / "summary.json").read_text())
    assert json.loads(out) == {"run": "run", **summary}


def test_the_default_folder_is_named_for_configuration_and_time(place, call):
    for _ in range(2):
        code, out, _ = call("train", "config.yaml", "training.epochs=1")
        assert code == 0
    folders = sorted((place / "runs" / "config").iterdir())
    assert len(folders) == 2
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ", folder.name) for folder in folders)
    assert all(names_in(folder) == RUN_FILES for folder in folders)
    assert out.endswith(f"run: runs/config/{folders[-1].name}\n")


def test_overrides_reach_the_run(place, call):
    words = ["--quiet", "config.yaml", "training.epochs=1", "--run", "run", "seed=3"]
    assert call("train", *words)[0] == 0
    config = read_config(place / "run" / "config.yaml")
    assert (config.training.epochs, config.seed) == (1, 3)


def test_force_replaces_a_run_and_keeps_what_is_not_its_own(place, call, run):
    (place / "run").mkdir()
    for name in RUN_FILES:
        (place / "run" / name).write_bytes((run / name).read_bytes())
    (place / "run" / "notes.md").write_text("mine")
    (place / "run" / "figures").mkdir()
    assert call("train", "config.yaml", "--run", "run", "seed=1", "--force")[0] == 0
    assert names_in(place / "run") == RUN_FILES | {"notes.md", "figures"}
    for name in ("model.safetensors", "summary.json"):
        assert (place / "run" / name).read_bytes() != (run / name).read_bytes()
    assert len((place / "run" / "metrics.jsonl").read_text().splitlines()) == 3


def test_nothing_is_left_of_a_run_that_could_not_begin(place, refuse):
    (place / "table.csv").write_text("month,sales\n2020-01-01,x\n")
    refuse(3, "train", "config.yaml", "--run", "run")
    refuse(3, "train", "config.yaml")
    assert names_in(place) == {"config.yaml", "table.csv", "runs"}
    assert list((place / "runs").rglob("*Z*")) == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_is_written_on_request(place, call):
    assert call("train", "config.yaml", "--run", "run", "--tensorboard")[0] == 0
    (events,) = (place / "run" / "tensorboard").iterdir()
    assert events.name.startswith("events.out.tfevents.")
    assert call("train", "config.yaml", "--run", "run", "--force")[0] == 0
    assert list((place / "run" / "tensorboard").iterdir()) == []


def test_a_profile_is_printed_on_request_and_part_of_the_json(place, call):
    words = ["train", "config.yaml", "training.epochs=1", "--profile", "--run"]
    _, out, _ = call(*words, "one")
    assert [line.split()[0] for line in out.splitlines()[:3]] == ["data", "kernel", "optimizer"]
    _, out, _ = call(*words, "two", "--json")
    profile = json.loads((place / "two" / "profile.json").read_text())
    assert json.loads(out)["profile"] == profile


@pytest.mark.parametrize(
    ("overrides", "windows", "verdict"),
    [
        (["split.test=0"], [49, 7, 0], "There is no test part, so nothing is known of the"),
        (["split.validation=0"], [46, 0, 10], "lstm is "),
        (["split.validation=0", "split.test=0"], [58, 0, 0], "There is no test part"),
    ],
)
def test_parts_may_be_left_out(overrides, windows, verdict, place, call):
    code, out, _ = call("train", "config.yaml", "--run", "run", *overrides)
    assert code == 0
    summary = json.loads((place / "run" / "summary.json").read_text())
    assert out.splitlines()[-3 - len(summary["remarks"])].startswith(verdict)
    assert list(summary["windows"].values()) == windows
    assert summary["verdict"].startswith(verdict)
    assert call("predict", "run")[0] == 0


def test_ids_are_kept_as_they_are_written(place, call):
    long = pd.concat([TABLE.assign(unique_id=name) for name in ("007", "NA", "1e3")])
    long.to_csv("table.csv", index=False)
    assert call("train", "config.yaml", "--run", "run", "training.epochs=1")[0] == 0
    rows = rows_of((place / "run" / "forecast.csv").read_text())
    assert [row["unique_id"] for row in rows] == ["007"] * 3 + ["NA"] * 3 + ["1e3"] * 3


def test_a_short_series_is_an_error_or_skipped_as_configured(place, refuse, call):
    long = pd.concat([TABLE.assign(unique_id="a"), TABLE.iloc[-5:].assign(unique_id="b")])
    long.to_csv("table.csv", index=False)
    message = refuse(3, "train", "config.yaml", "--run", "run")
    assert message.endswith("or set data.short_series: skip")
    code, _, err = call("train", "config.yaml", "--run", "run", "data.short_series=skip")
    assert code == 0
    assert "WARNING: skipped 1 series too short to train on: b\n" in err


# Resume


def test_an_interrupted_run_is_resumed_to_the_same_bytes(place, call, refuse, monkeypatch):
    words = ["training.ensemble=2", "model.dropout=0.3", "training.schedule=plateau"]
    call("train", "config.yaml", "--run", "whole", *words)
    with monkeypatch.context() as patch:
        after_epoch(patch, raising(KeyboardInterrupt), 4)
        message = refuse(130, "train", "config.yaml", "--run", "part", *words)
    assert message == "interrupted; go on with: forecast train --resume part"
    assert "model.safetensors" not in names_in(place / "part")
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


@pytest.mark.parametrize("command", ["train", "check", "lr-find"])
def test_an_interruption_before_the_first_epoch_leaves_nothing(command, place, refuse, monkeypatch):
    for module in ("experiment", "check"):
        monkeypatch.setattr(f"forecast.{module}.prepare", raising(KeyboardInterrupt))
    assert refuse(130, command, "config.yaml") == "interrupted"
    assert list((place / "runs").rglob("*Z*")) == []


def test_a_finished_run_goes_on_from_another_folder(place, run, call, monkeypatch):
    shutil.copytree(run, place / "moved")
    (place / "deep").mkdir()
    monkeypatch.chdir(place / "deep")
    code, out, _ = call("train", "--resume", "../moved", "training.epochs=4", "--quiet")
    assert (code, out.splitlines()[-1]) == (0, "run: ../moved")
    assert len((place / "moved" / "metrics.jsonl").read_text().splitlines()) == 4
    assert names_in(place / "moved") == RUN_FILES


def test_a_resume_on_changed_data_is_refused(interrupted, call, refuse):
    TABLE.assign(sales=TABLE.sales + 1).to_csv("table.csv", index=False)
    table = Path("table.csv").resolve()
    assert refuse(3, "train", "--resume", "part") == (
        f"{table}: the data have changed since the run began; train anew"
    )
    TABLE.to_csv("table.csv", index=False)
    assert call("train", "--resume", "part", "--quiet")[0] == 0


def test_a_resume_file_that_is_damaged_is_refused(interrupted, refuse):
    path = interrupted / "resume.safetensors"
    path.write_bytes(path.read_bytes()[:-7])
    assert "part/resume.safetensors: truncated or damaged" in refuse(3, "train", "--resume", "part")


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
    np.testing.assert_allclose(np.diff(np.log(rates)), np.log(1e5) / 59, rtol=1e-9)


def test_lr_find_json_seeds_and_default_folder(place, call):
    code, out, _ = call("lr-find", "config.yaml", "--json", "--seeds", "1", "seed=4")
    assert code == 0
    result = json.loads(out)
    assert result["rule"] == "valley"
    assert result["rate"] == result["rates"]["valley"]
    folder = place / result["folder"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-lr", folder.name)
    assert {row["seed"] for row in rows_of((folder / "lr_range.csv").read_text())} == {"4"}


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


def test_lr_find_declines_on_a_flat_curve(place, call, refuse):
    few = ["training.lr_range.steps=20", "training.batch_size=64"]
    flat = ["training.lr_range.first=1e-9", "training.lr_range.last=1e-8", *few]
    words = ["lr-find", "config.yaml", "--output", "sweep", *flat]
    code, out, _ = call(*words)
    assert code == 0
    assert [line.split()[1:4] for line in out.splitlines()[1:5]] == [["-", "-", "-"]] * 4
    assert out.splitlines()[-1] == (
        "no rate stands out: even the mean of 8 curves falls by no more than its noise; keep"
        " training.learning_rate: 0.01."
    )
    once = "training.lr_range.seeds=1"
    assert json.loads(call(*words, once, "--force", "--json")[1])["rate"] is None
    code, out, _ = call(*words, once, "--force", "--write", "new.yaml")
    assert code == 2, "so that `lr-find --write NEW && train NEW` stops"
    assert out.splitlines()[-1].endswith("; new.yaml is not written.")
    assert not (place / "new.yaml").exists()
    words = ["train", "config.yaml", "training.learning_rate=auto", "--run", "a", once, *flat]
    assert call(*words)[0] == 0
    assert json.loads((place / "a/summary.json").read_text())["learning_rate"] == 0.003


# Backtest

BACKTEST_FILES = {"backtest.csv", "scores.csv", "backtest.png", "summary.json"}


def test_backtest_prints_tables_and_a_verdict_and_writes_a_folder(place, call):
    code, out, err = call(
        *("backtest", "config.yaml", "--folds", 3, "--output", "back", "training.epochs=1"),
        *("--baselines", "auto_theta"),
    )
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].split() == ["backtest", "MAE", "RMSE", "sMAPE", "MASE"]
    assert lines[1].startswith("lstm ")
    assert any(line.startswith("auto_theta ") for line in lines)
    assert "MAE by fold              1         2         3" in lines
    assert "MAE by step              1         2         3" in lines
    summary = json.loads((place / "back/summary.json").read_text())
    assert lines[-2 - len(summary["remarks"]) : -1] == [summary["verdict"], *summary["remarks"]]
    assert summary["verdict"].startswith("lstm is ")
    assert lines[-1] == (
        "files: back/backtest.csv, back/scores.csv, back/backtest.png, back/summary.json"
    )
    assert names_in(place / "back") == BACKTEST_FILES
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


def test_backtest_force_replaces_a_backtest_only(place, call, refuse):
    words = ["backtest", "config.yaml", "--folds", "2", "--quiet", "--output", "back"]
    assert call(*words)[0] == 0
    before = contents_of(place / "back")
    (place / "back" / "notes.md").write_text("mine")
    assert "replace it with --force" in refuse(2, *words)
    assert call(*words, "--force", "--refit", "seed=5")[0] == 0
    after = contents_of(place / "back")
    assert after[place / "back" / "backtest.csv"] != before[place / "back" / "backtest.csv"]
    assert (place / "back" / "notes.md").read_text() == "mine"


# Check


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
    ("words", "exit_code", "problem"),
    [
        (["split.test=2"], 2, "split.test: 2 rows hold no window"),
        (["window.lookback=60"], 3, "table.csv: "),
        (["data.path=twice.csv"], 3, "twice.csv:3: column 'month': 2018-01-01 appears twice"),
        (["--device", "cuda:99"], 4, "device 'cuda:99' is not there; choose auto, cpu"),
    ],
)
def test_check_ends_with_the_code_that_train_would_end_with(words, exit_code, problem, place, call):
    TABLE.iloc[[0, 0, *range(1, 72)]].to_csv("twice.csv", index=False)
    code, out, err = call("check", "config.yaml", *words)
    assert (code, err) == (exit_code, "")
    assert out.splitlines()[-1].startswith(f"problem     {problem}")
    assert call("train", "config.yaml", *words)[0] == exit_code
    result = json.loads(call("check", "config.yaml", "--json", *words)[1])
    assert result["exit_code"] == exit_code
    assert f"problem     {result['problem']}" == out.splitlines()[-1]
