"""`forecast demo`: what a first user would run, command after command, on a bundled series."""

from __future__ import annotations

import shutil
from importlib import import_module
from pathlib import Path

import forecast
from forecast.cli.arguments import parse
from forecast.cli.options import DemoOptions
from forecast.errors import ConfigError, as_path

CONFIG, TABLE = "configs/air_passengers.yaml", "data/air_passengers.csv"


def demo(options: DemoOptions) -> int:
    """Copy the airline passengers and their configuration, then check, sweep, train, predict."""
    folder = as_path(options.folder)
    if folder.exists() and not (folder.is_dir() and options.force):
        raise ConfigError(f"{folder} exists; give another folder, or --force")
    for name in (CONFIG, TABLE):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundled() / name, folder / name)
    config, curve, run = (str(folder / name) for name in (CONFIG, "lr_range", "run"))
    force = ["--force"] if options.force else []
    for words in (
        ["check", config],
        ["lr-find", config, "--output", curve, *force],
        ["train", config, "--run", run, *force],
        ["predict", run],
    ):
        print(f"$ forecast {' '.join(words)}", flush=True)
        if code := _carried_out(words):
            return code
    print("\nPictures:", *sorted(folder.rglob("*.png")), sep="\n")
    return 0


def bundled() -> Path:
    """The folder that holds `configs/` and `data/`: in the package, or the repository around it."""
    package = Path(forecast.__file__).parent
    inside = package / "bundled"
    return inside if inside.is_dir() else package.parent


def _carried_out(words: list[str]) -> int:
    """The exit code of a command."""
    command, options = parse(words)
    module, _, function = command.rpartition(".")
    code: int = getattr(import_module(module), function)(options)
    return code
