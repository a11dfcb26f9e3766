"""What share of the values 80 % intervals hold by chance, on suites of few single series.

python benchmarks/coverage_chance.py --data DIR [--only SUITE ...]

Rows before the test rows alone. The forecast is the mean of the last four seasons, its intervals
are conformal: of the errors at the origins of the last 30 % of the rows, in units of the mean
seasonal change so far, as `train` has it. Every origin with enough of them is judged over one
horizon. Columns: the mean share over origins, the deviation of a suite's share when each series is
judged at one origin alone (as a test part does), and the range that nine of ten such shares lie
in, all in percent.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from breadth_scores import Suite, read_suites
from printed import print_table

from forecast.data.scale import running_scale

SHARE, CYCLES, KEPT, MOST_ORIGINS, DRAWS = 0.8, 4, 0.3, 500, 5000


def shares_of(values: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """Share held after each origin that has enough errors before it."""
    rows = len(values)
    sizes = np.maximum(running_scale(values[:, None], np.array([0, rows]), season)[:, 0], 1e-12)
    cycles, kept = CYCLES if season > 1 else 1, int(KEPT * rows)
    origins = np.arange(max(season * cycles, kept), rows - horizon)
    steps = np.arange(horizon)
    back = [
        origins[:, None] - season * cycle + 1 + steps % season for cycle in range(1, cycles + 1)
    ]
    errors = np.abs(
        values[origins[:, None] + 1 + steps] - np.mean([values[b] for b in back], axis=0)
    )
    scores, found = errors / sizes[origins][:, None], []
    for number, origin in enumerate(origins):
        known = scores[(origins <= origin - horizon) & (origins > origin - kept)][-MOST_ORIGINS:]
        if len(known) >= max(4, min(kept - horizon, kept // 2)):
            rank = min(int(np.ceil((len(known) + 1) * SHARE)), len(known)) - 1
            found.append((scores[number] <= np.sort(known, axis=0)[rank]).mean())
    return np.array(found)


def line_of(suite: Suite) -> dict[str, float | str]:
    """The mean share of a suite, and how it varies by chance."""
    rows = pd.concat([suite.known, suite.held_out]).sort_values(["unique_id", "ds"], kind="stable")
    series = [each.y.interpolate().bfill().to_numpy(float) for _, each in rows.groupby("unique_id")]
    shares = [shares_of(values, suite.season, suite.horizon) for values in series]
    shares = [100 * each for each in shares if len(each)]
    random = np.random.default_rng(0)
    by_chance = np.mean([random.choice(each, DRAWS) for each in shares], axis=0)
    low, high = np.quantile(by_chance, [0.05, 0.95])
    mean = float(np.mean([each.mean() for each in shares]))
    line: dict[str, float | str] = {"suite": suite.name, "series": f"{len(shares)}", "mean": mean}
    return {**line, "deviation": float(by_chance.std()), "from": low, "to": high}


def main() -> None:
    """Print a line a suite."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True, metavar="DIR", help="suites, and their sets.csv")
    parser.add_argument("--only", nargs="+", default=["single_daily"], metavar="SUITE")
    options = parser.parse_args()
    lines = [line_of(suite) for suite in read_suites(Path(options.data), options.only, True)]
    print_table(lines, ".1f")


if __name__ == "__main__":
    main()
