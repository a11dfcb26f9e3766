"""One command in this process: what it came to, and whether it ended as a command must."""

from __future__ import annotations

import contextlib
import io
import signal
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from forecast.cli.main import main

MOST_SECONDS = 20.0
"""Of processor time, after which a command counts as hanging."""


class HangError(BaseException):
    """A command took too long; nothing catches it by accident."""


@dataclass(frozen=True)
class Call:
    """Exit code and output of a command."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The line with which it failed."""
        lines = [line for line in self.err.splitlines() if line.startswith("forecast: ")]
        return lines[0].removeprefix("forecast: ") if lines else ""

    def fault(self, *codes: int) -> str | None:
        """What is wrong with it: another exit code than these, or more or less than one line."""
        told = [line for line in self.err.splitlines() if line.startswith("forecast: ")]
        is_in_report = self.words[0] == "check" and "\nproblem " in f"\n{self.out}"
        is_told = len(told) == (self.code != 0 and not is_in_report)
        if self.code in codes and is_told and "Traceback" not in self.err:
            return None
        return f"{' '.join(self.words)}: exit {self.code}: {self.err.strip()[-400:] or 'silent'}"


def call(*words: str) -> Call:
    """Run a command; warnings are errors."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _in_time():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                warnings.filterwarnings("ignore", "overflow encountered in cast")  # refused later
                warnings.filterwarnings("ignore", category=FutureWarning)  # of odd frequencies
                code = main(words)
        except SystemExit as stop:  # argparse
            code = int(stop.code or 0)
        except HangError:
            code = -1
            err.write(f"longer than {MOST_SECONDS:g} s")
    return Call(words, code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _in_time() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise HangError

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
