"""Paths in a configuration: each is relative to the file in which it stands."""

from __future__ import annotations

import os
from pathlib import Path


def beside(config: str | Path, path: str) -> str:
    """A path that stands in a configuration, as the working folder sees it.

    Args:
        config: the file; a pipe stands nowhere, so what it holds is relative to the working folder.
        path: as it is written.
    """
    folder = os.path.dirname(config)
    if os.path.isabs(path) or not folder or not os.path.isfile(config):
        return path
    joined = os.path.join(folder, path)
    tidy = os.path.normpath(joined)
    # A folder that is a link leads elsewhere by `..` than its name says.
    return tidy if os.path.realpath(tidy) == os.path.realpath(joined) else joined


def seen_from(config: str | Path, path: str) -> str:
    """What to write into a configuration, the inverse of `beside`.

    Args:
        config: the file that will be written.
        path: as the working folder sees it.
    """
    if os.path.isabs(path) or "://" in path:  # an address
        return path
    folder = os.path.dirname(os.path.abspath(config))
    relative = os.path.relpath(path, folder)
    is_same = os.path.realpath(os.path.join(folder, relative)) == os.path.realpath(path)
    return relative if is_same else os.path.abspath(path)
