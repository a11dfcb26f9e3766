"""A watch over this process: code from outside, foreign imports, processes and writes are noted."""

from __future__ import annotations

import contextlib
import os
import site
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any
from unittest import mock

ROOTS = tuple(
    f"{Path(path).resolve()}{os.sep}"
    for path in {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *site.getsitepackages(),
        str(Path(__file__).parents[1]),
    }
)
"""Where code may come from: Python, what is installed, and this project."""
MAKERS: tuple[str, ...] = (
    "dataclasses.py",
    "collections/__init__.py",
    "enum.py",
    "typing.py",
    "functools.py",
)
MAKERS += ("jaxtyping/_decorator.py", "jaxtyping/_array_types.py", "func/utilfuncmake.py")
"""Modules that make classes and functions out of text; under pytest those that check types, too."""
STARTS: tuple[str, ...] = (
    "os.system",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
)
STARTS += ("subprocess.Popen", "pty.spawn", "os.startfile")
NEVER: tuple[str, ...] = (
    "pickle.find_class",
    "code.__new__",
    "socket.connect",
    "socket.bind",
    "urllib.Request",
)
CHANGES: tuple[str, ...] = (
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.chmod",
)
CHANGES += ("os.truncate", "os.chown", "shutil.rmtree", "shutil.move", "shutil.copyfile")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class ForbiddenError(Exception):
    """What a file made the program do."""


@dataclass
class Watch:
    """What is allowed while a file is read, and what was seen beyond it."""

    folder: Path | None = None
    """The only place to write to; None: nobody watches."""
    seen: list[str] = field(default_factory=list)


_watch = Watch()
_hooks: list[Any] = []


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[list[str]]:
    """Watch the block; gives the list of what it did that no file may make it do."""
    if not _hooks:  # a hook stays until the process ends
        sys.addaudithook(_hook)
        _hooks.append(_hook)
    _watch.folder, _watch.seen = folder.resolve(), []
    try:
        with mock.patch.object(tempfile, "tempdir", str(folder)):  # what is unpacked goes there
            yield _watch.seen
    finally:
        _watch.folder = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not (_watch and _watch.folder):  # names are gone while Python ends
        return
    folder, _watch.folder = _watch.folder, None  # the judge is not judged
    try:
        if not _is_allowed(event, arguments, folder):
            what = f"{event} {arguments!r}"[:300]
            _watch.seen.append(what)
            raise ForbiddenError(what)
    finally:
        _watch.folder = folder


def _is_allowed(event: str, arguments: tuple[Any, ...], folder: Path) -> bool:
    if event in STARTS or event in NEVER:
        return False
    if event == "exec":
        return _is_ours(arguments[0])
    if event == "import":
        return _is_known(str(arguments[0]))
    if event == "open" and isinstance(arguments[0], str | bytes):
        return not arguments[2] & WRITING or _is_within(arguments[0], folder)
    if event in CHANGES:
        paths = [each for each in arguments if isinstance(each, str | bytes | os.PathLike)]
        return all(_is_within(path, folder) for path in paths)
    return True


def _is_ours(code: Any) -> bool:
    """Whether code comes from a file of ours, or from text that Python's class makers wrote."""
    name = code.co_filename if isinstance(code, CodeType) else ""
    if name.startswith("<frozen"):
        return True
    if name.startswith("<"):
        caller = sys._getframe(3).f_code.co_filename
        return caller.startswith(ROOTS) and caller.endswith(MAKERS)
    return os.path.realpath(name).startswith(ROOTS)


def _is_known(module: str) -> bool:
    """Whether a module belongs to Python, or to a package that is loaded already."""
    package = module.partition(".")[0]
    return package in sys.modules or package in sys.stdlib_module_names


def _is_within(path: Any, folder: Path) -> bool:
    place = os.path.realpath(os.fsdecode(path))
    return place == os.devnull or place.startswith((f"{folder}{os.sep}", str(folder)))
