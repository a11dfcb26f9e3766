"""The command line: parse, call, turn errors into one line and an exit code.

Results go to stdout, the log to stderr. Each command lives in a module that is imported only when
it is called, because `forecast --help` must answer at once.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module

from forecast.cli.arguments import parse
from forecast.errors import ForecastError, one_line
from forecast.runs.memory import claim_process

OUT_OF_MEMORY = re.compile("OutOfMemory|out of memory|DefaultCPUAllocator|Storage size calculation")
"""What torch says when the memory of a device is full."""
REMEDIES = {errno.ENOSPC: "make room", errno.EDQUOT: "make room", errno.EIO: "check the disk"}
"""What to do about a disk that takes no more; what was saved before is untouched."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command of these words, or of this process; gives its exit code, see `EXIT_CODES`."""
    try:
        with _terminated_as_interrupted():
            command, options = parse(arguments)
            claim_process()
            module, _, function = command.rpartition(".")
            code: int = getattr(import_module(module), function)(options)
            sys.stdout.flush()
            return code
    except KeyboardInterrupt as error:
        return _say(f"interrupted{_notes(error)}", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if _is_of_a_closed_terminal(error):
            return _say("interrupted", 130)
        if os.environ.get("FORECAST_DEBUG"):
            raise
        return _say(*_explained(error))


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM, or a terminal that is closed, ends a command like Ctrl-C: it saves first."""
    ignores_sighup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # started by nohup
    caught = [signal.SIGTERM] if ignores_sighup else [signal.SIGTERM, signal.SIGHUP]
    before = {each: signal.getsignal(each) or signal.SIG_DFL for each in caught}

    def interrupt(*_: object) -> None:
        for each in caught:  # timeout(1) sends two signals: the second must not disturb the saving
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    try:
        for each in caught:
            signal.signal(each, interrupt)
    except ValueError:  # not in the main thread, where signals cannot be caught
        yield
        return
    try:
        yield
    finally:
        for each in caught:
            signal.signal(each, before[each])


def _is_of_a_closed_terminal(error: Exception) -> bool:
    """Whether a bar could not be taken off a terminal whose end was the interruption."""
    if not isinstance(error, OSError) or error.errno != errno.EIO:
        return False
    return isinstance(error.__context__, KeyboardInterrupt) and error.filename is None


def _explained(error: Exception) -> tuple[str, int]:
    """One line about an error, and its exit code."""
    if isinstance(error, ForecastError):
        return str(error), error.exit_code
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
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
    with contextlib.suppress(OSError, ValueError):  # the terminal is closed
        print(f"forecast: {one_line(message)}", file=sys.stderr)
    return code
