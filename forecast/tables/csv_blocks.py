"""A CSV file cut into blocks of whole rows, at the speed at which bytes are searched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
from jaxtyping import Int

from forecast.errors import DataError
from forecast.tables.explain_csv import Block, after_header, line_ends, text_of, whole_rows
from forecast.tables.limits import LONGEST_ROW, MOST_ROWS

BLOCK = 2**20
"""Bytes that are read at a time; with four times as many the peak of memory is 90 MB higher."""
MARK = b"\xef\xbb\xbf"
"""The byte order mark with which some programs begin a file."""
QUOTE = ord('"')
MOST_COMMENTS = 2**16
"""Bytes of comments above the names of the columns."""
COMMENTS = re.compile(rb"(?:#[^\r\n]*(?:\r\n|\n|\r))+(?:[ \t,;]*(?:\r\n|\n|\r))*")
CELL_ENDS, VALUE = re.compile(rb"[,;\t|]"), re.compile(rb"[\s\"]*[-+]?\d[-+\d.,:/ TZ]*[\s\"]*")
"""Between cells, and a number or a date."""
SEPARATOR_LINE = re.compile(rb'"?sep=([\t -~])"?(?:\r\n|\n|\r)')


def blocks_of(file: BinaryIO, separator: str) -> Iterator[Block]:
    """The rows of a file below its header.

    Raises:
        DataError: with file and line, for text that is not UTF-8, text after a closing quote, or a
            quoted cell that is cut off.
    """
    head = head_of(file)
    file.seek(head.start)
    data, line, is_header = file.read(BLOCK), head.line, True
    while data:
        more = file.read(max(BLOCK, len(data)))  # a row may be longer than a block
        block = Block(data, file.name, line, separator)
        _refuse_nul(block)
        whole = _whole_rows(block, is_last=not more)
        if len(data) - len(whole) > LONGEST_ROW:
            raise too_long(file.name, line)
        if whole:
            rows = replace(block, data=whole)
            below, is_header = after_header(rows) if is_header else rows, False
            if below.data:
                yield below
            line += rows.line_ends
        data = data[len(whole) :] + more


@dataclass(frozen=True)
class Head:
    """What stands above the names of the columns."""

    separator: str
    """That a first line `sep=;` of Excel names, or nothing."""
    start: int
    """Bytes above the names."""
    line: int
    """Of the names."""


def head_of(file: BinaryIO) -> Head:
    """What stands above the names of the columns of an open file.

    Lines that begin with # do, and blank ones below them: comments of measuring stations and
    exports; but where values follow, the last of them may hold the names.
    """
    file.seek(0)
    first = file.read(16)
    start = len(MARK) if first.startswith(MARK) else 0
    if found := SEPARATOR_LINE.match(first, start):
        return Head(found[1].decode(), found.end(), 2)
    if not first.startswith(b"#", start):
        return Head("", start, 1)
    text = first + file.read(MOST_COMMENTS)
    found = COMMENTS.match(text, start)
    names, end, _ = text[found.end() :].partition(b"\n") if found else (b"", b"", b"")
    if found is None or not end or any(VALUE.fullmatch(cell) for cell in CELL_ENDS.split(names)):
        return Head("", start, 1)
    return Head("", found.end(), 1 + line_ends(text[: found.end()]))


def too_long(path: str, line: int) -> DataError:
    """The refusal of a row that would fill the memory."""
    return DataError(
        f"{path}:{line}: a row of more than {LONGEST_ROW} bytes; write a line for each time step"
    )


def _refuse_nul(block: Block) -> None:
    if (place := block.data.find(b"\0")) >= 0:
        line = block.line + line_ends(block.data[:place])
        raise DataError(f"{block.source}:{line}: a NUL character is no text; take it out")


def _whole_rows(block: Block, is_last: bool) -> bytes:
    """The rows of a block but for the last one, if it goes on in the next block."""
    data = block.data
    end = len(data) if is_last else data.rfind(b"\n") + 1
    if b'"' in data:
        quotes = np.flatnonzero(np.frombuffer(data, dtype=np.uint8, count=end) == QUOTE)
        count = len(quotes)  # if it is odd, the end lies within a quoted cell
        if (count % 2 and is_last) or not _are_regular(data[:end], quotes, block.separator):
            return whole_rows(replace(block, data=data[:end]), is_last)
        while count % 2:  # the last quote may be one of `""`: then its line is within the cell, too
            end = data.rfind(b"\n", 0, int(quotes[count - 1])) + 1
            count = int(np.searchsorted(quotes, end))
    whole = data[:end]
    if not whole.isascii():
        text_of(replace(block, data=whole))
    return whole


def _are_regular(data: bytes, quotes: Int[np.ndarray, " Q"], separator: str) -> bool:
    """Whether quotes stand around cells and nowhere else; `""` in a quoted cell is no exception.

    Then every other quote opens a cell, or is the second of `""`; the others close one, or are the
    first of `""`.
    """
    ends = [QUOTE, ord(separator), ord("\r"), ord("\n")]
    around = np.frombuffer(b"\n" + data + b"\n", dtype=np.uint8)  # byte i of data is i + 1 here
    before, after = around[quotes[::2]], around[quotes[1::2] + 2]
    return bool(np.isin(before, ends).all() and np.isin(after, ends).all())


def most_rows(file: BinaryIO) -> int:
    """A bound on the rows of a file: its lines.

    Raises:
        DataError: if there are more than a table may have.
    """
    file.seek(0)
    lines = 1
    for data in iter(lambda: file.read(BLOCK), b""):
        lines += line_ends(data)
        if lines > MOST_ROWS:
            raise DataError(f"{file.name}: more than {MOST_ROWS} lines; split the table")
    return lines
