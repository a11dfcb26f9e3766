"""Files of a run: read as they were written, and refused in one line once they are damaged."""

import contextlib
import copy
import json
import math
from dataclasses import asdict, replace

import pytest

from forecast.config.training import LrRangeConfig
from forecast.errors import DataError
from forecast.reporting.run_files import read_run_files
from forecast.runs.folder import RunFolder, environment
from forecast.training.loop import Epoch
from forecast.training.profile import PROFILE_PARTS

CONTENT = {
    "model": "lstm",
    "parameters": 1234,
    "ensemble": 2,
    "learning_rate": 0.01,
    "epochs": [2, 1],
    "kept_epochs": [1, 1],
    "stopped": ["2 epochs are done", "the loss is not finite"],
    "windows": {"train": 10, "validation": 4, "test": 5},
    "season": 12,
    "verdict": "lstm is 50.0 % better.",
    "metrics": {"lstm": {"MAE": 1.0, "R2": math.nan}, "naive": {"MAE": 2.0, "R2": 0.5}},
    "mae_by_step": {"lstm": [1.0, 1.5], "naive": [2.0, math.nan]},
    "remarks": ["Paired over 9 origins."],
    "worst_series": {"a": 2.0},
    "best_series": {"c": 0.5},
    "coverage": {"rolling": {"80": 0.789}},
    "interval_width": {"rolling": {"80": 3.0}},
    "interval_score": {"rolling": {"80": 4.0}},
    "coverage_by_step": {"rolling": {"80": [0.8, 0.75]}},
}
CONTENT_KEYS = [*CONTENT]
HISTORIES = [
    [Epoch(1, 5, 0.5, 0.6, 0.01, 1.0, {"w": 2.0}), Epoch(2, 10, 0.4, 0.7, 0.01, 2.0, {"w": 1.0})],
    [Epoch(1, 5, math.nan, math.nan, 0.01, 3.0, {"w": math.nan}, bad_step=3)],
]
PARTS = {
    "summary.json": "summary",
    "metrics.jsonl": "histories",
    "lr_range.csv": "sweeps",
    "environment.json": "environment",
    "profile.json": "profile",
}


def files_of(run, content=CONTENT):
    return read_run_files(run, content, LrRangeConfig())


@pytest.fixture
def run(tmp_path):
    """The files that a run of two members leaves behind, but for its model."""
    folder = RunFolder(tmp_path)
    folder.write_json("summary.json", CONTENT)
    folder.rewrite_epochs([[asdict(epoch) for epoch in history] for history in HISTORIES])
    folder.write_json("environment.json", environment("cpu"))
    folder.write_json("profile.json", dict.fromkeys(PROFILE_PARTS, 1.5))
    rows = [f"{seed},{n},{0.001 * 2**n!r},{1 / (n + 1)!r},0.5" for seed in (0, 1) for n in (0, 1)]
    folder.write("lr_range.csv", "\n".join(["seed,step,learning_rate,loss,smoothed_loss", *rows]))
    return tmp_path


def refusal(name, run):
    """The one line by which a file is refused; empty if it is not."""
    try:
        files_of(run)
    except DataError as error:
        text = str(error)
        assert text.count("\n") == 0
        assert text.startswith(f"{run / name}:")
        assert "; copy the run again" in text
        return text
    return ""


def test_epochs_that_a_summary_makes_up_take_no_memory(run):
    made_up = {**CONTENT, "epochs": [10**15] * len(CONTENT["epochs"])}
    RunFolder(run).write_json("summary.json", made_up)
    with pytest.raises(DataError, match=r"not the epochs that model\.safetensors tells of"):
        files_of(run, made_up)


def mutants(value, path=()):
    """Paths and documents: each value replaced by those of another type, each key removed."""
    for other in (None, True, 7, 1.5, "text", [], {}, [[]], {"a": {}}):
        if type(other) is not type(value) and {type(other), type(value)} != {int, float}:
            yield path, other
    for key in (
        value if isinstance(value, dict) else range(len(value) if type(value) is list else 0)
    ):
        without = copy.copy(value)
        del without[key]
        yield (*path, key), ...
        for inner, other in mutants(value[key], (*path, key)):
            yield inner, other


def mutated(document, path, other):
    """A copy of a document with a change of `mutants`."""
    if not path:
        return other
    changed = copy.deepcopy(document)
    place = changed
    for key in path[:-1]:
        place = place[key]
    if other is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = other
    return changed


def test_what_was_written_is_read(run):
    files = files_of(run)
    summary = files.summary
    assert (summary.model, summary.kept_epochs, summary.windows["test"]) == ("lstm", [1, 1], 5)
    assert math.isnan(summary.metrics["lstm"]["R2"])
    first, (bad,) = files.histories
    assert [replace(epoch, member=0) for epoch in first] == first
    for epoch, written in zip(first, HISTORIES[0], strict=True):
        assert {**asdict(epoch), **asdict(written)} == asdict(epoch)
    assert math.isnan(bad.train_loss)
    assert math.isnan(bad.validation_loss)
    assert (math.isnan(bad.gradient_norms["w"]), bad.bad_step) == (True, 3)
    points = [(p.rate, p.loss, p.smoothed) for sweep in files.sweeps.sweeps for p in sweep.points]
    assert points == [(0.001, 1.0, 0.5), (0.002, 0.5, 0.5)] * 2
    assert asdict(files.environment) == environment("cpu")
    assert files.profile == dict.fromkeys(PROFILE_PARTS, 1.5)


@pytest.mark.parametrize("name", PARTS)
def test_what_is_absent_is_none_but_the_summary_which_the_model_has_too(run, name):
    (run / name).unlink()
    files = files_of(run)
    gone = [part for part in PARTS.values() if getattr(files, part) is None]
    assert gone == ([] if name == "summary.json" else [PARTS[name]])


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b"\xff\xfe",
        b"null",
        b"1",
        b"[1]",
        b"{}",
        b"\0\n\0",
        b'"a"' * 9999,
    ],
    ids=lambda damage: repr(damage[:6]),
)
@pytest.mark.parametrize("name", PARTS)
def test_a_file_that_is_something_else_is_refused(run, name, damage):
    header = b"seed,step,learning_rate,loss,smoothed_loss\n" if name == "lr_range.csv" else b""
    (run / name).write_bytes(header + damage)
    is_empty = name == "lr_range.csv" and not damage
    assert bool(refusal(name, run)) != is_empty


FREE = {
    "summary.json": lambda path, other: False,
    "environment.json": lambda path, other: (
        (path == ("cpus",) and other is None) or (len(path) == 2 and other is ...)
    ),
    "profile.json": lambda path, other: False,
    "metrics.jsonl": lambda path, other: (
        (other is None and path[-1] in ("train_loss", "validation_loss", "w", "bad_step"))
        or (path == ("bad_step",) and (other is ... or type(other) is int))
    ),
}
"""Changes that leave a file whole: JSON has null for a number that is none."""


@pytest.mark.parametrize("name", FREE)
def test_every_key_and_every_type_counts(run, name):
    text = (run / name).read_text()
    line, *others = text.splitlines() if name == "metrics.jsonl" else [text]
    document = json.loads(line)
    count = 0
    for path, other in mutants(document):
        (run / name).write_text("\n".join([json.dumps(mutated(document, path, other)), *others]))
        assert bool(refusal(name, run)) != bool(path and FREE[name](path, other)), (path, other)
        count += 1
    assert count > 50


def test_a_model_file_with_another_summary_is_refused_or_read(run):
    (run / "summary.json").unlink()
    refused = 0
    for path, other in mutants(CONTENT):
        if not path or path[0] in ("learning_rate", "season"):  # not read
            continue
        changed = mutated(CONTENT, path, other)
        is_score = CONTENT_KEYS.index(path[0]) >= CONTENT_KEYS.index("metrics")
        if is_score and (other is None or other is ...):
            with contextlib.suppress(DataError):
                assert files_of(run, changed).summary.model == "lstm"
            continue
        with pytest.raises(DataError, match=r"model\.safetensors: summary: damaged: "):
            files_of(run, changed)
        refused += 1
    assert refused > 300


@pytest.mark.parametrize(
    "changes",
    [
        {"ensemble": 0},
        {"ensemble": 3},
        {"members": [["as configured", 1]]},
        {"kept_epochs": [1, 2]},
        {"kept_epochs": [-1, 1]},
        {"model": "gru"},
        {"windows": {"train": 10, "validation": 4, "test": 0}},
        {"mae_by_step": {"lstm": []}},
        {"mae_by_step": {"lstm": [1.0], "naive": [1.0, 2.0]}},
        {"coverage_by_step": {"rolling": {"eighty": [1.0]}}},
        {"coverage_by_step": {"rolling": {"100": [1.0]}}},
    ],
)
def test_a_summary_must_agree_with_itself(run, changes):
    (run / "summary.json").unlink()
    with pytest.raises(DataError, match="summary: damaged: "):
        files_of(run, CONTENT | changes)


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:-1],
        lambda lines: lines[1:],
        lambda lines: [*lines, lines[0]],
        lambda lines: [lines[1], lines[0], lines[2]],
        lambda lines: [*lines, lines[2].replace('"member": 1', '"member": 2')],
        lambda lines: [*lines[:2], lines[2].replace('"member": 1', '"member": 2')],
        lambda lines: [lines[0].replace('"w"', '"v"'), *lines[1:]],
    ],
)
def test_epochs_are_those_of_the_model(run, change):
    lines = (run / "metrics.jsonl").read_text().splitlines()
    (run / "metrics.jsonl").write_text("\n".join(change(lines)))
    assert "not the epochs that model.safetensors tells of" in refusal("metrics.jsonl", run)


def test_members_that_differ_have_layers_of_their_own(run):
    first, second, last = (run / "metrics.jsonl").read_text().splitlines()
    lines = [first, second, last.replace('"w"', '"v"')]
    (run / "metrics.jsonl").write_text("\n".join(lines))
    (run / "summary.json").unlink()
    members = [["window.lookback 48", 1500], ["as configured", 1234]]
    _, (epoch,) = files_of(run, CONTENT | {"members": members}).histories
    assert [*epoch.gradient_norms] == ["v"]


@pytest.mark.parametrize("cell", ["", "x", "nan", "inf", "1e999", "[]", "1_0x"])
@pytest.mark.parametrize("column", range(5))
def test_a_cell_of_the_sweep_that_is_no_number_is_refused_with_its_line(run, column, cell):
    lines = (run / "lr_range.csv").read_text().splitlines()
    cells = lines[2].split(",")
    cells[column] = cell
    for changed in (cells, cells[:column] + cells[column + 1 :], [*cells, "1"]):
        (run / "lr_range.csv").write_text("\n".join([*lines[:2], ",".join(changed), *lines[3:]]))
        assert f"{run / 'lr_range.csv'}:3: damaged: " in refusal("lr_range.csv", run)


@pytest.mark.parametrize("rate", ["0", "-0.1"])
def test_a_rate_is_positive(run, rate):
    text = (run / "lr_range.csv").read_text()
    (run / "lr_range.csv").write_text(text.replace("0.001", rate))
    assert "greater than 0" in refusal("lr_range.csv", run)
