"""What those who watch a training see: a bar on a terminal or in a notebook, lines in a log."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

from forecast.runs.clock import duration_in_words
from forecast.runs.log import progress_bar
from forecast.training.progress import Progress, member_name

BAR_WIDTH = 30
"""Letters of the bar in a notebook."""

Show = Callable[[Progress], None]


def epoch_bar(quiet: bool) -> AbstractContextManager[Show]:
    """A function that shows a training: a bar on a terminal, a line now and then elsewhere."""

    def state(progress: Progress) -> tuple[int, int, str]:
        return progress.steps, progress.epoch.step, in_one_line(progress)

    def is_news(progress: Progress) -> bool:
        return progress.epoch.number == 1 and progress.is_done

    return progress_bar("training", quiet, state, is_news)


def is_notebook() -> bool:
    """Whether this process is the kernel of a notebook, not one that has imported kernels alone."""
    if "ipykernel" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


def notebook_bar() -> Show:
    """A function that shows a training as one line of a notebook, which changes in its place.

    Not by rich or tqdm: for that they need widgets, which the notebook may lack.
    """
    from IPython.display import display

    handle = display({"text/plain": ""}, raw=True, display_id=True)

    def show(progress: Progress) -> None:
        done = round(BAR_WIDTH * progress.epoch.step / progress.steps)
        bar = "█" * done + "░" * (BAR_WIDTH - done)
        handle.update({"text/plain": f"{bar} {in_one_line(progress)}"}, raw=True)

    return show


def in_one_line(progress: Progress) -> str:
    """Where a training is, its losses, the best so far, and the time that it may still take."""
    epoch, parts = progress.epoch, []
    member = member_name(progress.member, progress.members)
    step = "" if progress.is_done else f", step {epoch.step}/{progress.steps}"
    parts.append(f"loss {epoch.train_loss:.4g}")
    if epoch.validation_loss is not None:
        parts.append(f"validation {epoch.validation_loss:.4g}")
    if progress.best < math.inf:
        parts.append(f"best {progress.best:.4g}")
    if progress.seconds_left < math.inf:
        parts.append(f"at most {duration_in_words(progress.seconds_left)} left")
    again = "all rows, " if progress.is_again else ""
    return f"{again}{member}epoch {epoch.number}/{progress.epochs}{step}: {', '.join(parts)}"
