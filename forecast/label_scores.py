"""Forecasts of labels against what happened: the model beside its opponents, and the verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from forecast.data.panel import Panel
from forecast.evaluation.baselines import History
from forecast.evaluation.label_opponents import LabelOpponents
from forecast.evaluation.labels import (
    Labels,
    LabelSums,
    Shares,
    best_by_accuracy,
    label_verdict,
    opponent_in_words,
    reliability_of,
)
from forecast.evaluation.paired import compared
from forecast.prepare import Prepared

Batches = Iterable[tuple[Int[np.ndarray, " B"], Float[np.ndarray, "B H K Q"]]]
"""Origins, and probabilities."""
NAMED_SERIES = 10
"""Worst and best series named in the summary of a panel."""


def opponents_of(prepared: Prepared) -> LabelOpponents:
    """What the opponents know: numbers of classes, and the training rows."""
    pipeline, panel = prepared.pipeline, prepared.panel
    assert pipeline.labels is not None
    filled = pipeline.to_model_scale(panel, prepared.filled_targets)
    observed = pipeline.to_model_scale(panel, panel.values[:, : panel.num_targets])
    return LabelOpponents(
        history=History(filled, panel.offsets, prepared.season),
        observed=observed,
        train=prepared.split.train,
        counts=pipeline.labels.counts,
        horizon=prepared.config.window.horizon,
    )


def with_label_batch(
    sums: Mapping[str, LabelSums],
    origins: Int[np.ndarray, " B"],
    forecasts: Mapping[str, Shares],
    observed: Labels,
    counts: Sequence[int],
    panel: Panel,
) -> dict[str, LabelSums]:
    """What became of labels, with one batch added.

    Args:
        sums: method -> what became of its forecasts so far; none at first.
        origins: last known rows of the windows.
        forecasts: of every method.
        observed: what came.
        counts: classes of each target.
        panel: tells series and times.
    """
    series, times = panel.series_of(origins), panel.positions(origins)
    empty = LabelSums.empty(counts, panel.num_series)
    return {
        name: sums.get(name, empty).add(observed, shares, series, times)
        for name, shares in forecasts.items()
    }


def label_sums(batches: Batches, prepared: Prepared, model: str) -> dict[str, LabelSums]:
    """Hits and misses of the model and of its opponents on the test part.

    Args:
        batches: origins of test windows, and the model's probabilities.
        prepared: the data.
        model: what the model is called.

    Returns:
        Method: its sums; the model first.
    """
    opponents = opponents_of(prepared)
    sums: dict[str, LabelSums] = {}
    for rows, shares in batches:
        methods = {model: shares, **opponents.forecasts(rows)}
        observed = opponents.observed[rows[:, None] + 1 + np.arange(opponents.horizon)]
        counts = opponents.counts
        sums = with_label_batch(sums, rows, methods, observed, counts, prepared.panel)
    return sums


def label_summary(
    sums: Mapping[str, LabelSums], prepared: Prepared, model: str, num_windows: int
) -> dict[str, Any]:
    """Scores of labels overall, by step, by target, of extreme series, and the verdict.

    Args:
        sums: of every method.
        prepared: the data.
        model: what the model is called.
        num_windows: test windows.
    """
    labels, panel = prepared.pipeline.labels, prepared.panel
    assert labels is not None
    metrics = {name: each.overall() for name, each in sums.items()}
    best, own = best_by_accuracy(metrics, model), sums[model]
    return {
        "metrics": metrics,
        "best_opponent": best,
        "classes": {n: [*each] for n, each in labels.of_targets(panel.targets).items()},
        "accuracy_by_step": {
            name: each.per_step()["accuracy"].tolist() for name, each in sums.items()
        },
        "accuracy_by_target": {
            name: dict(zip(panel.targets, each.per_target()["accuracy"].tolist(), strict=True))
            for name, each in sums.items()
        },
        **_extreme_series(own, panel),
        "confusion": {
            name: own.matrix(target, labels.counts[target])
            for target, name in enumerate(panel.targets)
        },
        "reliability": [[*each] for each in reliability_of(own)],
        "verdict": label_verdict(metrics, model, num_windows),
        "remarks": chance_remarks(sums, model, best, prepared.config.window.horizon),
    }


def chance_remarks(sums: Mapping[str, LabelSums], model: str, best: str, horizon: int) -> list[str]:
    """Whether the model misses less often than its best opponent beyond chance.

    Args:
        sums: method: its hits and misses.
        model, best: names of the two methods.
        horizon: steps, by which origins must lie apart to count as independent.

    Returns:
        A sentence, or none.
    """
    found = compared(sums[model].errors, sums[best].errors, horizon).sentence(
        opponent_in_words(best)
    )
    found = found.replace(" % better", " % fewer misses").replace(" % worse", " % more misses")
    return [found] if found else []


def _extreme_series(sums: LabelSums, panel: Panel) -> dict[str, dict[str, float]]:
    """Accuracy of the series that are forecast worst, best, and in the middle."""
    named = zip(panel.ids, sums.per_series()["accuracy"].tolist(), strict=True)
    known = [pair for pair in named if panel.has_ids and not math.isnan(pair[1])]
    ranked, middle = sorted(known, key=itemgetter(1)), len(known) // 2
    return {
        "worst_series": dict(ranked[:NAMED_SERIES]),
        "best_series": dict(ranked[::-1][:NAMED_SERIES]),
        "median_series": dict(ranked[middle : middle + 1]),
    }
