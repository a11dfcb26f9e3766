"""Covariates within a graph: scaled numbers, codes of categories, calendar waves of integers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from forecast.data.covariates import CALENDAR, FittedCovariate

DAY = 86_400
CYCLE = 146_097
"""Days of 400 years, after which the calendar comes again."""
FROM_MARCH_0 = 719_468
"""Days from the first of March of year 0 to 1970."""
BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
Whole = Int[Tensor, "..."]


class Dates:
    """Parts of dates, as pandas names them; only what is asked for becomes part of a graph.

    Args:
        seconds: since 1970 on a wall clock, after the year 0.
    """

    def __init__(self, seconds: Whole) -> None:
        since_march = seconds + FROM_MARCH_0 * DAY  # positive: whole division rounds down
        self.second = since_march % DAY
        """Of the day."""
        self._days = _whole(since_march, DAY)

    @property
    def days(self) -> Whole:
        """Since 1970."""
        return self._days - FROM_MARCH_0

    @cached_property
    def dayofweek(self) -> Whole:
        """Monday is 0; 1970 began on a Thursday."""
        return (self._days + (3 - FROM_MARCH_0) % 7) % 7

    @cached_property
    def in_year(self) -> tuple[Whole, Whole, Whole]:
        """Day of the month, month, and day of the year."""
        return _in_year(self._days)

    @cached_property
    def week(self) -> Whole:
        """Of ISO 8601: that of the Thursday."""
        _, _, thursday = _in_year(self._days - self.dayofweek + 3)
        return _whole(thursday - 1, 7) + 1


def _in_year(days: Whole) -> tuple[Whole, Whole, Whole]:
    """Day of the month, month and day of the year of days since the first of March of year 0.

    Source: Hinnant 2013, "chrono-compatible low-level date algorithms".
    """
    of_cycle = days % CYCLE
    leaps = -_whole(of_cycle, 1_460) + _whole(of_cycle, 36_524) - _whole(of_cycle, CYCLE - 1)
    year = _whole(of_cycle + leaps, 365)
    from_march = of_cycle - (365 * year + _whole(year, 4) - _whole(year, 100))
    place = _whole(5 * from_march + 2, 153)  # months since March
    day = from_march - _whole(153 * place + 2, 5) + 1
    month = place + torch.where(place < 10, 3, -9)
    year = year + (month <= 2).long()
    is_leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    before = torch.tensor(BEFORE_MONTH)[month - 1]
    return day, month, before + day + (is_leap & (month > 2)).long()


def _whole(values: Whole, divisor: int) -> Whole:
    """Whole division of numbers that are not negative."""
    return torch.div(values, divisor, rounding_mode="trunc")


PARTS: Mapping[str, Callable[[Dates], Tensor]] = {
    "minute": lambda date: _whole(date.second, 60) % 60,
    "hour": lambda date: _whole(date.second, 60).double() / 60,
    "dayofweek": lambda date: date.dayofweek,
    "day": lambda date: date.in_year[0] - 1,
    "dayofyear": lambda date: date.in_year[2] - 1,
    "week": lambda date: date.week - 1,
    "month": lambda date: date.in_year[1] - 1,
    "quarter": lambda date: _whole(date.in_year[1] - 1, 3),
}
"""What `CALENDAR` of the data reads of dates."""


def calendar_waves(
    seconds: Int[Tensor, "B T"], names: Sequence[str]
) -> Float[Tensor, "B T columns"]:
    """sin and cos of each name, as `calendar_values` of the data.

    Args:
        seconds: since 1970 on the wall clock of the time axis.
        names: keys of `CALENDAR`.
    """
    dates = Dates(seconds)
    waves = []
    for name in names:
        angle = 2 * math.pi * PARTS[name](dates).double() / CALENDAR[name][1]
        waves += [torch.sin(angle), torch.cos(angle)]
    return torch.stack(waves, dim=-1)


def encoded(
    fitted: Sequence[FittedCovariate], values: Float[Tensor, "*B C"]
) -> list[Float[Tensor, "*B columns"]]:
    """Each covariate as the model sees it.

    Args:
        fitted: one for each column.
        values: numbers; of a category its code from 1, anything else for one that is unknown.
    """
    return [_encoded(each, values[..., [place]]) for place, each in enumerate(fitted)]


def _encoded(fitted: FittedCovariate, values: Float[Tensor, "*B 1"]) -> Float[Tensor, "*B columns"]:
    if not fitted.option.is_categorical:
        return (values - fitted.location) / fitted.scale
    count = len(fitted.categories)
    if fitted.option.encoding == "one_hot":
        codes = torch.arange(1, count + 1)
        return (values == codes.to(values.dtype)).to(values.dtype)
    is_known = (values >= 1) & (values <= count)
    codes = torch.where(is_known, values, 0.0)
    return codes / max(count, 1) if fitted.option.encoding == "ordinal" else codes
