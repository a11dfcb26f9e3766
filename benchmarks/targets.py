"""What weights of each target's own add to `forecast quick` on tables of several targets.

python benchmarks/targets.py --data DIR

DIR holds the tables named below. Each is cut at 20 places between 30 % and 79 % of its rows; what
is left is forecast, once with one set of weights for all targets and once with one for each, and
the rows after the cut are scored. The last fifth of a table, with its test part, is never read.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
from jaxtyping import Float

import forecast
from forecast.init.roles import MOST_TARGETS
from forecast.partners.weights import HeldOut, _chosen

TABLES = ("exchange_rate", "national_illness", "ETTh1", "bike_sharing")
CUTS = np.linspace(0.3, 0.79, 20)


def of_all_targets(held_out: HeldOut, prior: np.ndarray, pooled: list[int]) -> np.ndarray:
    """In place of `chosen_weights`: the same for every target."""
    return np.tile(_chosen(held_out, prior, pooled), (held_out.actual.shape[2], 1))


def mase(table: pd.DataFrame, rows: int) -> float:
    """Of what `forecast.quick` makes of the first rows, as a mean over targets."""
    numbers = [*table.select_dtypes("number")][:MOST_TARGETS]  # of hours, and of whole days too
    found = forecast.quick(table.iloc[:rows], target=numbers)
    errors = []
    for target, ahead in found.forecast.groupby("target"):
        values = table[target].to_numpy(float)
        actual, past = values[rows : rows + len(ahead)], values[:rows]
        scale = np.abs(past[found.season :] - past[: -found.season]).mean()
        errors.append(np.abs(ahead["forecast"].to_numpy() - actual).mean() / scale)
    return float(np.mean(errors))


def compared(table: pd.DataFrame) -> Iterator[Float[np.ndarray, "2"]]:
    """At each cut, MASE with one set of weights and with one for each target."""
    for rows in (CUTS * len(table)).astype(int):
        with mock.patch("forecast.zero_shot.judge.chosen_weights", of_all_targets):
            together = mase(table, rows)
        yield np.array([together, mase(table, rows)])


def main() -> None:
    """Print a line for each table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    folder = parser.parse_args().data
    print("| table | one set of weights | one for each target | ratio | standard error |")
    print("|---|---|---|---|---|")
    for name in TABLES:
        found = np.array([*compared(pd.read_csv(folder / f"{name}.csv"))])
        together, apart = found.mean(axis=0)
        spread = (found[:, 1] - found[:, 0]).std(ddof=1) / np.sqrt(len(found)) / together
        print(f"| {name} | {together:.4f} | {apart:.4f} | {apart / together:.3f} | {spread:.3f} |")


if __name__ == "__main__":
    main()
