"""Promise 8: what commonly goes wrong with an hourly table is refused at its first bad row."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fuzz.calls import call
from fuzz.material import SMALL, Material, random_of

Random = np.random.Generator
Rows = list[list[str]]

HOURS = 120
"""Of each of two series."""
FIRST = "2024-10-25"
"""Two days before the clocks of Berlin go back."""
CONFIG = """\
data: {path: table.csv, time: ds, target: y, id: unique_id}
transforms: [log, standardize]
split: {validation: 12, test: 14}
window: {lookback: 8, horizon: 4}
"""


@dataclass(frozen=True)
class Bad:
    """A table, and what its refusal has to name."""

    rows: Rows
    row: int
    """The first bad row, or the last good one before a gap; from 0, without the header."""
    column: str
    """Named right behind the place; where a row is missing, that it is."""


def check(number: int, material: Material, scratch: Path) -> str | None:  # noqa: ARG001
    """Train on a table with one fault."""
    random = random_of(80, number)
    kind = list(FAULTS)[number % len(FAULTS)]
    bad = FAULTS[kind](random, _rows(random))
    path = scratch / "table.csv"
    path.write_text("".join(",".join(row) + "\n" for row in (["unique_id", "ds", "y"], *bad.rows)))
    (scratch / "config.yaml").write_text(CONFIG.replace("table.csv", str(path)))
    run = scratch / "run"
    shutil.rmtree(run, ignore_errors=True)
    result = call("train", str(scratch / "config.yaml"), "--run", str(run), "--quiet", *SMALL)
    place = f"{path}:{bad.row + 2}: {bad.column}"
    fault = result.fault(3) or (None if result.line.startswith(place) else f"not at {place}")
    if fault is None and run.exists():
        fault = f"left behind: {[each.name for each in run.iterdir()]}"
    return fault and f"{kind}: {fault}: {result.line}"


def _rows(random: Random) -> Rows:
    """Two series whose times have no zone."""
    times = pd.date_range(FIRST, periods=HOURS, freq="h").strftime("%Y-%m-%d %H:%M")
    values = random.uniform(1, 9, (2, HOURS)).round(3)
    return [
        [name, time, str(v)]
        for name, row in zip("ab", values, strict=True)
        for time, v in zip(times, row, strict=True)
    ]


def _any_row(random: Random, margin: int = 4) -> int:
    """A row with so many of its series before and after it."""
    return int(random.integers(2)) * HOURS + int(random.integers(margin, HOURS - margin))


def _cell(column: int, *cells: str) -> Callable[[Random, Rows], Bad]:
    """One cell is another."""

    def change(random: Random, rows: Rows) -> Bad:
        row = _any_row(random)
        rows[row][column] = cells[int(random.integers(len(cells)))]
        return Bad(rows, row, f"column {('unique_id', 'ds', 'y')[column]!r}")

    return change


def _many_empty(random: Random, rows: Rows) -> Bad:
    first = _any_row(random, 40)
    for row in rows[first : first + int(random.integers(2, 30))]:
        row[2] = ""
    return Bad(rows, first, "column 'y'")


def _twice(random: Random, rows: Rows) -> Bad:
    row = _any_row(random)
    rows.insert(row + 1, [*rows[row][:2], "1.5"])
    return Bad(rows, row + 1, "column 'ds'")


def _gap(hours: int) -> Callable[[Random, Rows], Bad]:
    """So many rows are missing."""

    def change(random: Random, rows: Rows) -> Bad:
        row = _any_row(random, 40)
        del rows[row + 1 : row + 1 + hours]
        return Bad(rows, row, "after this row")

    return change


def _repeated_hour(random: Random, rows: Rows) -> Bad:  # noqa: ARG001
    row = next(n for n, each in enumerate(rows) if each[1] == "2024-10-27 02:00")
    rows.insert(row + 1, [*rows[row][:2], "1.5"])
    return Bad(rows, row + 1, "column 'ds'")


def _swapped(random: Random, rows: Rows) -> Bad:
    row = _any_row(random)
    rows[row], rows[row + 1] = rows[row + 1], rows[row]
    return Bad(rows, row + 1, "column 'ds'")


def _later(random: Random, rows: Rows) -> Bad:
    """The row behind it is the first that comes too early."""
    row = _any_row(random)
    rows[row][1] = "2042" + rows[row][1][4:]
    return Bad(rows, row + 1, "column 'ds'")


FAULTS: dict[str, Callable[[Random, Rows], Bad]] = {
    "an empty value": _cell(2, "", "NaN", "NA", "null"),
    "empty values": _many_empty,
    "no number": _cell(2, "inf", "1e39", "-1e400", "x", "1.5.2", '"1,5"'),
    "a logarithm of none": _cell(2, "0", "-3"),
    "no time": _cell(1, "soon", "2024-02-30 01:00", "", "2024-10-26 25:00"),
    "another format": _cell(1, "26/10/2024 05:00", "26.10.2024", "1729900800"),
    "a later year": _later,
    "an earlier year": _cell(1, "1924-10-26 05:00"),
    "no series": _cell(0, ""),
    "a time twice": _twice,
    "a gap of 30 hours": _gap(30),
    "a gap of an hour": _gap(1),
    "the repeated hour": _repeated_hour,
    "swapped rows": _swapped,
}
