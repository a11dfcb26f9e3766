"""Partners alone on suites of many tables, beside statsforecast, on the rows before the test rows.

python benchmarks/partners.py --data DIR [--only SUITE ...] [--statistical | --weights]

The last rows before the test rows of every series are held out; the test rows are not read.
Columns: MASE over seasonal naive's, and seconds; below them the geometric mean over suites.
--weights: the pretrained network with both partners, weighed by two earlier origins of each series;
panels only.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from breadth_scores import KEYS, Suite, read_suites, score

from forecast.data.scale import mase_scale
from forecast.evaluation.baselines import History
from forecast.evaluation.statistical import statistical_forecast
from forecast.partners.table import PARTNERS
from forecast.partners.weights import HeldOut, chosen_weights, prior_weights

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


def weights_line(suite: Suite) -> dict[str, float | str]:
    """Scores of the prior weights, of those chosen by earlier origins, and of the best of these."""
    history, methods = history_of(suite), ("pretrained", "theta", "ets")
    first, ends, horizon = history.offsets[:-1], history.offsets[1:] - 1, suite.horizon
    starts = np.concatenate([ends - horizon, ends - horizon - max(1, horizon // 3)])
    series = np.tile(np.arange(len(ends)), 2)
    kept = starts - first[series] >= 4  # five rows or more before an origin
    order = np.argsort(starts[kept])
    origins, series = starts[kept][order], series[kept][order]
    before, last = (
        np.stack([PARTNERS[name](history, rows, horizon) for name in methods])
        for rows in (origins, ends)
    )
    held_out = HeldOut(
        forecasts=before,
        actual=history.values[origins[:, None] + 1 + np.arange(horizon)],
        scale=mase_scale(
            history.values, history.offsets, np.column_stack([first, ends + 1]), suite.season
        ),
        series=series,
        times=origins - first[series],
    )
    prior = prior_weights(methods, suite.season)
    chosen = {"prior": prior, "chosen": chosen_weights(held_out, prior)[0]}
    chosen |= {name: np.eye(3)[number] for number, name in enumerate(methods)}
    scores = {
        name: ratio(suite, np.tensordot(weights, last, axes=1)) for name, weights in chosen.items()
    }
    return {"suite": suite.name, "weights": str(chosen["chosen"].round(2).tolist()), **scores}


def main() -> None:
    """Print a line a suite as it comes, then the means."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--only", nargs="+", default=())
    parser.add_argument("--statistical", action="store_true")
    parser.add_argument("--weights", action="store_true")
    options = parser.parse_args()
    pairs, lines = (OURS, THEIRS) if options.statistical else (OURS,), []
    for suite in read_suites(Path(options.data), options.only, validate=True):
        if options.weights and suite.name.startswith("single_"):
            continue
        lines.append(weights_line(suite) if options.weights else line_of(suite, pairs))
        print(lines[-1], flush=True)
    table = pd.DataFrame(lines).set_index("suite")
    ratios = table.columns[~table.columns.str.contains(r" s$|weights")]
    table.loc["geometric mean", ratios] = np.exp(np.log(table[ratios]).mean())
    print(table.round(3).to_string())


if __name__ == "__main__":
    main()
