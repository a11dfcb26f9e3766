"""Runs the blocks of a page in a folder: commands in this process, Python in one namespace."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import shlex
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.docs.blocks import Block, blocks_of, commands_of

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "docs" / "tables"


@dataclass(frozen=True)
class Played:
    """What came of a command or of a block of Python."""

    block: Block
    command: str
    """As it is written; empty for Python."""
    shown: str | None
    """The output that the page shows; None: Python without an output block."""
    found: str
    ok: bool
    """Whether it ended as the page says."""


def furnish(folder: Path) -> None:
    """Put into a folder what a reader has: the tables of the site, `data/` and `configs/`."""
    for table in TABLES.glob("*.csv"):
        shutil.copy(table, folder)
    for name in ("data", "configs"):
        shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True)


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def play(page: str, folder: Path) -> Iterator[Played]:
    """Run a page's blocks in order.

    Args:
        page: its text.
        folder: where its commands run, furnished.

    Yields:
        What came of each command, and of each block of Python.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    blocks = blocks_of(page)
    with _inside(folder):
        for block, after in zip(blocks, [*blocks[1:], None], strict=True):
            if block.title:
                Path(block.title).parent.mkdir(parents=True, exist_ok=True)
                Path(block.title).write_text(block.text, encoding="utf-8")
            if block.kind == "console":
                for command in commands_of(block.text):
                    code, found = run(command.words)
                    ok = (code != 0) == block.fails
                    yield Played(block, command.written, command.shown, found, ok)
            elif block.kind == "python":
                shown = after.text if after and after.kind == "output" else None
                yield Played(block, "", shown, *_executed(block, names))


def run(words: str) -> tuple[int, str]:
    """Run a command; its exit code, and all that it prints. `forecast` runs in this process."""
    if not words.startswith("forecast ") or any(mark in words for mark in "|><&;$"):
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        done = subprocess.run(
            ["/bin/bash", "-c", words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
            check=False,
        )
        return done.returncode, done.stdout
    from forecast.cli.main import main

    with _captured() as printed:
        try:
            code = main(shlex.split(words)[1:])
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, printed.getvalue()


@contextlib.contextmanager
def _captured() -> Iterator[io.StringIO]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        yield printed


@contextlib.contextmanager
def _without_handlers() -> Iterator[None]:
    """Warnings go to stderr, as in a process of the user's own; a test would catch them."""
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    try:
        yield
    finally:
        root.handlers = before


def _executed(block: Block, names: dict[str, Any]) -> tuple[str, bool]:
    with _captured() as printed, _without_handlers():
        try:
            code = compile("\n" * (block.line - 1) + block.text, "page", "exec")
            exec(code, names)  # noqa: S102 - our own pages, which this is for
        except Exception:
            return traceback.format_exc(), False
    return printed.getvalue(), True
