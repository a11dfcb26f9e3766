"""A file as the readers of CSV want it: unpacked if it is compressed, in UTF-8 if its first bytes
name UTF-16, refused if it is no text."""

from __future__ import annotations

import codecs
import io
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO

from forecast.errors import DataError
from forecast.tables.limits import MOST_UNPACKED

CHUNK = 2**20
"""Bytes that are unpacked at a time."""
CODECS = {"gzip": rb"\x1f\x8b\x08", "zstd": rb"\x28\xb5\x2f\xfd", "bz2": rb"BZh[1-9]1AY&SY"}
"""First bytes of compressed files, by what pyarrow calls them."""
MACOS = "__MACOSX/"
"""Folder of an archive of macOS that holds no files of the user."""
ZIP = b"PK\x03"
UTF16 = codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE
"""First bytes of what spreadsheets call Unicode text."""
WORKBOOK = "is an Excel workbook; save the table as CSV in UTF-8"
OTHERS = {
    "compressed with xz; unpack it": rb"\xfd7zXZ\x00",
    "an empty zip archive; write it again": rb"PK\x05",
    WORKBOOK.removeprefix("is "): rb"\xd0\xcf\x11\xe0",
    "a Parquet file; give it a name that ends in .parquet": rb"PAR1[\x00-\x1f]",
    "an Arrow file; write it as Parquet": rb"ARROW1\x00",
    "a SQLite database; write the table as CSV": rb"SQLite format 3\x00",
    "an HDF file; write the table as CSV or Parquet": rb"\x89HDF\r\n",
    "a tar archive; unpack it": rb"(?s).{257}ustar[\x00 ]",
}
"""First bytes of files that are no text, by what they are."""


class OwnFile(io.BufferedRandom):
    """A file that was made here, for the readers; nothing in it is unpacked."""


def as_text(file: BinaryIO) -> BinaryIO:
    """The same file, or what is in it if it is compressed with gzip, zstd or bzip2, the one
    file of a zip archive, or in UTF-16.

    What is unpacked goes to a file without a name beside other temporary ones, so that memory is
    bounded; it has the name of the packed one, for messages.

    Raises:
        DataError: for a damaged file, one that is too large, or one that is no text.
    """
    head = file.read(512)
    file.seek(0)
    if head.startswith(UTF16):
        return _in_other(file, _to_utf8)
    if head.startswith(ZIP):
        return _in_other(file, _unzip)
    for what, magic in OTHERS.items():
        if re.match(magic, head):
            raise DataError(f"{file.name}: is {what}")
    codec = next((name for name, magic in CODECS.items() if re.match(magic, head)), None)
    return file if codec is None else _in_other(file, partial(_unpack, codec=codec))


def file_of(content: bytes, name: str) -> BinaryIO:
    """An open file with a content, which readers know by a name: it has none of its own."""
    file = _temporary(name)
    file.write(content)
    file.seek(0)
    return file


def _in_other(file: BinaryIO, write: Callable[[BinaryIO, BinaryIO], None]) -> BinaryIO:
    found = _temporary(file.name)
    try:
        write(file, found)
    except BaseException:
        found.close()
        raise
    found.seek(0)
    return found


def _to_utf8(file: BinaryIO, found: BinaryIO) -> None:
    """Write a file in UTF-16 to another one in UTF-8."""
    try:
        for text in codecs.iterdecode(iter(lambda: file.read(CHUNK), b""), "utf-16"):
            found.write(text.encode())
    except UnicodeError:
        raise DataError(
            f"{file.name}: is no UTF-16 text, though it begins like it; save the file as CSV in"
            " UTF-8"
        ) from None


def _unpack(file: BinaryIO, found: BinaryIO, codec: str) -> None:
    """Write what is in a file to another one, as far as it may be a table."""
    import pyarrow as pa

    stream = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), codec)
    _write(iter(lambda: _next_of(stream, file.name, codec), b""), found)


def _unzip(file: BinaryIO, found: BinaryIO) -> None:
    """Write the one file of an archive to another one, as far as it may be a table."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = [n for n in archive.namelist() if not n.endswith("/") and MACOS not in n]
            if "[Content_Types].xml" in names:
                raise DataError(f"{file.name}: {WORKBOOK}")
            if len(names) != 1:
                raise DataError(
                    f"{file.name}: is a zip archive of {len(names)} files; unpack that of the table"
                )
            with archive.open(names[0]) as stream:
                _write(iter(lambda: stream.read(CHUNK), b""), found)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:  # or a password
        raise DataError(f"{file.name}: damaged zip file: {error}; write it again") from None


def _write(chunks: Iterator[bytes], found: BinaryIO) -> None:
    """Write what was unpacked to a file.

    Raises:
        DataError: if it is too much, or no text.
    """
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if b"\0" in chunk:
            raise DataError(f"{found.name}: holds a NUL character, which is no text; take it out")
        if size > MOST_UNPACKED:
            raise DataError(
                f"{found.name}: holds more than {MOST_UNPACKED} bytes; split the table, or unpack"
                " the file first"
            )
        found.write(chunk)


def _temporary(name: str) -> BinaryIO:
    """A new file that has no name but for messages."""
    with tempfile.TemporaryFile() as file:
        raw: Any = io.FileIO(os.dup(file.fileno()), "w+")
    raw.name = name
    return OwnFile(raw)


def _next_of(stream: Any, path: str, codec: str) -> bytes:
    try:
        chunk: bytes = stream.read(CHUNK)
    except OSError as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: damaged {codec} file: {reason}; write it again") from None
    return chunk
