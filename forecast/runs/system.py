"""What systems do differently: locks and flags of files. On Windows this has not been tried."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Opens neither a link nor a pipe without a reader; Windows has neither flag."""


def lock_file(descriptor: int) -> None:
    """Lock an open file for this process alone, until it is closed.

    Raises:
        BlockingIOError: if another process holds the lock.
        OSError: where the file system knows no locks.
    """
    if fcntl:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    import msvcrt

    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except PermissionError as error:
        raise BlockingIOError(*error.args) from None


def release_file(path: Path, descriptor: int) -> None:
    """Remove a locked file, then free it, so that the next owner makes a new one."""
    if fcntl:
        path.unlink(missing_ok=True)
        os.close(descriptor)
        return
    os.close(descriptor)  # Windows removes no open file
    with contextlib.suppress(OSError):  # the next owner has it by now
        path.unlink(missing_ok=True)


def read_start(descriptor: int, most: int) -> bytes:
    """The first bytes of an open file."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, most)


def write_start(descriptor: int, content: bytes) -> None:
    """Write over the first bytes of an open file."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, content)
