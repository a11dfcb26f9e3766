"""Several histories of a model's own series as one forecast, with one pass through the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from forecast.data.plain import PlainTable, joined
from forecast.evaluation.levels import Levels
from forecast.forecasting.far import far_values
from forecast.forecasting.trained import TrainedModel
from forecast.runs.host import own_state

if TYPE_CHECKING:
    import pandas as pd


@own_state()
def forecast_batch(
    trained: TrainedModel, tables: Sequence[PlainTable], horizon: int | None, level: Levels
) -> tuple[pd.DataFrame, list[int]] | None:
    """What `TrainedModel.forecast` gives for each of some tables, all at once.

    The same series may be in several of them: each gets a name of its own for the while.

    Args:
        trained: a model for which `is_plain` holds.
        tables: histories.
        horizon, level: as for `TrainedModel.forecast`.

    Returns:
        The forecasts end to end, and the row after the last of each; None if one of the tables
        must be looked at by itself.

    Raises:
        DataError, ConfigError: as `TrainedModel.forecast`, for any of them.
    """
    owners = [name for table in tables for name in table.ids]
    names = [f"{number} {name}" for number, name in enumerate(owners)]
    history = joined(tables, trained.tail, names)
    if history is None or history.lengths.min() < trained.least_rows:
        return None
    numbers = trained.pipeline.series_numbers(owners)
    read = replace(history.tail(trained.rows_needed), ids=tuple(owners))
    nothing = np.empty((len(owners), 0, len(history.columns)))
    if (numbers < 0).any() or far_values(read, nothing, trained.tail):  # told to whom it concerns
        return None
    renamed = _renamed(trained, numbers, names)
    panel, values = renamed.forecast_panel(history, None, horizon, level)
    found = trained.table(replace(panel, ids=tuple(owners)), values, level)
    rows = values.shape[1] * values.shape[2]  # of each series
    return found, (rows * np.cumsum([len(table.ids) for table in tables])).tolist()


def _renamed(trained: TrainedModel, series: np.ndarray, names: Sequence[str]) -> TrainedModel:
    """The model for series that it knows, by number, under other names."""
    known, copula = trained.calibration, trained.copula
    return replace(
        trained,
        pipeline=trained.pipeline.renamed(series, names),
        calibration=None if known is None else replace(known, sizes=known.sizes[series]),
        copula=None if copula is None else copula.of_series(series),
    )
