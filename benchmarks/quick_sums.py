"""Intervals of sums and maxima over the horizon, by the sample paths of `forecast quick`.

python benchmarks/quick_sums.py --data DIR --only m1_monthly hospital m5_daily

DIR holds suites, see breadth.py. Of every suite the last H rows before the test rows are forecast
by `forecast.quick(..., partners=[])` from what lies before; the test rows are never read. Columns:
share in percent of what came in the 80 % intervals of single steps, of sums and of maxima by the
paths, and of sums by the same samples, each step shuffled by itself.
"""

import argparse
from pathlib import Path

import numpy as np
from breadth_scores import Suite, read_suites
from printed import print_table

import forecast

SAMPLES = 200
MOST_SERIES = 300
SHARES = (0.1, 0.9)


def line_of(suite: Suite) -> dict[str, float | str]:
    """Shares of one suite."""
    rows = suite.known.groupby("unique_id").size()
    long = rows.index[rows >= 4 * suite.horizon]
    chosen = long[np.unique(np.linspace(0, len(long) - 1, MOST_SERIES).round().astype(int))]
    known = suite.known[suite.known.unique_id.isin(chosen)]
    found = forecast.quick(known, suite.horizon, season=suite.season, partners=[])
    paths = found.sample(SAMPLES).values[..., 0]  # (n, S, H)
    held_out = suite.held_out.pivot_table(index="unique_id", values="y", aggfunc=list, dropna=False)
    actual = np.array([held_out.y[name] for name in found.panel.ids], dtype=float)
    apart = np.random.default_rng(0).permuted(paths, axis=0)
    return {
        "suite": suite.name,
        "series": str(len(actual)),
        "H": str(suite.horizon),
        "steps": held(actual, paths),
        "sums": held(actual.sum(axis=1), paths.sum(axis=2)),
        "maxima": held(actual.max(axis=1), paths.max(axis=2)),
        "sums, independent steps": held(actual.sum(axis=1), apart.sum(axis=2)),
    }


def held(actual: np.ndarray, samples: np.ndarray) -> float:
    """Share in percent of the values between the quantiles of their samples."""
    lower, upper = np.quantile(samples, SHARES, axis=0, method="hazen")
    known = ~np.isnan(actual)
    return float(100 * ((lower <= actual) & (actual <= upper))[known].mean())


def main() -> None:
    """Print a line for each suite."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    suites = read_suites(options.data, options.only, validate=True)
    print_table([line_of(each) for each in suites if not each.name.startswith("single_")], ".1f")


if __name__ == "__main__":
    main()
