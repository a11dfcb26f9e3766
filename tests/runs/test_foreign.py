"""What stands in the place of a folder is told apart in one look."""

import contextlib
import os

import pytest

from forecast.errors import ConfigError
from forecast.runs import files
from forecast.runs.foreign import is_there

PLACES = {
    "nothing": (lambda path: None, False),
    "folder": (lambda path: path.mkdir(), True),
    "link to a folder": (lambda path: path.symlink_to(path.parent), True),
    "file": (lambda path: path.touch(), "a file"),
    "link to nothing": (lambda path: path.symlink_to(path.parent / "gone"), "a link to nothing"),
    "link to itself": (lambda path: path.symlink_to(path), "a link to nothing"),
    "pipe": (os.mkfifo, "a pipe or a device"),
}


@pytest.mark.parametrize("name", PLACES)
def test_what_stands_in_the_place_of_a_folder(tmp_path, name):
    make, expected = PLACES[name]
    path = tmp_path / "place"
    make(path)
    if isinstance(expected, bool):
        assert is_there(path, "go elsewhere") is expected
        return
    with pytest.raises(ConfigError) as caught:
        is_there(path, "go elsewhere")
    assert str(caught.value) == f"{path} is {expected}; go elsewhere"


def test_a_folder_that_another_process_makes_meanwhile_is_no_file(tmp_path, monkeypatch):
    """It was called one: of two trainings at once, which looked twice."""
    path, stat = tmp_path / "run", os.stat

    def made_after_the_first_look(*args, **options):
        try:
            return stat(*args, **options)
        finally:
            with contextlib.suppress(FileExistsError):
                os.mkdir(path)

    monkeypatch.setattr(files.os, "stat", made_after_the_first_look)
    assert not is_there(path, "go elsewhere")
