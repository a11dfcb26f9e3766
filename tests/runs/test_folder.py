"""The run folder: made, locked and cleared; what its files hold.

What is refused is in tests/refusals.yaml, under `commands`.
"""

import contextlib
import json
import math
import os
import platform
import subprocess
from dataclasses import asdict

import pytest
import torch

from forecast.errors import ConfigError, DataError
from forecast.runs import folder as runs
from forecast.runs.folder import (
    MARKS,
    RUN_FILES,
    RunFolder,
    environment,
    existing_run,
    fresh_run,
    locked_run,
    new_run,
)
from forecast.training.loop import Epoch

EPOCH = Epoch(1, 4, 0.5, None, 1e-3, 0.25, {"stack.weight": 2.0})


def run_in(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(f"old {name}")
    return folder


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_new_run_makes_its_folder_and_all_above(tmp_path):
    folder = new_run(tmp_path / "a" / "b")
    assert folder.path == tmp_path / "a" / "b"
    assert names_in(folder.path) == []
    assert new_run(tmp_path / "a" / "b").path == folder.path, "an empty folder is as good as none"


def test_force_touches_nothing_until_the_run_begins_and_then_only_its_own_files(tmp_path):
    path = run_in(tmp_path / "run", *RUN_FILES, "notes.md", "model.safetensors.bak")
    (path / "plots").mkdir()
    run_in(path / "tensorboard", "events.out.tfevents.1", "mine.txt")
    before = names_in(path)
    folder = new_run(path, force=True)
    assert folder == RunFolder(path / ".next", path)
    assert names_in(path) == before
    RunFolder(path).clear()
    marks, mine = ["config.yaml", "environment.json"], ["model.safetensors.bak", "notes.md"]
    assert names_in(path) == [*marks, *mine, "plots", "tensorboard"], "marks are written anew"
    assert names_in(path / "tensorboard") == ["mine.txt"]


def test_fresh_runs_of_one_second_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Clock(runs.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2024, 2, 29, 23, 59, 58, tzinfo=tz)

    monkeypatch.setattr(runs, "datetime", Clock)
    paths = [fresh_run("configs/air.yaml").path for _ in range(3)]
    paths.append(fresh_run("configs/air.yaml", "-lr").path)
    assert [str(path) for path in paths] == [
        "runs/air/2024-02-29T23-59-58Z",
        "runs/air/2024-02-29T23-59-58Z-2",
        "runs/air/2024-02-29T23-59-58Z-3",
        "runs/air/2024-02-29T23-59-58Z-lr",
    ]
    assert all(path.is_dir() for path in paths)


def test_a_run_to_resume_must_be_one_and_unfinished(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: no run to resume; it holds no config.yaml"):
        existing_run(tmp_path / "nowhere")
    path = run_in(tmp_path / "run", "config.yaml", "model.safetensors")
    assert existing_run(path) == RunFolder(path), "the summary is what is written last"
    run_in(path, "summary.json")
    with pytest.raises(ConfigError, match=r"run: the run is finished; to go on, say how long"):
        existing_run(path)


def test_metrics_hold_one_line_an_epoch_and_are_rewritten_alike(tmp_path):
    folder = RunFolder(tmp_path)
    second = Epoch(2, 8, math.inf, math.nan, 1e-3, 0.5, {"stack.weight": math.inf})
    folder.append_epoch(0, asdict(EPOCH))
    folder.append_epoch(0, asdict(second))
    folder.append_epoch(1, asdict(EPOCH))
    text = (tmp_path / "metrics.jsonl").read_text()
    lines = [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]
    assert lines[0] == {"member": 0, **asdict(EPOCH)}
    assert lines[1]["train_loss"] is None
    assert lines[1]["validation_loss"] is None
    assert lines[1]["gradient_norms"] == {"stack.weight": None}
    assert [line["member"] for line in lines] == [0, 0, 1]
    folder.rewrite_epochs([[asdict(EPOCH), asdict(second)], [asdict(EPOCH)]])
    assert (tmp_path / "metrics.jsonl").read_text() == text
    folder.rewrite_epochs([])
    assert (tmp_path / "metrics.jsonl").read_text() == ""


def test_json_files_hold_no_nan_and_end_with_a_newline(tmp_path):
    content = {"a": [1.5, math.nan], "b": (math.inf, None), "c": [True, 0, -0.0, "nan", {}]}
    RunFolder(tmp_path).write_json("summary.json", content)
    text = (tmp_path / "summary.json").read_text()
    expected = {"a": [1.5, None], "b": [None, None], "c": [True, 0, -0.0, "nan", {}]}
    assert json.loads(text, parse_constant=pytest.fail) == expected
    assert text.endswith("}\n")


def test_a_claimed_folder_is_swept_and_nobody_elses(tmp_path):
    path = run_in(tmp_path / "run", *MARKS, ".model.safetensors.k1lled__.tmp", ".mine.tmp")
    with locked_run(path):
        assert names_in(path) == [".lock", ".mine.tmp", *MARKS]
        with pytest.raises(ConfigError, match="in use by process"), locked_run(path):
            pass
    assert names_in(path) == [".mine.tmp", *MARKS]


def test_a_claimed_folder_that_stays_empty_is_removed(tmp_path):
    with locked_run(tmp_path / "a" / "run"):
        assert new_run(tmp_path / "a" / "run").path.is_dir(), "a lock does not make it another's"
    assert names_in(tmp_path / "a") == []


def test_an_empty_folder_that_was_there_stays(tmp_path):
    with locked_run(tmp_path):
        pass
    assert names_in(tmp_path) == []
    with locked_run(tmp_path, is_fresh=True):
        pass
    assert not tmp_path.exists()


def test_a_folder_that_is_not_for_runs_is_refused_before_it_is_locked(tmp_path):
    """A refused run once emptied the file that `.lock` was a link to, or took `.lock` away."""
    for name, text in (("foreign", "state of another program"), ("old", "123\n")):
        path = run_in(tmp_path / name, "config.yaml", "log.txt")  # of another program
        (path / ".lock").write_text(text)
        with (
            pytest.raises(ConfigError, match="is not empty and holds no run; give"),
            locked_run(path),
        ):
            pass
        assert (path / ".lock").read_text() == text


def test_a_run_that_is_only_just_beginning_is_in_use(tmp_path):
    path = tmp_path / "run"
    with locked_run(path):
        (path / ".config.yaml.abcdefgh.tmp").touch()
        with pytest.raises(ConfigError, match="in use by process"), locked_run(path):
            pass


def test_a_link_to_nothing_is_never_claimed(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with (
        pytest.raises(ConfigError, match="is a link to nothing; give"),
        locked_run(tmp_path / "link"),
    ):
        pass


@pytest.mark.parametrize("killed_after", range(len(RUN_FILES)))
def test_a_clearing_that_is_killed_leaves_a_run_to_begin_again(killed_after, tmp_path, monkeypatch):
    path, unlink = run_in(tmp_path / "run", *RUN_FILES), runs.Path.unlink
    removed = []

    def killed(self, missing_ok=False):
        if len(removed) == killed_after:
            raise KeyboardInterrupt
        removed.append(unlink(self, missing_ok))

    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(runs.Path, "unlink", killed)
        RunFolder(path).clear()
    assert new_run(path, force=True).home == path
    assert killed_after == 0 or existing_run(path) == RunFolder(path), "it is not finished"


def beside(path):
    """A finished run, and a finished training that will take its place."""
    run_in(path, *RUN_FILES, "notes.md")
    run_in(path / "tensorboard", "events.out.tfevents.1")
    folder = new_run(path, force=True)
    folder.clear()
    for name in RUN_FILES:
        if name != "lr_range.csv":
            folder.write(name, f"new {name}")
    run_in(folder.path / "tensorboard", "events.out.tfevents.2")
    return folder


def test_a_commit_takes_the_place_of_the_old_run_and_of_nothing_else(tmp_path):
    path = tmp_path / "run"
    beside(path).commit()
    assert names_in(path) == sorted({*RUN_FILES, "notes.md", "tensorboard"} - {"lr_range.csv"})
    assert names_in(path / "tensorboard") == ["events.out.tfevents.2"]
    assert (path / "notes.md").read_text() == "old notes.md"
    assert all((path / n).read_text() == f"new {n}" for n in RUN_FILES if n != "lr_range.csv")


@pytest.mark.parametrize("killed_after", range(2 * len(RUN_FILES)))
def test_a_commit_that_is_killed_is_ended_by_the_next_owner(killed_after, tmp_path, monkeypatch):
    path, steps, unlink, replace = tmp_path / "run", [], runs.Path.unlink, runs.os.replace
    folder = beside(path)

    def counted(real):
        def step(*arguments, **options):
            if len(steps) == killed_after:
                raise KeyboardInterrupt
            steps.append(real(*arguments, **options))

        return step

    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(runs.Path, "unlink", counted(unlink))
        patch.setattr(runs.os, "replace", counted(replace))
        folder.commit()
    assert (path / "model.safetensors").read_text() in (
        "old model.safetensors",
        "new model.safetensors",
    )
    with locked_run(path):
        pass
    assert names_in(path) == sorted({*RUN_FILES, "notes.md", "tensorboard"} - {"lr_range.csv"})
    assert all((path / n).read_text() == f"new {n}" for n in RUN_FILES if n != "lr_range.csv")


KINDS = {
    "a link": lambda path, victim: path.symlink_to(victim),
    "a folder": lambda path, _: path.mkdir(),
    "a pipe or a device": lambda path, _: os.mkfifo(path),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["forecast.csv", "log.txt", "config.yaml", "tensorboard", ".next"])
def test_what_is_no_file_of_a_run_is_refused_before_anything_is_touched(tmp_path, kind, name):
    path, victim = run_in(tmp_path / "run", *MARKS, "metrics.jsonl"), tmp_path / "victim"
    run_in(victim, "events.out.tfevents.1", "summary.json")
    (path / name).unlink(missing_ok=True)
    KINDS[kind](path / name, victim)
    if kind == "a folder" and name in ("tensorboard", ".next"):
        (path / name / "summary.json" if name == ".next" else path / "log.txt").symlink_to(victim)
    before = names_in(path)
    with pytest.raises(ConfigError, match=r"is a.*, not a f.* of a run; take it away"):
        locked_run(path).__enter__()
    assert names_in(path) == before, "not even a lock"
    assert names_in(victim) == ["events.out.tfevents.1", "summary.json"]


def test_progress_comes_back_as_it_was_saved(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.load_progress() is None
    tensors = {"model.weight": torch.arange(6.0).reshape(2, 3), "optimizer.0.step": torch.ones(())}
    folder.save_progress(tensors, {"done": 1, "epochs": [[asdict(EPOCH)]]})
    loaded, content = folder.load_progress()
    assert loaded.keys() == tensors.keys()
    assert all(torch.equal(loaded[name], tensors[name]) for name in tensors)
    assert content == {"done": 1, "epochs": [[asdict(EPOCH)]]}
    assert [Epoch(**epoch) for epoch in content["epochs"][0]] == [EPOCH]


def test_a_model_file_is_no_resume_file(tmp_path):
    runs.save_checkpoint(tmp_path / "resume.safetensors", "model", {}, {})
    with pytest.raises(DataError, match=r"resume.safetensors: not a resume checkpoint"):
        RunFolder(tmp_path).load_progress()


def test_the_environment_names_versions_device_and_command(monkeypatch):
    monkeypatch.setattr("sys.argv", ["forecast", "train", "a.yaml"])
    found = environment("cuda:1")
    assert found["packages"]["torch"] == torch.__version__
    assert found["device"] == "cuda:1"
    assert found["command"] == ["forecast", "train", "a.yaml"]
    assert found["threads"] == torch.get_num_threads()
    assert json.loads(json.dumps(found)) == found


def test_the_environment_keeps_no_password(monkeypatch):
    """It is kept in the run, and sent to MLflow with it."""
    monkeypatch.setattr("sys.argv", ["forecast", "--mlflow", "https://me:secret@host/x", "a@b"])
    assert environment("cpu")["command"][1:] == ["--mlflow", "https://***@host/x", "a@b"]


def test_the_environment_is_found_without_starting_a_process(monkeypatch):
    monkeypatch.setattr(platform, "_uname_cache", None, raising=False)
    monkeypatch.setattr(subprocess, "check_output", lambda *_, **__: pytest.fail("a process"))
    assert platform.system() in environment("cpu")["platform"]
