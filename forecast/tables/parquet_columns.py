"""The columns of a table of Parquet files, each read when it is asked for: no frame is made."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from forecast.errors import DataError, shown
from forecast.tables.cells import number_cells, text_cells
from forecast.tables.compact import ColumnKindError, one_column
from forecast.tables.limits import MOST_ROWS
from forecast.tables.parquet import parquet_cells, parquet_rows, parquet_types
from forecast.tables.parts import Part
from forecast.tables.places import Files, place_in

INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)
"""An integer in the name of a folder; `007` is a text."""
INTEGERS = re.compile(r"u?int\d+|dictionary<values=u?int\d+,.*", re.ASCII)
"""What pyarrow calls types of integers."""


@dataclass(frozen=True)
class ParquetColumns:
    """Columns of Parquet files, end to end; a message names the file of a cell, and its row there.

    Each file has all columns, in its rows or by the names of its folders.
    """

    parts: Sequence[Part]
    numeric: Sequence[str]
    text: Sequence[str]
    """The first one holds the times, which may stay integers."""

    def __len__(self) -> int:
        """Rows of all files."""
        return self._first_rows[-1]

    def __getitem__(self, name: str) -> pd.Series:
        """A column from beginning to end.

        Raises:
            DataError: with file and row, for a cell that is not what it should be.
        """
        for keeps_integers in (True, False) if name == self.text[0] else (False,):
            with contextlib.suppress(ColumnKindError):
                column = one_column(self._cells(name, keeps_integers), len(self))
                column.name = name
                return column
        raise DataError(
            f"{self.parts[0].name}: column {shown(name)} is of another type in other files of the"
            " folder; write dates alone, or texts alone"
        )

    @cached_property
    def files(self) -> Files:
        """The first row of each file, and its name."""
        names = [part.name for part in self.parts]
        return tuple(zip(self._first_rows[:-1], names, strict=True))

    def integers(self) -> frozenset[str]:
        """Columns of texts that are integers in all files."""
        found = frozenset(self.text)
        for part in self.parts:
            with part.opened() as file:
                types = parquet_types(file)
            told = {name for name, cell in part.cells.items() if INTEGER.fullmatch(cell or "")}
            found &= told | {name for name, kind in types.items() if INTEGERS.fullmatch(kind)}
        return found

    @cached_property
    def _first_rows(self) -> list[int]:
        """First row of each file, and the number of all rows."""
        rows = [0]
        for part in self.parts:
            with part.opened() as file:
                rows.append(rows[-1] + parquet_rows(file))
        if rows[-1] > MOST_ROWS:
            raise DataError(f"{rows[-1]} rows in all, more than {MOST_ROWS}; split the table")
        return rows

    def _cells(self, name: str, keeps_integers: bool) -> Iterator[pd.Series]:
        for (first, _), part in zip(self.files, self.parts, strict=True):
            end = first
            for cells in self._written(part, name):

                def place(row: int, end: int = end) -> str:
                    return place_in(self.files, end + row)

                if name in self.numeric:
                    yield number_cells(cells, name, place)
                else:
                    yield text_cells(cells, name, place, keeps_integers)
                end += len(cells)

    def _written(self, part: Part, name: str) -> Iterator[pd.Series]:
        """The cells of a column in a file, block by block, as they are written."""
        with part.opened() as file:
            if name not in part.cells:
                yield from parquet_cells(file, name, name not in self.numeric)
                return
            rows = parquet_rows(file)
        yield pd.Series([part.cells[name]], dtype="category").take(np.zeros(rows, dtype=np.int8))
