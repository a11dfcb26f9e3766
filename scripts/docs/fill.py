"""Fill the outputs that pages show with what their commands print now.

python -m scripts.docs.fill docs/tour.md [PAGE ...]
"""

from __future__ import annotations

import sys
import tempfile
from itertools import groupby
from pathlib import Path

from scripts.docs.blocks import blocks_of, shortened
from scripts.docs.play import Played, furnish, play


def filled(page: str, played: list[Played]) -> str:
    """A page whose outputs are those that were found."""
    texts: dict[tuple[int, int], str] = {}
    blocks = blocks_of(page)
    for block, of_block in groupby(played, lambda each: each.block):
        if block.kind == "console":
            texts[block.span] = "".join(
                f"$ {each.command}\n{shortened(_lines(each.found), block.kept)}"
                for each in of_block
            )
        else:
            after = blocks[blocks.index(block) + 1 :][:1]
            if after and after[0].kind == "output":
                found = "".join(each.found for each in of_block)
                texts[after[0].span] = shortened(_lines(found), after[0].kept)
    for (start, end), text in sorted(texts.items(), reverse=True):
        page = page[:start] + text + page[end:]
    return page


def _lines(found: str) -> str:
    """Without spaces at line ends, which an editor would take away."""
    return "".join(f"{line.rstrip()}\n" for line in found.splitlines())


def main() -> None:
    """Fill the pages that are named; one whose commands do not end as it says stays as it is."""
    for name in sys.argv[1:]:
        path = Path(name).resolve()
        page = path.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            furnish(Path(folder))
            played = []
            for each in play(page, Path(folder)):
                if not each.ok:
                    sys.exit(f"{name}:{each.block.line}: {each.command}\n{each.found}")
                played.append(each)
        path.write_text(filled(page, played), encoding="utf-8")


if __name__ == "__main__":
    main()
