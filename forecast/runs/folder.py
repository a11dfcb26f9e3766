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
    remove_leftovers,
    without_nan,
    write_atomically,
)
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
    SUMMARY_FILE,
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    METRICS_FILE,
    MODEL_FILE,
    RESUME_FILE,
    "forecast.csv",
    "learning_curve.png",
    "forecast.png",
    LR_RANGE_FILE,
    "lr_range.png",
    LOG_FILE,
    PROFILE_FILE,
    REPORT_FILE,
)
"""All that a run and its report write, beside the TensorBoard folder. They are cleared in order:
first the summary, which says that a run is finished."""
RECORDED_PACKAGES = ("torch", "numpy", "pandas", "scikit-learn", "pydantic", "safetensors")


@dataclass(frozen=True)
class RunFolder:
    """One folder with all that came of a training."""

    path: Path

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file whole or not at all.

        Raises:
            OSError: if it cannot be written; the old file is untouched.
        """
        write_atomically(self.path / name, content)

    def write_json(self, name: str, content: Any) -> None:
        """Write JSON that a person can read."""
        self.write(name, json_text(content) + "\n")

    def read_json(self, name: str) -> Any:
        """What `write_json` wrote.

        Raises:
            DataError: naming the file, if it cannot be read or holds no JSON.
        """
        path = self.path / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}; copy the run again") from None
        except (ValueError, RecursionError):  # no JSON, or no UTF-8
            raise DataError(
                f"{path}: damaged or edited, it holds no JSON; copy the run again"
            ) from None

    def append_epoch(self, member: int, epoch: Mapping[str, Any]) -> None:
        """Add a line to `metrics.jsonl`: the number of the member, and all of its epoch."""
        append(self.path / METRICS_FILE, _epoch_line(member, epoch))

    def rewrite_epochs(self, histories: Sequence[Sequence[Mapping[str, Any]]]) -> None:
        """Write `metrics.jsonl` anew: the epochs of each member, as a resumed training has them."""
        lines = [
            _epoch_line(member, epoch)
            for member, history in enumerate(histories)
            for epoch in history
        ]
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

    def remove_if_empty(self) -> None:
        """Leave no trace of a run that never began."""
        with contextlib.suppress(OSError):  # it holds something
            self.path.rmdir()


@contextlib.contextmanager
def locked_run(path: Path, is_fresh: bool = False) -> Iterator[None]:
    """Keep a run folder for this process alone, and remove what a killed process left half-written.

    A folder that is empty in the end is removed, unless it was there before. A folder that holds
    something, but no run, is refused before anything in it is touched.

    Args:
        path: the folder.
        is_fresh: it was only just made for this run.

    Raises:
        ConfigError: if another process is at work in it, which the message names, or if it is not
            a folder for runs.
    """
    _require_folder(path)
    _refuse_other_folders(path)
    is_ours = is_fresh or not path.exists()
    try:
        with locked(path):
            remove_leftovers(path, RUN_FILES)
            yield
    finally:
        if is_ours:
            RunFolder(path).remove_if_empty()


def new_run(path: Path, force: bool = False) -> RunFolder:
    """Make a run folder, or take one over; its files stay until `clear`.

    Args:
        path: the folder.
        force: whether a run that is there may be replaced.

    Raises:
        ConfigError: if there is something in it, and `force` does not say to replace it.
    """
    _require_folder(path)
    path.mkdir(parents=True, exist_ok=True)
    _refuse_other_folders(path)
    if (path / CONFIG_FILE).exists() and not force:
        _refuse_to_replace(RunFolder(path))
    return RunFolder(path)


def fresh_run(config_path: Path | str, suffix: str = "") -> RunFolder:
    """Make `runs/<config name>/<UTC time>`; runs that begin in the same second are numbered.

    Args:
        config_path: of whatever the results are named after.
        suffix: behind the time.
    """
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


def _require_folder(path: Path) -> None:
    if path.is_dir():
        return
    if path.exists() or path.is_symlink():
        what = "a file" if path.exists() else "a link to nothing"
        raise ConfigError(f"{path} is {what}; give the run another folder with --run")


def _refuse_other_folders(path: Path) -> None:
    """Refuse a folder that holds something, but no run."""
    if not path.is_dir() or (path / CONFIG_FILE).exists():
        return
    try:
        found = {*path.iterdir()}
    except FileNotFoundError:  # another process removed the empty folder
        return
    own = {path / LOCK_FILE, *leftovers(path, RUN_FILES)}  # of a run that has only just begun
    if not found <= own and not (path / CONFIG_FILE).exists():
        raise ConfigError(f"{path} is not empty and holds no run; give another folder with --run")


def _refuse_to_replace(folder: RunFolder) -> None:
    path = folder.path
    if folder.is_finished:
        raise ConfigError(
            f"{path} holds a finished run; give another folder with --run, or replace it with"
            " --force"
        )
    raise ConfigError(
        f"{path} holds an interrupted run; go on with --resume {path}, give another folder with"
        " --run, or replace it with --force"
    )


def environment(device: str) -> dict[str, Any]:
    """What the numbers of a run depend on beside its configuration."""
    return {
        "forecast": version("forecast"),
        "python": platform.python_version(),
        "platform": _platform(),
        "packages": {name: version(name) for name in RECORDED_PACKAGES},
        "device": device,
        "threads": torch.get_num_threads(),
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
