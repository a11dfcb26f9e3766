"""A folder of results that is no run: a backtest, or the curve of a range test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from forecast.errors import ConfigError, as_path
from forecast.runs.folder import CONFIG_FILE, RunFolder
from forecast.runs.foreign import is_there, refuse_foreign
from forecast.runs.lock import LOCK_FILE, locked_folder


@contextlib.contextmanager
def results_folder(path: Path, files: Sequence[str], what: str, force: bool) -> Iterator[RunFolder]:
    """The folder of --output for this process alone; nothing in it changes yet.

    Args:
        path: may not be there yet; then it is made, and removed if it stays empty.
        files: that are written; the first one tells that there are results.
        what: they are, with its article.
        force: whether results in it may be replaced.

    Raises:
        ConfigError: if there is something in it, other than results that `force` replaces, or if
            another process is at work in it.
    """
    path = as_path(path)
    with locked_folder(path, lambda: _refuse(path, files, what, force)):
        yield RunFolder(path)


def _refuse(path: Path, files: Sequence[str], what: str, force: bool) -> None:
    remedy = "give another folder with --output"
    names = (
        {file.name for file in path.iterdir()} - {LOCK_FILE} if is_there(path, remedy) else set()
    )
    if names and (CONFIG_FILE in names or files[0] not in names):
        raise ConfigError(f"{path} is not empty and holds no {what.split(' ', 1)[1]}; {remedy}")
    if names and not force:
        raise ConfigError(f"{path} holds {what}; {remedy}, or replace it with --force")
    refuse_foreign(path, files)
