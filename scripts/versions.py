"""Constraints for pip: `latest` bounds nothing, `oldest` takes what pyproject.toml allows at least.

usage: python scripts/versions.py latest|oldest [TORCH]
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"
FLOOR = re.compile(r"([A-Za-z0-9_.-]+)>=([0-9.]+)$")


def constraints(kind: str, torch: str = "") -> Iterator[str]:
    """The lines of a file of constraints.

    Args:
        kind: "latest" or "oldest"; tools of developers alone are as new as can be in both.
        torch: its version, whatever the kind; empty: as the kind says.

    Raises:
        ValueError: for another kind.
    """
    if kind not in ("latest", "oldest"):
        raise ValueError(f"{kind!r} is neither latest nor oldest")
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    used = [
        *project["dependencies"],
        *(line for name in extras if name != "dev" for line in extras[name]),
    ]
    for line in used:
        found = FLOOR.match(line)
        if found and found[1] == "torch" and torch:
            yield f"torch=={torch}"
        elif found and kind == "oldest":
            yield f"{found[1]}=={found[2]}"


if __name__ == "__main__":
    print(*constraints(*sys.argv[1:]), sep="\n")
