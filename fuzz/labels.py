"""Promise 8: labels in odd tables and hostile models end in one line, or in sound probabilities."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from forecast.errors import ForecastError
from forecast.forecasting.model_file import load
from forecast.runs.folder import MODEL_FILE
from fuzz.calls import call
from fuzz.hostile_models import write_hostile
from fuzz.material import LABELLED, ROOT, SMALL, Material, random_of
from fuzz.mutations import pick

Random = np.random.Generator
Row = dict[str, str]
Change = Callable[[Random, list[Row]], None]

KEPT = 300
"""Last rows of the table, which are changed."""
TRAINED_EVERY = 20
"""Attempts between two that train on the changed table; the others forecast from it."""
CLOSE = 1e-6
CELLS: tuple[str, ...] = (
    "",
    " ",
    "rises",
    "rises ",
    "RISES",
    "1",
    "1.0",
    "nan",
    "None",
    "null",
    "True",
    "-inf",
)
CELLS += ("\x1b[31mred", "a\nb", "=cmd|x", "ß" * 300, "p-rises", '"', "steady,falls", "\u202eabc")


def check(number: int, material: Material, scratch: Path) -> str | None:
    """Forecast from, or train on, a changed table; or from a changed model."""
    random = random_of(82, number)
    if number % 2:
        return _hostile(random, material, scratch)
    rows = [*csv.DictReader(io.StringIO(material.tables[LABELLED].decode()))][-KEPT:]
    change = pick(random, CHANGES)
    change(random, rows)
    path = scratch / "labels.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)
    fault = (_trained if number % TRAINED_EVERY == 0 else _predicted)(path, material)
    return fault and f"{change.__name__}: {fault}"


def _predicted(path: Path, material: Material) -> str | None:
    result = call("predict", str(material.run(LABELLED)), "--data", str(path))
    return result.fault(0, 3) or _unsound(csv.DictReader(io.StringIO(result.out)))


def _trained(path: Path, _: Material) -> str | None:
    run = path.parent / "trained"
    words = [str(ROOT / "configs" / f"{LABELLED}.yaml"), "--run", str(run), "--quiet", "--force"]
    sizes = ["split.validation=40", "split.test=60", "training.epochs=1", f"data.path={path}"]
    result = call("train", *words, *SMALL, *sizes)
    if fault := result.fault(0, 2, 3):
        return fault
    text = (run / "forecast.csv").read_text(encoding="utf-8") if result.code == 0 else ""
    return _unsound(csv.DictReader(io.StringIO(text, newline="")))


def _hostile(random: Random, material: Material, scratch: Path) -> str | None:
    path = scratch / MODEL_FILE
    told = write_hostile(random, material.run(LABELLED) / MODEL_FILE, path)
    try:
        table = load(path).forecast()
    except ForecastError as error:
        return f"{told}: two lines" if "\n" in str(error) else None
    except Exception as error:
        return f"{told}: {type(error).__name__}: {error}"
    fault = _unsound(
        {str(key): str(cell) for key, cell in row.items()} for row in table.to_dict("records")
    )
    return fault and f"{told}: {fault}"


def _unsound(rows: Iterable[Mapping[str, str]]) -> str | None:
    """Why forecasts are none: shares that are not those of all labels, or another one named."""
    for row in rows:
        shares = {key[2:]: float(cell) for key, cell in row.items() if key.startswith("p-")}
        if not shares or abs(sum(shares.values()) - 1) > CLOSE or min(shares.values()) < 0:
            return f"shares {shares}"
        if shares.get(row["forecast"], -1.0) < max(shares.values()) - CLOSE:
            return f"{row['forecast']} is forecast of {shares}"
    return None


def _one_cell(random: Random, rows: list[Row]) -> None:
    rows[int(random.integers(len(rows)))]["change"] = pick(random, CELLS)


def _every_label(random: Random, rows: list[Row]) -> None:
    """Each label by another text, so that the model knows none or other ones."""
    new: Mapping[str, str] = {row["change"]: pick(random, CELLS) for row in rows}
    for row in rows:
        row["change"] = new[row["change"]]


def _one_label(random: Random, rows: list[Row]) -> None:
    kept = pick(random, [row["change"] for row in rows])
    for row in rows:
        row["change"] = kept


def _names(_: Random, rows: list[Row]) -> None:
    """As many labels as rows."""
    for number, row in enumerate(rows):
        row["change"] = f"name {number}"


def _numbers(random: Random, rows: list[Row]) -> None:
    for row in rows:
        row["change"] = f"{random.normal():.3f}"


def _no_column(_: Random, rows: list[Row]) -> None:
    for row in rows:
        del row["change"]


def _empty(random: Random, rows: list[Row]) -> None:
    first = int(random.integers(len(rows)))
    for row in rows[first : first + int(random.integers(1, len(rows)))]:
        row["change"] = ""


CHANGES: tuple[Change, ...] = (
    _one_cell, _one_cell, _every_label, _one_label, _names, _numbers, _no_column, _empty,
)  # fmt: skip
