"""The Parquet files of a table: one alone, or all those of a folder, with what their folders say.

A name such as `region=north` of a folder is a column of all rows below it, as Hive, Spark, DuckDB
and pandas write tables that are cut in parts. No link is followed, so nothing outside is read.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import unquote

from forecast.data.limits import MOST_FILES
from forecast.errors import DataError

SUFFIXES = (".parquet", ".pq")
EMPTY = "__HIVE_DEFAULT_PARTITION__"
"""What stands in the name of a folder for an empty cell."""


@dataclass(frozen=True)
class Part:
    """One file of a table."""

    name: str
    """For messages."""
    opened: Callable[[], contextlib.AbstractContextManager[BinaryIO]]
    """Opens it for a block; the file that was checked at first, or none."""
    cells: Mapping[str, str | None] = field(default_factory=dict)
    """Columns that the names of its folders tell, each with its one cell."""


def parquet_files(folder: str) -> list[str]:
    """All Parquet files in a folder and the folders in it, in the natural order of their names.

    Names that begin with `_` or `.` are left out, as writers of such folders put notes of their own
    there.

    Returns:
        Paths relative to the folder.

    Raises:
        DataError: for a link, or a file of another kind; if there is no file, or too many.
    """
    found: list[str] = []
    for place, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if name[0] not in "._"]
        for name in [*folders, *(name for name in names if name[0] not in "._")]:
            path = os.path.join(place, name)
            if os.path.islink(path):
                raise DataError(f"{path}: is a link; put the file itself into the folder")
            if name in folders:
                continue
            if os.path.splitext(name)[1].lower() not in SUFFIXES:
                raise DataError(f"{path}: is no Parquet file; take it out of the folder")
            found.append(os.path.relpath(path, folder))
            if len(found) > MOST_FILES:
                raise DataError(f"{folder}: holds more than {MOST_FILES} files; join some of them")
    if not found:
        raise DataError(f"{folder}: is a folder without a Parquet file (.parquet or .pq)")
    return sorted(found, key=_natural)


def parts_of(folder: str) -> list[Part]:
    """The files of a folder as parts of one table.

    Raises:
        DataError: as `parquet_files`.
    """
    return [
        Part(os.path.join(folder, path), _Opener(os.path.join(folder, path)), told_by(path))
        for path in parquet_files(folder)
    ]


def told_by(path: str) -> dict[str, str | None]:
    """What the folders of a file say of its rows: `{"region": "north"}` of `region=north/x.pq`."""
    pairs = [name.split("=", 1) for name in path.split(os.sep)[:-1] if "=" in name]
    return {unquote(key): None if cell == EMPTY else unquote(cell) for key, cell in pairs}


@dataclass(frozen=True)
class _Opener:
    """Opens one file again and again, as long as it is the same."""

    path: str
    first: list[os.stat_result] = field(default_factory=list)

    @contextlib.contextmanager
    def __call__(self) -> Iterator[BinaryIO]:
        """The file, open.

        Raises:
            DataError: if it cannot be opened, or is not the one that it was.
        """
        flags = os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            file = open(self.path, "rb", opener=lambda path, mode: os.open(path, mode | flags))  # noqa: SIM115
        except OSError as error:
            raise DataError(f"{self.path}: {error.strerror}; check data.path") from None
        with file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise DataError(f"{self.path}: no such file; check data.path")
            self.first[:] = self.first or [status]
            if _version(status) != _version(self.first[0]):
                raise DataError(f"{self.path}: was written while it was read; read it again")
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
    raise DataError(f"{error.filename}: {error.strerror}; check data.path")
