"""Values as lines of YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from forecast.config.yaml import scalar

LINE_LENGTH = 100
PLAIN = re.compile(r"[A-Za-z_./][\w/.-]*", re.ASCII)
"""Text that YAML reads as itself, unless it is a number or a constant."""


def section_lines(name: str, values: Mapping[str, object]) -> list[str]:
    """A section in one line if it fits, else a line a key."""
    line = f"{name}: {flow(values)}"
    if len(line) <= LINE_LENGTH:
        return [line]
    return [f"{name}:", *(f"  {key}: {flow(value)}" for key, value in values.items())]


def flow(value: object) -> str:
    """A value as one line of YAML."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{flow(key)}: {flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, str):
        is_plain = PLAIN.fullmatch(value) and isinstance(scalar(value), str)
        return value if is_plain else _quoted(value)
    if isinstance(value, Sequence):
        return f"[{', '.join(map(flow, value))}]"
    return str(value).lower()


def _quoted(text: str) -> str:
    if text.isprintable():  # what turns text around is escaped
        return json.dumps(text, ensure_ascii=False)
    import yaml

    width = 10 * len(text) + 100  # never reached: one line
    return yaml.safe_dump(text, default_style='"', width=width).strip()
