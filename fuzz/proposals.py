"""Promise 8: any file is proposed a configuration that `check` accepts, or refused in one line."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from fuzz.calls import Call, call
from fuzz.material import Material, random_of
from fuzz.mutations import pick

Random = np.random.Generator
NAMES = ("y", "sales", "a b", "x: y", "# z", "forecast", "target", "null", "1", "größe", "\x1b[1m")
FREQUENCIES = ("D", "h", "MS", "W-SUN", "QS", "YS", "B", "15min")
MEGABYTES_OF_NOTHING = 3000


def check(number: int, material: Material, scratch: Path) -> str | None:  # noqa: ARG001
    """Propose a configuration for an odd table in an odd file, and check it."""
    random = random_of(80, number)
    frame = _table(random)
    kind = pick(random, list(FILES))
    path = FILES[kind](random, frame, scratch)
    written = scratch / "proposed.yaml"
    written.unlink(missing_ok=True)
    words = ["config", "init", str(path), "--output", str(written)]
    if random.random() < 0.5:
        words += ["--past", "auto", "--future", "auto"]
    result = call(*words)
    fault = result.fault(0, 2, 3) or _silent(result, written)
    if fault is None and result.code == 0:
        checked = call("check", str(written))
        fault = checked.fault(0) and f"{checked.fault(0)} {checked.out.strip()[-300:]}"
    path.unlink()
    return fault and f"{kind}, {len(frame)} rows of {[*frame]}: {fault}"


def _silent(result: Call, written: Path) -> str | None:
    return "no file, and no refusal" if result.code == 0 and not written.exists() else None


def _table(random: Random) -> pd.DataFrame:
    """A few series of a few columns, each of another kind."""
    rows, series = int(random.integers(1, 70)), int(random.integers(1, 4))
    times = pd.date_range("2021-01-01", periods=rows, freq=pick(random, FREQUENCIES))
    kinds = {str(name): pick(random, COLUMNS) for name in random.permutation(NAMES)[:5]}
    kinds = dict([*kinds.items()][: int(random.integers(1, 6))])
    parts = []
    for each in range(series):
        length = int(random.integers(1, rows + 1)) if each else rows
        columns = {name: kind(random, length) for name, kind in kinds.items()}
        parts.append(pd.DataFrame({"id": f"s{each}", "ds": times[:length], **columns}))
    frame = pd.concat(parts, ignore_index=True)
    return frame if series > 1 else frame.drop(columns="id")


def _empty_run(random: Random, rows: int) -> np.ndarray:
    values = random.normal(50, 5, rows)
    first = int(random.integers(rows))
    values[first : first + int(random.integers(1, rows + 1))] = np.nan
    return values


COLUMNS: tuple[Callable[[Random, int], object], ...] = (
    lambda random, rows: random.normal(50, 5, rows).round(2),
    lambda random, rows: random.normal(0, 1, rows) * 10.0 ** random.integers(-30, 30),
    lambda random, rows: random.poisson(0.5, rows),
    lambda random, rows: np.where(random.random(rows) < 0.3, np.nan, random.normal(5, 1, rows)),
    lambda _, rows: np.full(rows, 7.0),
    lambda random, rows: random.random(rows) < 0.2,
    lambda random, rows: random.choice(["a", "b", ""], rows),
    lambda _, rows: [f"note {row}" for row in range(rows)],
    lambda _, rows: np.r_[np.zeros(rows - rows // 5), np.arange(rows // 5)],
    _empty_run,
)


def _csv(random: Random, frame: pd.DataFrame, scratch: Path) -> Path:
    text = frame.to_csv(index=False)
    return _file(scratch / "table.csv", text.encode(pick(random, ("utf-8", "utf-8-sig"))))


def _european(random: Random, frame: pd.DataFrame, scratch: Path) -> Path:
    head = pick(random, ("", "sep=;\n"))
    return _file(scratch / "table.csv", f"{head}{frame.to_csv(index=False, sep=';', decimal=',')}")


def _packed(random: Random, frame: pd.DataFrame, scratch: Path) -> Path:
    packers: tuple[Callable[[bytes], bytes], ...] = (gzip.compress, bz2.compress, lzma.compress)
    data = pick(random, packers)(frame.to_csv(index=False).encode())
    cut = len(data) if random.random() < 0.5 else int(random.integers(len(data)))
    return _file(scratch / "table.csv.gz", data[:cut])


def _parquet(random: Random, frame: pd.DataFrame, scratch: Path) -> Path:
    path = scratch / "table.parquet"
    keys = [name for name in ("id", "ds") if name in frame]
    (frame.set_index(keys) if random.random() < 0.3 else frame).to_parquet(path)
    if random.random() < 0.3:
        os.truncate(path, int(random.integers(path.stat().st_size)))
    return path


def _mostly_nothing(random: Random, frame: pd.DataFrame, scratch: Path) -> Path:
    """A hole on the disk behind a few rows, or behind none."""
    path = _file(scratch / "table.csv", pick(random, ("", frame.to_csv(index=False))))
    os.truncate(path, MEGABYTES_OF_NOTHING * 2**20)
    return path


def _repeated(random: Random, frame: pd.DataFrame, scratch: Path) -> Path:
    again = pd.concat([frame, frame.sample(frac=0.2, random_state=int(random.integers(2**31)))])
    return _csv(random, again, scratch)


def _file(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


FILES: dict[str, Callable[[Random, pd.DataFrame, Path], Path]] = {
    "CSV": _csv,
    "a CSV of the continent": _european,
    "a packed CSV": _packed,
    "Parquet": _parquet,
    "rows that are there twice": _repeated,
    "a file of nothing": _mostly_nothing,
}
