"""Which rule should read the learning rate off a range test? Train each rule's rate and see.

python benchmarks/lr_rules.py configs/air_passengers.yaml configs/co2.yaml ...

For every configuration: one range test (median of its seeds), then three seeds trained at the rate
of each rule and at three fixed rates. The figure is the lowest validation loss, divided by that of
the best row of the configuration.
"""

import argparse
import logging

import numpy as np
import torch

from forecast.config.tree import Config, read_config
from forecast.errors import ForecastError
from forecast.learning_rate import find_learning_rate
from forecast.prepare import new_session, prepare

FIXED = (3e-4, 1e-3, 3e-3)
CPU = torch.device("cpu")


def lowest_validation_loss(config: Config, rate: float, seed: int) -> float:
    """The validation loss of the kept epoch; infinite if training diverges."""
    training = config.training.model_copy(update={"learning_rate": rate, "ensemble": 1})
    prepared = prepare(config.model_copy(update={"training": training, "seed": seed}))
    session = new_session(prepared, CPU)
    try:
        for _ in session.run():
            pass
    except ForecastError:
        return float("inf")
    return session.kept[0].monitored


def main() -> None:
    """Print a table for each configuration, and the geometric mean over all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("configs", nargs="+")
    options = parser.parse_args()
    logging.getLogger("forecast").setLevel(logging.CRITICAL)
    ratios: dict[str, list[float]] = {}
    for path in options.configs:
        config = read_config(path)
        found = find_learning_rate(prepare(config), CPU)
        rates = {**found.rates, **{f"fixed {rate:g}": rate for rate in FIXED}}
        losses = {
            name: np.mean([lowest_validation_loss(config, rate, seed) for seed in range(3)])
            for name, rate in rates.items()
            if rate is not None
        }
        best = min(losses.values())
        print(f"\n{path}\n\n| rule | rate | validation loss | to the best |\n|---|---|---|---|")
        for name, rate in rates.items():
            if rate is None:
                print(f"| {name} | declined | | |")
                continue
            ratios.setdefault(name, []).append(float(losses[name] / best))
            print(f"| {name} | {rate:.2e} | {losses[name]:.4f} | {losses[name] / best:.3f} |")
    print("\n| rule | geometric mean | worst | sets |\n|---|---|---|---|")
    for name, values in ratios.items():
        mean = np.exp(np.mean(np.log(values)))
        print(f"| {name} | {mean:.3f} | {max(values):.3f} | {len(values)} |")


if __name__ == "__main__":
    main()
