"""Rows of one series with one time, made one row as `data.duplicates` says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from forecast.config.data import DataConfig, Duplicates
from forecast.data.grid import OrderedRows


@dataclass(frozen=True)
class Repeated:
    """Rows of one time that become one: how, and which."""

    order: Int[np.ndarray, " N"] | None
    """Row of the table that each row in order is; None: the same."""
    first: Int[np.ndarray, " kept"]
    """The first row in order of each time."""
    kept: Int[np.ndarray, " kept"]
    """The row of the table that stands for each time."""

    def merged(
        self, values: Float[np.ndarray, "N C"], config: DataConfig, names: Sequence[str]
    ) -> Float[np.ndarray, "N C"]:
        """The values of a table; in rows that stand for several, they are those of all of them.

        Args:
            values: of the table.
            config: says how; its targets are added by `sum`, other numbers are averaged by it.
            names: of the columns of values.
        """
        if config.duplicates not in ("mean", "sum"):
            return values
        covariates = (*config.past, *config.future, *config.static)
        categories = {column.name for column in covariates if column.is_categorical}
        merged = values.copy()
        for number, name in enumerate(names):
            if name not in categories:
                how = config.duplicates if name in config.targets else "mean"
                cells = values[:, number] if self.order is None else values[self.order, number]
                merged[self.kept, number] = _merged(cells, self.first, how)
        return merged


def one_row_a_time(rows: OrderedRows, how: Duplicates) -> tuple[OrderedRows, Repeated | None]:
    """Rows in order without those whose time stands there already, and what became of these.

    Args:
        rows: in order of time, some with equal times.
        how: which of several rows stands for all.
    """
    twice = rows.rows_where(np.equal)
    if not len(twice):
        return rows, None
    first = np.setdiff1d(np.arange(len(rows.times)), twice)
    last = np.append(first[1:], len(rows.times)) - 1
    kept = rows.at(last if how == "last" else first)
    assert kept.order is not None, "some rows are left out"
    return kept, Repeated(rows.order, first, kept.order)


def _merged(
    cells: Float[np.ndarray, " N"], first: Int[np.ndarray, " kept"], how: Duplicates
) -> Float[np.ndarray, " kept"]:
    """Sum or mean of the known cells from each first one on; NaN where none is known."""
    is_known = ~np.isnan(cells)
    counts = np.add.reduceat(is_known.astype(np.int64), first)
    sums = np.add.reduceat(np.where(is_known, cells, 0.0), first)
    sums = np.where(counts > 0, sums, np.nan)
    return sums / np.maximum(counts, 1) if how == "mean" else sums
