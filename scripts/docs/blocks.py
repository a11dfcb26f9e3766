"""The blocks of a page: what is run, what is written to a file, and the output that is shown.

```console            every line that begins with `$ ` is a command, the rest is its output
```python             is run, one block after the other; an ```output block shows what it prints
```yaml title="NAME"  is written to NAME, as is every block with a title
```sh                 is shown, not run: see tests/docs/test_pages.py for which may be
<!-- show 1-3 -2- --> before a block: the lines of output to keep when it is filled
<!-- fails -->        before a block: its commands end with an error
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

FENCE = re.compile(
    r"^(?:<!-- (?P<note>[^>]*) -->\n)?"
    r"^```(?P<kind>\w+)(?: title=\"(?P<title>[^\"]*)\")?\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
ELISION = "..."
"""A line that stands for any number of lines."""


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    kind: str
    text: str
    title: str
    note: str
    line: int
    """In the page, from 1."""
    span: tuple[int, int]
    """Of the text in the page."""

    @property
    def fails(self) -> bool:
        """Whether its commands end with an error."""
        return "fails" in self.note.split()

    @property
    def varies(self) -> bool:
        """Whether its numbers are those of a machine."""
        return "varies" in self.note.split()

    @property
    def kept(self) -> str:
        """The lines of output to keep, such as "1-3 -2-"; empty: all of them."""
        return self.note.partition("show ")[2].replace("varies", "").strip()


@dataclass(frozen=True)
class Command:
    """A command of a console block, and the output that the page shows."""

    written: str
    """On one or more lines, of which all but the last end in a backslash."""
    shown: str

    @property
    def words(self) -> str:
        """On one line."""
        return " ".join(line.rstrip("\\").strip() for line in self.written.split("\n"))


def blocks_of(page: str) -> list[Block]:
    """The fenced blocks of a page."""
    return [
        Block(
            kind=found["kind"],
            text=found["text"],
            title=found["title"] or "",
            note=found["note"] or "",
            line=page.count("\n", 0, found.start("text")),
            span=found.span("text"),
        )
        for found in FENCE.finditer(page)
    ]


def commands_of(text: str) -> list[Command]:
    """The commands of a console block; a line that ends in a backslash goes on."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [Command(*_split(part)) for part in parts]


def _split(part: str) -> tuple[str, str]:
    written, _, shown = part.partition("\n")
    while written.endswith("\\"):
        more, _, shown = shown.partition("\n")
        written = f"{written}\n{more}"
    return written, shown


def shortened(output: str, kept: str) -> str:
    """The lines of an output that are kept; `...` stands for each run of others.

    Args:
        output: of a command.
        kept: such as "1-3 -2-": from the first to the third, and the last two; empty: all.
    """
    lines = output.splitlines()
    if not kept:
        return output
    numbers = sorted({n for span in kept.split() for n in _numbers(span, len(lines))})
    return "".join(f"{line}\n" for line in _with_gaps(lines, numbers))


def _numbers(span: str, count: int) -> range:
    """Places from 0 of a span such as 3, 1-3, 5- or -2- (the last two)."""
    if span.startswith("-"):
        return range(max(0, count - int(span.strip("-"))), count)
    first, dash, last = span.partition("-")
    end = int(last) if last else count if dash else int(first)
    return range(int(first) - 1, min(end, count))


def _with_gaps(lines: list[str], numbers: list[int]) -> Iterator[str]:
    before = -1
    for number in numbers:
        if number != before + 1:
            yield ELISION
        yield lines[number]
        before = number
    if before != len(lines) - 1:
        yield ELISION
