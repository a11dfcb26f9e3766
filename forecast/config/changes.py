"""Values of a configuration before they are checked: overrides, and other changes by dotted key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from forecast.config.options import Option, Section, sections_at
from forecast.config.yaml import KeyPath, read_yaml, scalar
from forecast.errors import ConfigError, shown


def with_tuples(value: Any) -> Any:
    """Values from Python as the YAML reader would give them: plain, and with tuples for lists."""
    if isinstance(value, Section):
        has_short_form = value.__pydantic_decorators__.model_serializers
        # Not dumped, where it need not be: that leaves out what model_copy put in unchecked.
        return with_tuples(value.model_dump() if has_short_form else dict(value))
    if isinstance(value, Mapping):
        return {str(key): with_tuples(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(with_tuples(item) for item in value)
    return str(value) if isinstance(value, Path) else value


def is_within(key: str, names: Iterable[str]) -> bool:
    """Whether a dotted key is one of some names, or stands below one of them."""
    return any(key == name or key.startswith(f"{name}.") for name in names)


def with_override(
    root: type[Section], values: Mapping[str, Any], override: str, overridden: dict[KeyPath, str]
) -> dict[str, Any]:
    """A copy of the values with one override put in.

    Args:
        root: the section that the values are of.
        values: nested mappings, as read from YAML.
        override: `section.key=value`.
        overridden: changed; keeps each override under the key that it wrote, the latest last.

    Raises:
        ConfigError: for an override without a key or a `=`, or with a value that is no YAML.
    """
    dotted, equals, text = (part.strip() for part in override.partition("="))
    keys = tuple(dotted.split("."))
    if not equals or not all(keys):
        raise ConfigError(f"{shown(override)} is no override; write section.key=value")
    overridden.pop(keys, None)  # so that it stands last
    overridden[keys] = override
    if text.startswith(("[", "{", "'", '"')):
        return put(root, values, keys, read_yaml(text, f"override {shown(override)}").value)
    return put(root, values, keys, scalar(text))


def put(
    root: type[Section], values: Any, keys: KeyPath, value: Any, above: KeyPath = ()
) -> dict[str, Any]:
    """A copy of nested mappings with one entry replaced.

    Args:
        root: the section that all of them are of.
        values: as read from YAML.
        keys: where the entry stands in them, one key or more.
        value: of the entry.
        above: keys that lead from the root to these values. Where they lead to a choice, a name
            other than the one written takes its place, with its options.
    """
    first, *rest = keys
    sections = sections_at(root, above)
    result = dict(_entries(values, sections))
    if len(sections) > 1 and first not in result:
        result = {}
    below = (*above, first)
    result[str(first)] = (
        put(root, result.get(str(first)), tuple(rest), value, below) if rest else value
    )
    return result


def with_changes(config: Section, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of a whole configuration, with others put in; nothing is searched any more.

    Args:
        config: what is changed.
        changes: dotted keys and their values, plain as YAML has them.
    """
    values = {**with_tuples(config.model_dump(mode="json")), "tune": {}}
    for key, value in changes.items():
        values = put(type(config), values, tuple(key.split(".")), with_tuples(value))
    return values


def _entries(values: Any, sections: list[type[BaseModel]]) -> Mapping[str, Any]:
    """The entries under a key; a lone value is an option's first one, and a bare name has none."""
    if isinstance(values, Mapping):
        return values
    option = sections[0] if len(sections) == 1 else None
    if values is None or option is None or not issubclass(option, Option) or not option.fields():
        return {}
    return {option.fields()[0]: values}
