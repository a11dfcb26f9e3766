"""Folds of a rolling origin (Tashman 2000): where they lie, and what was forecast in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from forecast.data.panel import Panel, offsets_of, ragged_ranges
from forecast.errors import ConfigError


@dataclass(frozen=True)
class Plan:
    """Where the origins lie: fold 1 is the first in time, the last one ends with its series."""

    folds: int
    step: int
    """Rows between the origins of two folds."""
    horizon: int

    def __post_init__(self) -> None:
        for name in ("folds", "step"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} {getattr(self, name)} is not allowed; give 1 or more")

    @property
    def rows(self) -> int:
        """Rows from the first origin to the end of a series."""
        return (self.folds - 1) * self.step + self.horizon

    def rows_after(self, fold: int) -> int:
        """Rows of a series after the last one that a fold forecasts."""
        return (self.folds - fold) * self.step

    def origins(self, offsets: np.ndarray, fold: int) -> np.ndarray:
        """(S,) last known row of each series; before its first where the series is too short.

        Args:
            offsets: (S + 1,) series.
            fold: from 1 to `folds`.
        """
        return np.asarray(offsets[1:] - 1 - self.horizon - self.rows_after(fold))

    def folds_in(self, rows: int) -> int:
        """Folds that fit into the last rows of a series."""
        return max(0, (rows - self.horizon) // self.step + 1)


@dataclass(frozen=True)
class Fold:
    """What every method forecast from the origins of one fold."""

    number: int
    rows: np.ndarray
    """(B,) origins: last known rows."""
    forecasts: Mapping[str, np.ndarray]
    """Method: (B, H, K) in the user's units; the model first."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Windows, horizon, targets."""
        windows, horizon, targets = next(iter(self.forecasts.values())).shape
        return windows, horizon, targets

    def beside(self, forecasts: Mapping[str, np.ndarray]) -> Fold:
        """With what further methods forecast."""
        return replace(self, forecasts={**self.forecasts, **forecasts})

    def target_rows(self) -> np.ndarray:
        """(B, H) the rows that are forecast."""
        return self.rows[:, None] + 1 + np.arange(self.shape[1])


def without_last(panel: Panel, rows: int) -> tuple[Panel, np.ndarray]:
    """A panel without the last rows of every series, and the numbers of the series that are left.

    Args:
        panel: series of any length; one of no more than `rows` is left out.
        rows: to cut off.
    """
    series = np.flatnonzero(panel.lengths > rows)
    panel = panel.select(series)
    lengths = panel.lengths - rows
    kept = ragged_ranges(panel.offsets[:-1], lengths)
    lines = panel.lines_at(kept)
    return replace(
        panel, values=panel.values[kept], offsets=offsets_of(lengths), lines=lines
    ), series
