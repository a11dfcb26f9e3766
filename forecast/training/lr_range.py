"""The learning-rate range test (Smith 2017): the rate grows each step until the loss diverges."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import count, islice

import torch

from forecast.config.training import LrRangeConfig
from forecast.data.windows import Windows
from forecast.training.learner import Learner
from forecast.training.lr_rules import DIVERGED_AT, SETTLING, Point, Sweep, suggest, suggested
from forecast.training.sampling import epoch_order
from forecast.training.seeds import mixed_seed
from forecast.training.step import take_step
from forecast.training.workers import ALONE, Workers, workers_for

MOST_REPEATS = 4
"""Sweeps that are averaged where noise hides the fall: at most this many times the seeds."""
LARGE = 100_000
"""Parameters of a network that takes too long to be swept more than once a seed."""


def sweep(
    learner: Learner, windows: Windows, config: LrRangeConfig, workers: Workers = ALONE
) -> Iterator[Point]:
    """Train while the rate grows by a constant factor each mini-batch, until the loss diverges.

    Args:
        learner: trained in place; give it a model that is not needed otherwise.
        windows: training windows.
        config: first and last rate, steps, smoothing.
        workers: threads and processes; the curve does not depend on how many there are.

    Yields:
        Rate, loss, and the exponential moving average of the loss, corrected for its start.
    """
    factor = (config.last / config.first) ** (1 / (config.steps - 1))
    average, best = 0.0, math.inf
    learner.model.train()
    for step, index in enumerate(islice(_endless_batches(learner, windows), config.steps)):
        rate = config.first * factor**step
        seeds = (learner.seed, 0, step)
        loss = take_step(learner, windows, index, rate, seeds, workers)[0].item()
        if not math.isfinite(loss):
            return
        average = config.smoothing * average + (1 - config.smoothing) * loss
        smoothed = average / (1 - config.smoothing ** (step + 1))
        yield Point(rate, loss, smoothed)
        if step >= SETTLING:
            best = min(best, smoothed)
        if smoothed > DIVERGED_AT * best:
            return


def run_sweeps(
    build: Callable[[int], Learner], windows: Windows, config: LrRangeConfig, seed: int
) -> list[Sweep]:
    """Sweep from several seeds, and from more of them where noise hides the fall.

    Args:
        build: a new learner from a seed; weights and optimiser of the caller stay as they are.
        windows: training windows.
        config: options of the sweep.
        seed: the first seed.

    Returns:
        A sweep from each of `config.seeds` consecutive seeds, or of up to `MOST_REPEATS` times as
        many.
    """
    sweeps: list[Sweep] = []
    while len(sweeps) < MOST_REPEATS * config.seeds:
        learner = build(seed + len(sweeps))
        with workers_for(learner.device) as workers:
            points = tuple(sweep(learner, windows, config, workers))
        sweeps.append(Sweep(learner.seed, points, suggest(points, config.last)))
        is_round = len(sweeps) % config.seeds == 0
        is_large = learner.model.num_parameters >= LARGE
        if is_round and (is_large or any(suggested(sweeps, config.last).values())):
            break
    return sweeps


def _endless_batches(learner: Learner, windows: Windows) -> Iterator[torch.Tensor]:
    """Numbers of the windows of each mini-batch, epoch after epoch."""
    for epoch in count():
        generator = torch.Generator(windows.starts.device)
        generator.manual_seed(mixed_seed(learner.seed, 0, epoch))
        yield from epoch_order(windows, learner.config, generator).split(learner.config.batch_size)
