"""Names of the table's own columns in what is written, where a column of results has that name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from forecast.config.data import DataConfig

ID, TIME = "unique_id", "ds"
"""What the column of series and that of times are called where their own names are taken."""


def with_own_columns(
    config: DataConfig, ids: Sequence[Any], times: Any, results: Mapping[str, Any], before: int = 0
) -> dict[str, Any]:
    """The columns of an output: ids and times of the table among those of results.

    A table may call its series `target` and its times `forecast`; those are the names of results,
    so its own columns are called `unique_id` and `ds` there.

    Args:
        config: names of the columns of series and times.
        ids: of each row, column by column; none where the table has none.
        times: of each row.
        results: other columns by their names.
        before: columns of results that stand before those of the table.

    Returns:
        Columns by name, none of which has taken the place of another.
    """
    time = free_name(config.time, TIME, {*results, *(config.ids if ids else ())})
    own: dict[str, Any] = {}
    for name, column in zip(config.ids, ids, strict=False):
        own[free_name(name, ID, {*results, *own, time})] = column
    items = [*results.items()]
    return {**dict(items[:before]), **own, time: times, **dict(items[before:])}


def free_name(name: str, other: str, taken: Collection[object]) -> str:
    """The name if it is free, else the other one, with as many underscores as it takes."""
    while name in taken:
        name, other = other, f"{other}_"
    return name
