"""CPU seconds of tables that no configuration describes: large, long and wide ones.

    python benchmarks/reading.py [--repeats 6] [--quick]

Reads each table by `read_unconfigured` in one process, and prints the least CPU seconds; `--quick`
runs `forecast quick` on the panels as well, and prints seconds, CPU seconds and memory.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from forecast.init.unconfigured import read_unconfigured

ROWS, MINUTES = (85, 100), 200_000
FORMATS = {
    "ISO 8601": "%Y-%m-%d %H:%M:%S",
    "31.01.2023 14:05": "%d.%m.%Y %H:%M",
    "01/31/2023 02:05 PM": "%m/%d/%Y %I:%M %p",
    "+01:00": "%Y-%m-%dT%H:%M:%S+01:00",
}


def panel(count: int) -> pd.DataFrame:
    """Monthly series with a trend and a season."""
    random = np.random.default_rng(0)
    months = pd.date_range("2015-01-01", periods=ROWS[1], freq="MS").strftime("%Y-%m-%d")
    series = []
    for number in range(count):
        rows = np.arange(random.integers(ROWS[0], ROWS[1] + 1))
        swing = 10 * np.sin(rows * np.pi / 6 + number)
        values = 60 + random.normal() * rows + swing + random.normal(0, 5, len(rows))
        series.append(pd.DataFrame({"ds": months[: len(rows)], "y": values.round(3)}))
    ids = [f"s{number}" for number in range(count)]
    return pd.concat(series, keys=ids, names=["unique_id"]).reset_index(level=0)


def tables() -> Iterator[tuple[str, pd.DataFrame]]:
    """Names and tables that are only read."""
    random = np.random.default_rng(0)
    minutes = pd.date_range("2023-01-01", periods=MINUTES, freq="min")
    load = (random.normal(size=MINUTES).cumsum() / 10 + 50).round(2)
    for name, written in FORMATS.items():
        yield name, pd.DataFrame({"time": minutes.strftime(written), "load": load})
    seconds = minutes.as_unit("s").astype("int64")
    yield "seconds since 1970", pd.DataFrame({"time": seconds, "load": load})
    walks = (random.normal(size=(400, 4000)).cumsum(axis=0) + 50).round(2)
    wide = pd.DataFrame(walks, columns=[f"c{number}" for number in range(4000)])
    wide.insert(0, "ds", pd.date_range("2023-01-01", periods=400).strftime("%Y-%m-%d"))
    yield "4,000 columns", wide


def seconds_of_reading(path: Path, repeats: int) -> float:
    """The least CPU seconds."""
    found = []
    for _ in range(repeats):
        began = time.process_time()
        read_unconfigured(str(path))
        found.append(time.process_time() - began)
    return min(found)


def main() -> None:
    """Print a line for each table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=6)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder) / "table.csv", Path(folder) / "forecast.csv"
        for name, table in tables():
            table.to_csv(path, index=False)
            print(f"{name}: {seconds_of_reading(path, options.repeats):.2f}", flush=True)
        for count in (3_000, 10_000) if options.quick else ():
            panel(count).to_csv(path, index=False)
            words = ["quick", str(path), "--horizon", "18", "--output", str(output), "--force"]
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run([sys.executable, "-m", "forecast", *words, "--quiet"], check=True)
            wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            memory = after.ru_maxrss // 1024
            print(f"{count} series, quick: {wall:.1f} s, {cpu:.1f} CPU s, {memory} MB", flush=True)


if __name__ == "__main__":
    main()
