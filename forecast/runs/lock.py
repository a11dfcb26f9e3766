"""A lock on a folder, which the operating system releases when the process that holds it ends."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from forecast.errors import ConfigError
from forecast.runs.system import NO_FOLLOW, lock_file, read_start, release_file, write_start

log = logging.getLogger("forecast")

LOCK_FILE = ".lock"
"""Holds the process number of its owner; a file that a dead process left is taken over."""
LOCK_CONTENT = re.compile(rb"(\d+\n)?")
"""All that a lock file may hold: a process number, or nothing yet."""
MOST_BYTES = 32
"""Read of a lock file; a process number is shorter."""
MOST_ATTEMPTS = 1000
"""How often another process may remove the file while this one is locking it."""
SECONDS_TO_SIGN = 1.0
"""How long a new owner may take to write its process number."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a folder for this process alone, until the block or the process ends, however it ends.

    The package filelock is no substitute: it does not record the owner's process number, it leaves
    the file behind, and some versions empty the file or follow a link before they have the lock.

    Args:
        folder: made if it is not there. Nothing in it is changed but a lock file of this program:
            a link, or a file of that name that holds anything but a process number, stays as it is.

    Raises:
        ConfigError: at once, if another process holds the lock, which the message names, or if
            `.lock` is not a lock file of this program.
    """
    path = folder / LOCK_FILE
    descriptor = _owned(path)
    try:
        os.ftruncate(descriptor, 0)
        write_start(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        release_file(path, descriptor)


@contextlib.contextmanager
def locked_folder(
    folder: Path, refuse: Callable[[], None], is_fresh: bool = False
) -> Iterator[None]:
    """Keep a folder of results for this process alone; a new one is removed if it stays empty.

    Args:
        folder: made if it is not there.
        refuse: raises an error for what must not be in it; asked before anything is touched, and
            again when nobody else can.
        is_fresh: whether it was only just made for these results.
    """
    is_new = is_fresh or not folder.exists()
    try:
        refuse()
        with locked(folder):
            refuse()
            yield
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # it holds something
                folder.rmdir()


def _owned(path: Path) -> int:
    """A descriptor of the file, locked; a file that was removed meanwhile is made anew."""
    for _ in range(MOST_ATTEMPTS):
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # the last owner removed the file or folder
            descriptor = _opened(path)
            try:
                _require_lock_file(descriptor, path)
                _lock(descriptor, path)
                if os.path.samestat(os.fstat(descriptor), os.lstat(path)):
                    _require_lock_file(descriptor, path)
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
    raise ConfigError(f"{path}: removed {MOST_ATTEMPTS} times; give another folder")


def _opened(path: Path) -> int:
    """A descriptor of the file itself, made if there is none; a link is not followed."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | NO_FOLLOW, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):  # a link, folder or socket
            raise _foreign(path) from None
        raise


def _require_lock_file(descriptor: int, path: Path) -> None:
    """Refuse a file that this program did not write."""
    status = os.fstat(descriptor)
    is_alone = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
    if not is_alone or not LOCK_CONTENT.fullmatch(read_start(descriptor, MOST_BYTES)):
        raise _foreign(path)


def _foreign(path: Path) -> ConfigError:
    remedy = "take it away, or give another folder"
    return ConfigError(f"{path} is no lock of this program; {remedy}")


def _lock(descriptor: int, path: Path) -> None:
    try:
        lock_file(descriptor)
    except BlockingIOError:
        raise ConfigError(
            f"{path.parent}: in use by process {_owner(descriptor)}; wait for it, or give another"
            " folder"
        ) from None
    except OSError as error:  # some network file systems know no locks
        log.warning("%s: cannot be locked: %s; start no second run in it", path, error.strerror)


def _owner(descriptor: int) -> str:
    """What the owner wrote, which it does right after locking."""
    until = time.monotonic() + SECONDS_TO_SIGN
    while time.monotonic() < until:
        if written := read_start(descriptor, MOST_BYTES).decode(errors="replace").strip():
            return written
        time.sleep(0.01)
    return "unknown"
