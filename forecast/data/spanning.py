"""Series that stand in several files of a folder, which cannot be forecast file by file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Shaped

from forecast.config.data import DataConfig
from forecast.data.series import id_columns, together
from forecast.errors import DataError, named
from forecast.tables.parquet_columns import ParquetColumns
from forecast.tables.parts import Part
from forecast.tables.table import columns_of_part, require_columns

REMEDY = "write the rows of each series to one file (docs/tutorials/cluster.md)"


def require_series_apart(parts: Sequence[Part], config: DataConfig) -> None:
    """Raise a DataError if a series stands in more than one file.

    Only the column of series is read. Of a name 8 bytes are kept, so that millions of series take
    little room; of two that are alike the names are compared.

    Args:
        parts: the files.
        config: names the column of series.
    """
    if len(parts) < 2:
        return
    hashes, files = [], []
    for number, part in enumerate(parts):
        names = _series_in(part, config)
        hashes.append(pd.util.hash_array(names, categorize=False))
        files.append(np.full(len(names), number, dtype=np.int32))
    all_hashes, all_files = np.concatenate(hashes), np.concatenate(files)
    order = np.argsort(all_hashes, kind="stable")
    alike = np.flatnonzero(all_hashes[order][1:] == all_hashes[order][:-1])
    for one, other in zip(all_files[order[alike]], all_files[order[alike + 1]], strict=True):
        both = {*_series_in(parts[one], config)} & {*_series_in(parts[other], config)}
        if "" in both:
            raise DataError(
                f"{parts[other].name}: the table names no series, so it is one in several files;"
                f" {REMEDY}"
            )
        if both:
            raise DataError(
                f"{parts[other].name}: series {named(min(both))} stands in {parts[one].name} as"
                f" well; {REMEDY}"
            )


def _series_in(part: Part, config: DataConfig) -> Shaped[np.ndarray, " series"]:
    """Names of the series in a file."""
    present = columns_of_part(part)
    ids = id_columns(config, present, may_lack=False)
    if not ids:
        return np.array([""], dtype=object)
    require_columns(present, ids, part.name)
    columns = ParquetColumns([part], (), (config.time, *ids))
    cells: list[Any] = [columns[name].array for name in ids]
    named = np.min([each.codes for each in cells], axis=0) >= 0
    names, _ = together([(tuple(each.categories), each.codes[named]) for each in cells])
    return np.array(names, dtype=object)
