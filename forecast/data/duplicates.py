"""Rows of one series with one time, made one row as `data.duplicates` says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from forecast.config.data import DataConfig, Duplicates
from forecast.data.grid import OrderedRows


def one_row_a_time(
    rows: OrderedRows, values: Float[np.ndarray, "N C"], config: DataConfig, names: Sequence[str]
) -> tuple[OrderedRows, Float[np.ndarray, "N C"]]:
    """Rows in order without those whose time stands there already, and the values of the table.

    Args:
        rows: in order of time, some with equal times.
        values: of the table.
        config: says how; its targets are added by `sum`, other numbers are averaged by it.
        names: of the columns of values.
    """
    twice = rows.rows_where(np.equal)
    if not len(twice):
        return rows, values
    first = np.setdiff1d(np.arange(len(rows.times)), twice)
    last = np.append(first[1:], len(rows.times)) - 1
    kept = rows.at(last if config.duplicates == "last" else first)
    if config.duplicates not in ("mean", "sum"):
        return kept, values
    covariates = (*config.past, *config.future, *config.static)
    categories = {column.name for column in covariates if column.is_categorical}
    merged = values.copy()
    for number, name in enumerate(names):
        if name not in categories:
            how = config.duplicates if name in config.target else "mean"
            cells = values[:, number] if rows.order is None else values[rows.order, number]
            merged[kept.order, number] = _merged(cells, first, how)
    return kept, merged


def _merged(
    cells: Float[np.ndarray, " N"], first: Int[np.ndarray, " kept"], how: Duplicates
) -> Float[np.ndarray, " kept"]:
    """Sum or mean of the known cells from each first one on; NaN where none is known."""
    is_known = ~np.isnan(cells)
    counts = np.add.reduceat(is_known.astype(np.int64), first)
    sums = np.add.reduceat(np.where(is_known, cells, 0.0), first)
    sums = np.where(counts > 0, sums, np.nan)
    return sums / np.maximum(counts, 1) if how == "mean" else sums
