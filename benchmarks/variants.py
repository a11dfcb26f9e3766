"""Compare variants of a configuration on its validation part, over several seeds.

python benchmarks/variants.py configs/co2.yaml - "model.head=parallel;model.segment=13"

`-` is the configuration as it is. The test part is never looked at.
"""

import argparse
import logging

import numpy as np
import torch

from forecast.config import Config, read_config
from forecast.evaluation.scoring import MODEL, score
from forecast.preparation import prepare
from forecast.results import actuals, part_forecasts, trained_models
from forecast.session import Session


def validation_mase(config: Config) -> dict[str, float]:
    """MASE on the validation part, of the model and the baselines."""
    prepared = prepare(config)
    session = Session(prepared, torch.device("cpu"), None)
    for _ in session.run():
        pass
    forecasts = part_forecasts(trained_models(session), prepared, "validation")
    points = ((rows, values[..., values.shape[-1] // 2]) for rows, values in forecasts)
    return {name: sums.overall()["MASE"] for name, sums in score(points, actuals(prepared)).items()}


def main() -> None:
    """Print a line for each variant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("variants", nargs="+")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    logging.getLogger("forecast").setLevel(logging.ERROR)
    print("| variant | validation MASE | seasonal naive | naive |")
    print("|---|---|---|---|")
    for variant in options.variants:
        overrides = [] if variant == "-" else variant.split(";")
        seeds = range(options.seeds)
        scores = [
            validation_mase(read_config(options.config, [*overrides, f"seed={100 * seed}"]))
            for seed in seeds
        ]
        ours = [score[MODEL] for score in scores]
        theirs = scores[0]
        print(
            f"| {variant} | {np.mean(ours):.3f} ± {np.std(ours):.3f} |"
            f" {theirs['seasonal_naive']:.3f} | {theirs['naive']:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
