"""The command line: parse, call, turn errors into one line and an exit code.

Results go to stdout, the log to stderr. Each command lives in a module that is imported only when
it is called, because `forecast --help` must answer at once.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module

from forecast.cli.arguments import parse
from forecast.cli.process import own_process, quiet_libraries, terminated_as_interrupted
from forecast.cli.streams import LenientStream, echo
from forecast.errors import ForecastError, one_line
from forecast.runs.memory import claim_process

OUT_OF_MEMORY = re.compile("OutOfMemory|out of memory|DefaultCPUAllocator|Storage size calculation")
"""What torch says when the memory of a device is full."""
REMEDIES = {errno.ENOSPC: "make room", errno.EDQUOT: "make room", errno.EIO: "check the disk"}
REMEDIES |= {errno.EFBIG: "raise the largest size of a file (ulimit -f)"}
REMEDIES |= {errno.EBADF: "give it a place to go to", errno.EPIPE: "its reader has gone"}
REMEDIES |= dict.fromkeys(
    (errno.EACCES, errno.EPERM, errno.EROFS), "give a place that may be written to"
)
"""What to do about a disk or stream that takes no more; what was saved before is untouched."""
NO_PATHS = (errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)
"""What is said of a name that is no place for a file, or none for a folder."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives its exit code, see `EXIT_CODES`.

    Args:
        arguments: its words; None: those of this process, which then is its own.
    """
    is_own = arguments is None
    if is_own:
        own_process()
    with contextlib.redirect_stderr(LenientStream(sys.stderr)):
        try:
            with terminated_as_interrupted(is_own):
                return _run(arguments, is_own)
        except KeyboardInterrupt as error:
            return _say(f"interrupted{_notes(error)}", 130)
        except Exception as error:
            if os.environ.get("FORECAST_DEBUG"):
                raise
            return _say(*_explained(error))


def _run(arguments: Sequence[str] | None, is_own: bool) -> int:
    try:
        command, options = parse(arguments)
    except SystemExit as stop:  # usage or help, which argparse has printed
        echo("")
        return int(stop.code or 0)
    if is_own:
        quiet_libraries()
    claim_process()
    _name_addresses(sys.argv[1:] if arguments is None else arguments)
    module, _, function = command.rpartition(".")
    code: int = getattr(import_module(module), function)(options)
    return code


def _name_addresses(words: Sequence[str]) -> None:
    """Let addresses be read that stand on the command line, and no others; a local file of such a
    name is that file."""
    if any("://" in word for word in words):
        from forecast.tables.remote import is_address, name_address

        for text in [*words, *(word.partition("=")[2] for word in words)]:
            if is_address(text) and not os.path.lexists(text):
                name_address(text)


def _explained(error: Exception) -> tuple[str, int]:
    """One line about an error, and its exit code."""
    if isinstance(error, ForecastError):
        return f"{error}{_notes(error)}", error.exit_code
    if isinstance(error, OSError):
        if isinstance(error, FileExistsError):  # another process was faster
            return f"{error.filename} exists; give another file, or --force", 2
        place = f"{error.filename}: " if error.filename else ""
        if error.errno in NO_PATHS:
            return f"{place}{error.strerror}; give another path{_notes(error)}", 2
        if remedy := REMEDIES.get(error.errno or 0):
            return f"{place}{error.strerror}; {remedy}{_notes(error)}", 4
        return f"{place}{error.strerror or error}", 1
    summary = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, MemoryError) or OUT_OF_MEMORY.search(summary):
        return "out of memory; lower training.batch_size or model.hidden_size", 4
    return f"unexpected: {summary} (FORECAST_DEBUG=1 shows where)", 1


def _notes(error: BaseException) -> str:
    """What a command has added to an error, such as how to go on."""
    return "".join(getattr(error, "__notes__", []))


def _say(message: str, code: int) -> int:
    """Print one line on stderr; gives the exit code back."""
    print(f"forecast: {one_line(message)}", file=sys.stderr)
    return code
