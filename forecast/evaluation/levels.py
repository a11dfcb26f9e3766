"""Levels of intervals, in percent: which of them a model can give, and at which quantiles they end.

A level of 80 percent is the interval between the quantiles 0.1 and 0.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np

from forecast.config.intervals import HIGHEST, LOWEST
from forecast.errors import ConfigError, shown
from forecast.evaluation.conformal import Calibration

Levels = int | float | Sequence[int | float] | None
"""Percent of the values that intervals should hold; None: as configured."""


def central_intervals(quantiles: Sequence[float]) -> dict[str, tuple[int, int]]:
    """Level in percent -> numbers of the two quantiles that lie symmetrically about the median."""
    return {
        f"{100 * (quantiles[high] - quantiles[low]):.6g}": (low, high)
        for low in range(len(quantiles))
        for high in range(low + 1, len(quantiles))
        if abs(quantiles[low] + quantiles[high] - 1) < 1e-9
    }


def interval_quantiles(levels: Sequence[float]) -> tuple[float, ...]:
    """Rising quantiles: the lower ends of the intervals, the median, the upper ends."""
    below = [(1 - level / 100) / 2 for level in sorted(levels, reverse=True)]
    return (*below, 0.5, *(1 - quantile for quantile in reversed(below)))


def conformal_levels(
    asked: Levels, configured: Sequence[float], calibration: Calibration | None
) -> tuple[float, ...]:
    """Rising levels for which a point model has intervals.

    Args:
        asked: levels that must be there; None: those configured, as far as they are there.
        configured: rising levels.
        calibration: what is known of the errors.

    Raises:
        ConfigError: for a level that is no percentage, or has too few errors behind it.
    """
    wanted = configured if asked is None else in_percent(asked)
    lacking = _lacking(wanted, calibration)
    if asked is not None and lacking:
        raise ConfigError(f"level {lacking[0]:g}: {_why(lacking[0], calibration)}")
    return tuple(level for level in wanted if level not in lacking)


def what_is_left_out(configured: Sequence[float], calibration: Calibration | None) -> str | None:
    """One line about configured levels without intervals; None if there are no such levels."""
    lacking = _lacking(configured, calibration)
    if not lacking:
        return None
    why = _why(lacking[0], calibration)
    return f"intervals from {lacking[0]:g} % on are left out: {why}"


def _lacking(levels: Sequence[float], calibration: Calibration | None) -> list[float]:
    return [each for each in levels if calibration is None or not calibration.reaches(each)]


def _why(level: float, calibration: Calibration | None) -> str:
    """Why a level has no interval, and what to do about it."""
    if calibration is None:
        return (
            "the model keeps no errors to make them from; train it with a validation or a test"
            " part, and with intervals.levels"
        )
    return (
        f"such an interval needs {calibration.needed(level)} errors of each step, validation and"
        f" test gave {calibration.count}; raise split.validation or split.test, or take a lower"
        " level"
    )


def chosen_quantiles(quantiles: Sequence[float], asked: Levels) -> list[int]:
    """Numbers of the quantiles of a model that are asked for, the median in the middle.

    Args:
        quantiles: those that the model was trained on, rising.
        asked: levels of intervals; None: all quantiles.

    Raises:
        ConfigError: for an interval that the model was not trained on.
    """
    if asked is None:
        return [*range(len(quantiles))]
    pairs = central_intervals(quantiles)
    wanted = [f"{level:.6g}" for level in in_percent(asked)]
    lacking = next((name for name in wanted if name not in pairs), None)
    if lacking is not None:
        known = " and ".join(f"{name} %" for name in sorted(pairs, key=float)) or "no interval"
        raise ConfigError(
            f"level {lacking}: the model was trained on the quantiles of {known}; ask for what it"
            " has, or train with other training.loss.quantile.levels"
        )
    ends = {number for name in wanted for number in pairs[name]}
    return sorted({len(quantiles) // 2, *ends})


def in_percent(asked: int | float | Sequence[int | float]) -> list[float]:
    """Levels in order, each once.

    Raises:
        ConfigError: for one that no interval can have.
    """
    given = np.atleast_1d(np.asarray(asked, dtype=object))
    for level in given:
        if not isinstance(level, Real) or not LOWEST <= float(level) <= HIGHEST:
            named = f"{level:g}" if isinstance(level, Real) else shown(level)
            raise ConfigError(
                f"level {named} is not allowed; give percent from {LOWEST} to {HIGHEST}, e.g. 80"
            )
    return sorted({*map(float, given)})
