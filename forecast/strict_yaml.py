"""A strict YAML reader: plain values with the line of every key, in bounded time and memory.

It knows mappings, sequences and the decimal scalars of the YAML 1.2 core schema, so `1e-3` is a
number, `no` is a word, and dates stay text. It refuses duplicate keys, aliases, tags, and anything
large or deep. The writer quotes what this reader would not read back as text.
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
MAX_DIGITS = 40

Path = tuple[str | int, ...]

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
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
    except yaml.YAMLError as error:
        line, reason = _what_is_wrong(error, text)
        raise ConfigError(f"{source}:{line}: not valid YAML: {reason}") from None
    lines: dict[Path, int] = {}
    value = None if node is None else _construct(node, (), lines, source)
    return Document(value, lines)


def scalar(text: str) -> Any:
    """The value of a plain (unquoted) YAML 1.2 scalar; what is no number or constant is text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) <= MAX_DIGITS else float(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def write_yaml(values: Any) -> str:
    """Plain values as YAML that `read_yaml` reads back equal."""
    return yaml.dump(values, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=100)


class _Writer(yaml.SafeDumper):
    """PyYAML quotes what YAML 1.1 takes for something other than text; `1e-3` needs quotes too."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if isinstance(scalar(text), str) else "'"
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _text)


def _what_is_wrong(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """Line and reason of an error of PyYAML."""
    if not isinstance(error, yaml.MarkedYAMLError):
        position = getattr(error, "position", 0)
        reason = f"a control character, {text[position : position + 1]!r}; take it out"
        return text.count("\n", 0, position) + 1, reason
    mark = error.problem_mark or error.context_mark
    reason = ", ".join(part for part in (error.context, error.problem) if part)
    if "cannot start any token" in reason:
        reason += "; indent with spaces, and quote a value that begins with %, @ or `"
    return _line(mark) if mark else 1, reason


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
