"""Why a CSV was refused, and where its rows begin: Python's csv module reads the odd blocks."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

from forecast.errors import DataError

CUT_OFF = "unexpected end of data"
"""What the csv module says of text that ends within a quoted cell."""


@dataclass(frozen=True)
class Block:
    """Some rows of a CSV file, as they are written."""

    data: bytes
    source: str
    line: int
    """Number of the first line in the file."""
    separator: str

    @cached_property
    def line_ends(self) -> int:
        """How many lines end in it."""
        return line_ends(self.data)


def line_ends(data: bytes) -> int:
    """Lines that end in some bytes: in a newline, a carriage return, or both."""
    count = data.count(b"\n")
    if b"\r" in data:
        count += data.count(b"\r") - data.count(b"\r\n")
    return count


class CutOffError(DataError):
    """A block ends within a quoted cell."""


def rows_of(block: Block) -> Iterator[tuple[int, int, int]]:
    """First line, last line and number of cells of each row; a blank line has no cells.

    Raises:
        DataError: with file and line, for text that is not UTF-8, text after a closing quote, or a
            quoted cell that is cut off (as `CutOffError`).
    """
    reader = csv.reader(
        io.StringIO(text_of(block), newline=""), delimiter=block.separator, strict=True
    )
    first = block.line
    try:
        for cells in reader:
            yield first, block.line + reader.line_num - 1, len(cells)
            first = block.line + reader.line_num
    except csv.Error as error:
        kind = CutOffError if str(error) == CUT_OFF else DataError
        raise kind(f"{block.source}:{first}: {error}; mend the quotes of this row") from None


def whole_rows(block: Block, is_last: bool) -> bytes:
    """The rows of a block but for the last one, if it goes on in the next block.

    Raises:
        DataError: with file and line, for text after a closing quote, or a quoted cell that is cut
            off in the last block.
    """
    num_lines = 0
    try:
        for _, last, _ in rows_of(block):
            num_lines = last - block.line + 1
    except CutOffError:
        if is_last:
            raise
    lines = io.StringIO(text_of(block), newline="")
    return "".join(islice(lines, num_lines)).encode()


def after_header(block: Block) -> Block:
    """The first block of a file without its first row."""
    _, last, _ = next(rows_of(block))
    lines = io.StringIO(text_of(block), newline="")
    header = "".join(islice(lines, last - block.line + 1))
    return replace(block, data=block.data[len(header.encode()) :], line=last + 1)


def refuse_rows(block: Block, width: int) -> None:
    """Raise a DataError for the first row that is ragged, not UTF-8, or not quoted well.

    Args:
        block: whole rows.
        width: cells that a row must have.
    """
    for first, _, cells in rows_of(block):
        if cells not in (0, width):
            found = f"{cells} cell{'s' * (cells > 1)}"
            raise DataError(
                f"{block.source}:{first}: {found}, but the header has {width};"
                f" {_remedy(cells, width, block.separator)}"
            )


def _remedy(cells: int, width: int, separator: str) -> str:
    if cells < width:
        return "write empty cells too, or delete the line if it is a note"
    return f"put a cell that holds {separator!r} in quotes, or give the header as many cells"


def text_of(block: Block) -> str:
    """A block as text.

    Raises:
        DataError: with file and line, if it is not UTF-8.
    """
    try:
        return block.data.decode()
    except UnicodeDecodeError as error:
        line = block.line + block.data.count(b"\n", 0, error.start)
        raise DataError(
            f"{block.source}:{line}: not UTF-8 text; save the file as CSV in UTF-8"
        ) from None
