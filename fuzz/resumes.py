"""Promise 3: an interrupted training, resumed, ends with the bytes of one that never stopped."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from forecast import experiment
from forecast.runs.drain import result_of
from forecast.runs.folder import METRICS_FILE, RunFolder, new_run
from forecast.training import session
from forecast.training import step as steps
from forecast.training.progress import Progress
from fuzz.material import Material, random_of
from fuzz.trainings import configuration, table
from fuzz.writes import what_differs

Steps = Generator[Progress, None, Any]

MOST_INTERRUPTIONS = 3
MOST_EPOCHS = 6
SAVED_EVERY = (0.0, 30.0)
"""Seconds: after every step, or at the end of an epoch at the earliest."""
IN_EPOCH = 0.7
"""Share of the interruptions that come at a step, and not between two epochs."""


def check(number: int, material: Material, scratch: Path) -> str | None:  # noqa: ARG001
    """Interrupt a training up to three times, within an epoch or after it."""
    random = random_of(3, number)
    config, data = configuration(random), table(random)
    whole, broken = (new_run(scratch / f"{kind}{number}") for kind in ("whole", "broken"))
    with _stopping_at(None) as taken:
        result_of(experiment.train(config, data, whole))
    for attempt in range(int(random.integers(1, MOST_INTERRUPTIONS + 1))):
        if not broken.is_finished:
            steps = experiment.train(config, data, broken, resume=attempt > 0)
            with mock.patch.object(session, "SAVE_EVERY", float(random.choice(SAVED_EVERY))):
                _break_off(steps, random, len(taken))
    if not broken.is_finished:
        result_of(experiment.train(config, data, broken, resume=True))
    return what_differs(broken.path, whole.path) or _what_records_differ(broken, whole)


def _break_off(steps: Steps, random: np.random.Generator, taken: int) -> None:
    """Interrupt a training at a step, or leave it after an epoch, unless it is over by then."""
    if random.random() < IN_EPOCH:
        step = int(random.integers(1, taken + 1))
        with _stopping_at(step), contextlib.suppress(KeyboardInterrupt):
            result_of(steps)
    else:
        for _ in itertools.islice(steps, int(random.integers(1, MOST_EPOCHS))):
            pass
        steps.close()


@contextlib.contextmanager
def _stopping_at(step: int | None) -> Iterator[list[int]]:
    """Interrupt at a step of the training; the steps that were begun."""
    begun: list[int] = []

    def take_step(*arguments: Any, **options: Any) -> steps.StepResult:
        begun.append(len(begun) + 1)
        if len(begun) == step:
            raise KeyboardInterrupt
        return steps.take_step(*arguments, **options)

    with mock.patch("forecast.training.loop.take_step", take_step):
        yield begun


def _what_records_differ(broken: RunFolder, whole: RunFolder) -> str | None:
    """Every epoch is recorded once, as it was."""
    first, second = (_records(folder) for folder in (broken, whole))
    return None if first == second else f"metrics.jsonl: {first} is not {second}"


def _records(folder: RunFolder) -> list[dict[str, object]]:
    lines = (folder.path / METRICS_FILE).read_text().splitlines()
    return [{**json.loads(line), "seconds": 0} for line in lines]
