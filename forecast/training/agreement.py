"""Whether a training may go on: its configuration is that of the beginning, but for a few keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from forecast.config.changes import is_within
from forecast.errors import ConfigError, shown

HOW_LONG = (
    "training.epochs",
    "training.max_steps",
    "training.max_minutes",
    "training.early_stopping",
)
"""Options that say when a training ends."""
WHERE = ("data.path", "device")
"""Options that say where things are."""
MAY_CHANGE = (*HOW_LONG, *WHERE)


def refuse_fixed_options(overrides: Iterable[str]) -> None:
    """Raise a ConfigError for an override of what a training cannot change once it has begun."""
    for override in overrides:
        key = override.partition("=")[0].strip()
        if not is_within(key, MAY_CHANGE):
            raise ConfigError(f"{shown(override)}: {_ALLOWED}; train anew for another")


def says_how_long(overrides: Iterable[str]) -> bool:
    """Whether one of some overrides says when a training ends."""
    return any(is_within(override.partition("=")[0].strip(), HOW_LONG) for override in overrides)


def refuse_other_config(began: Mapping[str, Any], now: Mapping[str, Any], place: str) -> None:
    """Refuse to go on where the configuration is not the one that a training began with.

    Args:
        began: the configuration that the training was saved with, as JSON has it.
        now: the configuration as it is.
        place: file of the configuration, for the message.

    Raises:
        ConfigError: for the first option that differs and may not.
    """
    found = first_difference(began, now, MAY_CHANGE)
    if found is None:
        return
    key, before, after = found
    change = f"is {shown(after)}, the training began with {shown(before)}"
    raise ConfigError(f"{place}: {key} {change}; put it back, or train anew; {_ALLOWED}")


def first_difference(
    before: Mapping[str, Any], after: Mapping[str, Any], free: Iterable[str] = WHERE
) -> tuple[str, Any, Any] | None:
    """The first option in which two configurations differ, and its values; None: they do not.

    Args:
        before, after: configurations, as JSON has them.
        free: options that do not count.
    """
    ours, theirs = (dict(flat(json.loads(json.dumps(each)))) for each in (before, after))
    for key in sorted({*ours, *theirs}):
        if ours.get(key) != theirs.get(key) and not is_within(key, free):
            return key, ours.get(key), theirs.get(key)
    return None


_ALLOWED = f"a resumed training may change {', '.join(MAY_CHANGE)} alone"


def flat(values: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every value under its dotted key; a list is one value."""
    if not isinstance(values, dict) or not values:
        yield above, values
        return
    for key, value in values.items():
        yield from flat(value, f"{above}.{key}" if above else key)
