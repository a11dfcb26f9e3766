"""The run folder: what is written where."""

from __future__ import annotations

import contextlib
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

from forecast.errors import ConfigError, DataError
from forecast.runs.checkpoint import load_checkpoint, save_checkpoint
from forecast.runs.files import (
    append,
    json_text,
    leftovers,
    without_nan,
    write_atomically,
)
from forecast.runs.host import num_threads
from forecast.runs.lock import LOCK_FILE, locked

MODEL_FILE = "model.safetensors"
RESUME_FILE = "resume.safetensors"
CONFIG_FILE = "config.yaml"
SUMMARY_FILE = "summary.json"
METRICS_FILE = "metrics.jsonl"
LOG_FILE = "log.txt"
LR_RANGE_FILE = "lr_range.csv"
ENVIRONMENT_FILE = "environment.json"
REPORT_FILE = "report.html"
PROFILE_FILE = "profile.json"
TENSORBOARD_FOLDER = "tensorboard"
RUN_FILES = (
    *(SUMMARY_FILE, CONFIG_FILE, ENVIRONMENT_FILE, METRICS_FILE, MODEL_FILE, RESUME_FILE),
    *("forecast.csv", "learning_curve.png", "forecast.png", LR_RANGE_FILE, "lr_range.png"),
    *(LOG_FILE, PROFILE_FILE, REPORT_FILE),
)
"""All that a run and its report write, beside the TensorBoard folder. They are cleared in order:
first the summary, which says that a run is finished."""
RECORDED_PACKAGES = ("torch", "numpy", "pandas", "scikit-learn", "pydantic", "safetensors")


@dataclass(frozen=True)
class RunFolder:
    """One folder with all that came of a training."""

    path: Path

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file whole or not at all."""
        write_atomically(self.path / name, content)

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
        self.write(METRICS_FILE, "".join(lines))

    def save_progress(self, tensors: dict[str, torch.Tensor], content: dict[str, Any]) -> None:
        """Write what a resumed training needs."""
        save_checkpoint(self.path / RESUME_FILE, "resume", tensors, content)

    def load_progress(self) -> tuple[dict[str, torch.Tensor], Any] | None:
        """What `save_progress` wrote last; None if it never did."""
        if not (self.path / RESUME_FILE).exists():
            return None
        return load_checkpoint(self.path / RESUME_FILE, "resume")

    @property
    def is_finished(self) -> bool:
        """Whether the last of its files was written."""
        return (self.path / SUMMARY_FILE).exists()

    def clear(self) -> None:
        """Take away the files of an earlier run; whatever else is in the folder stays.

        The configuration stays until the new one takes its place, because without one the folder
        is no run: who is killed in between can begin again.
        """
        files = [self.path / name for name in RUN_FILES if name != CONFIG_FILE]
        events = (self.path / TENSORBOARD_FOLDER).glob("events.out.tfevents.*")
        for file in [*files, *events]:
            file.unlink(missing_ok=True)


@contextlib.contextmanager
def locked_run(path: Path, is_fresh: bool = False) -> Iterator[None]:
    """Keep a run folder for this process alone, and remove what a killed process left half-written.

    A folder that is empty in the end is removed, unless it was there before. A folder that holds
    something, but no run, is refused before anything in it is touched.

    Args:
        path, is_fresh: the folder, and whether it was only just made for this run.

    Raises:
        ConfigError: if another process is at work in it, which the message names, or if it is not
            a folder for runs.
    """
    _refuse_other_places(path)
    is_ours = is_fresh or not path.exists()
    try:
        with locked(path):
            for temporary in leftovers(path, RUN_FILES):
                temporary.unlink(missing_ok=True)
            yield
    finally:
        if is_ours:
            with contextlib.suppress(OSError):  # it holds something
                path.rmdir()


def new_run(path: Path, force: bool = False) -> RunFolder:
    """Make a run folder, or take one over; its files stay until `clear`.

    Raises:
        ConfigError: if there is something in it, and `force` does not say to replace a run.
    """
    _refuse_other_places(path)
    path.mkdir(parents=True, exist_ok=True)
    folder, remedy = RunFolder(path), "give another folder with --run, or replace it with --force"
    if folder.is_finished and not force:
        raise ConfigError(f"{path} holds a finished run; {remedy}")
    if (path / CONFIG_FILE).exists() and not force:
        raise ConfigError(f"{path} holds an interrupted run; go on with --resume {path}, {remedy}")
    return folder


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


def existing_run(path: Path) -> RunFolder:
    """The run folder to go on with.

    Raises:
        DataError: if it holds no run.
        ConfigError: if there is nothing left to do.
    """
    folder = RunFolder(path)
    if not (path / CONFIG_FILE).exists():
        raise DataError(f"{path}: no run to resume; it holds no {CONFIG_FILE}")
    if folder.is_finished:
        raise ConfigError(f"{path}: the run is finished; there is nothing to resume")
    return folder


def _refuse_other_places(path: Path) -> None:
    """Raise a ConfigError for a file, a link to nothing, and a folder of something else."""
    if not path.is_dir():
        if path.exists() or path.is_symlink():
            what = "a file" if path.exists() else "a link to nothing"
            raise ConfigError(f"{path} is {what}; give the run another folder with --run")
        return
    with contextlib.suppress(FileNotFoundError):  # another process removed the empty folder
        found = {*path.iterdir()}
        own = {path / LOCK_FILE, *leftovers(path, RUN_FILES)}  # of a run that has only just begun
        if not found <= own and not (path / CONFIG_FILE).exists():
            raise ConfigError(
                f"{path} is not empty and holds no run; give another folder with --run"
            )


def environment(device: str) -> dict[str, Any]:
    """What the numbers of a run depend on beside its configuration."""
    return {
        "forecast": version("forecast"),
        "python": platform.python_version(),
        "platform": _platform(),
        "packages": {name: version(name) for name in RECORDED_PACKAGES},
        "device": device,
        "threads": num_threads(),
        "cpus": os.cpu_count(),
        "command": sys.argv,
    }


def _platform() -> str:
    """System, processor and C library; `platform.platform` would start `uname` to say as much."""
    system = os.uname()
    parts = (system.sysname, system.release, system.machine, *platform.libc_ver())
    return "-".join(part for part in parts if part)


def _epoch_line(member: int, epoch: Mapping[str, Any]) -> str:
    return json.dumps(without_nan({"member": member, **epoch})) + "\n"
