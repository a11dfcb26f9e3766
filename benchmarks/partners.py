"""Partners alone on suites of many tables, beside statsforecast, on the rows before the test rows.

python benchmarks/partners.py --data DIR [--only SUITE ...] [--statistical]

The last rows before the test rows of every series are held out; the test rows are not read.
Columns: MASE over seasonal naive's, and seconds; below them the geometric mean over suites.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from breadth_scores import KEYS, Suite, read_suites, score

from forecast.evaluation.baselines import History
from forecast.evaluation.statistical import statistical_forecast
from forecast.partners.table import PARTNERS

OURS, THEIRS = ("theta", "ets"), ("auto_theta", "auto_ets")


def history_of(suite: Suite) -> History:
    """What is known of all series of a suite, end to end."""
    rows = suite.known.groupby("unique_id", sort=False).size().to_numpy()
    values = suite.known.y.to_numpy(float)[:, None]
    return History(values, np.concatenate([[0], np.cumsum(rows)]), suite.season)


def ratio(suite: Suite, forecast: np.ndarray) -> float:
    """MASE over that of seasonal naive."""
    names = suite.known.unique_id.unique()
    held_out = suite.held_out.set_index("unique_id").loc[names].reset_index()
    table = held_out[KEYS].assign(forecast=forecast[..., 0].ravel())
    found = score(suite.known, held_out, table, suite.season)
    return float(found["mase"] / found["naive_mase"])


def forecast_of(name: str, suite: Suite) -> np.ndarray:
    """What a method forecasts of a suite."""
    history, origins = history_of(suite), history_of(suite).offsets[1:] - 1
    if name in PARTNERS:
        return PARTNERS[name](history, origins, suite.horizon)
    return statistical_forecast(name, history, origins, suite.horizon)


def line_of(suite: Suite, pairs: Sequence[tuple[str, str]]) -> dict[str, float | str]:
    """Scores and seconds of every method on a suite, and scores of the mean of each pair."""
    line: dict[str, float | str] = {"suite": suite.name}
    for pair in pairs:
        forecasts = []
        for name in pair:
            began = time.perf_counter()
            forecasts.append(forecast_of(name, suite))
            seconds = time.perf_counter() - began
            line |= {name: ratio(suite, forecasts[-1]), f"{name} s": seconds}
        line["+".join(pair)] = ratio(suite, np.mean(forecasts, axis=0))
    return line


def main() -> None:
    """Print a line a suite as it comes, then the means."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--only", nargs="+", default=())
    parser.add_argument("--statistical", action="store_true")
    options = parser.parse_args()
    lines = []
    for suite in read_suites(Path(options.data), options.only, validate=True):
        lines.append(line_of(suite, (OURS, THEIRS) if options.statistical else (OURS,)))
        print(lines[-1], flush=True)
    table = pd.DataFrame(lines).set_index("suite")
    ratios = table.columns[~table.columns.str.endswith(" s")]
    table.loc["geometric mean", ratios] = np.exp(np.log(table[ratios]).mean())
    print(table.round(3).to_string())


if __name__ == "__main__":
    main()
