"""What is attacked: small runs trained on the bundled tables, finished and interrupted."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from pandas import read_csv

from forecast.drawing import plots
from forecast.training import session
from fuzz.calls import call

ROOT = Path(__file__).parents[1]
TABLES = ("air_passengers", "co2", "macro", "sunspots")
LABELLED = "co2_change"
"""The table whose target is a label."""
TRAINED = (*TABLES, LABELLED)
SMALL: tuple[str, ...] = (
    "model.hidden_size=3",
    "model.num_layers=1",
    "training.learning_rate=0.01",
    "device=cpu",
)
SMALL += ("training.epochs=2", "training.batch_size=512", "training.ensemble=1")
COMBINED = "macro"
"""The table whose model is combined with others."""
ALONE = "partners=[]"
"""So are the other tables trained: their partners would take most of the time."""


@dataclass(frozen=True)
class Material:
    """A folder of runs: `<table>` finished, and `interrupted`."""

    folder: Path

    def run(self, table: str) -> Path:
        """The finished run of a table."""
        return self.folder / table

    @property
    def interrupted(self) -> Path:
        """A run to resume."""
        return self.folder / "interrupted"

    @cached_property
    def files(self) -> dict[str, bytes]:
        """Every file of every run."""
        found = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found}

    @cached_property
    def tables(self) -> dict[str, bytes]:
        """The bundled tables."""
        return {name: (ROOT / "data" / f"{name}.csv").read_bytes() for name in (*TABLES, LABELLED)}


def without_pictures() -> None:
    """Pictures take longer than the training, and no file that is read has a say in them."""
    plots.png = lambda _: b"picture"  # type: ignore[assignment]


def make(folder: Path, tables: tuple[str, ...] = TRAINED) -> Material:
    """Train the runs."""
    without_pictures()
    for name in tables:
        train(name, folder / name)
    interrupt(folder / "interrupted")
    read_csv(ROOT / "data" / "air_passengers.csv").to_parquet(folder / "table.parquet")
    return Material(folder)


def train(table: str, run: Path, *overrides: str) -> None:
    """A small finished run of a bundled table."""
    config = str(ROOT / "configs" / f"{table}.yaml")
    path = f"data.path={ROOT / 'data' / table}.csv"
    alone = [] if table == COMBINED else [ALONE]
    words = ["train", config, "--run", str(run), "--quiet", path, *SMALL, *alone, *overrides]
    result = call(*words)
    assert result.code == 0, result


def interrupt(run: Path) -> None:
    """A run of the airline passengers that has one epoch behind it."""
    real = session.Session._after_epoch

    def stop(self: session.Session, *arguments: object) -> None:
        real(self, *arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    session.Session._after_epoch = stop  # type: ignore[method-assign,assignment]
    try:
        config = str(ROOT / "configs" / "air_passengers.yaml")
        path = f"data.path={ROOT / 'data'}/air_passengers.csv"
        result = call("train", config, "--run", str(run), "--quiet", path, *SMALL, ALONE)
        assert result.code == 130, result
    finally:
        session.Session._after_epoch = real  # type: ignore[method-assign]


def copied(run: Path, place: Path) -> Path:
    """A copy to spoil, in place of the one before."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(run, place)
    return place


def random_of(row: int, number: int) -> np.random.Generator:
    """The randomness of one attack."""
    return np.random.default_rng([row, number])
