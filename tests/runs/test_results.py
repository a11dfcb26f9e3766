"""Folders of results: made, kept from others, and never filled over what somebody else wrote."""

import os

import pytest

from forecast.errors import ConfigError
from forecast.runs.results import results_folder

FILES = ("backtest.csv", "scores.csv")


def filled(path, force=False):
    with results_folder(path, FILES, "a backtest", force) as folder:
        for name in FILES:
            folder.write(name, name)


def test_a_folder_is_made_filled_and_replaced_with_force_alone(tmp_path):
    path = tmp_path / "a" / "b"
    filled(path)
    with pytest.raises(ConfigError, match="b holds a backtest; give another folder with --output,"):
        filled(path)
    filled(path, force=True)
    assert sorted(os.listdir(path)) == [*FILES]


def test_a_folder_that_stays_empty_is_removed_unless_it_was_there(tmp_path):
    with results_folder(tmp_path / "new", FILES, "a backtest", False):
        pass
    with results_folder(tmp_path, FILES, "a backtest", False):
        pass
    assert os.listdir(tmp_path) == []


def test_of_two_at_once_the_second_is_refused(tmp_path):
    with (
        results_folder(tmp_path / "new", FILES, "a backtest", False),
        pytest.raises(ConfigError, match=f"in use by process {os.getpid()}"),
    ):
        filled(tmp_path / "new")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("force", [False, True])
def test_a_run_or_a_folder_of_others_is_never_written_over(force, tmp_path):
    (tmp_path / "notes.md").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty and holds no backtest"):
        filled(tmp_path, force)
    for name in ("config.yaml", "backtest.csv"):
        (tmp_path / name).write_text("a run with a file of that name")
    with pytest.raises(ConfigError, match="is not empty and holds no backtest"):
        filled(tmp_path, force)
    with pytest.raises(ConfigError, match=r"notes\.md is a file"):
        filled(tmp_path / "notes.md", force)
    assert sorted(os.listdir(tmp_path)) == ["backtest.csv", "config.yaml", "notes.md"]


def test_a_link_among_the_results_is_not_followed(tmp_path):
    path, victim = tmp_path / "out", tmp_path / "victim"
    filled(path)
    victim.write_text("precious")
    (path / "scores.csv").unlink()
    (path / "scores.csv").symlink_to(victim)
    with pytest.raises(ConfigError, match=r"scores\.csv is a link, not a file of a run"):
        filled(path, force=True)
    assert victim.read_text() == "precious"
