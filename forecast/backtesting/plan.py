"""Folds of a rolling origin (Tashman 2000): where they lie, and what was forecast in them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int

from forecast.config.tree import Config
from forecast.data.chain import known_rows_lost
from forecast.data.panel import Panel, offsets_of, ragged_ranges
from forecast.errors import ConfigError

log = logging.getLogger("forecast")


@dataclass(frozen=True)
class Plan:
    """Where the origins lie: fold 1 is the first in time, the last one ends with its series.

    Raises:
        ConfigError: for less than one fold, or folds at the same origin.
    """

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

    def origins(self, offsets: Int[np.ndarray, " _"], fold: int) -> Int[np.ndarray, " S"]:
        """Last known row of each series; before its first where the series is too short.

        Args:
            offsets: (S + 1,) first row of each series, and the number of rows.
            fold: from 1 to `folds`.
        """
        return np.asarray(offsets[1:] - 1 - self.horizon - self.rows_after(fold))

    def folds_in(self, rows: int) -> int:
        """Folds that fit into the last rows of a series."""
        return max(0, (rows - self.horizon) // self.step + 1)

    def fitted_to(self, rows: int, is_free: bool, place: str, remedy: str = "") -> Plan:
        """The plan, if its folds fit into so many rows; with fewer folds if that is allowed.

        Args:
            rows: what there is.
            is_free: whether fewer folds will do, as nobody asked for their number.
            place: where the rows are, for the message.
            remedy: what helps beside fewer folds, for the message.

        Raises:
            ConfigError: if the folds do not fit.
        """
        if rows >= self.rows:
            return self
        fitting = self.folds_in(rows)
        if is_free and fitting:
            log.warning(
                "%d fold%s instead of %d, as no more fit; a smaller step makes room",
                fitting,
                "" if fitting == 1 else "s",
                self.folds,
            )
            return replace(self, folds=fitting)
        few = "no fold fits; lower window.horizon"
        if fitting:
            few = f"{fitting} fold{' fits' if fitting == 1 else 's fit'}; give fewer folds, or a"
            few += " smaller step"
        raise ConfigError(
            f"folds {self.folds}, step {self.step}: they need {self.rows} {place}; {few}{remedy}"
        )


def rows_for_folds(config: Config, panel: Panel) -> int:
    """Rows of the longest series that folds may take; what trains the first model is left."""
    size, rows = config.split.validation, int(panel.lengths.max())
    validation = int(rows * size) if isinstance(size, float) else int(size)
    window, lost = config.widest, known_rows_lost(config.transforms)
    return max(0, rows - validation - window.rows_read - window.horizon - lost)


@dataclass(frozen=True)
class Fold:
    """What every method forecast from the origins of one fold."""

    number: int
    rows: Int[np.ndarray, " B"]
    """Origins: last known rows."""
    forecasts: Mapping[str, Float[np.ndarray, "B H K"]]
    """By method, in the user's units; the model first. Of labels their numbers in the panel."""
    bounds: Mapping[str, Float[np.ndarray, "B H K"]] = field(default_factory=dict)
    """Ends of the model's intervals: lo-80, hi-80, ...; of labels the probability of each."""
    shares: Mapping[str, Float[np.ndarray, "B H K Q"]] = field(default_factory=dict)
    """Of labels, by method: the probability of each, in the order that the panel has them."""

    @property
    def target_rows(self) -> Int[np.ndarray, "B H"]:
        """The rows that are forecast."""
        horizon = next(iter(self.forecasts.values())).shape[1]
        return self.rows[:, None] + 1 + np.arange(horizon)


def without_last(panel: Panel, rows: int) -> tuple[Panel, Int[np.ndarray, " S"]]:
    """A panel without the last rows of every series, and the numbers of the series that are left.

    Args:
        panel: series of any length; one of no more than `rows` is left out.
        rows: to cut off.
    """
    series = np.flatnonzero(panel.lengths > rows)
    panel = panel.select(series)
    lengths = panel.lengths - rows
    kept = ragged_ranges(panel.offsets[:-1], lengths)
    return replace(
        panel, values=panel.values[kept], offsets=offsets_of(lengths), lines=panel.lines_at(kept)
    ), series
