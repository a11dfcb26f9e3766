"""The standard streams of a command, which may be closed, full, foreign, or read no more."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import Any

STDOUT = "standard output"


def echo(text: str) -> None:
    """Print what stands elsewhere, too; nothing where stdout is closed."""
    try:
        _write(text)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise


def write_stdout(text: str) -> None:
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


class LenientStream:
    """A stream for people that drops what it cannot write: no training ends because of its log."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write what can be written."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what can be written."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.flush()


def open_streams() -> None:
    """Give a stream that is closed a place, or the next file that is opened would take it.

    What is written to a closed stdout is refused, see `write_stdout`; stderr takes everything.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # open takes the lowest number that is free
            os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.stderr = LenientStream(sys.stderr)
