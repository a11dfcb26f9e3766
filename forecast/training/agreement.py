"""Whether a training may go on: its configuration is that of the beginning, but for a few keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

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
        if not _is_among(key, MAY_CHANGE):
            raise ConfigError(f"{shown(override)}: {_ALLOWED}; train anew for another")


def says_how_long(overrides: Iterable[str]) -> bool:
    """Whether one of some overrides says when a training ends."""
    return any(_is_among(override.partition("=")[0].strip(), HOW_LONG) for override in overrides)


def refuse_other_config(
    began: Mapping[str, Any], now: Mapping[str, Any], done: int, place: str
) -> None:
    """Refuse to go on where the configuration is not the one that a training began with.

    Args:
        began: the configuration that the training was saved with, as JSON has it.
        now: the configuration as it is.
        done: models of an ensemble that are finished; they ended as they were told.
        place: file of the configuration, for the message.

    Raises:
        ConfigError: for the first option that differs and may not.
    """
    before, after = (dict(_flat(json.loads(json.dumps(config)))) for config in (began, now))
    free = WHERE if done else MAY_CHANGE
    for key in sorted({*before, *after}):
        if before.get(key) == after.get(key) or _is_among(key, free):
            continue
        change = f"is {shown(after.get(key))}, the training began with {shown(before.get(key))}"
        why = f"; {done} models are finished with that" if _is_among(key, HOW_LONG) else ""
        raise ConfigError(f"{place}: {key} {change}{why}; put it back, or train anew. {_ALLOWED}")


_ALLOWED = f"a resumed training may change {', '.join(MAY_CHANGE)} alone"


def _is_among(key: str, names: Iterable[str]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in names)


def _flat(values: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every value under its dotted key; a list is one value."""
    if not isinstance(values, dict) or not values:
        yield above, values
        return
    for key, value in values.items():
        yield from _flat(value, f"{above}.{key}" if above else key)
