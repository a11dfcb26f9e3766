"""The run folder: what is written where."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from forecast.errors import ConfigError, DataError
from forecast.files import write_atomically
from forecast.trained import MODEL_FILE
from forecast.training.checkpoint import load_checkpoint, save_checkpoint
from forecast.training.loop import Epoch

RESUME_FILE = "resume.safetensors"
CONFIG_FILE = "config.yaml"
PACKAGES = ("torch", "numpy", "pandas", "scikit-learn", "pydantic", "safetensors")


@dataclass(frozen=True)
class RunFolder:
    """One folder with all that came of a training."""

    path: Path

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file whole or not at all."""
        write_atomically(self.path / name, content)

    def write_json(self, name: str, content: Any) -> None:
        """Write JSON that a person can read."""
        self.write(name, json.dumps(without_nan(content), indent=2) + "\n")

    def append_epoch(self, member: int, epoch: Epoch) -> None:
        """Add a line to `metrics.jsonl`."""
        line = json.dumps(without_nan({"member": member, **asdict(epoch)}))
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def rewrite_epochs(self, histories: list[list[Epoch]]) -> None:
        """Write `metrics.jsonl` anew, as a resumed training has it."""
        lines = [
            json.dumps(without_nan({"member": member, **asdict(epoch)})) + "\n"
            for member, history in enumerate(histories)
            for epoch in history
        ]
        self.write("metrics.jsonl", "".join(lines))

    def save_progress(self, tensors: dict[str, torch.Tensor], content: dict[str, Any]) -> None:
        """Write what a resumed training needs."""
        save_checkpoint(self.path / RESUME_FILE, "resume", tensors, content)

    def load_progress(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """What `save_progress` wrote last; None if it never did."""
        if not (self.path / RESUME_FILE).exists():
            return None
        tensors, content = load_checkpoint(self.path / RESUME_FILE, "resume")
        return tensors, dict(content)

    @property
    def is_finished(self) -> bool:
        """Whether the model was written."""
        return (self.path / MODEL_FILE).exists()


def new_run(path: Path, force: bool = False) -> RunFolder:
    """Make an empty run folder.

    Raises:
        ConfigError: if there is something in it, and `force` does not say to replace it.
    """
    if path.exists() and not path.is_dir():
        raise ConfigError(f"{path} is a file; give the run another folder with --run")
    known = [*path.iterdir()] if path.is_dir() else []
    if known and not force:
        raise ConfigError(
            f"{path} is not empty; choose another --run, --force to replace it, or --resume {path}"
        )
    if known and not (path / CONFIG_FILE).exists():
        raise ConfigError(f"{path} is not empty and holds no run; it is left alone")
    for entry in known:
        if entry.is_file():
            entry.unlink()
    path.mkdir(parents=True, exist_ok=True)
    return RunFolder(path)


def existing_run(path: Path) -> RunFolder:
    """The run folder to go on with."""
    if not (path / CONFIG_FILE).exists():
        raise DataError(f"{path}: no run to resume; it holds no {CONFIG_FILE}")
    return RunFolder(path)


def default_path(config_path: Path | str, suffix: str = "") -> Path:
    """`runs/<config name>/<UTC time>`."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    return Path("runs") / Path(config_path).stem / f"{stamp}{suffix}"


def environment(device: str) -> dict[str, Any]:
    """What the numbers of a run depend on beside its configuration."""
    return {
        "forecast": version("forecast"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version(name) for name in PACKAGES},
        "device": device,
        "threads": torch.get_num_threads(),
        "cpus": os.cpu_count(),
        "command": sys.argv,
    }


def without_nan(value: Any) -> Any:
    """JSON knows no NaN: they become null."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and value != value else value
