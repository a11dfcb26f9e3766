"""Addresses such as `s3://bucket/folder`, read by fsspec where the command line has named them.

An address that stands in a configuration, a run or a table is the name of a local file and nothing
else: a file that came from elsewhere must not send a request.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from forecast.errors import DataError
from forecast.tables.limits import MOST_FETCHED

ADDRESS = re.compile(r"(s3a?|gs|gcs|az|abfss?|hdfs|oss|oci|memory)://[^:]+")
"""Of file systems that keep files; not `http://`, and nothing in several layers (`::`)."""

_named: set[str] = set()
"""Addresses that this process may read."""


def is_address(text: str) -> bool:
    """Whether a text may be the address of a table."""
    return ADDRESS.fullmatch(text) is not None


def name_address(address: str) -> None:
    """Let this process read an address, for somebody has named it on the command line."""
    _named.add(address)


def is_named(path: str) -> bool:
    """Whether a path is an address that this process may read."""
    return path in _named


def is_remote_folder(address: str) -> bool:
    """Whether there are files below an address.

    Raises:
        DataError: if it cannot be reached.
    """
    with _reached(address) as (system, path):
        return bool(system.isdir(path))


def remote_files(address: str) -> list[str]:
    """All files below an address, by their paths from there.

    Raises:
        DataError: if it cannot be reached.
    """
    with _reached(address) as (system, path):
        root = path.rstrip("/") + "/"
        return [each.removeprefix(root) for each in system.find(path)]


def remote_version(address: str) -> str:
    """Tells what stands at an address from what stood there before.

    Raises:
        DataError: if it cannot be reached.
    """
    with _reached(address) as (system, path):
        return str(system.ukey(path))


def fetch(address: str, path: str) -> None:
    """Copy what stands at an address to a new local file.

    Raises:
        DataError: if it cannot be reached, or is too large.
    """
    with _reached(address) as (system, there):
        if system.size(there) > MOST_FETCHED:
            raise DataError(f"{address}: more than {MOST_FETCHED} bytes; split the table")
        with system.open(there, "rb") as source, open(path, "xb") as file:
            shutil.copyfileobj(source, file, 2**20)


@contextmanager
def fetched(address: str) -> Iterator[BinaryIO]:
    """A copy of what stands at an address, open for a block, with the address for its name.

    Raises:
        DataError: as `fetch`.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "copy")
        fetch(address, copy)
        raw: Any = io.FileIO(copy)
        raw.name = address
        with io.BufferedReader(raw) as file:
            yield file


@contextmanager
def _reached(address: str) -> Iterator[tuple[Any, str]]:
    """The file system of an address, and the path in it; whatever fails there is one line."""
    assert is_named(address), "only what the command line names is read"
    try:
        from fsspec.core import url_to_fs

        yield url_to_fs(address)
    except ImportError as error:
        raise DataError(
            f"{address}: {error}; install fsspec and its file system, e.g. pip install s3fs"
        ) from None
    except DataError:
        raise
    except Exception as error:  # each file system has errors of its own
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(f"{address}: {reason}; check the address and its credentials") from None
