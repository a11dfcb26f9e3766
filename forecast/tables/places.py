"""Where the rows of a table stand, in words: the beginnings of messages."""

from __future__ import annotations

from bisect import bisect_right
from typing import TypeAlias

Files: TypeAlias = tuple[tuple[int, str], ...]
"""The first row of each file of a table, and its name."""


def place_in(files: Files, row: int) -> str:
    """The file of a row, and its number in it from 0 on."""
    first, name = files[bisect_right(files, row, key=lambda each: each[0]) - 1]
    return f"{name} row {row - first}"


def place_of(source: str, is_csv: bool, files: Files, number: int) -> str:
    """Where a row stands.

    Args:
        source: what the table is called.
        is_csv: whether the number is the line of a CSV.
        files: of a table that is a folder; else empty.
        number: a line, or a row from 0 on.
    """
    if files:
        return place_in(files, number)
    return f"{source}:{number}" if is_csv else f"{source} row {number}"
