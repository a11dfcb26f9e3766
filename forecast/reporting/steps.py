"""The progress of a report: the step that is under way, and the share that is done."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from forecast.runs.log import progress_bar

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

    def state(step: tuple[str, float]) -> tuple[float, float, str]:
        return 1.0, step[1], step[0]

    with progress_bar(title, quiet, state, lambda _: None) as show:
        yield lambda what, share: show((what, share))
