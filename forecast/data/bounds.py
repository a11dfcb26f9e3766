"""Values that a table must not hold: below the configured minimum, or no counts."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from forecast.config.counts import Distribution
from forecast.data.panel import Panel
from forecast.errors import DataError, shown


def require_minimum(panel: Panel, minimum: float) -> None:
    """Refuse a target below the minimum: what is below it cannot have no forecast below it.

    Args:
        panel: as it was read.
        minimum: of the section `data`.

    Raises:
        DataError: naming the first such cell.
    """
    targets = panel.values[:, : panel.num_targets]
    remedy = f"is below data.minimum {minimum:g}; mend the cell, or lower data.minimum"
    _refuse(panel, targets < minimum, remedy)


def require_counts(panel: Panel, loss: Distribution) -> None:
    """Refuse a target that a distribution cannot have given: negative, or no whole number.

    Args:
        panel: as it was read.
        loss: of the distribution.

    Raises:
        DataError: naming the first such cell.
    """
    targets = panel.values[:, : panel.num_targets]
    other = f"training.loss {loss.key()}"
    _refuse(panel, targets < 0, f"is negative, which {other} cannot be; mend it, or take mse")
    if loss.whole_numbers:
        remedy = f"is no whole number, and {other} is of counts; take training.loss tweedie"
        _refuse(panel, targets % 1 > 0, remedy)


def _refuse(panel: Panel, is_wrong: Bool[np.ndarray, "N K"], reason: str) -> None:
    if not is_wrong.any():
        return
    row, target = np.argwhere(is_wrong)[0].tolist()
    name, value = shown(panel.columns[target]), f"{panel.values[row, target]:.15g}"
    raise DataError(f"{panel.place(row)}: column {name}: {value} {reason}")
