"""What a user says of a table that no configuration describes, and wants of a configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from forecast.errors import ConfigError


@dataclass(frozen=True)
class Hints:
    """What is known of a table before it is read; what is None is found by looking at it."""

    time: str | None = None
    """Column of the times."""
    ids: Sequence[str] = ()
    """Columns that name the series together; none: they are found."""
    targets: Sequence[str] | None = None
    """Columns to forecast."""
    helping: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """`past`, `future` and `static`: the columns that help in each role, or `auto`."""
    labels: bool = False
    """Whether targets are labels even where they are numbers; texts and truth values always are."""
    timezone: str | None = None
    """Of the times, as in the section `data`."""
    time_format: str | None = None
    """Of the times, as in the section `data`."""
    frequency: str | int | None = None
    """Of the rows, as in the section `data`."""
    duplicates: str | None = None
    """What becomes of rows with the same time, as in the section `data`; None: an error, unless
    they are equal throughout."""


@dataclass(frozen=True)
class Wishes:
    """What a user wants of a configuration; what is None follows from the table."""

    horizon: int | None = None
    """Steps to forecast; None: by the season."""
    season: int | None = None
    """Rows in a season; None: by the frequency, of integer times by the values."""
    holidays: str | None = None
    """Place whose public holidays help, as `DE` or `DE-BY`; None: none."""


NO_HINTS, NO_WISHES = Hints(), Wishes()


def require_minutes(minutes: float, name: str) -> None:
    """Refuse what is no time that a training may take.

    Args:
        minutes: as they were given.
        name: of the option or argument, for the message.

    Raises:
        ConfigError: unless there are some, and an end of them.
    """
    if not 0 < minutes < math.inf:
        raise ConfigError(f"{name} {minutes:g} is not allowed; give a time above 0, e.g. 5")
