"""A strict YAML reader: plain values with the line of every key, in bounded time and memory.

It knows mappings, sequences and scalars of the YAML 1.2 core schema, so `1e-3` is a number, `no` is
a word, and dates stay text. It refuses duplicate keys, aliases, tags, and anything large or deep.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from forecast.errors import ConfigError

MAX_BYTES = 262_144
MAX_DEPTH = 20

Path = tuple[str | int, ...]

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    ".inf": float("inf"),
    "-.inf": float("-inf"),
    ".nan": float("nan"),
}


@dataclass(frozen=True)
class Document:
    """What a YAML text says, and the line (from 1) on which each key or item stands."""

    value: Any
    lines: Mapping[Path, int] = field(default_factory=dict)


def read_yaml(text: str, source: str) -> Document:
    """Read one YAML document.

    Args:
        text: the YAML text, at most 256 KiB and 20 levels deep.
        source: its name in error messages.

    Raises:
        ConfigError: with source and line, for anything that is not plain, unambiguous YAML.
    """
    if len(text) > MAX_BYTES:
        raise ConfigError(
            f"{source}: {len(text)} characters; a configuration has at most {MAX_BYTES}"
        )
    try:
        _refuse_the_unplain(text, source)
        node = yaml.compose(text, Loader=_loader())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"{source}:{line}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{source}: not valid YAML: {reason}") from None
    lines: dict[Path, int] = {}
    value = None if node is None else _construct(node, (), lines, source)
    return Document(value, lines)


def scalar(text: str) -> Any:
    """The value of a plain (unquoted) YAML 1.2 scalar; what is no number or constant is text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) < 20 else float(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _loader() -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _refuse_the_unplain(text: str, source: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_loader()):
        line = _line(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ConfigError(
                f"{source}:{line}: anchors and aliases are not allowed; write the value out"
            )
        if getattr(event, "tag", None):
            raise ConfigError(f"{source}:{line}: tags are not allowed; write a plain value")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise ConfigError(f"{source}:{line}: nested deeper than {MAX_DEPTH} levels")


def _line(mark: Any) -> int:
    return int(mark.line) + 1


def _construct(node: yaml.Node, path: Path, lines: dict[Path, int], source: str) -> Any:
    line = _line(node.start_mark)
    lines.setdefault(path, line)
    if isinstance(node, yaml.ScalarNode):
        return node.value if node.style else scalar(node.value)
    if isinstance(node, yaml.SequenceNode):
        items = enumerate(node.value)
        return tuple(_construct(item, (*path, index), lines, source) for index, item in items)
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key_line = _line(key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            raise ConfigError(f"{source}:{key_line}: a key must be a word")
        key = key_node.value
        if key in result:
            raise ConfigError(f"{source}:{key_line}: key {key!r} appears twice; keep one")
        lines[(*path, key)] = key_line
        result[key] = _construct(value_node, (*path, key), lines, source)
    return result
