"""A lock on a folder, which the system takes away with the process that holds it."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

from forecast.errors import ConfigError

log = logging.getLogger("forecast")

LOCK_FILE = ".lock"
"""Holds the process id of its owner; the file of a dead one means nothing, the next takes it."""
PATIENCE = 1.0
"""Seconds that an owner has to write its process id."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a folder for this process alone, until the block or the process ends, however it ends.

    filelock would be a line, but it truncates the file, and with it the name of the owner.

    Args:
        folder: made if it is not there.

    Raises:
        ConfigError: at once, naming the process that holds it.
    """
    path = folder / LOCK_FILE
    descriptor = _owned(path)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)  # before it is free: the next owner makes a new one
        os.close(descriptor)


def _owned(path: Path) -> int:
    """A descriptor of the locked file at a path; one that was removed meanwhile is no good."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # its owner took the empty folder away
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _lock(descriptor, path)
                if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(
            f"{path.parent}: in use by process {_owner(descriptor)}; wait for it, or give another"
            " folder with --run"
        ) from None
    except OSError as error:  # some network file systems know no locks
        log.warning("%s: cannot be locked: %s; start no second run in it", path, error.strerror)


def _owner(descriptor: int) -> str:
    """What the owner wrote, which it does right after locking."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        written = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        if written.isdigit():
            return written
        time.sleep(0.01)
    return "unknown"
