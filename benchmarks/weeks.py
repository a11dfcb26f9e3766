"""What ridge regression over weeks adds to `forecast quick` on hourly tables.

python benchmarks/weeks.py --data DIR [--stretches 2]

DIR holds M4-Hourly-train.csv, bike_sharing.csv and ETTh1.csv, as benchmarks/accuracy.py wants them.
The last H rows of what is read are scored, and the H before them (and so on, as many stretches as
are asked for), with what lies before as the table; no test part of a protocol is read. MASE over
seasonal naive's, a mean over series.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import forecast
from forecast.partners.weights import weights_in_words

DAY = 24
SMOOTHING = ("theta", "ets")
EVERY = 6
"""Series of M4 Hourly: each so many."""


def tables(folder: Path) -> Iterator[tuple[str, pd.DataFrame, int]]:
    """Name, columns unique_id, ds and y, and steps."""
    m4 = pd.read_csv(folder / "M4-Hourly-train.csv").iloc[::EVERY]
    long = m4.melt(m4.columns[0], var_name="ds", value_name="y").dropna()
    steps = long["ds"].str.removeprefix("V").astype(int)
    hours = pd.Timestamp("2020-01-01") + pd.to_timedelta(steps, unit="h")
    yield "M4 Hourly", long.assign(ds=hours).set_axis(["unique_id", "ds", "y"], axis=1), 48
    bike = pd.read_csv(folder / "bike_sharing.csv", parse_dates=["ts"]).iloc[:14_000]
    yield (
        "bike sharing",
        bike[["ts", "count"]].set_axis(["ds", "y"], axis=1).assign(unique_id="a"),
        24,
    )
    ett = pd.read_csv(folder / "ETTh1.csv", parse_dates=["date"]).iloc[:11_520]
    yield (
        "ETTh1",
        ett.melt("date", var_name="unique_id", value_name="y").rename(columns={"date": "ds"}),
        24,
    )


def cut(table: pd.DataFrame, rows: int) -> pd.DataFrame:
    """The table without the last rows of each series."""
    ordered = table.sort_values(["unique_id", "ds"])
    return ordered[ordered.groupby("unique_id").cumcount(ascending=False) >= rows]


def scored(
    table: pd.DataFrame, horizon: int, partners: tuple[str, ...] | None
) -> tuple[float, str]:
    """MASE over seasonal naive's on the last rows of each series, and the weights and seconds."""
    began = time.process_time()
    found = forecast.quick(cut(table, horizon), horizon=horizon, season=DAY, partners=partners)
    seconds = time.process_time() - began
    ahead = found.forecast.groupby("unique_id")["forecast"]
    errors, naive = [], []
    for name, values in table.sort_values("ds").groupby("unique_id")["y"]:
        past, actual = values.to_numpy()[:-horizon], values.to_numpy()[-horizon:]
        scale = np.abs(past[DAY:] - past[:-DAY]).mean()
        repeated = np.resize(past[-DAY:], horizon)
        errors.append(np.abs(ahead.get_group(name).to_numpy() - actual).mean() / scale)
        naive.append(np.abs(repeated - actual).mean() / scale)
    weights = weights_in_words(found.weights)
    return float(np.mean(errors) / np.mean(naive)), f"{weights} ({seconds:.0f} s)"


def main() -> None:
    """Print a line for each table and stretch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--stretches", type=int, default=2)
    options = parser.parse_args()
    print("| table, H, rows left out | without ridge | with | weights (CPU seconds) |")
    print("|---|---|---|---|")
    for name, table, horizon in tables(options.data):
        for left_out in range(0, options.stretches * horizon, horizon):
            part = cut(table, left_out)
            without, _ = scored(part, horizon, SMOOTHING)
            ours, said = scored(part, horizon, None)
            print(
                f"| {name}, {horizon}, {left_out} | {without:.3f} | {ours:.3f} | {said} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
