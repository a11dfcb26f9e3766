"""Whether an output that a page shows is the output of now.

Words must be the same. What depends on clock and machine is masked: times of day, durations,
megabytes. Other numbers may differ by two percent, as another processor rounds otherwise and a
training passes that on; those with one digit behind the point by one of it, for they are rounded.
"""

from __future__ import annotations

import math
import re

from scripts.docs.blocks import ELISION

MASKED = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:[\d:.]+(Z|[+-][\d:]+)?|\d{8}[T-]\d{6}Z?|\b\d\d:\d\d(:\d\d)?\b"
    r"|((about|below) )?[\d.,]+ (s|ms|min|minutes?|seconds?)\b"
    r"|(below )?[\d.,]+ [kMG]B\b|\b0x[0-9a-f]+\b"
)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.]*\w)")
ROUNDED, LAST_DIGIT = re.compile(r"[-+]?[1-9]\d*\.\d"), 0.101
"""Numbers with one digit behind the point, and by how much more of it they may differ."""
TOLERANCE = 0.02
MASK = "~"


def agree(shown: str, found: str, numbers: bool = True) -> bool:
    """Whether a shown output is what was found.

    Args:
        shown: on the page, with `...` for lines that are left out.
        found: what was printed.
        numbers: whether they must agree, or the words alone.
    """
    if not numbers:
        shown, found = (NUMBER.sub("0", text) for text in (shown, found))
    parts: list[list[str]] = [[]]
    for line in shown.splitlines():
        if line.strip() == ELISION:
            parts.append([])
        else:
            parts[-1].append(line)
    return _match(parts, found.splitlines())


def _match(parts: list[list[str]], lines: list[str]) -> bool:
    """Whether the first part begins the lines, the last ends them, and the rest lie between."""
    first, *rest = parts
    if not _same_lines(first, lines[: len(first)]):
        return False
    lines = lines[len(first) :]
    if not rest:
        return not lines
    for part in rest[:-1]:
        places = (n for n in range(len(lines)) if _same_lines(part, lines[n : n + len(part)]))
        place = next(places, None)
        if place is None:
            return False
        lines = lines[place + len(part) :]
    return _same_lines(rest[-1], lines[len(lines) - len(rest[-1]) :])


def _same_lines(shown: list[str], found: list[str]) -> bool:
    return len(shown) == len(found) and all(map(same_line, shown, found))


def same_line(shown: str, found: str) -> bool:
    """Whether two lines say the same: words alike, numbers within the tolerance."""
    one, other = (MASKED.sub(MASK, line) for line in (shown, found))
    numbers = NUMBER.findall(one), NUMBER.findall(other)
    same_words = NUMBER.sub("#", one).split() == NUMBER.sub("#", other).split()
    return same_words and all(map(_close, *numbers))


def _close(shown: str, found: str) -> bool:
    one, other = (float(text.replace(",", "")) for text in (shown, found))
    least = LAST_DIGIT if ROUNDED.fullmatch(shown) else TOLERANCE / 10
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=least)
