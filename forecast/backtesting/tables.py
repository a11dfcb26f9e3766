"""The results of a backtest: tables, summary and pictures, from the forecasts of its folds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Shaped

from forecast.backtesting.labels import as_texts, label_errors, label_pictures, label_scores
from forecast.backtesting.nixtla import cross_validation_frame
from forecast.backtesting.pictures import pictures
from forecast.backtesting.plan import Fold, Plan
from forecast.config.data import DataConfig
from forecast.config.options import Option
from forecast.data.panel import Panel
from forecast.drawing.html import html_of
from forecast.drawing.panels import FEWEST_ROWS
from forecast.evaluation.labels import LabelSums
from forecast.evaluation.metrics import ErrorSums
from forecast.evaluation.remarks import remarks
from forecast.evaluation.scoring import (
    Actuals,
    best_opponent,
    extreme_series,
    overall,
    verdict,
    with_errors,
)
from forecast.prepare import Prepared
from forecast.tables.output_names import with_own_columns

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

WORST_SERIES = 10
"""Series named in the summary of a panel."""
MOST_PICTURES, MOST_FOLDS_DRAWN = 6, 12
"""Series and targets in the picture, and folds: the last ones, as more cannot be told apart."""


@dataclass(frozen=True, eq=False, repr=False)
class Backtest:
    """The result of a backtest."""

    forecasts: pd.DataFrame
    """A row a fold, series, target and step: fold, origin, id, time, target, actual, a column a
    method, and the ends of the model's intervals; see `to_nixtla` for other names."""
    scores: pd.DataFrame
    """A row a method and group: group (overall, fold, step, series, target), key, method, and each
    metric."""
    summary: dict[str, Any]
    """As in `summary.json`: the scores, how they came about, and `verdict`."""
    pictures: list[dict[str, Any]]
    """What `backtest.png` shows."""

    def to_nixtla(self) -> pd.DataFrame:
        """The forecasts as `utilsforecast.evaluation.evaluate` takes them: unique_id, ds, cutoff,
        y, and a column a method, beside the model's one for each end of its intervals."""
        return cross_validation_frame(self.forecasts)

    def plot(self) -> Figure:
        """Draw what was forecast from the last origins beside what came."""
        from forecast.drawing import label_plots, plots  # matplotlib is slow

        left_out = self.summary["series"] * len(self.summary["targets"]) - len(self.pictures)
        title = f"Backtest ({left_out} more not shown)" if left_out else "Backtest"
        if "classes" in self.summary:
            return label_plots.label_strips(self.pictures, title)
        return plots.backtest(self.pictures, title)

    def __repr__(self) -> str:
        summary, rows = self.summary, len(self.forecasts)
        folds = f"{len(summary['folds'])} folds"
        return "\n".join(
            [
                f"Backtest of {summary['series']} series, {folds}, {summary['horizon']} steps ahead"
                f"{', trained anew for each' if summary['refit'] else ''}",
                f"test     {summary['verdict']}",
                f"tables   .forecasts, {rows:,} rows; .scores; .to_nixtla(); .plot()",
            ]
        )

    def _repr_html_(self) -> str:
        from forecast.drawing import plots

        return html_of(repr(self), plots.png(self.plot()))


def backtest_of(
    prepared: Prepared, plan: Plan, folds: Sequence[Fold], actuals: Actuals, how: Mapping[str, Any]
) -> Backtest:
    """All that came of some folds.

    Args:
        prepared: the data.
        plan: where the folds lie.
        folds: at least one.
        actuals: the truth.
        how: entries of the summary that say how the folds were forecast.
    """
    config, panel = prepared.config, prepared.panel
    if prepared.pipeline.labels:
        return _of_labels(prepared, plan, folds, actuals, how)
    combined = (config.model.cell, *config.partners) if config.partners else ()
    summary = summarise(panel, plan, folds, actuals, config.training.loss, combined)
    methods = (summary["model"], best_opponent(summary["metrics"], summary["model"]))
    context = min(config.window.lookback, 2 * plan.horizon)
    drawn = folds[-MOST_FOLDS_DRAWN:]
    return Backtest(
        forecasts=forecast_frame(config.data, panel, folds, actuals),
        scores=score_frame(panel, folds, actuals),
        summary={**summary, **how},
        pictures=pictures(panel, drawn, actuals, methods, context, MOST_PICTURES),
    )


def _of_labels(
    prepared: Prepared, plan: Plan, folds: Sequence[Fold], actuals: Actuals, how: Mapping[str, Any]
) -> Backtest:
    """The same of labels."""
    config, panel = prepared.config, prepared.panel
    context = max(FEWEST_ROWS, min(config.window.lookback, 2 * plan.horizon))
    return Backtest(
        forecasts=forecast_frame(config.data, panel, folds, actuals),
        scores=score_frame(panel, folds, actuals),
        summary={
            **_extent(panel, plan, folds, actuals),
            **label_scores(folds, panel, plan.horizon),
            **how,
        },
        pictures=label_pictures(panel, folds[-MOST_FOLDS_DRAWN:], context, MOST_PICTURES),
    )


def fold_errors(folds: Sequence[Fold], actuals: Actuals) -> dict[str, ErrorSums]:
    """Errors of every method over some folds; the model first."""
    sums: dict[str, ErrorSums] = {}
    for fold in folds:
        sums = with_errors(sums, fold.rows, fold.forecasts, actuals)
    return sums


def overall_scores(
    folds: Sequence[Fold], panel: Panel, actuals: Actuals
) -> Mapping[str, Mapping[str, float]]:
    """Method -> metric -> value over some folds, of numbers or of labels; the model first."""
    if folds[0].shares:
        return {name: sums.overall() for name, sums in label_errors(folds, panel).items()}
    return overall(fold_errors(folds, actuals))


def origin_time(panel: Panel, fold: Fold) -> str:
    """The time of a fold's origin; the last one where series end at different times."""
    return panel.axis.text(int(panel.positions(fold.rows).max()))


def summarise(
    panel: Panel,
    plan: Plan,
    folds: Sequence[Fold],
    actuals: Actuals,
    loss: Option,
    combined: Sequence[str],
) -> dict[str, Any]:
    """Scores overall, by fold, by step and of the worst series, and the verdict.

    Args:
        panel: the whole table.
        plan: where the folds lie.
        folds: at least one.
        actuals: the truth.
        loss: of the model.
        combined: methods that the first one is a combination of, if it is one.
    """
    total, each = fold_errors(folds, actuals), [fold_errors([fold], actuals) for fold in folds]
    model, metrics = next(iter(total)), overall(total)
    best = best_opponent(metrics, model)
    extent = _extent(panel, plan, folds, actuals)
    worst = extreme_series(total[model], panel.ids, WORST_SERIES) if panel.has_ids else {}
    return {
        **extent,
        "metrics": metrics,
        "mae_by_fold": {n: [errors[n].overall()["MAE"] for errors in each] for n in total},
        "mae_by_step": {n: errors.per_step()["MAE"].tolist() for n, errors in total.items()},
        "worst_series": worst,
        "verdict": verdict(metrics, model, extent["windows"], combined),
        "remarks": remarks(total, model, best, plan.horizon, loss),
    }


def _extent(panel: Panel, plan: Plan, folds: Sequence[Fold], actuals: Actuals) -> dict[str, Any]:
    """The part of a summary that tells what was tested."""
    rows = np.concatenate([fold.rows for fold in folds])
    return {
        "model": next(iter(folds[0].forecasts)),
        "folds": [fold.number for fold in folds],
        "origins": [origin_time(panel, fold) for fold in folds],
        "step": plan.step,
        "horizon": plan.horizon,
        "season": actuals.history.season,
        "windows": len(rows),
        "series": len(np.unique(panel.series_of(rows))),
        "targets": list(panel.targets),
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
        Columns fold, origin, id (if the table has one), time, target, actual, each method, and
        the ends of the model's intervals, such as lstm-lo-80; of labels lstm-p-<label>.
    """
    import pandas as pd

    rows = np.concatenate([fold.rows for fold in folds])
    ahead = np.concatenate([fold.target_rows for fold in folds])  # (B, H)
    numbers = np.repeat([fold.number for fold in folds], [len(fold.rows) for fold in folds])
    horizon, targets = ahead.shape[1], panel.num_targets
    each = horizon * targets
    by_target = np.repeat(ahead, targets, axis=0).ravel()
    columns: dict[str, Any] = {"fold": np.repeat(numbers, each)}
    columns["origin"] = panel.axis.column(panel.positions(np.repeat(rows, each)))
    ids = [np.repeat(names[panel.series_of(rows)], each) for names in panel.id_values]
    times = panel.axis.column(panel.positions(by_target))
    names = np.array(panel.targets, dtype=object)
    columns["target"] = np.tile(np.repeat(names, horizon), len(rows))
    is_label = bool(config.labels)

    def cells(values: Float[np.ndarray, "B H K"]) -> np.ndarray:
        return _long(as_texts(panel, values) if is_label else values)

    columns["actual"] = cells(actuals.values[ahead])
    model = next(iter(folds[0].forecasts))
    for name in folds[0].forecasts:
        columns[name] = cells(np.concatenate([fold.forecasts[name] for fold in folds]))
    for name in folds[0].bounds:
        if not all(name in fold.bounds for fold in folds):
            continue
        columns[f"{model}-{name}"] = _long(np.concatenate([fold.bounds[name] for fold in folds]))
    own = with_own_columns(config, ids, times, columns, before=2)
    return pd.DataFrame(own)


def score_frame(panel: Panel, folds: Sequence[Fold], actuals: Actuals) -> pd.DataFrame:
    """Every metric of every method: overall, by fold, by horizon step, by series, by target.

    Args:
        panel, folds, actuals: as for `forecast_frame`.

    Returns:
        Columns group (overall, fold, step, series, target), key, method, and each metric; OWA is
        known overall and by fold only, of labels by step and by series only the metrics that are
        means over values.
    """
    import pandas as pd

    blocks = [
        pd.DataFrame({"group": group, "key": keys, "method": method, **metrics})
        for group, keys, method, metrics in _groups(panel, folds, actuals)
    ]
    return pd.concat(blocks, ignore_index=True)


def _groups(
    panel: Panel, folds: Sequence[Fold], actuals: Actuals
) -> Iterator[tuple[str, list[str], str, Mapping[str, Any]]]:
    """Name of a group, its keys, method, and metrics by key."""
    for method, metrics in overall_scores(folds, panel, actuals).items():
        yield "overall", ["all"], method, metrics
    for fold in folds:
        for method, metrics in overall_scores([fold], panel, actuals).items():
            yield "fold", [str(fold.number)], method, metrics
    total: Mapping[str, ErrorSums | LabelSums] = (
        label_errors(folds, panel) if folds[0].shares else fold_errors(folds, actuals)
    )
    steps = [str(1 + step) for step in range(folds[0].target_rows.shape[1])]
    for method, sums in total.items():
        yield "step", steps, method, sums.per_step()
    for method, sums in total.items():
        yield "series", [*panel.ids], method, sums.per_series()
    for method, sums in total.items():
        yield "target", [*panel.targets], method, sums.per_target()


def _long(values: Shaped[np.ndarray, "B H K"]) -> Shaped[np.ndarray, " rows"]:
    """Values in the order of the table: window, target, step."""
    return values.transpose(0, 2, 1).ravel()
