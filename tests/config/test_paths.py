"""Paths in a configuration: relative to its file, and back."""

import os

import pytest

from forecast.config.paths import beside, seen_from
from forecast.config.tree import read_config


@pytest.fixture
def place(tmp_path, monkeypatch):
    for name in ("configs", "data", "far/away"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("../data/a.csv", "data/a.csv"),
        ("a.csv", "configs/a.csv"),
        ("/data/a.csv", "/data/a.csv"),
        ("http://x/a.csv", "configs/http:/x/a.csv"),
    ],
)
def test_a_path_is_relative_to_the_file_in_which_it_stands(place, path, found):
    (place / "configs" / "c.yaml").write_text(f"data: {{path: {path}, terms: {path}}}")
    (place / "a.csv").write_text("of the working folder, so not meant")
    assert read_config("configs/c.yaml").data.path == found
    assert read_config("configs/c.yaml").data.terms == found
    overridden = read_config("configs/c.yaml", ["data.path=a.csv"]).data
    assert (overridden.path, overridden.terms) == ("a.csv", found)
    os.chdir("configs")
    assert read_config("c.yaml").data.path == path


def test_what_a_pipe_says_is_relative_to_the_working_folder(place):
    os.mkfifo("pipe")
    assert beside("pipe", "a.csv") == beside("/dev/stdin", "a.csv") == "a.csv"


def test_a_folder_that_is_a_link_is_followed_before_it_is_left(place):
    (place / "configs" / "link").symlink_to(place / "far" / "away")
    (place / "far" / "away" / "c.yaml").write_text("")
    path = beside("configs/link/c.yaml", "../a.csv")
    assert os.path.realpath(path) == str(place / "far" / "a.csv")


@pytest.mark.parametrize("config", ["c.yaml", "configs/c.yaml", "far/away/c.yaml"])
@pytest.mark.parametrize("table", ["a.csv", "data/a.csv", "../a.csv"])
def test_what_is_written_reads_back_as_it_was_meant(place, config, table):
    written = seen_from(config, table)
    (place / config).write_text(f"data: {{path: {written}}}")
    assert os.path.realpath(read_config(config).data.path) == os.path.realpath(table)
    assert seen_from(config, "/a.csv") == "/a.csv"
