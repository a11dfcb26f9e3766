"""Small tables made by a formula and a seed, to try the proposals of `config init` on.

python benchmarks/made_series.py DIR
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20260


def walk(rng: np.random.Generator) -> pd.DataFrame:
    """400 days of a random walk with drift."""
    return _table("2023-01-01", "D", 100 + rng.normal(0.2, 1.0, 400).cumsum())


def daily(rng: np.random.Generator) -> pd.DataFrame:
    """900 days with a weekly season that grows with a trend, and autocorrelated noise."""
    steps = np.arange(900)
    week = np.array([1.0, 0.9, 0.92, 0.97, 1.15, 1.4, 1.25])[steps % 7]
    noise = _autoregression(rng, 900, 0.6, 0.03)
    return _table("2021-03-01", "D", (50 + 0.05 * steps) * week * np.exp(noise))


def hourly(rng: np.random.Generator) -> pd.DataFrame:
    """60 days of hours with a season of a day and one of a week."""
    steps = np.arange(1440)
    day = np.sin(2 * np.pi * steps / 24) + 0.4 * np.sin(4 * np.pi * steps / 24 + 1)
    weekend = np.where(steps // 24 % 7 >= 5, 0.5, 1.0)
    return _table("2024-01-01", "h", 20 + 5 * day * weekend + _autoregression(rng, 1440, 0.9, 0.5))


def quarterly(rng: np.random.Generator) -> pd.DataFrame:
    """40 series of 60 quarters, each with its level, growth and season."""
    steps = np.arange(60)
    tables = []
    for number in range(40):
        season = rng.normal(0, 0.1, 4)[steps % 4]
        growth = rng.normal(0.01, 0.01) * steps + rng.normal(0, 0.02, 60).cumsum()
        values = np.exp(rng.normal(4, 1) + growth + season + rng.normal(0, 0.02, 60))
        tables.append(_table("2005-01-01", "QS", values).assign(unique_id=f"s{number:02}"))
    return pd.concat(tables)[["unique_id", "ds", "y"]]


MADE: Mapping[str, Callable[[np.random.Generator], pd.DataFrame]] = {
    "walk": walk,
    "daily": daily,
    "hourly": hourly,
    "quarterly": quarterly,
}


def _table(start: str, frequency: str, values: np.ndarray) -> pd.DataFrame:
    times = pd.date_range(start, periods=len(values), freq=frequency)
    return pd.DataFrame({"ds": times, "y": values.round(4)})


def _autoregression(
    rng: np.random.Generator, rows: int, coefficient: float, deviation: float
) -> np.ndarray:
    values = rng.normal(0, deviation, rows)
    for row in range(1, rows):
        values[row] += coefficient * values[row - 1]
    return values


def main() -> None:
    """Write a CSV for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in MADE.items():
        make(np.random.default_rng(SEED)).to_csv(folder / f"{name}.csv", index=False)


if __name__ == "__main__":
    main()
