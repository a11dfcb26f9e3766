"""Files: JSON, and writing so that a file or a line of a log is there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from forecast.runs.system import NO_FOLLOW

STREAMS = (Path("/dev"), Path("/dev/fd"))
NO_PERMISSIONS = (errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS)
"""What file systems say that know no permissions, such as vfat and CIFS."""
NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""What they say of a path at which nothing is."""


def write_atomically(path: Path, content: bytes | str, is_new: bool = False) -> None:
    """Write a file beside its place, force it to disk, and rename it into place.

    The file gets the permissions that the umask of the process gives to new files. A link stays a
    link: the file that it leads to is replaced. A pipe or a device is written to.

    Args:
        path: the file.
        content: all of it; text becomes UTF-8.
        is_new: nothing may stand there, not even a link to nothing: of two writers one wins.

    Raises:
        FileExistsError: if something stands there and `is_new`.
        OSError: if the disk is full or the folder cannot be written; the old file is untouched.
    """
    with _named(path):
        if is_stream(path):
            path.write_bytes(_bytes(content))
        else:
            _place(path if is_new else path.resolve(), _bytes(content), is_new)


def write_within(path: Path, content: bytes | str) -> None:
    """As `write_atomically`, but a link, pipe or device in its place is replaced, not followed."""
    with _named(path):
        _place(path, _bytes(content))


def append(path: Path, text: str) -> None:
    """Add lines to the end of a log at once, so that a killed process does not tear them.

    Nothing is forced to disk, because a training would wait for it after every epoch: a log that a
    power cut shortens is rewritten from the checkpoint.

    Raises:
        OSError: if the disk is full, and the log is as it was; for a link or a pipe.
    """
    if kind_of(path) == "a file" and path.stat().st_nlink > 1:  # it has a name elsewhere, too
        write_within(path, path.read_bytes())
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | NO_FOLLOW
    with _named(path), open(os.open(path, flags, 0o666), "ab", buffering=0) as file:
        before = os.fstat(file.fileno()).st_size
        left = text.encode()
        try:
            while left:  # a file system may take a part at a time
                left = left[os.write(file.fileno(), left) :]
        except OSError:
            file.truncate(before)
            raise


def json_text(value: Any) -> str:
    """JSON that a person can read."""
    return json.dumps(without_nan(value), indent=2)


def without_nan(value: Any) -> Any:
    """JSON knows neither NaN nor infinity: they become null."""
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def leftovers(folder: Path, names: Iterable[str]) -> list[Path]:
    """Temporary files in a folder, of files that are being written or whose writer was killed."""
    found = [path for name in names for path in folder.glob(f".{name}.????????.tmp")]
    return [path for path in found if kind_of(path) == "a file"]


def kind_of(path: Path, through_links: bool = False) -> str | None:
    """What stands at a path, in words; None: nothing.

    It is looked at once: another process may be making or removing it.

    Args:
        path: of anything.
        through_links: whether a link stands for what it leads to, which may be nothing.
    """
    try:
        mode = os.stat(path, follow_symlinks=through_links).st_mode
    except OSError as error:
        if error.errno in NOWHERE:
            return None
        raise
    kinds = {stat.S_IFREG: "a file", stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link"}
    return kinds.get(stat.S_IFMT(mode), "a pipe or a device")


def is_stream(path: Path) -> bool:
    """Whether a path is a pipe or a device, which cannot be replaced; /dev/stdout may be a file."""
    return path.parent in STREAMS or (path.exists() and not path.is_file())


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """An error names the file that was asked for, not the temporary one."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def _bytes(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _place(path: Path, data: bytes, is_new: bool = False) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            _give_usual_permissions(file.fileno())
            os.fsync(file.fileno())
        if is_new:
            _take(path, temporary)
        else:
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        folder = os.open(path.parent, os.O_RDONLY)
        stack.callback(os.close, folder)
        os.fsync(folder)  # some file systems refuse; the file itself is safe


def _give_usual_permissions(descriptor: int) -> None:
    if not hasattr(os, "fchmod"):  # Windows
        return
    os.umask(umask := os.umask(0))  # it can only be read by setting it
    try:
        os.fchmod(descriptor, 0o666 & ~umask)
    except OSError as error:
        if error.errno not in NO_PERMISSIONS:
            raise


def _take(path: Path, temporary: str) -> None:
    """Move a file to a path where nothing stands, as the first of all who try."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: an empty file keeps the place
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW))
        os.replace(temporary, path)
    else:
        os.unlink(temporary)
