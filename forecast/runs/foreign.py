"""What stands where a run writes and is none of its files: refused before anything is touched."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from forecast.errors import ConfigError
from forecast.runs.files import kind_of


def is_there(folder: Path, remedy: str) -> bool:
    """Whether a folder is there, or one can be made.

    Args:
        folder: to write to.
        remedy: for the message.

    Raises:
        ConfigError: for a file, a pipe, a device, or a link to nothing in its place.
    """
    found = kind_of(folder, through_links=True)
    if found is None and kind_of(folder) == "a link":
        found = "a link to nothing"
    if found not in (None, "a folder"):
        raise ConfigError(f"{folder} is {found}; {remedy}")
    return found is not None


def refuse_foreign(folder: Path, files: Iterable[str], folders: Iterable[str] = ()) -> None:
    """Raise a ConfigError for a link, folder, pipe or device in the place of a file of a run.

    Through a link a run would write, empty or remove what lies outside its folder.

    Args:
        folder: of the run; it may not be there.
        files, folders: names of what a run makes in it.
    """
    wanted = {**dict.fromkeys(files, "a file"), **dict.fromkeys(folders, "a folder")}
    for name, kind in wanted.items():
        found = kind_of(folder / name)
        if found not in (None, kind):
            raise ConfigError(
                f"{folder / name} is {found}, not {kind} of a run; take it away, or give another"
                " folder"
            )


def refuse_input(
    file: Path | str,
    read: Path | str | None,
    what: str,
    remedy: str = "give another folder, or move it",
) -> None:
    """Raise a ConfigError if a file to be written is one that is read, by whatever name.

    Args:
        file: to be written.
        read: what is read; it may not be there. None: nothing.
        what: it is, for the message.
        remedy: for the message.
    """
    # os.path.exists answers False for a path that is too long, where Path.exists raises.
    if read and os.path.isfile(file) and os.path.exists(read) and os.path.samefile(file, read):
        raise ConfigError(f"{file} is {what}; {remedy}")
