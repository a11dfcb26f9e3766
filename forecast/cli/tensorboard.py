"""The epochs of a training for TensorBoard, on request."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from forecast.errors import extra_missing
from forecast.runs.folder import TENSORBOARD_FOLDER
from forecast.training.loop import Epoch
from forecast.training.progress import Progress
from forecast.training.watch import Show


@contextlib.contextmanager
def tensorboard(folder: Path | None) -> Iterator[Show]:
    """A function that writes each epoch to `folder/tensorboard`; without a folder to nowhere."""
    if folder is None:
        yield lambda _: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise extra_missing("--tensorboard", "tensorboard", "tensorboard") from None
    with contextlib.ExitStack() as stack:
        writers: list[SummaryWriter] = []

        def write(progress: Progress) -> None:
            if not progress.is_done or progress.is_again:
                return
            if not writers:  # the folder is the run's from the first epoch on
                writers.append(stack.enter_context(SummaryWriter(folder / TENSORBOARD_FOLDER)))
            for name, value in scalars_of(progress.epoch).items():
                writers[0].add_scalar(f"{progress.member}/{name}", value, progress.epoch.number)
            writers[0].flush()

        yield write


def scalars_of(epoch: Epoch) -> dict[str, float]:
    """What is recorded of an epoch, by name."""
    values = {"loss/train": epoch.train_loss, "learning_rate": epoch.learning_rate}
    if epoch.validation_loss is not None:
        values["loss/validation"] = epoch.validation_loss
    return values | {f"gradient_norm/{name}": n for name, n in epoch.gradient_norms.items()}
