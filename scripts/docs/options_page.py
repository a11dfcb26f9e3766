"""The reference of options, made from the sections of the configuration and their docstrings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from forecast.config.json_schema import descriptions
from forecast.config.options import Option
from forecast.config.tree import Config

HEAD = """\
# Options

Every option of a configuration, with its default and what it may be. This page is made from the
code, so it is what the program does. `forecast config show FILE` prints a configuration with all
of them; `forecast config schema` gives the same to an editor. The commented file
`configs/reference.yaml` is the same list, to copy from.

An option is named by its place: `training.epochs` is `epochs` under `training`. On the command line
it is written `training.epochs=50`.
"""


def options_page() -> str:
    """The page in Markdown."""
    return f"{HEAD}\n{''.join(_section(Config, '', 'The configuration'))}"


def _section(kind: type[BaseModel], path: str, title: str) -> Iterator[str]:
    """A section, its choices, and the sections within."""
    yield f"\n## {title}\n\n{_line(kind.__doc__)}\n\n"
    fields = {name: field for name, field in kind.model_fields.items() if name != "name"}
    yield from _table(kind, fields)
    for name, field in fields.items():
        for choice in _kinds(field.annotation, Option):
            yield from _choice(f"{path}{name}", choice)
    for name, field in fields.items():
        for inner in _kinds(field.annotation, BaseModel):
            if not issubclass(inner, Option):
                place = f"{path}{name}"
                yield from _section(inner, f"{place}.", f"`{place}`")


def _table(kind: type[BaseModel], fields: dict[str, FieldInfo]) -> Iterator[str]:
    described = descriptions(kind)
    yield "| option | | default | may be |\n|---|---|---|---|\n"
    for name, field in fields.items():
        cells = (f"`{name}`", _line(described.get(name)), _default(field), _allowed(field))
        yield f"| {' | '.join(cells)} |\n"


def _choice(place: str, option: type[BaseModel]) -> Iterator[str]:
    """One entry of a choice, with its own options."""
    name = option.key() if issubclass(option, Option) else ""
    yield f"\n### `{place}: {name}`\n\n{_line(option.__doc__)}\n\n"
    fields = {key: field for key, field in option.model_fields.items() if key != "name"}
    if fields:
        yield from _table(option, fields)


def _kinds(annotation: Any, base: type[BaseModel]) -> list[type[BaseModel]]:
    """The sections that a type may hold, in order."""
    if isinstance(annotation, type) and issubclass(annotation, base):
        return [annotation]
    found = [kind for part in get_args(annotation) for kind in _kinds(part, base)]
    return list(dict.fromkeys(found))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**must be given**"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Option):
        return f"`{value.key()}`"
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, tuple):
        return f"`[{', '.join(v.key() if isinstance(v, Option) else str(v) for v in value)}]`"
    if value is None or isinstance(value, bool):
        return f"`{json.dumps(value)}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _allowed(field: FieldInfo) -> str:
    options = _kinds(field.annotation, Option)
    if options:
        return ", ".join(f"`{each.key()}`" for each in options if issubclass(each, Option))
    found = list(dict.fromkeys(_words(field.annotation, list(field.metadata))))
    return " or ".join(found) or "see below"


def _words(annotation: Any, limits: list[Any]) -> Iterator[str]:
    """What values of a type look like."""
    if annotation is type(None):
        yield "`null`"
    elif annotation is bool:
        yield "`true`, `false`"
    elif annotation in (int, float):
        yield f"{'a whole number' if annotation is int else 'a number'}{_limits(limits)}"
    elif annotation is str:
        yield "a text"
    elif get_origin(annotation) is Literal:
        yield ", ".join(f"`{value}`" for value in get_args(annotation))
    elif get_origin(annotation) is tuple:
        inner = list(dict.fromkeys(_words(get_args(annotation)[0], [])))
        yield f"a list: {' or '.join(inner)}" if inner else "a list"
    elif hasattr(annotation, "__metadata__"):
        yield from _words(get_args(annotation)[0], _flat(annotation.__metadata__))
    elif not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        for part in get_args(annotation):
            yield from _words(part, limits)


def _flat(metadata: tuple[Any, ...]) -> list[Any]:
    return [limit for each in metadata for limit in getattr(each, "metadata", [each])]


def _limits(limits: list[Any]) -> str:
    signs = {"gt": "above", "ge": "from", "lt": "below", "le": "up to"}
    found = [
        f" {word} {getattr(limit, sign):,}"
        for sign, word in signs.items()
        for limit in limits
        if getattr(limit, sign, None) is not None and abs(getattr(limit, sign)) < 2**31 - 1
    ]
    return "".join(found)


def _line(text: str | None) -> str:
    """A docstring on one line, safe in a table."""
    return " ".join((text or "").split()).replace("|", "\\|").replace("<", "&lt;")
