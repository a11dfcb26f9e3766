"""A share of the attacks of `make fuzz`, and the faults that they found."""

import json
import os
import pickle

import pandas as pd
import pytest

from forecast.drawing import plots
from forecast.errors import DataError
from forecast.runs.checkpoint import load_checkpoint, save_checkpoint
from forecast.tables.parquet import parquet_cells
from forecast.tables.table import opened
from fuzz import environments, inverses, kills, loading, paths, proposals, starts, writes
from fuzz.calls import call
from fuzz.material import copied, make, random_of
from fuzz.mutations import flipped, mutated_checkpoint, signed, truncated, unsigned
from fuzz.rows import ROWS
from fuzz.sandbox import watched

TRIED = {1: 12, 2: 2, 3: 2, 4: 20, 5: 3, 8: 8, 9: 20, 14: 2}
"""Attempts of each attack on a promise, of those on the others one; another share every time would
not be a test."""
FEWER = {paths.check: 4, proposals.check: 3}
"""Of attacks that take a second each."""


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """Small trained runs; what reads them is imported before anything is watched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "png", plots.png)  # given back in the end
        patch.setattr(inverses, "EXAMPLES", 20)  # tests/data/test_chain.py has further ones
        made = make(tmp_path_factory.mktemp("material"))
        assert call("predict", str(made.run("co2"))).code == 0
        assert call("config", "show", str(made.interrupted / "config.yaml")).code == 0
        yield made


def as_parameter(row):
    """Of odd tables, all that `check` and `init` do is tried."""
    marks = [pytest.mark.timed] * (row.check is proposals.check)
    # `make test` has a training among more of these at once: tests/cli/test_process.py.
    marks += [pytest.mark.slow] * (row.check is environments.check)
    return pytest.param(row, marks=marks, id=row.attack)


@pytest.mark.parametrize("row", [as_parameter(row) for row in ROWS])
def test_a_share_of_the_attacks(row, material, tmp_path):
    if row.check in (kills.check, starts.check_any_moment):
        kills.whole(material.folder)
    size = row.size or writes.how_many(tmp_path)
    count = FEWER.get(row.check, TRIED.get(row.promise, 1))
    numbers = [number * size // count for number in range(count)]
    found = [(number, row.check(number, material, tmp_path)) for number in numbers]
    assert [each for each in found if each[1]] == []


# The attackers themselves


@pytest.mark.parametrize(
    ("action", "event"),
    [
        (lambda place: os.system("true"), "os.system"),
        (lambda place: exec("1 + 1"), "exec"),
        (lambda place: eval("1 + 1"), "exec"),
        (lambda place: __import__("evil"), "import"),
        (lambda place: (place.parent / "outside").write_text("x"), "open"),
        (lambda place: os.rename(place, place.parent / "outside"), "os.rename"),
        (lambda place: pickle.loads(loading.pickles()[2]), "pickle.find_class"),
    ],
)
def test_the_watch_sees_what_no_file_may_do(action, event, tmp_path):
    place = tmp_path / "inside"
    place.mkdir()
    with watched(place) as seen:
        (place / "file").write_text("allowed")
        with pytest.raises(Exception, match=event):
            action(place)
    assert [line.split()[0] for line in seen] == [event]
    assert sorted(os.listdir(tmp_path)) == ["inside"]
    assert exec("1 + 1") is None, "nobody watches any more"


def test_every_call_that_may_fail_is_failed(tmp_path):
    with writes.failing(-1, 0) as names:
        call(*writes.training(tmp_path / "run"))
    assert {"mkstemp", "file.write", "fsync", "replace", "write"} <= set(names)
    with writes.failing(len(names) - 1, 28) as failed:
        call(*writes.training(tmp_path / "other"))
    assert failed == names[-1:]


def test_a_signed_change_passes_the_digest_and_an_unsigned_one_does_not(material, tmp_path):
    path = material.run("co2") / "model.safetensors"
    data, changed = path.read_bytes(), tmp_path / "changed"
    assert signed(*unsigned(data)) == data
    for number, damage in enumerate((flipped, truncated)):
        changed.write_bytes(damage(random_of(0, number), data))
        with pytest.raises(DataError):
            load_checkpoint(changed, "model")
    header, body = unsigned(data)
    changed.write_bytes(signed(header, body[::-1]))
    load_checkpoint(changed, "model")
    assert mutated_checkpoint(random_of(0, 0), data) != data


# The smallest inputs of what was found


def edited(source, path, content):
    """Write a checkpoint with some of its content replaced, and a digest that is right."""
    header, body = unsigned(source.read_bytes())
    real = json.loads(header["__metadata__"]["content"])
    header["__metadata__"]["content"] = json.dumps({**real, **content})
    path.write_bytes(signed(header, body))
    return path


@pytest.mark.parametrize(
    "content",
    [
        {"done": None},
        {"epochs": [[1]]},
        {"epochs": [[]]},
        {"epochs": []},
        {"done": 1},
        {"reasons": ["finished"]},
    ],
)
def test_a_resume_file_that_does_not_add_up_is_refused(content, material, tmp_path):
    run = copied(material.interrupted, tmp_path / "run")
    path = edited(run / "resume.safetensors", run / "resume.safetensors", content)
    result = call("train", "--resume", str(run))
    assert (result.code, result.line) == (3, f"{path}: does not fit config.yaml; train anew")


@pytest.mark.parametrize(
    "content",
    [
        {"calibration": {"levels": ["high"], "count": 1}},
        {"calibration": None, "num_models": 0},
        {"axis": [0, "MS", "os.system"]},
        {"axis": [0, "no frequency", None]},
        {"ids": []},
        {"columns": ["a", "b"]},
        {"covariates": {}},
        {"summary": []},
        {"config": {"data": {"path": "x"}, "model": {"hidden_size": "auto"}}},
    ],
)
def test_a_model_whose_parts_do_not_fit_is_refused(content, material, tmp_path):
    source = material.run("co2") / "model.safetensors"
    path = edited(source, tmp_path / "model.safetensors", content)
    result = call("predict", str(path))
    assert result.code == 3
    assert result.line.startswith(f"{path}: not a model of this program: ")


def test_transforms_of_another_model_are_refused(material, tmp_path):
    header, body = unsigned((material.run("co2") / "model.safetensors").read_bytes())
    path = tmp_path / "model.safetensors"
    for name in ("chain.0", "chain.1"):
        start, end = header[name]["data_offsets"]
        header[name]["shape"] = [(end - start) // 8]
    path.write_bytes(signed(header, body))
    result = call("predict", str(path))
    assert (result.code, ": not a model of this program: " in result.line) == (3, True)


def test_a_configuration_that_was_changed_meanwhile_does_not_fit(material, tmp_path):
    run = copied(material.interrupted, tmp_path / "run")
    path = run / "config.yaml"
    path.write_text(path.read_text().replace("hidden_size: 3", "hidden_size: 4"))
    result = call("train", "--resume", str(run))
    assert result.code == 2
    changed = f"{path}: model.hidden_size is 4, the training began with 3; put it back, or train"
    assert result.line.startswith(changed)


def test_a_path_that_is_too_long_is_no_file(tmp_path):
    path = "x" * 300
    (tmp_path / "config.yaml").write_text(f"data: {{path: {path}, time: ds, target: y}}")
    assert call("config", "show", str(tmp_path / "config.yaml")).code == 0
    result = call("train", str(tmp_path / "config.yaml"), "--run", str(tmp_path / "run"))
    assert (result.code, result.line.endswith("x: no such file; check data.path")) == (3, True)


def test_a_model_that_no_memory_can_hold_is_out_of_memory(material, tmp_path):
    text = (material.interrupted / "config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(text.replace("hidden_size: 3", "hidden_size: 1000000000"))
    result = call("check", str(tmp_path / "config.yaml"))
    assert result.code == 4
    assert result.line == "out of memory; lower training.batch_size or model.hidden_size"


def test_a_resume_file_with_a_validation_loss_that_is_missing_does_not_fit(material, tmp_path):
    run = copied(material.interrupted, tmp_path / "run")
    tensors, content = load_checkpoint(run / "resume.safetensors", "resume")
    content["epochs"][-1][0]["validation_loss"] = None
    save_checkpoint(run / "resume.safetensors", "resume", tensors, content)
    result = call("train", "--resume", str(run), "--quiet")
    assert (result.code, "does not fit config.yaml" in result.line) == (3, True)


@pytest.mark.parametrize("error", [IndexError, NotImplementedError, ValueError, OSError])
def test_whatever_pyarrow_raises_on_a_damaged_table_is_one_line(error, tmp_path, monkeypatch):
    """As ArrowIndexError and ArrowNotImplementedError, which damaged Parquet files caused."""

    path = tmp_path / "table.parquet"
    pd.DataFrame({"y": [1.0]}).to_parquet(path)

    def fail(*_, **__):
        raise error("Index 182 out of bounds")

    monkeypatch.setattr(pd.Series, "__init__", fail)
    message = "Index 182 out of bounds; write the file again"
    with opened(str(path)) as file, pytest.raises(DataError, match=message):
        next(parquet_cells(file, "y", is_text=False))
