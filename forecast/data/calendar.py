"""Calendar covariates: the place of a date in the day, week, month and year as Fourier pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from forecast.data.times import TimeAxis
from forecast.errors import ConfigError

CALENDAR: dict[str, tuple[Callable[[Any], Any], int]] = {
    "minute": (lambda date: date.minute, 60),
    "hour": (lambda date: date.hour + date.minute / 60, 24),
    "dayofweek": (lambda date: date.dayofweek, 7),
    "day": (lambda date: date.day - 1, 31),
    "dayofyear": (lambda date: date.dayofyear - 1, 366),
    "week": (lambda date: date.isocalendar().week.to_numpy(dtype=float) - 1, 53),
    "month": (lambda date: date.month - 1, 12),
    "quarter": (lambda date: date.quarter - 1, 4),
}
"""Name: (value from 0, period)."""


def calendar_columns(names: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns that `calendar_values` gives."""
    return tuple(f"{name}_{wave}" for name in names for wave in ("sin", "cos"))


def calendar_values(axis: TimeAxis, positions: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """sin and cos of 2 pi value / period, for each name.

    Args:
        axis: an axis of dates; hours and days are those of its zone.
        positions: (N,) positions on the axis, which may lie in the future.
        names: keys of `CALENDAR`.

    Returns:
        (N, 2 * len(names)) float64 in [-1, 1].

    Raises:
        ConfigError: if the axis is one of integers.
    """
    if not names:
        return np.empty((len(positions), 0))
    if axis.is_integer:
        raise ConfigError(
            f"data.calendar: {names[0]!r} needs dates, but the times are integers; set"
            " data.time_format, or leave data.calendar out"
        )
    distinct, inverse = np.unique(positions, return_inverse=True)
    dates = axis.dates(distinct)
    waves: list[np.ndarray] = []
    for name in names:
        value, period = CALENDAR[name]
        angle = 2 * np.pi * np.asarray(value(dates), dtype=np.float64) / period
        waves += [np.sin(angle), np.cos(angle)]
    return np.stack(waves, axis=1)[inverse]
