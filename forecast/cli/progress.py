"""Progress for people: a bar on a terminal, plain lines in a log, TensorBoard on request."""

from __future__ import annotations

import contextlib
import logging
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from forecast.errors import ConfigError
from forecast.runs.clock import in_words
from forecast.runs.folder import TENSORBOARD_FOLDER
from forecast.training.loop import Epoch
from forecast.training.session import Progress, member_name

log = logging.getLogger("forecast")

SECONDS_BETWEEN_LINES = 10.0
"""Where there is no terminal."""

Show = Callable[[Progress], None]


@contextlib.contextmanager
def epoch_bar(quiet: bool) -> Iterator[Show]:
    """A function that shows each epoch: a rich bar on a terminal, a line now and then elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("training", total=None)

        def show(progress: Progress) -> None:
            bar.update(
                task,
                total=progress.epochs,
                completed=progress.epoch.number,
                description=_description(progress),
            )

        yield show


@contextlib.contextmanager
def tensorboard(folder: Path | None) -> Iterator[Show]:
    """A function that writes each epoch to `folder/tensorboard`; without a folder to nowhere."""
    if folder is None:
        yield lambda _: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ConfigError(
            "--tensorboard needs tensorboard: pip install 'forecast[tensorboard]'"
        ) from None
    with contextlib.ExitStack() as stack:
        writers: list[SummaryWriter] = []

        def write(progress: Progress) -> None:
            if not writers:  # the folder is the run's from the first epoch on
                writers.append(stack.enter_context(SummaryWriter(folder / TENSORBOARD_FOLDER)))
            for name, value in _scalars(progress.epoch).items():
                writers[0].add_scalar(f"{progress.member}/{name}", value, progress.epoch.number)
            writers[0].flush()

        yield write


def _scalars(epoch: Epoch) -> dict[str, float]:
    values = {"loss/train": epoch.train_loss, "learning_rate": epoch.learning_rate}
    if epoch.validation_loss is not None:
        values["loss/validation"] = epoch.validation_loss
    return values | {f"gradient_norm/{name}": n for name, n in epoch.gradient_norms.items()}


def _lines() -> Show:
    shown = 0.0

    def show(progress: Progress) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown >= SECONDS_BETWEEN_LINES or progress.epoch.number == 1:
            shown = now
            log.info("%s", _description(progress))

    return show


def _description(progress: Progress) -> str:
    epoch = progress.epoch
    member = member_name(progress.member, progress.members)
    scored = "" if epoch.validation_loss is None else f", validation {epoch.validation_loss:.4g}"
    line = f"{member}epoch {epoch.number}/{progress.epochs}: loss {epoch.train_loss:.4g}{scored}"
    left = progress.seconds_left
    return line if math.isinf(left) else f"{line}, at most {in_words(left)} left"
