"""Run every attack and write what came of it: `python -m fuzz --share 1 --output FILE`."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from fuzz.rows import ROWS, Outcome, attack, opened

HEAD = """\
# Reliability

What SECURITY.md promises, attacked. `make fuzz` makes this page anew; `make test` repeats a
small share of it. An attempt is repeated by its number alone.

Command: `{command}`, {date}, {machine}, Python {python}, torch {torch}.

| promise | attack | attempts | faults | seconds |
|---|---|---|---|---|
"""


def main() -> int:
    """Exit code 1 if a promise was broken."""
    options = _options()
    chosen = [row for row in ROWS if options.rows is None or row.promise in options.rows]
    outcomes = []
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder), options.workers) as pool:
        for row in chosen:
            outcomes.append(attack(row, pool, options.share))
            _tell(outcomes[-1])
    if options.output:
        from forecast.runs.files import write_atomically

        write_atomically(Path(options.output), _page(outcomes))
    return int(any(outcome.faults for outcome in outcomes))


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


def _page(outcomes: list[Outcome]) -> str:
    head = HEAD.format(
        command=f"python -m fuzz {' '.join(sys.argv[1:])}",
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        machine=f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        python=platform.python_version(),
        torch=version("torch"),
    )
    return head + "".join(_lines(outcomes))


def _lines(outcomes: list[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        row = outcome.row
        cells = (
            row.promise,
            row.attack,
            outcome.attempts,
            len(outcome.faults),
            f"{outcome.seconds:.0f}",
        )
        yield f"| {' | '.join(map(str, cells))} |\n"


if __name__ == "__main__":
    sys.exit(main())
