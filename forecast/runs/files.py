"""Files: JSON, and writing so that a file or a line of a log is there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

STREAMS = (Path("/dev"), Path("/dev/fd"))


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file beside its place, force it to disk, and rename it into place.

    The file gets the permissions that the umask of the process gives to new files. A link stays a
    link: the file that it leads to is replaced. A pipe or a device is written to.

    Raises:
        OSError: if the disk is full or the folder cannot be written; the old file is untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        if _is_stream(path):
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data)  # a link stays a link
    except OSError as error:
        error.filename, error.filename2 = str(path), None  # not the temporary file
        raise


def append(path: Path, text: str) -> None:
    """Add lines to the end of a log in one write, which a killed process cannot tear.

    Nothing is forced to disk, because a training would wait for it after every epoch: a log that a
    power cut shortens is rewritten from the checkpoint.

    Raises:
        OSError: if the disk is full; the log is as it was.
    """
    data = text.encode()
    with path.open("ab", buffering=0) as file:
        before = os.fstat(file.fileno()).st_size
        written = os.write(file.fileno(), data)
        if written < len(data):
            file.truncate(before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


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
    return [path for name in names for path in folder.glob(f".{name}.????????.tmp")]


def _is_stream(path: Path) -> bool:
    """Whether a path is a pipe or a device, which cannot be replaced; /dev/stdout may be a file."""
    return path.parent in STREAMS or (path.exists() and not path.is_file())


def _replace(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.umask(umask := os.umask(0))  # it can only be read by setting it
            os.fchmod(file.fileno(), 0o666 & ~umask)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        folder = os.open(path.parent, os.O_RDONLY)
        stack.callback(os.close, folder)
        os.fsync(folder)  # some file systems refuse; the file itself is safe
