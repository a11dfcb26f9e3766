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

from forecast.errors import ConfigError, printable, shown

MAX_BYTES = 262_144
MAX_DEPTH = 20
TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
MAX_DIGITS = 40

KeyPath = tuple[str | int, ...]
"""Keys and numbers of items that lead to a value, from the top of a document."""

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONSTANTS: dict[str, Any] = {
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
    lines: Mapping[KeyPath, int] = field(default_factory=dict)


def read_yaml(text: str, source: str) -> Document:
    """Read one YAML document.

    Args:
        text: the YAML text, at most 256 KiB and 20 levels deep.
        source: its name in error messages.

    Returns:
        Mappings as dictionaries, sequences as tuples, and the line of each key and item.

    Raises:
        ConfigError: with source and line, for anything that is not plain, unambiguous YAML.
    """
    if len(text) > MAX_BYTES:
        raise ConfigError(
            f"{source}: {len(text)} characters; a configuration has at most {MAX_BYTES}"
        )
    try:
        return _Reader(text, source).document()
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        line, reason = _what_is_wrong(error, text)
        raise ConfigError(f"{source}:{line}: not valid YAML: {reason}") from None


def scalar(text: str) -> Any:
    """The value of a plain (unquoted) YAML 1.2 scalar; what is not a number or constant is text.

    An integer of more than 40 digits becomes a float, for reading it exactly takes too long.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) <= MAX_DIGITS else float(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def write_yaml(values: Any) -> str:
    """Plain values as printable YAML that `read_yaml` reads back equal."""
    text = yaml.dump(values, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=100)
    return "\n".join(map(printable, text.split("\n")))  # what is escaped stands in double quotes


class _Writer(yaml.SafeDumper):
    """Quotes whatever `read_yaml` would not read back as text, such as `1e-3`."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = isinstance(scalar(text), str)
    style = '"' if not text.isprintable() else None if plain else "'"
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _text)


def _what_is_wrong(error: Exception, text: str) -> tuple[int, str]:
    """Line and reason of an error of PyYAML."""
    if not isinstance(error, yaml.MarkedYAMLError):
        match = yaml.reader.Reader.NON_PRINTABLE.search(text)
        position, character = (match.start(), match[0]) if match else (0, str(error))
        return text.count("\n", 0, position) + 1, f"{character!r} is no text; take it out"
    mark = error.problem_mark or error.context_mark
    reason = ", ".join(part for part in (error.context, error.problem) if part)
    if "nesting depth" in reason:
        reason = TOO_DEEP
    if "cannot start any token" in reason:
        reason += "; indent with spaces, and quote a value that begins with %, @ or `"
    return _line(mark) if mark else 1, reason


class _Reader:
    """Builds the value of a text from PyYAML's events, so that nothing is expanded unseen."""

    def __init__(self, text: str, source: str) -> None:
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self.events = yaml.parse(text, Loader=loader)
        self.source = source
        self.lines: dict[KeyPath, int] = {}

    def document(self) -> Document:
        """The only document of the text."""
        next(self.events)  # the stream starts
        if isinstance(next(self.events), yaml.StreamEndEvent):
            return Document(None, self.lines)
        value = self._value(next(self.events), ())
        next(self.events)  # the document ends
        after = next(self.events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._refusal(after, "a second document; keep one")
        return Document(value, self.lines)

    def _value(self, event: Any, path: KeyPath) -> Any:
        """The value that begins with an event; its further events are taken as well."""
        self._require_plain(event)
        self.lines.setdefault(path, _line(event.start_mark))
        if isinstance(event, yaml.ScalarEvent):
            return event.value if event.style else scalar(event.value)
        if len(path) == MAX_DEPTH:
            raise self._refusal(event, TOO_DEEP)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return tuple(items)

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            self._require_plain(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise self._refusal(event, "a key must be a word")
            key = event.value
            if key in result:
                raise self._refusal(event, f"key {shown(key)} appears twice; keep one")
            self.lines[(*path, key)] = _line(event.start_mark)
            result[key] = self._value(next(self.events), (*path, key))
        return result

    def _require_plain(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise self._refusal(event, "anchors and aliases are not allowed; write the value out")
        if event.tag:
            raise self._refusal(event, "tags are not allowed; write a plain value")

    def _refusal(self, event: Any, reason: str) -> ConfigError:
        return ConfigError(f"{self.source}:{_line(event.start_mark)}: {reason}")


def _line(mark: Any) -> int:
    """The line of a mark of PyYAML, counted from 1."""
    return int(mark.line) + 1
