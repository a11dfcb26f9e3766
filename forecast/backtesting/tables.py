"""What a backtest came to: errors, tables and summary, from the forecasts of its folds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from forecast.backtesting.plan import Fold, Plan
from forecast.config.data import DataConfig
from forecast.data.panel import Panel
from forecast.evaluation.metrics import ErrorSums
from forecast.evaluation.scoring import (
    Actuals,
    extreme_series,
    overall,
    verdict,
    with_errors,
)

if TYPE_CHECKING:
    import pandas as pd

WORST_SERIES = 10
"""Series named in the summary of a panel."""


def fold_errors(folds: Sequence[Fold], actuals: Actuals) -> dict[str, ErrorSums]:
    """Errors of every method over some folds; the model first."""
    sums: dict[str, ErrorSums] = {}
    for fold in folds:
        sums = with_errors(sums, fold.rows, fold.forecasts, actuals)
    return sums


def origin_time(panel: Panel, fold: Fold) -> str:
    """The time of a fold's origin, the last one where series end at different times."""
    position = panel.positions(fold.rows).max(keepdims=True)
    text = str(panel.axis.column(position)[0])
    return text.removesuffix(" 00:00:00")


def summarise(panel: Panel, plan: Plan, folds: Sequence[Fold], actuals: Actuals) -> dict[str, Any]:
    """Scores overall, by fold, by step and of the worst series, and the verdict."""
    total, each = fold_errors(folds, actuals), [fold_errors([fold], actuals) for fold in folds]
    model, metrics = next(iter(total)), overall(total)
    rows = np.concatenate([fold.rows for fold in folds])
    return {
        "model": model,
        "folds": [fold.number for fold in folds],
        "origins": [origin_time(panel, fold) for fold in folds],
        "step": plan.step,
        "horizon": plan.horizon,
        "season": actuals.season,
        "windows": len(rows),
        "series": len(np.unique(panel.series_of(rows))),
        "targets": list(panel.targets),
        "metrics": metrics,
        "mae_by_fold": {n: [errors[n].overall()["MAE"] for errors in each] for n in total},
        "mae_by_step": {n: errors.per_step()["MAE"].tolist() for n, errors in total.items()},
        "worst_series": extreme_series(total[model], panel.ids, WORST_SERIES)
        if panel.has_ids
        else {},
        "verdict": verdict(metrics, model, len(rows)),
    }


def forecast_frame(
    config: DataConfig, panel: Panel, folds: Sequence[Fold], actuals: Actuals
) -> pd.DataFrame:
    """One row a fold, series, target and step; one column a method.

    Args:
        config: names of the id and time columns.
        panel: the whole table.
        folds: at least one.
        actuals: the truth.

    Returns:
        Columns fold, origin, id (if the table has one), time, target, actual, and each method.
    """
    import pandas as pd

    rows = np.concatenate([fold.rows for fold in folds])
    ahead = np.concatenate([fold.target_rows() for fold in folds])  # (B, H)
    numbers = np.repeat([fold.number for fold in folds], [len(fold.rows) for fold in folds])
    horizon, targets = ahead.shape[1], panel.num_targets
    each = horizon * targets
    by_target = np.repeat(ahead, targets, axis=0).ravel()
    columns: dict[str, Any] = {"fold": np.repeat(numbers, each)}
    columns["origin"] = panel.axis.column(panel.positions(np.repeat(rows, each)))
    if panel.has_ids:
        ids = np.array(panel.ids, dtype=object)
        columns[config.id or "id"] = np.repeat(ids[panel.series_of(rows)], each)
    columns[config.time] = panel.axis.column(panel.positions(by_target))
    names = np.array(panel.targets, dtype=object)
    columns["target"] = np.tile(np.repeat(names, horizon), len(rows))
    columns["actual"] = _long(actuals.values[ahead])
    for name in folds[0].forecasts:
        columns[name] = _long(np.concatenate([fold.forecasts[name] for fold in folds]))
    return pd.DataFrame(columns)


def score_frame(panel: Panel, folds: Sequence[Fold], actuals: Actuals) -> pd.DataFrame:
    """Every metric of every method: overall, by fold, by horizon step, by series, by target.

    Returns:
        Columns group (overall, fold, step, series, target), key, method, and each metric; OWA is
        known overall and by fold only.
    """
    import pandas as pd

    blocks = [
        pd.DataFrame({"group": group, "key": keys, "method": method, **metrics})
        for group, keys, method, metrics in _groups(panel, folds, actuals)
    ]
    return pd.concat(blocks, ignore_index=True)


def _groups(
    panel: Panel, folds: Sequence[Fold], actuals: Actuals
) -> Iterator[tuple[str, list[str], str, dict[str, Any]]]:
    """Name of a group, its keys, method, and metrics by key."""
    total = fold_errors(folds, actuals)
    steps = [str(step + 1) for step in range(folds[0].shape[1])]
    for method, metrics in overall(total).items():
        yield "overall", ["all"], method, metrics
    for fold in folds:
        for method, metrics in overall(fold_errors([fold], actuals)).items():
            yield "fold", [str(fold.number)], method, metrics
    for method, errors in total.items():
        yield "step", steps, method, errors.per_step()
    for method, errors in total.items():
        yield "series", list(panel.ids), method, errors.per_series()
    for method, errors in total.items():
        yield "target", list(panel.targets), method, errors.per_target()


def _long(values: np.ndarray) -> np.ndarray:
    """(B, H, K) in the order of the table: window, target, step."""
    return values.transpose(0, 2, 1).ravel()


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
    series = np.unique(panel.series_of(np.concatenate([fold.rows for fold in folds])))
    each = itertools.product(series.tolist(), range(panel.num_targets))
    return [
        _picture(panel, folds, actuals, methods, context, number, target)
        for number, target in itertools.islice(each, most)
    ]


def _picture(
    panel: Panel,
    folds: Sequence[Fold],
    actuals: Actuals,
    methods: Sequence[str],
    context: int,
    series: int,
    target: int,
) -> dict[str, Any]:
    places = [(fold, np.flatnonzero(panel.series_of(fold.rows) == series)) for fold in folds]
    windows = [(fold, int(place[0])) for fold, place in places if len(place)]
    first = int(windows[0][0].rows[windows[0][1]])
    shown = np.arange(max(int(panel.offsets[series]), first - context), panel.offsets[series + 1])

    def times(at: np.ndarray) -> Any:
        return panel.axis.column(panel.positions(at))

    return {
        "name": f"{panel.ids[series]}, {panel.targets[target]}"
        if panel.has_ids
        else panel.targets[target],
        "times": times(shown),
        "actual": actuals.values[shown, target],
        "forecasts": {
            method: [
                (times(fold.target_rows()[window]), fold.forecasts[method][window, :, target])
                for fold, window in windows
            ]
            for method in methods
        },
    }
