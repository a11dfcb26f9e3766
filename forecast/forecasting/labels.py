"""Forecasts of labels: from logits to probabilities, and to the columns of a table."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from forecast.data.labels import FittedLabels


def probabilities(members: list[Float[np.ndarray, "B H K Q"]]) -> Float[np.ndarray, "B H K Q"]:
    """Probability of each class: the mean over the members, whose logits are given."""
    total = np.zeros(members[0].shape)
    for logits in members:
        weights = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
        total += weights / weights.sum(axis=-1, keepdims=True)
    return np.asarray(total / len(members))


def label_columns(labels: FittedLabels, values: Float[np.ndarray, "S H K Q"]) -> dict[str, Any]:
    """The most probable label, and `p-<label>`, the probability of each.

    Args:
        labels: classes of each target; the probability of one that a target lacks is 0.
        values: probabilities of the classes.

    Returns:
        Columns in the order series, target, step.
    """
    series, horizon, targets, _ = values.shape
    likeliest = np.empty((series, targets, horizon), dtype=object)
    by_label: dict[str, np.ndarray] = {}
    for target, classes in enumerate(labels.classes):
        of_target = values[:, :, target]  # (S, H, Q)
        likeliest[:, target] = np.array(classes, dtype=object)[of_target.argmax(axis=-1)]
        for number, label in enumerate(classes):
            column = by_label.setdefault(label, np.zeros((series, targets, horizon)))
            column[:, target] = of_target[..., number]
    shares = {f"p-{label}": column.ravel() for label, column in by_label.items()}
    return {"forecast": likeliest.ravel(), **{name: shares[name] for name in share_columns(labels)}}


def share_columns(labels: FittedLabels) -> list[str]:
    """Names of the columns of probabilities, in their order."""
    return [f"p-{label}" for label in sorted({each for known in labels.classes for each in known})]
