"""The results of a backtest of labels: folds with probabilities, and their scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from forecast.backtesting.plan import Fold
from forecast.data.panel import Panel, looked_up
from forecast.drawing.panels import Shown, label_panels_of
from forecast.evaluation.labels import LabelSums, Shares, best_by_accuracy, label_verdict
from forecast.label_scores import chance_remarks, opponents_of, with_label_batch
from forecast.prepare import Prepared


def label_fold(number: int, rows: Int[np.ndarray, " B"], own: Shares, prepared: Prepared) -> Fold:
    """A fold of the model and of opponents that know the same training rows.

    Folds may know different labels: their probabilities are laid out as the panel has its labels,
    0 for those that no training row has.

    Args:
        number: of the fold.
        rows: origins, in the rows of `prepared`.
        own: what the model forecasts.
        prepared: what it was trained on.
    """
    labels, panel = prepared.pipeline.labels, prepared.panel
    assert labels is not None
    methods = {str(prepared.config.model.cell): own, **opponents_of(prepared).forecasts(rows)}
    shares = {name: _as_panel(values, labels.classes, panel) for name, values in methods.items()}
    model = next(iter(shares))
    return Fold(
        number,
        rows,
        {name: values.argmax(axis=-1).astype(np.float64) for name, values in shares.items()},
        {f"p-{name}": values for name, values in _by_label(shares[model], panel).items()},
        shares,
    )


def _as_panel(
    values: Shares, classes: Sequence[Sequence[str]], panel: Panel
) -> Float[np.ndarray, "B H K P"]:
    """Probabilities with a column for each label of the panel."""
    width = max(len(panel.categories[name]) for name in panel.targets)
    whole = np.zeros((*values.shape[:-1], width))
    for target, (name, known) in enumerate(zip(panel.targets, classes, strict=True)):
        place = {label: number for number, label in enumerate(panel.categories[name])}
        whole[:, :, target, [place[label] for label in known]] = values[:, :, target, : len(known)]
    return whole


def _by_label(shares: Shares, panel: Panel) -> dict[str, Float[np.ndarray, "B H K"]]:
    """Label -> its probability; 0 of a target that does not have it."""
    found: dict[str, np.ndarray] = {}
    for target, name in enumerate(panel.targets):
        for number, label in enumerate(panel.categories[name]):
            column = found.setdefault(label, np.zeros(shares.shape[:-1]))
            column[:, :, target] = shares[:, :, target, number]
    return dict(sorted(found.items()))


def label_errors(folds: Sequence[Fold], panel: Panel) -> dict[str, LabelSums]:
    """What became of every method's labels over some folds; the model first."""
    counts = [len(panel.categories[name]) for name in panel.targets]
    sums: dict[str, LabelSums] = {}
    for fold in folds:
        observed = panel.values[fold.target_rows][..., : panel.num_targets]
        sums = with_label_batch(sums, fold.rows, fold.shares, observed, counts, panel)
    return sums


def label_scores(folds: Sequence[Fold], panel: Panel, horizon: int) -> dict[str, Any]:
    """The part of a summary that tells how good the folds are.

    Args:
        folds: at least one.
        panel: the whole table.
        horizon: steps.
    """
    total, each = label_errors(folds, panel), [label_errors([fold], panel) for fold in folds]
    model, windows = next(iter(total)), sum(len(fold.rows) for fold in folds)
    metrics = {name: sums.overall() for name, sums in total.items()}
    best = best_by_accuracy(metrics, model)
    return {
        "metrics": metrics,
        "accuracy_by_fold": {n: [fold[n].overall()["accuracy"] for fold in each] for n in total},
        "accuracy_by_step": {
            name: sums.per_step()["accuracy"].tolist() for name, sums in total.items()
        },
        "classes": {name: [*panel.categories[name]] for name in panel.targets},
        "confusion": {
            name: total[model].matrix(target, len(panel.categories[name]))
            for target, name in enumerate(panel.targets)
        },
        "worst_series": {},
        "verdict": label_verdict(metrics, model, windows),
        "remarks": chance_remarks(total, model, best, horizon),
    }


def as_texts(panel: Panel, numbers: Float[np.ndarray, "B H K"]) -> np.ndarray:
    """The labels that a panel's numbers stand for; None where there is none."""
    texts = np.empty(numbers.shape, dtype=object)
    for target, name in enumerate(panel.targets):
        table = np.array([*panel.categories[name], None], dtype=object)
        texts[..., target] = looked_up(table, numbers[..., target])
    return texts


def label_pictures(
    panel: Panel, folds: Sequence[Fold], context: int, most: int
) -> list[dict[str, Any]]:
    """What the picture shows of each series: the labels that came, and the model's probabilities.

    Args:
        panel: the whole table.
        folds: at least one.
        context: rows before the first origin.
        most: series.
    """
    tested: dict[str, dict[int, Any]] = {}
    for fold in folds:
        series, shares = panel.series_of(fold.rows), next(iter(fold.shares.values()))
        for number, row, values in zip(series, fold.rows, shares, strict=True):
            back = int(panel.offsets[number + 1] - 1 - row)
            tested.setdefault(panel.ids[number], {})[back] = values
    chosen = [number for number, name in enumerate(panel.ids) if name in tested][:most]
    rows = max(max(each) for each in tested.values()) + context
    shown = Shown(panel.select(np.array(chosen)).tail(rows), tested)
    return label_panels_of(shown, {}, [panel.categories[name] for name in panel.targets])
