"""Intervals of the sum over the horizon: by sample paths, and by the two naive ways.

python benchmarks/sums.py configs/*.yaml --overrides training.ensemble=1 partners=[]

Each configuration is trained as it stands. The errors of the validation part make the intervals,
and the test part judges them: `steps` is what the intervals of single steps hold there. The sum of
the steps then has an interval by `paths` (the Schaake shuffle), by `independent` samples of the
steps, and by `ends`, the ends of the steps' intervals added up. Columns: share of the sums held, in
percent, and the interval score over that of the paths (the smaller the better).
"""

import argparse
import sys

import numpy as np
from printed import print_table

import forecast
from forecast.calibrate import held_out_forecasts
from forecast.config.tree import read_config
from forecast.evaluate import actuals
from forecast.evaluation.conformal import Calibration
from forecast.evaluation.copula import Copula, schaake_shuffle
from forecast.evaluation.intervals import fit_error_scale, with_ends
from forecast.evaluation.marginals import sample_radii, without_middle
from forecast.prepare import prepare

SAMPLES = 400


def line_of(path: str, overrides: list[str], level: float) -> dict[str, float | str]:
    """Shares and scores of one configuration."""
    trained = forecast.train(read_config(path, overrides), quiet=True)
    prepared = prepare(trained.config)
    truth, panel = actuals(prepared), prepared.panel
    scale = fit_error_scale(prepared.pipeline, panel, prepared.scaling_rows, prepared.season)
    parts = held_out_forecasts(trained.models, prepared, truth, scale, trained.combination)
    validation, test = (part for part in parts if part is not None)
    sizes = np.empty((0, panel.num_targets))
    known = Calibration.of(validation.scores, sizes, (level,), len(validation.rows))
    copula = Copula.of(validation.errors(truth), panel.num_series, len(validation.rows))
    radii = sample_radii(known, SAMPLES)
    assert copula is not None
    assert radii is not None
    rows, horizon = test.rows, test.forecasts.shape[1]
    series = truth.history.series_of(rows)
    ends = with_ends(test.forecasts[..., None], radii, scale, series, rows)
    samples = without_middle(ends, SAMPLES)  # (B, H, K, n)
    ranks = copula.draw(SAMPLES, horizon, [str(row) for row in rows], series, 0)
    mixed = np.random.default_rng(0).permuted(samples, axis=-1)
    shares = [0.5 - level / 200, 0.5 + level / 200]
    actual = truth.after(rows, horizon)
    steps = np.quantile(samples, shares, axis=-1, method="hazen")
    sums = {
        "paths": np.quantile(
            schaake_shuffle(samples, ranks).sum(axis=2), shares, axis=1, method="hazen"
        ),
        "independent": np.quantile(mixed.sum(axis=1), shares, axis=-1, method="hazen"),
        "ends": steps.sum(axis=2),
    }
    held, _ = judged(actual, steps, level)
    line: dict[str, float | str] = {"table": path.rpartition("/")[2], "windows": len(rows)}
    line["steps"] = 100 * held
    scores = {}
    for name, (lower, upper) in sums.items():
        held, scores[name] = judged(actual.sum(axis=1), (lower, upper), level)
        line[name] = 100 * held
    for name, score in scores.items():
        line[f"{name} score"] = float(np.mean(score / scores["paths"]))
    return line


def judged(
    actual: np.ndarray, ends: tuple[np.ndarray, np.ndarray], level: float
) -> tuple[float, np.ndarray]:
    """Share of the values in their intervals, and the interval score of targets (Winkler 1972)."""
    lower, upper = ends
    outside = np.maximum(lower - actual, 0) + np.maximum(actual - upper, 0)
    score = upper - lower + 2 / (1 - level / 100) * outside
    return float((outside[~np.isnan(actual)] == 0).mean()), np.nanmean(score, axis=0)


def main() -> None:
    """Print a line a configuration."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("configs", nargs="+", metavar="CONFIG")
    parser.add_argument("--overrides", nargs="+", default=[], metavar="KEY=VALUE")
    parser.add_argument("--level", type=float, default=80.0, help="percent (default: 80)")
    options = parser.parse_args()
    lines = []
    for path in options.configs:
        lines.append(line_of(path, options.overrides, options.level))
        print(lines[-1], file=sys.stderr, flush=True)
    print_table(lines, ".4g")


if __name__ == "__main__":
    main()
