"""What a configuration says about the evaluation: intervals of point forecasts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from forecast.config.options import Count, Section, increasing

LOWEST, HIGHEST = 1, 99.9
"""Levels in percent that are allowed; a share such as 0.8 is none."""
Level = Annotated[float, Field(ge=LOWEST, le=HIGHEST)]


class IntervalConfig(Section):
    """Conformal intervals of a point model, made of its errors on validation and test windows."""

    levels: Annotated[tuple[Level, ...], Field(fail_fast=True)] = (80.0, 95.0)
    """Percent of the values that an interval should hold, from 1 to 99.9; empty: no intervals."""
    origins: Count = 500
    """Most recent origins whose errors make an interval; fewer follow a change sooner."""
    rate: Annotated[float, Field(ge=0, le=1)] = 0.005
    """Step by which a miss widens the next interval in the rolling test; 0: none."""

    @field_validator("levels")
    @classmethod
    def _levels_increase(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        return increasing(value)
