"""Whether the mark of decimals stands between thousands: 1.263 for one thousand and more.

A number with one such mark and three digits behind it may be either. Two things tell: a neighbour
has the other mark before its decimals (12,6), or a column holds 1.263 beside 867 and never 1.26.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import BinaryIO

import numpy as np
from jaxtyping import Float

from forecast.errors import DataError, shown
from forecast.tables.csv_blocks import head_of
from forecast.tables.csv_cells import csv_columns, look_at_csv
from forecast.tables.numbers import EMPTY, Place
from forecast.tables.units import MINUS, number_of

HEAD = 2**16
"""Bytes by which neighbours are judged."""
PLAIN = re.compile(r"[-+]?[1-9]\d{0,2}", re.ASCII)
LEAST = 2
"""Numbers of both kinds, with the mark and without it, that tell without a neighbour."""


def refuse_thousands(
    columns: Mapping[str, Float[np.ndarray, " N"]],
    place: Place,
    file: BinaryIO,
    separator: str,
    decimal: str,
    units: Mapping[str, str],
) -> None:
    """Raise a DataError for a column of which the decimal mark stands between thousands.

    Args:
        columns: of numbers, as they were read.
        place: names a row in messages.
        file: the CSV, open.
        separator, decimal, units: with which it was read.
    """
    suspects = [name for name, values in columns.items() if may_be_thousands(values)]
    if not suspects:
        return
    head = {
        name: [number_of(cell, units[name]) or "" for cell in cells] if name in units else cells
        for name, cells in _head(file, separator).items()
    }
    for name in suspects:
        others = [cells for other, cells in head.items() if other != name]
        is_possible = _counted(head.get(name, ()), decimal) is not None
        texts = [
            number_of(text, units.get(name, "")) or "" for text in _texts(file, separator, name)
        ]
        if is_possible and seems_grouped(texts, decimal, others):
            other = "," if decimal == "." else "."
            values = columns[name]
            row = int(np.argmax(np.isfinite(values) & (values != np.round(values))))
            cell = f"{values[row]:.3f}".replace(".", decimal)
            raise DataError(
                f"{place(row)}: column {shown(name)} holds {shown(cell)}, which seems to be"
                f" {cell.replace(decimal, '')}; set data.thousands: {decimal!r} and data.decimal:"
                f" {other!r}, or data.thousands: none if it is a fraction"
            )


def seems_grouped(texts: Iterable[str], mark: str, others: Iterable[Sequence[str]] = ()) -> bool:
    """Whether a mark stands between thousands in the distinct cells of a column of numbers.

    Args:
        texts: the cells.
        mark: that of decimals, as far as is known.
        others: cells of other columns.
    """
    grouped, plain = _counted(texts, mark) or (0, 0)
    if not grouped:
        return False
    if min(grouped, plain) >= LEAST:
        return True
    return any(_has_decimals(cells, "," if mark == "." else ".") for cells in others)


def are_all_grouped(texts: Iterable[str], mark: str) -> bool:
    """Whether each of the distinct cells of a column may have a mark between thousands."""
    grouped, plain = _counted(texts, mark) or (0, 0)
    return grouped > 0 and not plain


def _counted(texts: Iterable[str], mark: str) -> tuple[int, int] | None:
    """Cells with a mark between thousands, and whole numbers from 1 to 999; None as soon as a cell
    is neither of them, nor 0, nor empty."""
    found = [0, 0]
    grouped = re.compile(rf"[-+]?[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{3}})+", re.ASCII)
    for text in (each.strip().replace(MINUS, "-") for each in texts):
        if text not in EMPTY and text.strip("+-0"):
            is_grouped = grouped.fullmatch(text)
            if not is_grouped and not PLAIN.fullmatch(text):
                return None
            found[0 if is_grouped else 1] += 1
    return found[0], found[1]


def _has_decimals(cells: Sequence[str], mark: str) -> bool:
    """Whether cells are numbers, some with another count of digits than three behind a mark."""
    number = rf"[-+]?\d+(?:{re.escape(mark)}\d+)?"
    known = [cell for cell in map(str.strip, cells) if cell not in EMPTY]
    if not all(re.fullmatch(number, cell, re.ASCII) for cell in known):
        return False
    behind = [len(cell.partition(mark)[2]) for cell in known if mark in cell]
    return any(digits != 3 for digits in behind)


def may_be_thousands(values: Float[np.ndarray, " N"]) -> bool:
    """Whether numbers below 1,000 have up to three decimals each, and most of the others three."""
    known = values[np.isfinite(values)]
    size = np.abs(known)
    fractions = size[size != np.round(size)]
    if not len(fractions) or size.max() >= 1000 or fractions.min() < 1:
        return False
    if np.abs(1000 * fractions - np.round(1000 * fractions)).max() > 1e-6:
        return False
    few = np.abs(100 * fractions - np.round(100 * fractions)) < 1e-6  # one digit or two
    return bool(few.mean() < 0.5)


def _head(file: BinaryIO, separator: str) -> Mapping[str, list[str]]:
    """The columns of the first rows."""
    header = csv_columns(file, separator)
    file.seek(head_of(file).start)
    whole, _, _ = file.read(HEAD).rpartition(b"\n")
    text = io.StringIO(whole.decode("utf-8", errors="replace"), newline="")
    rows = [row for row in csv.reader(text, delimiter=separator) if len(row) == len(header)]
    return {name: [row[place] for row in rows[1:]] for place, name in enumerate(header)}


def _texts(file: BinaryIO, separator: str, name: str) -> list[str]:
    """The distinct cells of a column."""
    return [str(text) for text in look_at_csv(file, separator, [name])[name].array.categories]
