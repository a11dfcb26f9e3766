"""Open files of Python as tables: of a disk, of memory, unpacked on the way, or of a request."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, BinaryIO, TypeAlias, TypeGuard

from forecast.errors import DataError
from forecast.tables.unpack import OwnFile, as_text, file_of

if TYPE_CHECKING:
    Stream: TypeAlias = IO[Any]
else:
    Stream: TypeAlias = Any
"""An open file of Python, of bytes or text: whatever has a `read()`."""


def is_stream(table: object) -> TypeGuard[Stream]:
    """Whether a table is an open file; a frame may have a column of that name."""
    return hasattr(table, "read") and not hasattr(table, "dtypes") and not hasattr(table, "dtype")


@contextlib.contextmanager
def of_stream(stream: Stream) -> Iterator[BinaryIO]:
    """An open file of Python as the readers want it: one that is no file of a disk is copied.

    Raises:
        DataError: if it cannot be read, or holds no table.
    """
    if isinstance(stream, OwnFile):
        yield stream
        return
    with contextlib.ExitStack() as stack:
        found = stack.enter_context(_again(stream) if _is_file(stream) else _copied(stream))
        readable = found if _is_parquet(found.name) else as_text(found)
        if readable is not found:
            stack.enter_context(readable)
        yield readable


def _is_file(stream: Stream) -> TypeGuard[BinaryIO]:
    """Whether an open file is one of a disk, in which the readers may go back, of bytes."""
    if not isinstance(stream, io.BufferedReader | io.BufferedRandom):
        return False
    has_name = isinstance(getattr(stream, "name", None), str)
    return has_name and not stream.closed and stream.readable() and stream.seekable()


def _again(file: BinaryIO) -> BinaryIO:
    """The same file, to be closed by its readers: the caller's stays open."""
    raw: Any = io.FileIO(os.dup(file.fileno()))
    raw.name = file.name
    return io.BufferedReader(raw)


def _is_parquet(name: str) -> bool:
    return name.endswith((".parquet", ".pq"))


def in_memory(stream: Stream) -> io.BytesIO | io.StringIO:
    """What is left to read in an open file, which can then be read again and again.

    Raises:
        DataError: if it cannot be read.
    """
    try:
        if isinstance(stream, io.BytesIO | io.StringIO):
            content: object = stream.getvalue()
        else:
            content = stream.read()
    except (OSError, ValueError) as error:
        reason = str(error).rstrip(".")
        raise DataError(f"{_name_of(stream)}: {reason}; open the file anew, to be read") from None
    if not isinstance(content, str | bytes):
        kind = type(content).__name__
        raise DataError(f"{_name_of(stream)}: read() gives a {kind}; give what gives bytes")
    return io.StringIO(content) if isinstance(content, str) else io.BytesIO(content)


def _name_of(stream: Stream) -> str:
    """What messages call an open file."""
    name = getattr(stream, "name", None)
    return name if isinstance(name, str) else "data"


def _copied(stream: Stream) -> BinaryIO:
    """A file with what is in an open one; Parquet is known by its first bytes."""
    again, name = in_memory(stream), _name_of(stream)
    content = again.getvalue()
    if isinstance(content, str):
        content = content.encode(errors="replace")
    if content[:4] == b"PAR1" and not _is_parquet(name):
        name = f"{name}.parquet"
    return file_of(content, name)
