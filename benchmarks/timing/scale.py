"""Time and memory against the number of rows and of series."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from timing.made_tables import made_table
from timing.processes import Settings, ours, timed
from timing.tables import seconds, table, whole

ROWS_OF_A_SERIES = 300
SIZES = (
    *((1, 10**power) for power in (5, 6, 7)),
    *((series, ROWS_OF_A_SERIES) for series in (1_000, 10_000, 100_000)),
)
QUICK_SIZES = ((1, 10_000), (100, ROWS_OF_A_SERIES))
FORMATS = ("csv", "parquet")
STEPS, QUICK_STEPS = 40, 4
HEAD = (
    "series",
    "rows of each",
    "file",
    "read, s",
    "prepare, s",
    "of it index, s",
    "us a row",
    "start of an epoch, s",
    "ms a step",
    "x kernel",
    "epoch outside kernel, %",
    "peak, MB",
    "x bound",
)


def bound(values: int) -> float:
    """MB that the peak must not exceed: 4 times the float32 values, and 600."""
    return 4 * 4 * values / 1e6 + 600


def row(series: int, rows: int, kind: str, runs: list[dict[str, Any]]) -> list[str]:
    """Medians over the runs."""
    found = {name: median(run[name] for run in runs) for name in runs[0]}
    values = series * rows
    step, kernel = found["step"], found["kernel"]
    outside = 1 - found["steps"] * kernel / (found["start"] + found["steps"] * step)
    return [
        whole(series),
        whole(rows),
        kind,
        seconds(found["read"]),
        seconds(found["prepare"]),
        seconds(found["index"]),
        f"{1e6 * (found['read'] + found['prepare']) / values:.2f}",
        seconds(found["start"]),
        f"{1e3 * step:.1f}",
        f"{step / kernel:.2f}",
        f"{100 * outside:.1f}",
        whole(found["peak"]),
        f"{found['peak'] / bound(values):.2f}",
    ]


def part(settings: Settings) -> Iterator[str]:
    """Lines of the results."""
    steps = QUICK_STEPS if settings.is_quick else STEPS
    yield "Scale: one column, batch 32. Index: the windows alone. An epoch starts with the order of"
    yield "its windows; outside the kernel: what a whole epoch takes beyond its steps' forward and"
    yield "backward, from these figures. Bound: 4 times the float32 values + 600 MB.\n"
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for series, length in QUICK_SIZES if settings.is_quick else SIZES:
            for kind in FORMATS:
                path = made_table(Path(folder) / f"made.{kind}", series, length)
                command = ours("scale_ours.py", path, steps)
                runs = [json.loads(timed(command)[1]) for _ in range(settings.rounds)]
                rows.append(row(series, length, kind, runs))
                path.unlink()
    yield from table(HEAD, rows)
