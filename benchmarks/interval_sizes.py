"""By what errors are compared before intervals are made of them, on the rows before the test rows.

python benchmarks/interval_sizes.py --data DIR [--only SUITE ...]

The pretrained network forecasts twice, from 2 H and from H rows before the end. The first errors,
over the size of their series, give the radii of 80 % intervals about the second forecasts. Sizes:
the mean absolute seasonal change up to the first origin for both (`train`), up to each origin
(`origin`), or the network's own half width (`width`). Columns: share of values held, in percent,
and the interval score over the mean change of its series.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from breadth_scores import Suite, read_suites
from partners import history_of

from forecast.data.scale import running_scale
from forecast.pretrained.network import LEVELS, MEDIAN
from forecast.pretrained.zero_shot import zero_shot

SHARE = 0.8
LOW, HIGH = LEVELS.index(0.1), LEVELS.index(0.9)
Ends = tuple[np.ndarray, np.ndarray]
"""(B, H) each: something of the lower and of the upper end."""


def line_of(suite: Suite) -> dict[str, float | str]:
    """Shares and scores of every size."""
    known = pd.concat([suite.known, suite.held_out]).sort_values(["unique_id", "ds"], kind="stable")
    history, horizon = history_of(Suite(**{**vars(suite), "known": known})), suite.horizon
    begins, ends = history.offsets[:-1], history.offsets[1:] - 1
    long = ends - begins + 1 >= 3 * horizon + 3
    begins, ends = begins[long], ends[long]
    running = running_scale(history.values, history.offsets, suite.season)[:, 0]
    made = []
    for origins in (ends - 2 * horizon, ends - horizon):
        found = zero_shot(history.values, begins, origins, suite.season, horizon)[:, :, 0]
        actual = history.values[origins[:, None] + 1 + np.arange(horizon), 0]
        made.append((origins, found, actual))
    line: dict[str, float | str] = {"suite": suite.name, "series": len(ends)}
    unit = running[made[0][0]]
    for name in ("train", "origin", "width"):
        before, now = (sizes_of(name, found, running, at, made[0][0]) for at, found, _ in made)
        held, score = judged(made[0][1:], before, made[1][1:], now)
        line |= {name: 100 * held.mean(), f"{name} score": np.nanmean(score / unit[:, None])}
    return line


def sizes_of(
    name: str, found: np.ndarray, running: np.ndarray, origins: np.ndarray, first: np.ndarray
) -> Ends:
    """Sizes of the errors below and above each forecast."""
    if name == "width":
        median = found[..., MEDIAN]
        return median - found[..., LOW], found[..., HIGH] - median
    size = running[first if name == "train" else origins]
    wide = np.broadcast_to(np.where(size > 0, size, np.nan)[:, None], found.shape[:2])
    return wide, wide


def judged(
    before: Ends, sizes_before: Ends, now: Ends, sizes: Ends
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each value lies in its interval, and the interval's score (Winkler 1972)."""
    error = before[1] - before[0][..., MEDIAN]
    ratio = np.abs(error) / np.where(error < 0, *sizes_before)
    radius = np.nanquantile(ratio, SHARE, axis=0, method="higher")
    lower, upper = (
        now[0][..., MEDIAN] + sign * radius * s for sign, s in zip((-1, 1), sizes, strict=True)
    )
    outside = np.maximum(lower - now[1], 0) + np.maximum(now[1] - upper, 0)
    return outside == 0, upper - lower + 2 / (1 - SHARE) * outside


def main() -> None:
    """Print a line a suite, and the means."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--only", nargs="+", default=())
    options = parser.parse_args()
    suites = read_suites(Path(options.data), options.only, validate=True)
    table = pd.DataFrame([line_of(suite) for suite in suites]).set_index("suite")
    table.loc["mean"] = table.mean()
    print(table.to_string(float_format="{:.1f}".format))


if __name__ == "__main__":
    main()
