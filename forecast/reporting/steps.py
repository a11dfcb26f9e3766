"""The progress of a report: the step that is under way, and the share that is done."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

Show = Callable[[str, float], None]
"""What is done now, and the share that is done already, from 0 to 1."""


def unseen(what: str, share: float) -> None:
    """Shows nothing."""


def within(show: Show, first: float, last: float) -> Show:
    """What shows a part of the whole.

    Args:
        show: shows the whole.
        first, last: shares at which the part begins and ends.
    """
    return lambda what, share: show(what, first + (last - first) * share)


@contextlib.contextmanager
def bar(title: str, quiet: bool) -> Iterator[Show]:
    """A bar on a terminal; elsewhere nothing."""
    if quiet or not sys.stderr.isatty():
        yield unseen
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(title, total=1.0)
        yield lambda what, share: shown.update(task, completed=share, description=what)
