"""How the cells of a table are written: marks of numbers, formats and zones of times."""

from __future__ import annotations

import re
from datetime import datetime

from forecast.errors import did_you_mean, shown

THOUSANDS = ("auto", "none", ".", ",", " ", "'", "_", "\u2019", "\u00a0", "\u202f")
"""What may be said of the mark between thousands; the last three are an apostrophe and blanks."""


def mark(value: str) -> str:
    """A mark that does not stand within cells.

    Raises:
        ValueError: for a letter, a digit, a sign, a quote, or the end of a line.
    """
    if value.isalnum() or value in "\"'\r\n+-":
        raise ValueError(f"{shown(value)} stands within cells; give another character")
    return value


def thousands(value: str) -> str:
    """The mark between thousands, `none` or `auto`.

    Raises:
        ValueError: for anything else.
    """
    if value not in THOUSANDS:
        raise ValueError(f"{shown(value)} is no mark of thousands; write auto, none, or e.g. '.'")
    return value


def unit(value: str) -> str:
    """A mark at numbers.

    Raises:
        ValueError: for one that holds a digit or a blank, or is part of a number.
    """
    if re.search(r"[\d\s.,+\-\u2010-\u2015\u2212]", value) or not 1 <= len(value) <= 8:
        raise ValueError(f"{shown(value)} is no mark at numbers; write e.g. {{price: $}}")
    return value


def time_format(value: str) -> str:
    """A format of strptime.

    Raises:
        ValueError: for a directive that is unknown or there twice, or a format without any.
    """
    if "%" not in value:
        raise ValueError(f'{shown(value)} is no strptime format; write e.g. "%d/%m/%Y"')
    reason = ""
    try:
        datetime.strptime("", re.sub("%[qh]", "%m", value))  # quarter and half year
    except re.error:
        reason = "a directive stands in it twice"
    except ValueError as error:  # a good format does not match the empty text either
        reason = str(error) if re.search("bad directive|stray", str(error)) else ""
    if reason:
        raise ValueError(f'{shown(value)} is no time format: {reason}; write e.g. "%d/%m/%Y"')
    parts = set(re.findall("%.", value))
    if ("%G" in parts and "%j" in parts) or len(parts & {"%G", "%V"}) == 1:
        raise ValueError(
            f"{shown(value)} is no time format: %G is the year of the week %V and of nothing else;"
            ' write e.g. "%G-W%V", or %Y for the year of a date'
        )
    if parts & {"%W", "%U"} and not (parts & {"%Y", "%y"} and parts & {"%u", "%w", "%a", "%A"}):
        raise ValueError(
            f"{shown(value)} is no time format: %W and %U need a year and a weekday; write e.g."
            ' "%Y-%W-%w", or "%G-W%V" for weeks of ISO 8601'
        )
    return value


def time_zone(value: str) -> str:
    """A time zone, or an offset such as +02:00.

    Raises:
        ValueError: that guesses at a misspelt zone.
    """
    import zoneinfo

    if re.fullmatch(r"(UTC)?[+-]([01]\d|2[0-3]):[0-5]\d", value):
        return value
    try:
        zoneinfo.ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        near = did_you_mean(value, sorted(zoneinfo.available_timezones()))
        hint = near if near.startswith("did") else "write e.g. Europe/Berlin, UTC or UTC+02:00"
        raise ValueError(f"{shown(value)} is no time zone; {hint}") from None
    return value
