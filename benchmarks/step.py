"""Where the time of a training step goes, beside the network alone: `python benchmarks/step.py`.

Two layers of 64, lookback 96, horizon 24, a made series. The fair limit is forward and backward of
`nn.LSTM` on the batch as a whole, with the allocator's memory kept between steps, as a training has
it. All arms take turns, in a new order each round, in one process: figures are medians of what the
limit takes over what an arm takes in the same round, so that a busy machine slows both.

Args: --batch N (again for more), --threads N, --seconds S for each batch size.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

import numpy as np
import pandas as pd
import torch
from torch import nn

from forecast.config.tree import config_from
from forecast.prepare import Prepared, new_learner, prepare
from forecast.runs.memory import claim_process
from forecast.training.learner import Learner
from forecast.training.step import chunks_of, gradient_norms, take_step
from forecast.training.workers import Workers, workers_for

CPU = torch.device("cpu")
ROWS, LOOKBACK, HORIZON, UNITS, LAYERS = 4_000, 96, 24, 64, 2
CHUNKS = (16, 32, 64, 128)
LIMIT = "nn.LSTM, memory kept"
PAUSE = 0.01
"""Seconds before each arm: threads of OpenMP go on spinning for a while after the one before, and
took a core from whichever arm followed the limit."""

Arms = dict[str, Callable[[], object]]


def prepared(batch: int) -> Prepared:
    """Windows over a noisy wave."""
    times = np.arange(ROWS)
    values = np.sin(times / 24) + np.random.default_rng(0).normal(0, 0.1, ROWS)
    table = pd.DataFrame({"ds": pd.date_range("2000", periods=ROWS, freq="h"), "y": values})
    config = {
        "data": {"path": "data", "time": "ds", "target": "y"},
        "split": {"validation": 0, "test": 0},
        "window": {"lookback": LOOKBACK, "horizon": HORIZON},
        "model": {"num_layers": LAYERS, "hidden_size": UNITS},
        "training": {"loss": "mse", "learning_rate": 1e-3, "batch_size": batch},
    }
    return prepare(config_from(config), table)


def arms_of(batch: int, workers: Workers) -> Arms:
    """What takes turns."""
    data = prepared(batch)
    windows = data.windows["train"]
    index = torch.randperm(len(windows))[:batch]

    def learner(chunk: int | None = None) -> Learner:
        made = new_learner(data, CPU, 1e-3, 0)
        made.model.train()
        if chunk:
            vars(made)["chunk"] = chunk  # in place of the cached property
        return made

    def step(made: Learner) -> None:
        take_step(made, windows, index, 1e-3, (0, 1, 2), workers)

    own = learner()
    step(own)  # so that it has gradients
    sizes = sorted({*(size for size in CHUNKS if size < batch), own.chunk})
    return {
        LIMIT: partial(network_alone, batch, workers.threads),
        **{f"step, chunks of {size}": partial(step, learner(size)) for size in sizes},
        "gather": lambda: [chunk() for chunk in chunks_of(own, windows, index)],
        "norms of gradients": lambda: gradient_norms(own),
        "optimizer": own.optimizer.step,
    }


NETWORK = nn.LSTM(1, UNITS, LAYERS, batch_first=True)


def network_alone(batch: int, threads: int) -> None:
    """Forward and backward of the batch as a whole, all threads within each operation."""
    torch.set_num_threads(threads)
    outputs = NETWORK(torch.zeros(batch, LOOKBACK, 1))[0]
    torch.autograd.grad(outputs.sum(), [*NETWORK.parameters()])
    torch.set_num_threads(1)


def measured(arms: Arms, seconds: float) -> dict[str, list[float]]:
    """Seconds of each arm, round by round."""
    for arm in (*arms.values(), *arms.values()):
        arm()
    found: dict[str, list[float]] = {name: [] for name in arms}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        order = list(arms.items())
        random.shuffle(order)
        for name, arm in order:
            time.sleep(PAUSE)
            began = time.perf_counter()
            arm()
            found[name].append(time.perf_counter() - began)
    return found


def lines(batch: int, found: dict[str, list[float]]) -> Iterator[str]:
    """A row for each arm."""
    for name, seconds in found.items():
        ratio = median(a / b for a, b in zip(found[LIMIT], seconds, strict=True))
        yield f"| {batch} | {name} | {1000 * median(seconds):.2f} | {ratio:.2f} |"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, action="append")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    claim_process()  # as the command line does: the allocator keeps its memory
    torch.set_num_threads(options.threads)
    print(f"{options.threads} threads\n\n| batch | | ms | x limit |\n|---|---|---|---|")
    with workers_for(CPU) as workers:
        for batch in options.batch or (32, 256):
            for line in lines(batch, measured(arms_of(batch, workers), options.seconds)):
                print(line, flush=True)


main()
