"""What the commands share: results on stdout, and refusals of files that must not be written."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Mapping
from typing import Any

from forecast.errors import ConfigError, printable_lines
from forecast.runs.files import json_text

STDOUT = "standard output"


def print_result(as_json: bool, result: Mapping[str, Any], text: str) -> None:
    """Print what a command came to, as JSON for a program or as text for people."""
    text = json_text(result) if as_json else printable_lines(text)
    tell(f"{text}\n")


def tell(text: str) -> None:
    """Print what is known without it, too: a stdout that is closed wants to hear nothing."""
    try:
        _write(text)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise


def hand_out(text: str) -> None:
    """Print what stands nowhere else: a table or a configuration, in UTF-8 on any console.

    Raises:
        OSError: if stdout does not take it; a reader that has seen enough is no error.
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    _write(text)


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        with contextlib.suppress(OSError, ValueError):  # what is left is not tried again at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            error.filename = STDOUT
            raise


def require_folder(option: str, path: str) -> None:
    """Raise a ConfigError if the folder of a file, given with an option, is not there."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise ConfigError(f"{option} {path}: there is no folder {folder}; make it first")


def refuse_existing(option: str, path: str) -> None:
    """Raise a ConfigError if a new file would take the place of another."""
    require_folder(option, path)
    if os.path.exists(path):
        raise ConfigError(f"{option} {path}: exists already; give another file")
