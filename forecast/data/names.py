"""Names of series, by several columns too; those of a newer table matched across types."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

Known = Mapping[str, Sequence[str]]
"""Column -> the names that training knows in it."""

NUMBER = re.compile(r"[-+]?(0|[1-9]\d{0,17})(\.\d{0,9})?([eE][-+]?\d{1,2})?", re.ASCII)
"""A number without leading zeros: `007` is a name."""
TRUTH = {"true": "1", "false": "0"}
PART, MARK = re.compile(r"(?:[^/\\]|\\.)+", re.DOTALL), re.compile(r"[/\\]")
"""Of a name such as `north/tea`, and what is written as `\\/` and `\\\\` within one."""
MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d)[ T]00:00(:00(\.0*)?)?\Z", re.ASCII)


def as_known(names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Names of a newer table, those that differ from a known one by type alone as that one.

    A blank cell makes whole numbers of a column fractions, and `1` is written `1.0`; other programs
    write `True` for 1, put blanks around a text, or a midnight behind a date.

    Args:
        names: of series, or categories of a column.
        known: in training; a name that may be two of them is left as it is.
    """
    exact = set(known)
    if exact.issuperset(names):
        return [*names]
    alike: dict[str, list[str]] = {}
    for name in known:
        alike.setdefault(_without_type(name), []).append(name)
    only = {text: names[0] for text, names in alike.items() if len(names) == 1}
    return [name if name in exact else only.get(_without_type(name), name) for name in names]


def name_of(parts: Sequence[str]) -> str:
    """One name of what several columns say: `north/tea`."""
    if len(parts) == 1:
        return parts[0]
    return "/".join(MARK.sub(r"\\\g<0>", part) for part in parts)


def parts_of(name: str, count: int) -> tuple[str, ...]:
    """What each of some columns says of a series, see `name_of`.

    Raises:
        ValueError: for a name that is not made of so many.
    """
    if count == 1:
        return (name,)
    parts = tuple(re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) for part in PART.findall(name))
    if name_of(parts) != name or len(parts) != count:
        raise ValueError(f"{name!r} does not name a series by {count} columns")
    return parts


def _without_type(name: str) -> str:
    """What is left of a name without its type: `1` of 1, 1.0, True and " 1"."""
    text = name.strip()
    if NUMBER.fullmatch(text):
        return str(Decimal(text).normalize() + 0)
    if "00:00" in text:
        return MIDNIGHT.sub(r"\1", text)
    return TRUTH.get(text.lower(), text)
