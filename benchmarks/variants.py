"""Compare variants of a configuration on rows before its test part, over several seeds.

python benchmarks/variants.py configs/co2.yaml - "model.head=parallel;model.segment=13" --folds 2

`-` is the configuration as it is. The test part is cut off and never looked at. A fold scores as
many rows as the validation part has; training stops by as many rows before them. Fold 1 scores the
validation part itself, each further fold ends one horizon earlier.
"""

import argparse
import logging
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from forecast.backtesting.plan import without_last
from forecast.config.tree import Config, read_config
from forecast.data.assemble import read_panel
from forecast.data.panel import Panel
from forecast.data.split import split
from forecast.evaluate import actuals, linear_opponent, part_forecasts, trained_models
from forecast.evaluation.metrics import ErrorSums
from forecast.evaluation.scoring import with_batch
from forecast.learning_rate import with_learning_rate
from forecast.prepare import Prepared, new_session, prepare

MODEL = "model"


def folds(config: Config, count: int) -> Iterator[Prepared]:
    """The data with the rows to score as their test part, fold by fold."""
    panel = read_panel(config.data)
    parts = split(panel, config.split)
    test, rows = (int(np.diff(part).max()) for part in (parts.test, parts.validation))
    sizes = config.split.model_copy(update={"validation": rows, "test": rows})
    for number in range(count):
        yield _prepared(config.model_copy(update={"split": sizes}), panel, test, number)


def _prepared(config: Config, panel: Panel, test: int, number: int) -> Prepared:
    part, _ = without_last(panel, test + number * config.window.horizon)
    return prepare(config, part)


def mase(prepared: Prepared) -> dict[str, float]:
    """MASE of the model, the linear model and the baselines on the scored rows."""
    device = torch.device("cpu")
    session = new_session(with_learning_rate(prepared, device), device)
    for _ in session.run():
        pass
    forecasts = part_forecasts(trained_models(prepared, session), prepared)
    truth, rivals = actuals(prepared), {"linear_model": linear_opponent(prepared)}
    scores: dict[str, ErrorSums] = {}
    for rows, values in forecasts:
        point = values[..., values.shape[-1] // 2]
        scores = with_batch(scores, rows, {MODEL: point}, truth, rivals)
    return {name: sums.overall()["MASE"] for name, sums in scores.items()}


def line(path: str, variant: str, seeds: int, count: int) -> str:
    """A row of the table: mean and standard deviation over seeds of the mean over folds."""
    overrides = [] if variant == "-" else variant.split(";")
    began, runs = time.monotonic(), []
    for seed in range(seeds):
        config = read_config(path, [*overrides, f"seed={100 * seed}"])
        scored = [mase(prepared) for prepared in folds(config, count)]
        runs.append({name: np.mean([each[name] for each in scored]) for name in scored[0]})
    seconds = (time.monotonic() - began) / seeds / count
    ours, theirs = [run.pop(MODEL) for run in runs], runs[0]
    best = min(theirs, key=lambda name: theirs[name])
    return (
        f"| {variant} | {np.mean(ours):.3f} ± {np.std(ours):.3f} | {theirs['linear_model']:.3f} |"
        f" {best} {theirs[best]:.3f} | {theirs['seasonal_naive']:.3f} | {seconds:.0f} |"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each variant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("variants", nargs="+")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folds", type=int, default=1)
    options = parser.parse_args(arguments)
    logging.getLogger("forecast").setLevel(logging.ERROR)
    print("| variant | MASE | linear | best opponent | seasonal naive | seconds |")
    print("|---|---|---|---|---|---|")
    for variant in options.variants:
        print(line(options.config, variant, options.seeds, options.folds), flush=True)


if __name__ == "__main__":
    main()
