"""The command line: parse, call, print. Results go to stdout, the log to stderr."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator, Sequence

from forecast.cli.arguments import parse
from forecast.cli.text import say

# Nothing else is imported here, because `forecast --help` must answer at once: every command
# imports what it needs.

OUT_OF_MEMORY = (
    "OutOfMemoryError",
    "out of memory",
    "DefaultCPUAllocator",
    "Storage size calculation overflowed",
)
"""What torch says when the memory of a device is full."""
DISK = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EIO: "check the disk",
}
"""What to do about a disk that takes no more; what was saved before is untouched."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    try:
        with _terminated_as_interrupted():
            options = parse(arguments)
            from forecast.cli.commands import HANDLERS  # not before the options are good

            code = HANDLERS[options.handler](options)
            sys.stdout.flush()
            return code
    except KeyboardInterrupt:
        return say("interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if _is_of_a_closed_terminal(error):
            return say("interrupted", 130)
        if os.environ.get("FORECAST_DEBUG"):
            raise
        return _explain(error)


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM, or a terminal that is closed, ends a command like Ctrl-C: it saves first."""
    import signal

    is_deaf = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # started by nohup
    caught = [signal.SIGTERM] if is_deaf else [signal.SIGTERM, signal.SIGHUP]
    before = {each: signal.getsignal(each) or signal.SIG_DFL for each in caught}

    def interrupt(*_: object) -> None:
        for each in caught:  # timeout(1) sends two: let the first save
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


def _explain(error: Exception) -> int:
    """One line about an error on stderr, and its exit code."""
    from forecast.errors import ForecastError

    if isinstance(error, ForecastError):
        return say(str(error), error.exit_code)
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        if error.errno in DISK:
            remedy = "".join([DISK[error.errno], *getattr(error, "__notes__", [])])
            return say(f"{place}{error.strerror}; {remedy}", 4)
        return say(f"{place}{error.strerror or error}", 1)
    summary = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, MemoryError) or any(words in summary for words in OUT_OF_MEMORY):
        return say("out of memory; lower training.batch_size or model.hidden_size", 4)
    return say(f"unexpected: {summary} (FORECAST_DEBUG=1 shows where)", 1)
