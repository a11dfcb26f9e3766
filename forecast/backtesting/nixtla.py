"""The forecasts of a backtest as a cross-validation frame with the names of Nixtla's libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forecast.data.names import name_of
from forecast.tables.frames import ID, TARGET, TIME

if TYPE_CHECKING:
    import pandas as pd


def cross_validation_frame(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Columns unique_id, ds, cutoff, y, and a column a method, with <model>-lo-80 and the like.

    Rows without an actual value are left out, and several targets are series of their own, named
    `series/target`; so are those of several columns, `north/tea`.

    Args:
        forecasts: as `Backtest.forecasts`.
    """
    names = [*forecasts.columns]
    before, after = names.index("target"), names.index("actual")
    known = forecasts[forecasts["actual"].notna()]
    target, own = known["target"], [*names[2:before]]  # the columns of series, if any, and times
    series = known[own[0]] if len(own) == 2 else target
    if len(own) > 2:  # these libraries know one column of series
        series = known[own[:-1]].astype(str).apply(lambda row: name_of([*row]), axis=1)
    if len(own) > 1 and target.nunique() > 1:
        series = series.astype(str) + "/" + target
    frame = known[names[after + 1 :]].reset_index(drop=True)
    columns = {
        ID: series,
        TIME: known[own[-1]],
        "cutoff": known["origin"],
        TARGET[0]: known["actual"],
    }
    for place, (name, column) in enumerate(columns.items()):
        frame.insert(place, name, column.array)
    return frame.sort_values([ID, "cutoff", TIME], kind="stable", ignore_index=True)
