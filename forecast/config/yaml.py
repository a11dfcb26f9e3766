"""A strict YAML reader: plain values with the line of every key, in bounded time and memory.

It knows mappings, sequences and the decimal scalars of the YAML 1.2 core schema, so `1e-3` is a
number, `no` is a word, and dates stay text. It refuses duplicate keys, aliases, tags, and anything
large or deep. The writer quotes what this reader would not read back as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from forecast.errors import ConfigError, shown

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
    lines: dict[Path, int] = {}
    try:
        events = yaml.parse(text, Loader=_loader())
        return Document(_document(events, lines, source), lines)
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        line, reason = _what_is_wrong(error, text)
        raise ConfigError(f"{source}:{line}: not valid YAML: {reason}") from None


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
    if "cannot start any token" in reason:
        reason += "; indent with spaces, and quote a value that begins with %, @ or `"
    return _line(mark) if mark else 1, reason


def _loader() -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _document(events: Iterator[Any], lines: dict[Path, int], source: str) -> Any:
    next(events)  # the stream starts
    if isinstance(next(events), yaml.StreamEndEvent):
        return None
    value = _value(next(events), events, (), lines, source)
    next(events)  # the document ends
    after = next(events)
    if not isinstance(after, yaml.StreamEndEvent):
        raise ConfigError(f"{source}:{_line(after.start_mark)}: a second document; keep one")
    return value


def _value(
    event: Any, events: Iterator[Any], path: Path, lines: dict[Path, int], source: str
) -> Any:
    """The value that begins with an event; takes its further events."""
    line = _line(event.start_mark)
    _refuse_the_unplain(event, f"{source}:{line}")
    lines.setdefault(path, line)
    if isinstance(event, yaml.ScalarEvent):
        return event.value if event.style else scalar(event.value)
    if len(path) == MAX_DEPTH:
        raise ConfigError(f"{source}:{line}: nested deeper than {MAX_DEPTH} levels")
    if isinstance(event, yaml.MappingStartEvent):
        return _mapping(events, path, lines, source)
    items: list[Any] = []
    while not isinstance(event := next(events), yaml.SequenceEndEvent):
        items.append(_value(event, events, (*path, len(items)), lines, source))
    return tuple(items)


def _mapping(
    events: Iterator[Any], path: Path, lines: dict[Path, int], source: str
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        place = f"{source}:{_line(event.start_mark)}"
        _refuse_the_unplain(event, place)
        if not isinstance(event, yaml.ScalarEvent):
            raise ConfigError(f"{place}: a key must be a word")
        key = event.value
        if key in result:
            raise ConfigError(f"{place}: key {shown(key)} appears twice; keep one")
        lines[(*path, key)] = _line(event.start_mark)
        result[key] = _value(next(events), events, (*path, key), lines, source)
    return result


def _refuse_the_unplain(event: Any, place: str) -> None:
    if isinstance(event, yaml.AliasEvent) or event.anchor:
        raise ConfigError(f"{place}: anchors and aliases are not allowed; write the value out")
    if event.tag:
        raise ConfigError(f"{place}: tags are not allowed; write a plain value")


def _line(mark: Any) -> int:
    return int(mark.line) + 1
