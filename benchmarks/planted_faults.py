"""Plants the faults of `planted_faults.yaml` one by one, and names the test that catches each.

    python benchmarks/planted_faults.py [--output benchmarks/PLANTED_FAULTS.md] [--room data]

A fault is a line of the package written wrongly. It is planted in a copy of the project, and the
tests that stand beside the file are run until the first one fails. A fault that no test catches,
or whose line is no longer there, ends the run with exit code 1.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("forecast", "tests", "fuzz", "scripts", "configs", "data", "benchmarks", "pyproject.toml")
WORKERS = 2


def main() -> int:
    """Plant every fault; exit code 1 if one was not caught."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="Markdown file (default: print only)")
    parser.add_argument("--room", help="plant only those of a folder or file of the package")
    options = parser.parse_args()
    faults = yaml.safe_load((ROOT / "benchmarks" / "planted_faults.yaml").read_text())
    if options.room:
        faults = [fault for fault in faults if options.room in fault["file"]]
    copies: Queue[Path] = Queue()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as threads:
        for number in range(WORKERS):
            copies.put(_copy(Path(folder) / str(number)))
        caught = [*threads.map(lambda fault: _shown(fault, _caught_by(fault, copies)), faults)]
    if options.output:
        options.output.write_text(_page(faults, caught))
    return int(not all(caught))


def _copy(place: Path) -> Path:
    place.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place / name)
    return place


def _caught_by(fault: dict[str, Any], copies: Queue[Path]) -> str:
    """Name of the first test that fails; empty if none does."""
    copy = copies.get()
    path = copy / fault["file"]
    text = path.read_text()
    try:
        if text.count(fault["right"]) != 1:
            raise SystemExit(
                f"{fault['file']}: {fault['right']!r} is there {text.count(fault['right'])} times"
            )
        path.write_text(text.replace(fault["right"], fault["wrong"]))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-rfE"]
        done = subprocess.run(
            [*command, *fault["tests"].split()],
            cwd=copy,
            capture_output=True,
            text=True,
            env=_environment(copy),
        )
    finally:
        path.write_text(text)
        copies.put(copy)
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return found[1] if found else ""


def _environment(copy: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(copy), "MPLBACKEND": "Agg"}


def _shown(fault: dict[str, Any], test: str) -> str:
    print(f"{fault['file']}: {fault['wrong'].strip()[:60]}: {test or 'NOT CAUGHT'}", flush=True)
    return test


HEAD = """\
# Planted faults

Lines of the package written wrongly, one at a time, and the first test that catches each.
Command: `python benchmarks/planted_faults.py --output benchmarks/PLANTED_FAULTS.md`; {caught} of
{planted} are caught.

| file | right | wrong | caught by |
|---|---|---|---|
"""


def _page(faults: list[dict[str, Any]], caught: list[str]) -> str:
    head = HEAD.format(caught=sum(map(bool, caught)), planted=len(faults))
    return head + "".join(_row(*pair) for pair in zip(faults, caught, strict=True))


def _row(fault: dict[str, Any], test: str) -> str:
    right, wrong = (" ".join(fault[key].split()).replace("|", "\\|") for key in ("right", "wrong"))
    place = fault["file"].removeprefix("forecast/")
    return f"| {place} | `{right}` | `{wrong}` | {test or 'nothing'} |\n"


if __name__ == "__main__":
    sys.exit(main())
