"""The run folder: what is written where."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from forecast import __version__
from forecast.errors import ConfigError, DataError, as_path, without_secrets
from forecast.runs.checkpoint import load_checkpoint, save_checkpoint
from forecast.runs.files import append, json_text, leftovers, without_nan, write_within
from forecast.runs.foreign import is_there, refuse_foreign
from forecast.runs.host import num_threads
from forecast.runs.lock import LOCK_FILE, locked_folder

MODEL_FILE = "model.safetensors"
RESUME_FILE = "resume.safetensors"
CONFIG_FILE = "config.yaml"
SUMMARY_FILE = "summary.json"
METRICS_FILE = "metrics.jsonl"
LOG_FILE = "log.txt"
LR_RANGE_FILE, LR_RANGE_PICTURE = LR_RANGE_FILES = ("lr_range.csv", "lr_range.png")
ENVIRONMENT_FILE = "environment.json"
REPORT_FILE = "report.html"
PROFILE_FILE = "profile.json"
ONNX_FILE = "model.onnx"
TENSORBOARD_FOLDER = "tensorboard"
NEXT_FOLDER = ".next"
"""Within a finished run: the training that will take its place."""
EVENTS = "events.out.tfevents.*"
RUN_FILES = (
    *(SUMMARY_FILE, CONFIG_FILE, ENVIRONMENT_FILE, METRICS_FILE, MODEL_FILE, RESUME_FILE),
    *("forecast.csv", "learning_curve.png", "forecast.png", *LR_RANGE_FILES),
    *(LOG_FILE, PROFILE_FILE, REPORT_FILE, ONNX_FILE),
)
"""All that a run, its report and its export write, beside the TensorBoard folder. They are cleared
in order: first the summary, which says that a run is finished."""
MARKS = (CONFIG_FILE, ENVIRONMENT_FILE)
"""Files that make a folder a run: a configuration alone may be anybody's."""
RECORDED_PACKAGES = ("torch", "numpy", "pandas", "scikit-learn", "pydantic", "safetensors")


@dataclass(frozen=True)
class RunFolder:
    """One folder with all that came of a training.

    A training that replaces a finished run, or goes on with one, writes to a folder within the
    run's, until it is whole: `commit` then moves its files, and until then the old model serves.
    """

    path: Path
    """Where the files of this training are."""
    replaces: Path | None = None
    """The finished run whose place it takes; None: it is alone."""

    @property
    def home(self) -> Path:
        """Where the run is found in the end, and by whoever resumes it."""
        return self.replaces or self.path

    def begin(self) -> None:
        """Make the folder."""
        self.path.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file whole or not at all; a link in its place is not followed."""
        write_within(self.path / name, content)

    def write_json(self, name: str, content: Any) -> None:
        """Write JSON that a person can read."""
        self.write(name, json_text(content) + "\n")

    def append_epoch(self, member: int, epoch: Mapping[str, Any]) -> None:
        """Add a line to `metrics.jsonl`: the number of the member, and all of its epoch."""
        append(self.path / METRICS_FILE, _epoch_line(member, epoch))

    def rewrite_epochs(self, histories: Sequence[Sequence[Mapping[str, Any]]]) -> None:
        """Write `metrics.jsonl` anew: the epochs of each member, as a resumed training has them."""
        of_members = enumerate(histories)
        lines = [_epoch_line(member, epoch) for member, history in of_members for epoch in history]
        self.begin()
        self.write(METRICS_FILE, "".join(lines))

    def save_progress(self, tensors: dict[str, torch.Tensor], content: dict[str, Any]) -> None:
        """Write what a resumed training needs."""
        save_checkpoint(self.path / RESUME_FILE, "resume", tensors, content)

    def load_progress(self) -> tuple[dict[str, torch.Tensor], Any] | None:
        """What `save_progress` wrote last; None if it never did.

        A training that has not begun yet beside a finished run goes on with that.
        """
        has_begun = (self.path / CONFIG_FILE).exists()
        path = (self.path if has_begun else self.home) / RESUME_FILE
        return load_checkpoint(path, "resume") if path.exists() else None

    def take_over(self) -> None:
        """Copy what a training that begins to go on with a finished run keeps of it."""
        if self.replaces is None or (self.path / CONFIG_FILE).exists():
            return
        for name in (LOG_FILE, *LR_RANGE_FILES):
            if (self.home / name).exists():
                self.write(name, (self.home / name).read_bytes())

    @property
    def is_finished(self) -> bool:
        """Whether the last of its files was written."""
        return (self.path / SUMMARY_FILE).exists()

    @property
    def next(self) -> RunFolder:
        """Where a training begins that will take the place of this run."""
        return RunFolder(self.path / NEXT_FOLDER, self.path)

    def clear(self) -> None:
        """Take away the files of an earlier training; whatever else is in the folder stays.

        What marks a run stays until it is written anew: who is killed in between can begin again.
        """
        self.begin()
        files = [self.path / name for name in RUN_FILES if name not in MARKS]
        for file in [*files, *self.events]:
            file.unlink(missing_ok=True)

    def give_up(self) -> None:
        """Take away a training that will never replace the finished run beside which it is."""
        if self.replaces is None:
            return
        self.clear()
        for name in MARKS:
            (self.path / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # somebody's file is in it
            self.path.rmdir()

    def commit(self) -> None:
        """Take the place of the finished run, if there is one; whoever is killed here is helped.

        What only the old run has is removed, its summary last: from then on files are moved, the
        summary last. So `locked_run` can tell how far it came, and ends it.
        """
        if self.replaces is None:
            return
        home = RunFolder(self.replaces)
        if home.is_finished:
            new = {name for name in RUN_FILES if (self.path / name).exists()}
            gone = [home.path / name for name in RUN_FILES if name not in new]
            for file in [*gone, *home.events, home.path / SUMMARY_FILE]:
                file.unlink(missing_ok=True)
        if events := self.events:
            (home.path / TENSORBOARD_FOLDER).mkdir(exist_ok=True)
        names = [str(file.relative_to(self.path)) for file in events]
        for name in [*names, *RUN_FILES[1:], SUMMARY_FILE]:
            with contextlib.suppress(FileNotFoundError):  # it has none, or it is moved already
                os.replace(self.path / name, home.path / name)
        for folder in (self.path / TENSORBOARD_FOLDER, self.path):
            with contextlib.suppress(OSError):  # it is not there, or somebody's file is in it
                folder.rmdir()

    @property
    def events(self) -> list[Path]:
        """What TensorBoard wrote."""
        return [*(self.path / TENSORBOARD_FOLDER).glob(EVENTS)]


@contextlib.contextmanager
def locked_run(path: Path, is_fresh: bool = False) -> Iterator[None]:
    """Keep a run folder for this process alone, and remove what a killed process left half-written.

    A folder that is empty at the end is removed, unless it was there before. A folder that holds
    something, but no run, is refused before anything in it is touched.

    Args:
        path, is_fresh: the folder, and whether it was only just made for this run.

    Raises:
        ConfigError: if another process is at work in it, which the message names, or if it is not
            a folder for runs.
    """
    path = as_path(path)
    with locked_folder(path, lambda: _refuse_other_places(path), is_fresh):
        for folder in (RunFolder(path), RunFolder(path).next):
            for temporary in leftovers(folder.path, RUN_FILES):
                temporary.unlink(missing_ok=True)
        if folder.is_finished:  # a commit was killed
            folder.commit()
        yield


def new_run(path: Path, force: bool = False) -> RunFolder:
    """Make a run folder, or the one beside a finished run that it will replace.

    Its files stay until `clear`, and those of a finished run until `commit`.

    Raises:
        ConfigError: if there is something in it, and `force` does not say to replace a run.
    """
    _refuse_other_places(path)
    path.mkdir(parents=True, exist_ok=True)
    folder, remedy = RunFolder(path), "give another folder with --run, or replace it with --force"
    if folder.is_finished and not force:
        raise ConfigError(f"{path} holds a finished run; {remedy}")
    if (path / CONFIG_FILE).exists() and not force:
        raise ConfigError(
            f"{path} holds an interrupted run; go on with forecast train --resume {path}, {remedy}"
        )
    return folder.next if folder.is_finished else folder


def fresh_run(config_path: Path | str, suffix: str = "") -> RunFolder:
    """Make `runs/<config name>/<UTC time><suffix>`; runs of the same second are numbered."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    folder = Path("runs") / Path(config_path).stem
    for number in itertools.count(1):
        path = folder / f"{stamp}{f'-{number}' if number > 1 else ''}{suffix}"
        with contextlib.suppress(FileExistsError):
            path.mkdir(parents=True)
            break
    return RunFolder(path)


def existing_run(path: Path, goes_on: bool = False) -> RunFolder:
    """The run folder to go on with: the last training that was begun in it.

    Args:
        path: of the run.
        goes_on: whether a finished run may go on, beside itself.

    Raises:
        DataError: if it holds no run.
        ConfigError: if there is nothing left to do.
    """
    folder = RunFolder(path)
    if not (path / CONFIG_FILE).exists():
        raise DataError(f"{path}: no run to resume; it holds no {CONFIG_FILE}")
    if (folder.next.path / CONFIG_FILE).exists():
        return folder.next
    if folder.is_finished and not goes_on:
        raise ConfigError(
            f"{path}: the run is finished; to go on, say how long, e.g. training.epochs=200"
        )
    return folder.next if folder.is_finished else folder


def _refuse_other_places(path: Path) -> None:
    """Raise a ConfigError for a file, a link to nothing, and a folder of something else."""
    if not is_there(path, "give the run another folder with --run"):
        return
    with contextlib.suppress(FileNotFoundError):  # another process removed the empty folder
        refuse_foreign(path, RUN_FILES, (TENSORBOARD_FOLDER, NEXT_FOLDER))
        for folder in (RunFolder(path), RunFolder(path).next):
            refuse_foreign(folder.path, RUN_FILES, (TENSORBOARD_FOLDER,))
            refuse_foreign(folder.path / TENSORBOARD_FOLDER, [file.name for file in folder.events])
        own = (LOCK_FILE, ENVIRONMENT_FILE, *(left.name for left in leftovers(path, RUN_FILES)))
        found = {file.name for file in path.iterdir()} - {*own}  # of a run that has just begun
        if found and not all((path / name).exists() for name in MARKS):
            raise ConfigError(
                f"{path} is not empty and holds no run; give another folder with --run"
            )


def environment(device: str) -> dict[str, Any]:
    """What the numbers of a run depend on beside its configuration."""
    return {
        "forecast": __version__,
        "python": platform.python_version(),
        "platform": _platform(),
        "packages": _versions(),
        "device": device,
        "threads": num_threads(),
        "cpus": os.cpu_count(),
        "command": [*map(without_secrets, sys.argv)],
    }


@functools.cache
def _versions() -> dict[str, str]:
    """Of the packages that numbers depend on; looked up once, for it takes 10 ms."""
    found = {name: version(name) for name in RECORDED_PACKAGES}
    return {**found, "torch": str(torch.__version__)}  # tells the build, as +cu130 does


def _platform() -> str:
    """System, processor and C library; `platform.platform` would start `uname` to say as much."""
    system = os.uname()
    parts = (system.sysname, system.release, system.machine, *platform.libc_ver())
    return "-".join(part for part in parts if part)


def _epoch_line(member: int, epoch: Mapping[str, Any]) -> str:
    return json.dumps(without_nan({"member": member, **epoch})) + "\n"
