"""Where log lines go: to stderr for people, and to the `log.txt` of a run."""

from __future__ import annotations

import contextlib
import logging
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from forecast.errors import one_line
from forecast.runs.files import append

log = logging.getLogger("forecast")

SECONDS_BETWEEN_LINES = 30.0
"""Of what is on its way, where there is no bar."""
Item = TypeVar("Item")


class LineFormatter(logging.Formatter):
    """Makes one printable line of a record, whatever the names of a table in it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return one_line(super().format(record))


class StderrLog(logging.Handler):
    """Prints to what `sys.stderr` is at that moment: a progress bar replaces it to stay below."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a line."""
        print(self.format(record), file=sys.stderr)


class RunLog(logging.Handler):
    """Keeps what is logged, and writes it to a file from the moment there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.path: Path | None = None
        self.thread = threading.get_ident()
        self.waiting: list[str] = []

    def begin(self, path: Path) -> None:
        """From now on write to this file."""
        self.path = path
        self._write()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line, unless another thread of the program says it."""
        if record.thread != self.thread:
            return
        self.waiting.append(self.format(record) + "\n")
        if self.path is not None:
            self._write()

    def _write(self) -> None:
        assert self.path is not None
        append(self.path, "".join(self.waiting))
        self.waiting.clear()


@contextlib.contextmanager
def stderr_log(quiet: bool) -> Iterator[None]:
    """Log to stderr within the block; quiet: warnings only."""
    handler, before = StderrLog(logging.WARNING if quiet else logging.INFO), log.level
    log.setLevel(logging.INFO)
    with _handled_by(handler, "%(levelname)s: %(message)s"):
        try:
            yield
        finally:
            log.setLevel(before)


@contextlib.contextmanager
def progress_bar(
    title: str,
    quiet: bool,
    state: Callable[[Item], tuple[float | None, float, str]],
    is_news: Callable[[Item], bool | None],
    is_at_once: bool = True,
) -> Iterator[Callable[[Item], None]]:
    """A function that shows how far something is: by a bar on a terminal, else by log lines.

    Args:
        title: of the bar at first.
        quiet: no bar.
        state: how much there is, if that is known, how much of it is done, and how that is told.
        is_news: True: a line is logged at once; False: in its turn; None: none.
        is_at_once: whether the first line need not wait for its turn.
    """
    if quiet or not sys.stderr.isatty():
        last = -math.inf if is_at_once else time.monotonic()

        def log_line(item: Item) -> None:
            nonlocal last
            news, now = is_news(item), time.monotonic()
            if news or (news is False and now - last >= SECONDS_BETWEEN_LINES):
                last = now
                log.info("%s", state(item)[2])

        yield log_line
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)

        def show(item: Item) -> None:
            total, completed, description = state(item)
            bar.update(task, total=total, completed=completed, description=description)

        yield show


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Log nothing of this thread within the block: it is no matter of the user's, or another
    process says it."""
    own = threading.get_ident()

    def is_of_another(record: logging.LogRecord) -> bool:
        return record.thread != own

    log.addFilter(is_of_another)
    try:
        yield
    finally:
        log.removeFilter(is_of_another)


@contextlib.contextmanager
def warnings_of_thread() -> Iterator[list[tuple[str, str]]]:
    """The warnings that this thread logs within the block, their template and their words; nothing
    of what it logs goes anywhere else."""
    found: list[tuple[str, str]] = []
    own = threading.get_ident()

    def is_of_others(record: logging.LogRecord) -> bool:
        if record.thread != own:
            return True
        if record.levelno >= logging.WARNING:
            found.append((str(record.msg), record.getMessage()))
        return False

    log.addFilter(is_of_others)
    try:
        yield found
    finally:
        log.removeFilter(is_of_others)


@contextlib.contextmanager
def run_log() -> Iterator[RunLog]:
    """A log of the block, to be written once its run begins."""
    handler = RunLog()
    with _handled_by(handler, "%(asctime)s %(levelname)s %(message)s"):
        yield handler


@contextlib.contextmanager
def _handled_by(handler: logging.Handler, line: str) -> Iterator[None]:
    handler.setFormatter(LineFormatter(line))
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
