"""Promise 14: whatever names a table has, what people read is printable and short."""

from __future__ import annotations

import csv
import io
import json
import shutil
import warnings
from pathlib import Path

import numpy as np

from forecast.drawing import plots
from fuzz.calls import Call, call
from fuzz.material import Material, random_of

PIECES: tuple[str, ...] = (
    "a",
    "Zürich",
    "売上",
    "🙂",
    "العربية",
    "$\\frac{$",
    "$$",
    "_x",
    "%s",
    "{0}",
)
PIECES += ("\n2026-01-01 00:00:00,000 ERROR gone", "\r", "\t", "\x1b[31m", "\x1b]0;t\x07", "\x00")
PIECES += ("\u202e", "\u200b", "\u2028", "\ufeff", "\x85", "=cmd|x", '"', "'", ",", ";", "<b>", "&")
PIECES += (" ", "nan", "1.0", "true", "null", "\\", "/", "..", "y" * 5000, "-", "~", "\xa0")
ROWS = 40
FIRST_DAY = np.datetime64("2024-01-01")
LONGEST_LINE = 1000


def check(number: int, material: Material, scratch: Path) -> str | None:  # noqa: ARG001
    """Train on a table whose series and columns are named badly, and look at all that is told."""
    random = random_of(140, number)
    names = [_name(random) for _ in range(3)]
    ids, target = list(dict.fromkeys(names[:2])), names[2]
    (scratch / "table.csv").write_text(_table(ids, target, random), "utf-8", newline="")
    shutil.rmtree(scratch / "run", ignore_errors=True)
    config = {
        "data": {"path": str(scratch / "table.csv"), "id": "id", "time": "ds", "target": target},
        "split": {"validation": 6, "test": 6},
        "window": {"lookback": 6, "horizon": 3},
        "model": {"hidden_size": 3},
        "training": {"epochs": 1, "learning_rate": 0.01},
        "intervals": {"levels": []},
        "device": "cpu",
    }
    (scratch / "config.yaml").write_text(json.dumps(config), "utf-8")
    told = [call("check", str(scratch / "config.yaml"))]
    told.append(call("train", str(scratch / "config.yaml"), "--run", str(scratch / "run")))
    faults = [each.fault(0, 2, 3) or _unreadable(each) for each in told]
    if told[-1].code == 0 and not any(faults):
        faults += [_log(scratch / "run" / "log.txt"), _picture(ids, target)]
        faults.append(_ids(scratch / "run" / "forecast.csv", ids))
    fault = next((each for each in faults if each), None)
    return fault and f"{ids!a:.300}, {target!a:.100}: {fault}"


def _name(random: np.random.Generator) -> str:
    count = int(random.integers(1, 4))
    return "".join(PIECES[int(each)] for each in random.integers(len(PIECES), size=count))


def _table(ids: list[str], target: str, random: np.random.Generator) -> str:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["id", "ds", target])
    for name in ids:
        for row, value in enumerate(random.normal(50, 5, ROWS)):
            writer.writerow([name, str(FIRST_DAY + np.timedelta64(row, "D")), f"{value:.3f}"])
    return file.getvalue()


def _unreadable(result: Call) -> str | None:
    """A line that is not printable, or too long to be read."""
    for line in f"{result.out}\n{result.err}".split("\n"):
        if not line.isprintable() or len(line) > LONGEST_LINE:
            return f"{result.words[0]} prints {line!a:.200}"
    return None


def _log(path: Path) -> str | None:
    """A line of the log that is not one of the program's."""
    for line in path.read_text("utf-8").splitlines():
        if not (line[:2] == "20" and line.isprintable() and " ERROR " not in line[:40]):
            return f"{path.name}: {line!a:.200}"
    return None


def _picture(ids: list[str], target: str) -> str | None:
    """A warning while the names are drawn."""
    times = np.arange(3)
    panels = [
        {"name": f"{name}, {target}", "times": times, "actual": times, "forecasts": {}}
        for name in ids
    ]
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        plots.svg(plots.forecasts(panels, "Forecast"))
        plots.svg(plots.series_errors(dict.fromkeys(ids, 1.0), {}))
    return f"drawn with {found[0].message}" if found else None


def _ids(path: Path, ids: list[str]) -> str | None:
    """Series of the forecast that are not those of the table."""
    with path.open(encoding="utf-8", newline="") as file:
        found = {row["id"] for row in csv.DictReader(file)}
    return None if found == set(ids) else f"forecast.csv holds {found!a:.200}"
