"""Run every attack and write what came of it: `python -m fuzz --share 1 --output FILE`."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from forecast.runs.files import write_atomically
from fuzz.rows import ROWS, Outcome, Row, Show, attack, opened

HEAD = """\
# Reliability

What SECURITY.md promises, attacked. `make fuzz` makes this page anew, row by row: a line that says
an earlier date was not reached. `make test` repeats a small share of it. An attempt is repeated by
its number alone.

Command: `{command}`, {machine}, Python {python}, torch {torch}.

| promise | attack | attempts | faults | seconds | date |
|---|---|---|---|---|---|
"""
EVERY = 30.0
"""Seconds between two lines about a row that is under way."""


def main() -> int:
    """Exit code 1 if a promise was broken."""
    options = _options()
    chosen = [row for row in ROWS if options.rows is None or row.promise in options.rows]
    lines, rest = known_of(Path(options.output)) if options.output else ({}, "")
    faults = 0
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder), options.workers) as pool:
        for row in chosen:
            outcome = attack(row, pool, options.share, _progress(row))
            _tell(outcome)
            faults += len(outcome.faults)
            lines[row.attack] = line_of(outcome)
            if options.output:
                write_atomically(Path(options.output), page_of(lines, rest))
    return int(faults > 0)


def _progress(row: Row) -> Show:
    """Says every now and then how far a row is."""
    last = time.monotonic()

    def show(done: int, count: int) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            print(f"   {row.attack}: {done} of {count}", flush=True)

    return show


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the attempts (default: 1)")
    parser.add_argument("--rows", type=int, nargs="+", help="promises (default: all)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", help="Markdown file (default: none)")
    return parser.parse_args()


def _tell(outcome: Outcome) -> None:
    row = outcome.row
    print(
        f"{row.promise:2} {row.attack}: {outcome.attempts} attempts, {len(outcome.faults)} faults,"
        f" {outcome.seconds:.0f} s",
        flush=True,
    )
    for number, fault in outcome.faults[:20]:
        print(f"   {number}: {fault}", flush=True)


def page_of(lines: Mapping[str, str], rest: str = "") -> str:
    """The page: the lines of all attacks that were ever run, in the order of `ROWS`, and a rest."""
    head = HEAD.format(
        command=f"python -m fuzz {' '.join(sys.argv[1:])}",
        machine=f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        python=platform.python_version(),
        torch=version("torch"),
    )
    return head + "".join(lines[row.attack] for row in ROWS if row.attack in lines) + rest


def line_of(outcome: Outcome) -> str:
    """The line of an attack."""
    row, date = outcome.row, datetime.now(UTC).strftime("%Y-%m-%d")
    numbers = (outcome.attempts, len(outcome.faults), f"{outcome.seconds:.0f}")
    return f"| {' | '.join(map(str, (row.promise, row.attack, *numbers, date)))} |\n"


def known_of(page: Path) -> tuple[dict[str, str], str]:
    """The lines of a page by their attacks, and what stands behind the table; a page may be new."""
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    table, heading, rest = text.partition("\n## ")
    lines = [line for line in table.splitlines(keepends=True) if line.startswith("| ")]
    return {line.split(" | ")[1]: line for line in lines}, heading + rest


if __name__ == "__main__":
    sys.exit(main())
