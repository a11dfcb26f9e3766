"""Promise 2: links, folders, pipes and files of others in a run folder stay what they are."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from forecast.runs.folder import RUN_FILES, TENSORBOARD_FOLDER
from forecast.runs.lock import LOCK_FILE
from fuzz.calls import call
from fuzz.material import ALONE, ROOT, SMALL, Material, copied, random_of
from fuzz.mutations import Random, pick

NAMES = (*RUN_FILES, LOCK_FILE, TENSORBOARD_FOLDER, ".next", "notes.md")
KINDS = ("link to a file", "link to a folder", "link to nothing", "folder", "pipe", "other name")
TABLE = str(ROOT / "data" / "air_passengers.csv")
CONFIG = str(ROOT / "configs" / "air_passengers.yaml")


def check(number: int, material: Material, scratch: Path) -> str | None:
    """Let a command work in a folder of which one file is another's; gives what went wrong."""
    random = random_of(14, number)
    is_finished = random.random() < 0.5
    run = material.run("air_passengers") if is_finished else material.interrupted
    run, outside = copied(run, scratch / "run"), scratch / "outside"
    shutil.rmtree(outside, ignore_errors=True)
    outside.mkdir()
    for name in ("file", "events.out.tfevents.1", "summary.json"):
        (outside / name).write_text("precious")
    name, kind = pick(random, NAMES), pick(random, KINDS)
    _put(run / name, outside, kind)
    before, words = _seen(run), _command(random, run, scratch, is_finished)
    result = call(*words)
    told = f"{name}, {kind}: {' '.join(words)[:200]}"
    if fault := result.fault(0, 2, 3):
        return f"{told}: {fault}"
    texts = {path.name: path.read_text() for path in outside.iterdir()}
    if texts != dict.fromkeys(("file", "events.out.tfevents.1", "summary.json"), "precious"):
        return f"{told}: what lies outside became {texts}"
    if result.code and _seen(run) != before:
        return f"{told}: refused, but {before ^ _seen(run)} differ"
    return None


def _put(path: Path, outside: Path, kind: str) -> None:
    """Put something that is not a run's in the place of one of its files."""
    path.unlink(missing_ok=True)
    if kind.startswith("link"):
        target = {"a file": "file", "a folder": ".", "nothing": "nowhere"}
        path.symlink_to(outside / target[kind.removeprefix("link to ")])
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        os.link(outside / "file", path)


def _command(random: Random, run: Path, scratch: Path, is_finished: bool) -> tuple[str, ...]:
    """One of the commands that write to a run folder."""
    resumed = ("--resume", str(run), *(["training.epochs=3"] if is_finished else []))
    forced = (CONFIG, "--run", str(run), "--force", f"data.path={TABLE}", *SMALL, ALONE)
    commands = [
        ("train", *resumed, "--quiet"),
        ("train", *forced, "training.epochs=1", "--quiet"),
        ("predict", str(run), "--quiet", "--output", str(run / "forecast.csv"), "--force"),
        ("backtest", CONFIG, "--output", str(run), "--force", "--quiet", f"data.path={TABLE}"),
    ]
    shutil.rmtree(scratch / "runs", ignore_errors=True)
    return pick(random, commands)


def _seen(run: Path) -> set[tuple[str, int, int]]:
    """Names, kinds and sizes of all that is in a folder; links are not followed."""
    found = [path.lstat() for path in run.iterdir()]
    names = [path.name for path in run.iterdir()]
    return {(n, s.st_mode, s.st_size) for n, s in zip(names, found, strict=True)}
