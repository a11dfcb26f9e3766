"""Promise 8: series that several columns name are told apart, and come out as they went in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd

from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.errors import ForecastError
from fuzz.calls import call
from fuzz.material import Material, random_of
from fuzz.mutations import Random, pick
from fuzz.names import PIECES

ROWS, MOST = 30, 5
TRAINED_EVERY = 10
"""Attempts between two that train on the table, forecast, and read the forecasts."""
PARTS: tuple[str, ...] = (
    *(piece for piece in PIECES if "\0" not in piece),
    "a/b",
    "a\\",
    "/a",
    "1",
)
PARTS += ("01", "1.0", "a", "b/", "\\/", "//", "a b", "target", "ds", "y", "0", "-1", "2024-01-01")


def check(number: int, material: Material, scratch: Path) -> str | None:  # noqa: ARG001
    """Read a shuffled table of a few pairs or triples; one in five has an empty cell."""
    random = random_of(84, number)
    columns = ["store", "item", "size"][: int(random.integers(2, 4))]
    names = {
        tuple(pick(random, PARTS) for _ in columns) for _ in range(int(random.integers(2, MOST)))
    }
    names = {name for name in names if all(part.strip() for part in name)}
    if not names:
        return None
    table = _table(sorted(names), columns, random)
    row = int(random.integers(len(table))) if number % 5 == 4 else None
    if row is not None:
        table.loc[row, pick(random, columns)] = ""
    path = scratch / ("pairs.parquet" if number % 2 else "pairs.csv")
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    fault = _read(path, columns, table, row)
    if fault is None and row is None and number % TRAINED_EVERY == 0:
        fault = _trained(path, columns, names, scratch)
    return fault and f"{sorted(names)!a:.300}: {fault}"


def _table(names: list[tuple[str, ...]], columns: list[str], random: Random) -> pd.DataFrame:
    days = pd.date_range("2024-01-01", periods=ROWS)
    parts = [
        pd.DataFrame({**dict(zip(columns, name, strict=True)), "ds": days, "y": level})
        for name, level in ((name, random.normal(50, 5, ROWS).round(3)) for name in names)
    ]
    return pd.concat(parts).sort_values("ds", kind="stable", ignore_index=True)


def _read(path: Path, columns: list[str], table: pd.DataFrame, row: int | None) -> str | None:
    try:
        panel = read_panel(DataConfig(path=str(path), id=tuple(columns)))
    except ForecastError as error:
        if row is None or "\n" in str(error):
            return f"refused: {error}"
        return None if " is empty; name the series" in str(error) else str(error)
    if row is not None:
        return "an empty cell names a series"
    found = {
        name: panel.values[panel.offsets[each] : panel.offsets[each + 1], 0].tolist()
        for each, name in enumerate(zip(*map(list, panel.id_values), strict=True))
    }
    expected = {name: rows["y"].tolist() for name, rows in table.groupby(columns)}
    return None if found == expected else f"read as {list(found)!a:.300}"


def _trained(
    path: Path, columns: list[str], names: set[tuple[str, ...]], scratch: Path
) -> str | None:
    """Series of forecasts that are not those of the table; a newer table is the same again."""
    run = scratch / "run"
    shutil.rmtree(run, ignore_errors=True)
    config = {
        "data": {"path": str(path), "id": columns},
        "split": {"validation": 5, "test": 5},
        "window": {"lookback": 5, "horizon": 2},
        "model": {"hidden_size": 3},
        "training": {"epochs": 1, "learning_rate": 0.01},
        "intervals": {"levels": []},
        "device": "cpu",
    }
    (scratch / "pairs.yaml").write_text(json.dumps(config), "utf-8")
    result = call("train", str(scratch / "pairs.yaml"), "--run", str(run), "--quiet")
    if fault := result.fault(0):
        return fault
    result = call(
        "predict", str(run), "--data", str(path), "--output", str(scratch / "again.csv"), "--force"
    )
    if fault := result.fault(0):
        return fault
    if "not in training" in result.err:
        return result.err
    for file in (run / "forecast.csv", scratch / "again.csv"):
        read = pd.read_csv(file, dtype=str, keep_default_na=False)
        found = set(read[columns].itertuples(index=False, name=None))
        if found != names:
            return f"{file.name} holds {found!a:.200}"
    return None
