"""What a configuration says about parts and windows: how rows are split, and cut into samples."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from pydantic import Field, field_validator

from forecast.config.options import LARGEST, Count, Section, Steps, increasing
from forecast.errors import shown

MOST_LAGS = 20
"""Lags that a window reads at most."""


class SplitConfig(Section):
    """Sequential split of each series; what comes before validation and test is for training.

    In rows, a series of a panel that is too short for both keeps what a training window needs: both
    shrink to a horizon, then it gives up one of them (series by turns), then both.
    """

    validation: int | float | str = 0.1
    """Rows (24), a fraction (0.1), or the date of the first row ("2020-01-01")."""
    test: int | float | str = 0.2
    """Rows, a fraction, or the date of the first row."""

    @field_validator("validation", "test")
    @classmethod
    def _is_a_size_or_a_date(cls, value: int | float | str) -> int | float | str:
        if isinstance(value, int) and not 0 <= value <= LARGEST:
            raise ValueError(f"{value} rows is not allowed; write 0 or more")
        if isinstance(value, float) and not 0 <= value < 1:
            raise ValueError(f"{value} is no fraction in [0, 1); write rows as a whole number")
        if isinstance(value, str) and not _is_a_time(value):
            raise ValueError(
                f"{shown(value)} is no date; write 2020-01-01, rows (24) or a fraction (0.1)"
            )
        return value


def _is_a_time(text: str) -> bool:
    """Whether a text is an ISO 8601 date (or year, month, quarter), or an integer time."""
    if re.fullmatch(r"-?\d{1,18}|\d{4}-?Q[1-4]|\d{4}-(0[1-9]|1[0-2])", text):
        return True
    clock = r"([ T]\d\d(:\d\d){0,2}(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?"
    if not re.fullmatch(r"\d{4}-\d\d-\d\d" + clock, text):
        return False
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True


class WindowConfig(Section):
    """The cut of a series into samples."""

    lookback: Steps = 24
    """Rows that the model sees."""
    horizon: Steps = 12
    """Rows that it forecasts."""
    stride: Count = 1
    """Rows between two training windows; evaluation uses every window."""
    least_history: Steps | None = None
    """Known rows that are enough; the first stands for what the lookback lacks; none: all of it."""
    lags: Annotated[tuple[Steps, ...], Field(fail_fast=True, max_length=MOST_LAGS)] = ()
    """Rows back at which targets are read beside each step, e.g. 168 hours for a longer season."""

    @property
    def reach(self) -> int:
        """Rows up to the origin that a window reads: the lookback and the longest lag before it."""
        return self.lookback + max(self.lags, default=0)

    @property
    def rows_read(self) -> int:
        """Known rows up to the origin that a window needs."""
        return min(self.least_history or self.reach, self.reach)

    @field_validator("lags")
    @classmethod
    def _lags_increase(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        return increasing(value)
