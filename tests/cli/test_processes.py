"""A command with helpers: the bytes of one process, and what happens when a helper is lost."""

import os
import signal

import pytest

from tests.cli.helpers import after_epoch
from tests.distributed.helpers import helpers_started

WIDE = ["model.hidden_size=256", "training.batch_size=64", "model.dropout=0.2", "--quiet"]
"""37 windows are two chunks."""


@pytest.fixture
def helpers(monkeypatch):
    """The helpers that are started."""
    monkeypatch.setattr("forecast.experiment.second_look", lambda *_: {})  # trains several times
    return helpers_started(monkeypatch)


def kill(found):
    """Kill the first helper of the first team."""
    if len(found) == 1:
        os.kill(found[0].processes[0].pid, signal.SIGKILL)


def test_a_training_goes_on_after_a_helper_was_killed_with_the_bytes_of_one_process(
    place, call, helpers, monkeypatch
):
    assert call("train", "config.yaml", "--run", "one", *WIDE)[0] == 0
    after_epoch(monkeypatch, lambda: kill(helpers))
    words = ("train", "config.yaml", "--run", "two", *WIDE, "--processes", "2")
    code, _, err = call(*words, "--max-restarts", "1")
    assert (code, err) == (
        0,
        "WARNING: rank 1 of 2 processes was ended by SIGKILL; was there enough memory?; goes on"
        " from what was saved (restarts left: 0)\n",
    )
    one, two = ((place / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two
    assert len(helpers) == 2
    ended = [process.poll() for each in helpers for process in each.processes]
    assert ended[0] == -signal.SIGKILL
    assert None not in ended


def test_a_killed_helper_ends_all_and_the_run_can_go_on(place, call, refuse, helpers, monkeypatch):
    with monkeypatch.context() as patch:
        after_epoch(patch, lambda: kill(helpers))
        said = refuse(4, "train", "config.yaml", "--run", "run", *WIDE, "--processes", "2")
    assert said == (
        "rank 1 of 2 processes was ended by SIGKILL; was there enough memory?; go on with:"
        " forecast train --resume run"
    )
    assert call("train", "--resume", "run", "--quiet")[0] == 0
