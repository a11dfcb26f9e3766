"""Promise 14: a stream that is closed, full, foreign or read no more ends no training."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from forecast.cli.main import main
from fuzz.material import ROOT, Material, random_of
from fuzz.writes import training, what_differs

ERRORS: tuple[Exception | None, ...] = (
    *(OSError(code, os.strerror(code)) for code in (errno.EBADF, errno.ENOSPC, errno.EIO)),
    BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)),
    None,
)
"""What a stream raises when it is written to; None: nothing."""
ENCODINGS = ("utf-8", "ascii", "cp1252")
COMMANDS = ("train", "predict", "show", "check")


class Stream(io.TextIOWrapper):
    """A stream that takes some writes, and then fails."""

    def __init__(self, error: Exception | None, encoding: str, writes: int) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors="replace", write_through=True)
        self.error, self.writes = error, writes

    def write(self, text: str) -> int:
        """Take the text, or fail."""
        self.writes -= 1
        if self.error is not None and self.writes < 0:
            raise self.error.with_traceback(None)
        return super().write(text)


def check(number: int, material: Material, scratch: Path) -> str | None:
    """Run a command whose streams fail at some write."""
    random = random_of(14, number)

    def draw(options: Any) -> Any:
        return options[int(random.integers(len(options)))]

    command, error = COMMANDS[number % len(COMMANDS)], draw(ERRORS)
    writes = int(random.integers(4))
    out = Stream(error, draw(ENCODINGS), writes)
    err = Stream(draw(ERRORS), draw(ENCODINGS), int(random.integers(4)))
    run = scratch / "unheard"
    shutil.rmtree(run, ignore_errors=True)
    words = _words(command, run, material)
    if number % 3 == 0:
        words = [word for word in words if word != "--quiet"]
    what = f"{command}, {error!r} after {writes} writes, stderr {err.error!r}"
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)
        except BaseException as raised:
            return f"{what}: {raised!r} is raised"
    is_heard = error is None or out.writes >= 0 or isinstance(error, BrokenPipeError)
    is_kept = command in ("train", "check") and isinstance(error, OSError) and error.errno == 9
    if code != (0 if is_heard or is_kept else 4):
        return f"{what}: exit {code}"
    if is_heard and not isinstance(error, BrokenPipeError):
        fault = _expected(command)(out.buffer.getvalue())  # type: ignore[attr-defined]
        if fault:
            return f"{what}: {fault}"
    if command != "train":
        return None
    lost = what_differs(run, material.run("air_passengers"))
    return lost and f"{what}: {lost}"


def _words(command: str, run: Path, material: Material) -> list[str]:
    config = str(ROOT / "configs" / "air_passengers.yaml")
    return {
        "train": training(run),
        "predict": ["predict", str(material.run("air_passengers")), "--quiet"],
        "show": ["config", "show", config, "data.target=売上"],
        "check": ["check", config, f"data.path={ROOT / 'data' / 'air_passengers.csv'}"],
    }[command]


def _expected(command: str) -> Callable[[bytes], str | None]:
    """What is wrong with what a command printed: tables and configurations are UTF-8."""
    needed = {"predict": b"month,target,forecast", "show": "売上".encode()}.get(command, b"")
    return lambda printed: None if needed in printed else f"printed {printed[:80]!r}"
