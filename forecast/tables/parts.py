"""The Parquet files of a table: one alone, or all those of a folder, with what their folders say.

A name such as `region=north` of a folder is a column of all rows below it, as Hive, Spark, DuckDB
and pandas write tables that are cut in parts. No link is followed, so nothing outside is read.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from urllib.parse import unquote

from forecast.errors import DataError
from forecast.runs.system import NO_FOLLOW
from forecast.tables.limits import MOST_FILES
from forecast.tables.remote import (
    fetch,
    is_named,
    is_remote_folder,
    name_address,
    remote_files,
    remote_version,
)

SUFFIXES = (".parquet", ".pq")
HIDDEN = ("_", ".")
"""Beginnings of names that are left out."""
EMPTY = "__HIVE_DEFAULT_PARTITION__"
"""What stands in the name of a folder for an empty cell."""


@dataclass(frozen=True)
class Part:
    """One file of a table."""

    name: str
    """For messages."""
    opened: Callable[[], contextlib.AbstractContextManager[BinaryIO]]
    """Opens it for a block: the file that was opened at first, or an error."""
    cells: Mapping[str, str | None] = field(default_factory=dict)
    """Columns that the names of its folders tell, each with its one cell."""


def is_folder(path: str) -> bool:
    """Whether a table is a folder of files: a local one, or one at an address that was named."""
    if is_named(path):
        return not os.path.splitext(path)[1] and is_remote_folder(path)
    return os.path.isdir(path)


def files_of(folder: str) -> list[str]:
    """All Parquet files in a folder and the folders in it, in the natural order of their names.

    Names that begin with `_` or `.` are left out, as writers of such folders put notes of their own
    there.

    Returns:
        Paths relative to the folder.

    Raises:
        DataError: for a link, or a file of another kind; if there is no file, or too many.
    """
    found = []
    for path in _remote(folder) if is_named(folder) else _local(folder):
        if os.path.splitext(path)[1].lower() not in SUFFIXES:
            raise DataError(
                f"{os.path.join(folder, path)}: is no Parquet file; take it out of the folder"
            )
        found.append(path)
        if len(found) > MOST_FILES:
            raise DataError(f"{folder}: holds more than {MOST_FILES} files; join some of them")
    if not found:
        raise DataError(f"{folder}: is a folder without a Parquet file (.parquet or .pq)")
    return sorted(found, key=_natural)


@contextlib.contextmanager
def parts_of(folder: str, files: Sequence[str]) -> Iterator[list[Part]]:
    """Files of a folder as parts of one table, for a block.

    Those at an address are copied to temporary files, each when it is opened for the first time.

    Args:
        folder: a local one, or an address.
        files: some of `files_of`.
    """
    names = [os.path.join(folder, file) for file in files]
    cells = [partition_values(file) for file in files]
    if not is_named(folder):
        yield [
            Part(name, _Opener(name, name), told) for name, told in zip(names, cells, strict=True)
        ]
        return
    with tempfile.TemporaryDirectory() as place:
        copies = [os.path.join(place, str(number)) for number in range(len(files))]
        yield [
            Part(name, _Fetched(name, copy), told)
            for name, copy, told in zip(names, copies, cells, strict=True)
        ]


def version_of(folder: str, file: str) -> str:
    """Tells the content of a file from any other: a digest, or what its file system says of it."""
    path = os.path.join(folder, file)
    if is_named(folder):
        name_address(path)
        return remote_version(path)
    with _Opener(path, path)() as opened:
        content: Any = opened
        return hashlib.file_digest(content, "sha256").hexdigest()


def _local(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if name[0] not in HIDDEN]
        for name in [*folders, *(name for name in names if name[0] not in HIDDEN)]:
            path = os.path.join(place, name)
            if os.path.islink(path):
                raise DataError(f"{path}: is a link; put the file itself into the folder")
            if name not in folders:
                yield os.path.relpath(path, folder)


def _remote(address: str) -> Iterator[str]:
    for path in remote_files(address):
        if not any(name[:1] in HIDDEN for name in path.split("/")):
            yield path


def partition_values(path: str) -> dict[str, str | None]:
    """What the folders of a file say of its rows: `{"region": "north"}` of `region=north/x.pq`."""
    pairs = [name.split("=", 1) for name in path.split(os.sep)[:-1] if "=" in name]
    return {unquote(key): None if cell == EMPTY else unquote(cell) for key, cell in pairs}


@dataclass(frozen=True)
class _Opener:
    """Opens one file again and again, as long as it is the same."""

    name: str
    path: str
    first: list[os.stat_result] = field(default_factory=list)

    @contextlib.contextmanager
    def __call__(self) -> Iterator[BinaryIO]:
        """The file, open.

        Raises:
            DataError: if it cannot be opened, or is not the one that it was.
        """
        try:
            raw: Any = io.FileIO(
                self.path, opener=lambda path, flags: os.open(path, flags | NO_FOLLOW)
            )
        except OSError as error:
            raise DataError(f"{self.name}: {error.strerror}; check the path") from None
        raw.name = self.name
        with io.BufferedReader(raw) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise DataError(f"{self.name}: no such file; check the path")
            self.first[:] = self.first or [status]
            if _version(status) != _version(self.first[0]):
                raise DataError(f"{self.name}: was written while it was read; read it again")
            yield file


class _Fetched(_Opener):
    """Opens the copy of a file at an address."""

    @contextlib.contextmanager
    def __call__(self) -> Iterator[BinaryIO]:
        """The copy, open; it is made if it is not there yet."""
        if not os.path.exists(self.path):
            name_address(self.name)  # a file in the folder that was named
            fetch(self.name, self.path)
        with super().__call__() as file:
            yield file


def _version(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _natural(path: str) -> list[tuple[str, int]]:
    """`part-2` comes before `part-10`."""
    pieces: Sequence[str] = re.split(r"(\d+)", path)
    return [
        (piece, 0) if number % 2 == 0 else ("", int(piece)) for number, piece in enumerate(pieces)
    ]


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename}: {error.strerror}; check the path")
