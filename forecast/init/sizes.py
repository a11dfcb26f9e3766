"""How far a proposal forecasts, and how many rows it holds back for validation and test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from forecast.config.windows import SplitConfig
from forecast.data.panel import Panel
from forecast.data.split import split
from forecast.errors import ConfigError
from forecast.init.rules import MANY_SERIES

HORIZONS = {1: 6, 4: 8, 52: 13}
"""Horizon for a season; a season of another length is its own horizon."""
LONGEST_HORIZON = 96
"""Steps, where a season is long: a day has 1,440 minutes."""
LEAST_HISTORY = 3
"""Known rows up to the origin of a window, where a series has so many."""


@dataclass(frozen=True)
class HeldBack:
    """Rows at the end of each series that are not for training."""

    validation: int
    test: int
    train: Int[np.ndarray, " S"]
    """Rows that are left of each series."""
    comment: str
    """What is said of them."""


def chosen_horizon(panel: Panel, season: int, wanted: int | None) -> int:
    """Steps to forecast: as wanted if a single window holds them, else by season and length.

    Rows that wait for their target are those to forecast: all of them, and no more where covariates
    are known ahead, for behind the last of them they are not.

    Args:
        panel: the table.
        season: rows.
        wanted: by the user; None: nothing is.

    Raises:
        ConfigError: if the longest series is no longer than the horizon.
    """
    longest = int(panel.lengths.max())
    if wanted is None:
        share = 4 if panel.num_series >= MANY_SERIES else 8
        usual = HORIZONS.get(season, season)
        if panel.ahead is not None:
            waiting = int(panel.ahead.lengths.min())
            usual = waiting if panel.ahead.columns else max(usual, waiting)
        return max(1, min(usual, LONGEST_HORIZON, int(np.median(panel.lengths)) // share))
    if wanted < 1:
        raise ConfigError(f"--horizon {wanted} is not allowed; ask for 1 step or more")
    if wanted >= longest:
        raise ConfigError(
            f"--horizon {wanted} is too long for {longest} rows; give at most {longest - 1}, or"
            " more rows"
        )
    return wanted


def held_back(panel: Panel, horizon: int, most_parts: int) -> HeldBack:
    """Rows for validation and test: a tenth and a fifth, and at least a horizon of each.

    Where the median series cannot spare as many beside a window to train on, both are a horizon,
    and series that can spare one of them give up the other in turn. Validation comes first where
    a table has rows for one of them only: with it a training knows when to stop and how wide
    intervals are, with test rows only how good it was.

    Args:
        panel: the table.
        horizon: steps to forecast; the longest series is longer.
        most_parts: that hold rows back: 2, 1 (validation) or 0, where with more there is no window,
            or nothing to learn.
    """
    lengths = panel.lengths
    needed = horizon + min(LEAST_HISTORY, int(lengths.max()) - horizon)
    rows, spare = int(np.median(lengths)), lengths - needed
    validation, test = max(horizon, rows // 10), max(horizon, rows // 5)
    comment = "rows at the end of each series"
    if rows - needed < validation + test:
        holding = int((spare >= horizon).sum())
        has_both = holding > 1 or (spare >= 2 * horizon).any()
        validation, test = horizon if holding else 0, horizon if has_both else 0
        comment = {
            (True, True): f"{comment}; short ones give up one of them, by turns",
            (True, False): f"{comment}; too few to test on as well",
            (False, False): "the series are too short to hold rows back",
        }[holding > 0, bool(has_both)]
    if most_parts < 2 and test:
        validation, test = validation if most_parts else 0, 0
        comment = "with more held back too little would be left to learn from"
    parts = split(panel, SplitConfig(validation=validation, test=test), needed, horizon)
    return HeldBack(validation, test, np.diff(parts.train)[:, 0], comment)


def least_history(
    lengths: Int[np.ndarray, " S"], train: Int[np.ndarray, " S"], lost: int, horizon: int
) -> int:
    """Known rows from which on a window may be padded: 3, or as few as the shortest series has.

    Args:
        lengths: rows of each series.
        train: of them for training.
        lost: rows that differences take.
        horizon: steps to forecast.
    """
    before = train - lost - horizon  # known rows of the one window that a short series has
    fewest = min(int(lengths.min()) - lost, int(before[before > 0].min(initial=LEAST_HISTORY)))
    return max(1, min(LEAST_HISTORY, fewest))
