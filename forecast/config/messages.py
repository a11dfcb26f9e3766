"""What is wrong with a configuration, in one line: place, key, value and remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from forecast.config.options import sections_at
from forecast.config.yaml import Document, KeyPath, scalar
from forecast.errors import MOST_SHOWN, did_you_mean, shown

_WANTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "a section such as {{{first_key}: ...}}",
    "model_attributes_type": "a name, or a name with its options under it",
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "string_too_short": "text of at least {min_length} character",
    "string_too_long": "text of at most {max_length} character",
    "literal_error": "{expected}",
    "dict_type": "a section of keys",
    "too_short": "of at least {min_length} entries",
    "too_long": "of at most {max_length} entries",
}


def message(
    root: type[BaseModel],
    errors: list[ErrorDetails],
    values: Any,
    document: Document,
    source: str,
    overridden: Mapping[KeyPath, str],
) -> str:
    """One line about the first error.

    A misspelt key comes before all else, because the other errors may follow from it.

    Args:
        root: the section that was validated.
        errors: what pydantic found wrong, at least one.
        values: the nested mappings that were validated, overrides included.
        document: the text's values, with the line of each key.
        source: name of the text.
        overridden: the overrides, each under the key that it wrote, the latest last.

    Returns:
        `file:line: key: what is wrong; what to do`.
    """
    located = [(_written_path(details, values), details) for details in errors]
    path, chosen = min(located, key=lambda pair: pair[1]["type"] != "extra_forbidden")
    path = max((p for p, _ in located if p[: len(path)] == path), key=len)
    together = [details for p, details in located if p == path]
    # Of keys that do not fit together, blame one that is written, best one that an override wrote.
    incompatible = getattr(chosen.get("ctx", {}).get("error"), "keys", ())
    candidates = [(*path, *_parts(key)) for key in incompatible] or [path]
    written = [keys for keys in candidates if _is_written(values, keys)] or candidates
    path = next((keys for keys in written if _override_of(keys, overridden)), written[0])
    key = ".".join(_plain(part) for part in path)
    place = _override_of(path, overridden) or _line_of(path, document, source)
    return f"{place}: {f'{key}: ' if key else ''}{_explain(root, together)}"


def _override_of(path: KeyPath, overridden: Mapping[KeyPath, str]) -> str | None:
    """The latest override that wrote a key, something above it, or something under it."""
    for keys, override in reversed(list(overridden.items())):
        if path and all(a == b for a, b in zip(keys, path, strict=False)):
            return f"override {shown(override)}"
    return None


def _line_of(path: KeyPath, document: Document, source: str) -> str:
    """Source and line of a key, or of the nearest key above it that has a line."""
    parents = (path[:length] for length in range(len(path), 0, -1))
    line = next((document.lines[keys] for keys in parents if keys in document.lines), None)
    return source if line is None else f"{source}:{line}"


def _is_written(values: Any, path: KeyPath) -> bool:
    for part in path:
        is_item = isinstance(values, tuple) and isinstance(part, int) and part < len(values)
        if not is_item and (not isinstance(values, Mapping) or part not in values):
            return False
        values = values[part]
    return True


def _written_path(details: ErrorDetails, values: Any) -> KeyPath:
    """The keys that lead to an error as they are written.

    Pydantic's location also names the member of a union that it tried; such parts are left out. A
    covariate's options are written under its name, which pydantic's location lacks; it is put in.
    """
    path: list[str | int] = []
    for part in details["loc"]:
        if isinstance(values, tuple) and isinstance(part, int):
            values = values[part]
            path.append(part)
        elif isinstance(values, Mapping):
            name, options = next(iter(values.items())) if len(values) == 1 else ("", None)
            if part in values:
                values = values[part]
                path.append(part)
            elif isinstance(options, Mapping) and part in options:
                values = options[part]
                path += [name, part]
            elif details["type"] == "missing" and part == details["loc"][-1]:
                path.append(part)
    return tuple(path)


def _explain(root: type[BaseModel], errors: list[ErrorDetails]) -> str:
    """What is wrong at one place; several errors are those of the members of a union."""
    details = errors[0]
    kind, value = details["type"], details.get("input")
    context = details.get("ctx", {})
    if kind == "extra_forbidden":
        return f"unknown key; {_key_meant(root, *details['loc'])}"
    if kind == "union_tag_invalid":
        known = context["expected_tags"].replace("'", "").split(", ")
        return f"unknown name {shown(context['tag'])}; {did_you_mean(context['tag'], known)}"
    if kind == "missing":
        return "is missing; add it"
    if kind == "value_error":
        return str(context["error"])
    if value is None:
        return "has no value; give one, or leave the key out"
    return _wrong_value(root, value, errors)


def _key_meant(root: type[BaseModel], *path: str | int) -> str:
    """The question whether a key that is like an unknown one was meant; of one without a section,
    a key of any."""
    from forecast.config.keys import key_like  # it knows the whole configuration

    *parents, last = path
    meant = did_you_mean(str(last), _known_keys(root, tuple(parents)))
    if parents or meant.startswith("did"):
        return meant
    key = key_like(str(last)[:MOST_SHOWN])
    return f"did you mean {key!r}?" if key else meant


def _wrong_value(root: type[BaseModel], value: Any, errors: list[ErrorDetails]) -> str:
    """What a value is not, what it must be, and how to write it."""
    wanted = [_wanted(root, details) for details in errors]
    must = " or ".join(dict.fromkeys(wanted)).replace("'", "")
    names = [name for details in errors for name in _literals(details)]
    remedy = ""
    if isinstance(value, str) and names and did_you_mean(value, names).startswith("did"):
        remedy = f"; {did_you_mean(value, names)}"
    elif isinstance(value, str) and "number" in must and not isinstance(scalar(value), str):
        remedy = "; take the quotes off"
    elif wanted == ["text"] and not isinstance(value, Mapping | tuple):
        remedy = "; put it in quotes"
    elif wanted == ["a list"]:
        remedy = "; put it in [ ]"
    return f"{shown(value)} is not allowed: must be {must}{remedy}"


def _wanted(root: type[BaseModel], details: ErrorDetails) -> str:
    """What a value must be, in words; limits that are whole numbers are shown without a point."""
    template = _WANTED.get(details["type"])
    if template is None:
        return details["msg"]
    section, *_ = [*sections_at(root, details["loc"]), root]
    context = {"first_key": next(iter(section.model_fields)), **details.get("ctx", {})}
    whole = {k: int(v) for k, v in context.items() if isinstance(v, float) and v.is_integer()}
    return template.format(**{**context, **whole})


def _literals(details: ErrorDetails) -> list[str]:
    """The words that a choice of words allows: pydantic tells them as `'a', 'b' or 'c'`."""
    return re.findall(r"'([^']*)'", details.get("ctx", {}).get("expected", ""))


def _parts(key: str | KeyPath) -> KeyPath:
    return tuple(key.split(".")) if isinstance(key, str) else key


def _plain(part: str | int) -> str:
    """A part of a key, kept to one short line."""
    text = str(part)
    return text if text.isprintable() and len(text) <= 60 else shown(text)


def _known_keys(root: type[BaseModel], path: KeyPath) -> list[str]:
    """Names of the keys that the section or option at `path` knows."""
    sections = sections_at(root, path)
    return sorted({name for section in sections for name in section.model_fields} - {"name"})
