"""Make the weights of the pretrained LSTM: `python scripts/pretrain.py OUTPUT.safetensors`.

One process draws synthetic series, this one takes steps of the toolkit's own training on them.
Every batch is of one season, one horizon and one length of history, drawn from the seed and the
number of the step alone, so that an interrupted run goes on where it stopped: the same command
again. Histories of a batch differ in length, and some lack values.
"""

import argparse
import math
import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from forecast.config.schedules import Position
from forecast.config.training import TrainingConfig
from forecast.data.windows import Windows
from forecast.pretrained.forecaster import PretrainedForecaster
from forecast.pretrained.known import mean
from forecast.pretrained.network import LEVELS, UNITS
from forecast.pretrained.season import longer_season, most_rows
from forecast.pretrained.synthetic import synthetic
from forecast.pretrained.weights import KIND
from forecast.runs.checkpoint import load_checkpoint, save_checkpoint, with_prefix
from forecast.training.learner import Learner, build_learner
from forecast.training.optimizers import load_optimizer_tensors, optimizer_tensors
from forecast.training.step import average_weights, scheduled_rate, take_step
from forecast.training.workers import workers_for

SEASONS = {1: 0.25, 4: 0.15, 7: 0.14, 12: 0.22, 24: 0.05, 52: 0.08}
"""Share of the batches; the rest have another season, up to a year of days."""
OTHER_SEASONS = (2, 3, 5, 6, 10, 13, 26, 30, 36, 48, 60, 96, 168, 365)
TWO_SEASONS = 0.35
"""Share of the batches of a season that has a longer one beside it, in which it has it."""
BATCH, LONG_BATCH = 256, 64
"""Series in a batch; fewer where histories have thousands of rows together."""
SAVE_EVERY = 250
"""Steps."""
MOST_CHANGE = 15.0
"""Units of MASE that the values of a horizon may be away from the last one in the mean, before
their series counts less: a single one that explodes would otherwise make up the step."""


@dataclass(frozen=True)
class Task:
    """The sizes of a batch."""

    season: int
    long_season: int
    rows: int
    horizon: int
    count: int


def drawn_task(random: np.random.Generator) -> Task:
    """Season, history and horizon of a batch."""
    others = (1 - sum(SEASONS.values())) / len(OTHER_SEASONS)
    shares = [*SEASONS.values(), *[others] * len(OTHER_SEASONS)]
    season = int(random.choice([*SEASONS, *OTHER_SEASONS], p=shares))
    longer = longer_season(season) if random.random() < TWO_SEASONS else 0
    longest = {1: 14, 4: 12, 12: 24}.get(season, max(14, min(56, 8 * season)))
    horizon = int(random.integers(min(4, longest), longest + 1))
    most = most_rows(season, longer)
    least = 3 if random.random() < 0.15 else min(max(8, math.ceil(1.5 * season)), most)
    rows = int(random.integers(least, most + 1))
    return Task(season, longer, rows, horizon, BATCH if rows <= 450 else LONG_BATCH)


def drawn_batch(seed: int, step: int) -> tuple[Task, np.ndarray]:
    """Task and series (B, rows + horizon) of a step; NaN before a history begins."""
    random = np.random.default_rng((seed, step))
    task = drawn_task(random)
    rows = task.rows + task.horizon
    begin = int(random.integers(5, 6 + task.season))  # any place in the season
    values = synthetic(random, task.count, begin + rows, task.season, task.long_season)[:, begin:]
    least = min(task.rows - 1, max(2, int(1.5 * task.season)))
    for series in np.flatnonzero(random.random(task.count) < 0.4):  # shorter histories
        values[series, : random.integers(0, task.rows - least)] = np.nan
    if random.random() < 0.15:  # missing values, but not the last one
        gaps = random.random((task.count, task.rows - 1)) < random.uniform(0.02, 0.3)
        values[:, : task.rows - 1][gaps] = np.nan
    return task, values


def windows_of(task: Task, values: np.ndarray) -> Windows:
    """One window a series; its loss counts in units of MASE."""
    history = values[:, : task.rows]
    lag = task.season if task.rows > 2 * task.season else 1
    change = np.abs(history[:, lag:] - history[:, :-lag])
    usual = np.abs(np.diff(history, axis=1))
    away = np.abs(values[:, task.rows :] - history[:, -1:]).mean(axis=1)
    size = np.fmax(np.fmax(mean(change), 0.1 * mean(usual)), away / MOST_CHANGE)
    weights = np.where(size > 0, 1 / np.maximum(size, 1e-9), 0.0)
    flat = torch.from_numpy(values.astype(np.float32).reshape(-1, 1))
    first = torch.arange(len(values)) * values.shape[1]
    return Windows(
        inputs=flat,
        targets=flat,
        static=torch.zeros(len(values), 0),
        first_rows=first,
        starts=first,
        lookback=task.rows,
        horizon=task.horizon,
        num_future=0,
        weights=torch.from_numpy(weights.astype(np.float32))[:, None],
    )


def learner_of(rate: float, units: int) -> Learner:
    """A fresh network with the options of its training."""
    torch.manual_seed(0)
    options = TrainingConfig.model_validate(
        {
            "loss": {"quantile": {"levels": LEVELS}},
            "optimizer": {"adamw": {"weight_decay": 1e-3}},
            "schedule": "cosine",
            "averaging": {"ema": {"decay": 0.999}},
            "batch_size": BATCH,
            "clip_norm": 1.0,
        }
    )
    return build_learner(PretrainedForecaster(season=1, units=units), options, rate, seed=0)


def train(learner: Learner, output: Path, first: int, steps: int, seed: int) -> None:
    """Take the steps that are left, and save now and then."""
    began, recent = time.monotonic(), []
    with workers_for(learner.device) as workers:
        for step, (task, values) in enumerate(batches(seed, first, steps), first):
            windows, position = windows_of(task, values), Position(step, SAVE_EVERY, steps)
            assert isinstance(learner.model, PretrainedForecaster)  # the average stays without
            learner.model.season, learner.model.long_season = task.season, task.long_season
            learner.model.train()
            rate = min(1.0, (step + 1) / 200) * scheduled_rate(learner, position)
            loss, _ = take_step(
                learner, windows, torch.arange(len(values)), rate, (seed, step), workers
            )
            average_weights(learner, position)
            recent.append(float(loss))
            if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
                save(learner, output, step + 1)
                minutes = (time.monotonic() - began) / 60
                print(f"step {step + 1}: loss {np.mean(recent):.4f}, {minutes:.1f} min", flush=True)
                recent = []


def batches(seed: int, first: int, steps: int) -> Iterator[tuple[Task, np.ndarray]]:
    """The batches of the steps that are left, drawn by another process."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        ahead = 16  # batches that wait: a pool's own queue would draw them all
        waiting = [pool.apply_async(drawn_batch, (seed, n)) for n in range(first, first + ahead)]
        for step in range(first, steps):
            yield waiting.pop(0).get()
            waiting.append(pool.apply_async(drawn_batch, (seed, step + ahead)))


def save(learner: Learner, output: Path, step: int) -> None:
    """The averaged weights, and beside them all that a resumed run needs."""
    assert isinstance(learner.average, PretrainedForecaster)
    half = {k: v.half() for k, v in learner.average.network.state_dict().items()}
    save_checkpoint(
        output, KIND, half, {"units": learner.average.network.decoder.hidden_size, "step": step}
    )
    parts = {
        "model": learner.model.state_dict(),
        "average": learner.average.state_dict(),
        "optimizer": optimizer_tensors(learner.optimizer),
    }
    tensors = {f"{part}.{name}": t for part, named in parts.items() for name, t in named.items()}
    save_checkpoint(output.with_suffix(".resume"), "resume", tensors, {"step": step})


def restore(learner: Learner, output: Path) -> int:
    """Go on from the file beside the output, if there is one; the number of steps taken."""
    path = output.with_suffix(".resume")
    if not path.exists():
        return 0
    tensors, content = load_checkpoint(path, "resume")
    learner.model.load_state_dict(with_prefix(tensors, "model."))
    assert learner.average is not None
    learner.average.load_state_dict(with_prefix(tensors, "average."))
    load_optimizer_tensors(learner.optimizer, with_prefix(tensors, "optimizer."))
    return int(content["step"])


def main() -> None:
    """Read the options and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--steps", type=int, default=8_000)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--units", type=int, default=UNITS)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    learner = learner_of(options.rate, options.units)
    first = restore(learner, options.output)
    train(learner, options.output, first, options.steps, options.seed)


if __name__ == "__main__":
    main()
