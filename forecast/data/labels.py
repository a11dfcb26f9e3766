"""Labels as numbers of classes: fitted on the training rows, and what was never seen there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from forecast.data.panel import Panel, looked_up
from forecast.errors import DataError, shown

UNSEEN = -1
"""Number of a label that was not in the training rows."""
MOST_CLASSES = 100
"""Labels of a target at most; a column with more holds names or remarks."""


@dataclass(frozen=True)
class FittedLabels:
    """The classes of each target, in the order of their texts; a class is its place in it."""

    classes: tuple[tuple[str, ...], ...]

    @property
    def width(self) -> int:
        """Classes of the target that has most."""
        return max(map(len, self.classes))

    @property
    def counts(self) -> tuple[int, ...]:
        """Classes of each target."""
        return tuple(map(len, self.classes))

    def encode(self, values: Float[np.ndarray, "R K"], panel: Panel) -> Float[np.ndarray, "R K"]:
        """Numbers of classes, from those that a panel gives to its categories.

        Args:
            values: of the panel's targets; NaN stays what it is.
            panel: tells their categories.
        """
        encoded = np.empty_like(values)
        for target, (name, known) in enumerate(zip(panel.targets, self.classes, strict=True)):
            number = {label: float(place) for place, label in enumerate(known)}
            table = [number.get(label, UNSEEN) for label in panel.categories[name]]
            encoded[:, target] = looked_up(np.array([*table, np.nan]), values[:, target])
        return encoded

    def decode(self, numbers: Int[np.ndarray, "*B K"], panel: Panel) -> Float[np.ndarray, "*B K"]:
        """What a panel calls classes; it must know them all."""
        columns = []
        for target, (name, known) in enumerate(zip(panel.targets, self.classes, strict=True)):
            number = {label: float(place) for place, label in enumerate(panel.categories[name])}
            table = np.array([number[label] for label in known])
            columns.append(table[numbers[..., target]])
        return np.stack(columns, axis=-1)

    def unseen(self, panel: Panel) -> dict[str, tuple[str, ...]]:
        """Labels of a panel that are no class, by target; targets without any are left out."""
        found = {
            name: tuple(label for label in panel.categories[name] if label not in known)
            for name, known in zip(panel.targets, self.classes, strict=True)
        }
        return {name: labels for name, labels in found.items() if labels}

    def of_targets(self, targets: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The classes by target."""
        return dict(zip(targets, self.classes, strict=True))


def fit_labels(panel: Panel, train: Bool[np.ndarray, " N"]) -> FittedLabels | None:
    """The classes of a panel's targets; None where these are numbers.

    Args:
        panel: all rows.
        train: which of them are for training.

    Raises:
        DataError: for a target with too many labels, or a single one.
    """
    if panel.targets[0] not in panel.categories:
        return None
    return FittedLabels(
        tuple(
            _classes(panel, name, panel.values[train, target])
            for target, name in enumerate(panel.targets)
        )
    )


def _classes(panel: Panel, name: str, values: Float[np.ndarray, " R"]) -> tuple[str, ...]:
    seen = np.unique(values[~np.isnan(values)]).astype(np.int64)
    place = f"{panel.source}: column {shown(name)}"
    if not len(seen):
        raise DataError(f"{place} is empty in all training rows")
    classes = tuple(sorted(panel.categories[name][number] for number in seen.tolist()))
    if len(classes) == 1:
        raise DataError(
            f"{place} is constant ({shown(classes[0])} in all training rows); there is nothing to"
            " learn; leave it out of data.target"
        )
    if len(classes) > MOST_CLASSES:
        raise DataError(
            f"{place} holds {len(classes)} labels, at most {MOST_CLASSES} are forecast; join rare"
            " ones, or forecast the column as a number"
        )
    return classes


def shares(labels: FittedLabels, numbers: Float[np.ndarray, "R K"]) -> Float[np.ndarray, "K Q"]:
    """Share of the rows that each class has; 0 for a class that a target does not have.

    Args:
        labels: the classes.
        numbers: of classes, NaN or below 0 where a row has none.
    """
    counts = np.zeros((len(labels.classes), labels.width))
    for target, column in enumerate(numbers.T):
        known = column[column >= 0].astype(np.int64)
        counts[target] = np.bincount(known, minlength=labels.width)
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


def balanced(of_rows: Float[np.ndarray, "K Q"]) -> Float[np.ndarray, "K Q"]:
    """Weights by which all classes of a target count alike, 1 in the mean over its rows.

    Args:
        of_rows: share of each class.
    """
    count = (of_rows > 0).sum(axis=1, keepdims=True)
    return np.where(of_rows > 0, 1 / np.where(of_rows > 0, count * of_rows, 1.0), 0.0)
