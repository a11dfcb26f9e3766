r"""Speed and memory, against the network alone and against other libraries.

python -m venv peers && peers/bin/pip install -r benchmarks/peers/requirements.txt
python benchmarks/speed.py --peers peers/bin/python --data DIR --output
python benchmarks/speed.py --part training --part startup --rounds 9
python benchmarks/speed.py --quick

Measurements of a round take turns, in processes of their own, so that a machine that slows down
slows all of them; figures are medians over the rounds, ratios medians of the ratios in a round.
"""

import argparse
import os
import platform
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch
from timing import accuracy, forecasting, scale, startup, training
from timing.made_tables import made_etth1
from timing.processes import Settings

PARTS: Mapping[str, Callable[[Settings], Iterator[str]]] = {
    "training": training.part,
    "accuracy": accuracy.part,
    "forecasting": forecasting.part,
    "scale": scale.part,
    "startup": startup.part,
}
RESULTS = "benchmarks/RESULTS.md"
ROWS, QUICK_ROWS = 17_420, 2_000
"""Of the made series that stands in for ETTh1."""


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", action="append", choices=PARTS, help="again for more; else all")
    parser.add_argument("--data", default="data/external", help="folder of ETTh1.csv")
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter of the peers' environment")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", action="append", type=int, help="again for more; else all")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="of training")
    parser.add_argument("--config", default="configs/benchmarks/etth1_96_fast.yaml")
    parser.add_argument("--quick", action="store_true", help="only show that everything runs")
    parser.add_argument("--output", nargs="?", const=RESULTS, help=f"append to {RESULTS} or a file")
    return parser.parse_args()


@contextmanager
def settings_of(options: argparse.Namespace) -> Iterator[Settings]:
    """Settings, with a made series where there is no ETTh1.csv."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(options.data)
        is_made = not (folder / "ETTh1.csv").is_file()
        if is_made:
            folder = Path(made)
            made_etth1(folder, QUICK_ROWS if options.quick else ROWS)
        yield Settings(
            data=folder,
            is_made=is_made,
            peers=options.peers,
            rounds=1 if options.quick else options.rounds,
            is_quick=options.quick,
            config=options.config,
            batches=tuple(options.batch or ()),
            device=options.device,
        )


def described(options: argparse.Namespace, name: str) -> str:
    """Heading with date, command and machine."""
    hidden = {options.data: "DIR", options.peers: "PYTHON", options.output: "FILE"}
    words = [hidden.get(word, word) for word in sys.argv]
    machine = f"{os.cpu_count()} cores, {platform.machine()}, torch {version('torch')}"
    if options.device == "cuda":
        machine += f", {torch.cuda.get_device_name()}"
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    return f"### speed, {name} ({date})\n\n`python {shlex.join(words)}` ({machine})\n"


def main() -> None:
    """Print each part, and append it to the results."""
    options = parsed()
    with settings_of(options) as settings:
        for name in options.part or PARTS:
            lines = [described(options, name)]
            if settings.is_made:
                lines.append(
                    "There is no ETTh1.csv: a made series in its place, for times alone.\n"
                )
            lines.extend(PARTS[name](settings))
            text = "\n".join(lines)
            print(text, flush=True)
            if options.output:
                with Path(options.output).open("a", encoding="utf-8") as file:
                    file.write(f"\n{text.rstrip()}\n")


if __name__ == "__main__":
    main()
