"""What a report is made of: plain values, or the reason why one is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecast.reporting.importance import Part


@dataclass(frozen=True)
class Missing:
    """Stands for what a run does not have."""

    reason: str
    """One sentence."""


@dataclass(frozen=True)
class Importance:
    """What became of the error when parts of the input were shuffled."""

    part: str
    """validation or test."""
    windows: int
    error: float
    """MAE of the forecasts, on the model's scale."""
    inputs: Mapping[str, np.ndarray]
    """Input -> (repeats,) rises of that error."""
    lookback: tuple[Part, ...]
    lookback_rises: np.ndarray
    """(stretches, repeats)."""


@dataclass(frozen=True)
class Sweeps:
    """The learning-rate range test of a run."""

    sweeps: Sequence[Any]
    rates: Mapping[str, float | None]
    rule: str


@dataclass(frozen=True)
class Facts:
    """All that a report is made of."""

    run: str
    """Name of the run."""
    targets: tuple[str, ...]
    summary: Mapping[str, Any]
    """As in `summary.json`; older runs lack some keys."""
    pictures: Sequence[Mapping[str, Any]] | Missing
    """As `plots.forecasts` takes them."""
    histories: Sequence[Sequence[Any]] | Missing
    """Epochs of each member."""
    sweeps: Sweeps | Missing
    data: Mapping[str, Any] | Missing
    """`data` and `findings` of `forecast check`."""
    importance: Importance | Missing
    config: str
    """YAML."""
    environment: Mapping[str, Any] | Missing
    profile: Sequence[tuple[str, ...]] | Missing = Missing("Not measured.")
    """Part, seconds, share and meaning of the time that training took."""
    shaded: float = 0.0
    """Level of the interval in the pictures, in percent; 0 without one."""
