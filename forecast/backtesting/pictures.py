"""What the picture of a backtest shows: the truth, and beside it the forecasts of each fold."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from forecast.backtesting.plan import Fold
from forecast.data.panel import Panel
from forecast.evaluation.scoring import Actuals

if TYPE_CHECKING:
    import pandas as pd


def pictures(
    panel: Panel,
    folds: Sequence[Fold],
    actuals: Actuals,
    methods: Sequence[str],
    context: int,
    most: int,
) -> list[dict[str, Any]]:
    """What the picture shows of each series and target: the truth, and each fold's forecasts.

    Args:
        panel: the whole table.
        folds: at least one.
        actuals: the truth.
        methods: whose forecasts are drawn.
        context: rows before the first origin.
        most: pictures, one of each series and target.
    """

    def times(rows: Int[np.ndarray, " rows"]) -> pd.Series:
        return panel.axis.column(panel.positions(rows))

    def picture(series: int, target: int) -> dict[str, Any]:
        places = [(fold, np.flatnonzero(panel.series_of(fold.rows) == series)) for fold in folds]
        windows = [(fold, int(place[0])) for fold, place in places if len(place)]
        first = max(int(panel.offsets[series]), int(windows[0][0].rows[windows[0][1]]) - context)
        shown, name = np.arange(first, panel.offsets[series + 1]), panel.targets[target]
        forecasts = {
            method: [
                (times(fold.target_rows[window]), fold.forecasts[method][window, :, target])
                for fold, window in windows
            ]
            for method in methods
        }
        return {
            "name": f"{panel.ids[series]}, {name}" if panel.has_ids else name,
            "times": times(shown),
            "actual": actuals.values[shown, target],
            "forecasts": forecasts,
        }

    series = np.unique(panel.series_of(np.concatenate([fold.rows for fold in folds])))
    each = itertools.product(series.tolist(), range(panel.num_targets))
    return [picture(*chosen) for chosen in itertools.islice(each, most)]
