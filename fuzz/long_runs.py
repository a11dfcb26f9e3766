"""Promise 12: a loss that is no number costs no model, and a long training no memory."""

from __future__ import annotations

import contextlib
import gc
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from forecast.errors import ConfigError
from forecast.prepare import new_session, prepare
from forecast.runs.folder import new_run
from forecast.training import session as sessions
from forecast.training import step as steps
from forecast.training.learner import Learner
from forecast.training.session import Session
from fuzz.cases import CPU, same
from fuzz.material import Material, random_of
from fuzz.trainings import configuration, table

EPOCHS = 6
LONG = 1000
BRIEF = 175
"""Epochs of the first attempt, which is the one that the tests repeat."""
WARM = 100
"""Epochs after which the memory is at its level."""
NOISE = 4.0
"""Megabytes by which a process may differ from itself; the records of the epochs take one."""
REMEDY = "lower training.learning_rate (forecast lr-find suggests one), or set training.clip_norm"


def check_divergence(number: int, material: Material, scratch: Path) -> str | None:  # noqa: ARG001
    """Make the loss of one step inf or nan; the weights before its epoch must be what is kept."""
    random = random_of(12, number)
    config = configuration(random, epochs=EPOCHS, ensemble=1, early_stopping=None, epoch_windows=64)
    prepared = prepare(config, table(random))
    whole = new_session(prepared, CPU)
    kept = [(p.epoch, _copied(whole)) for p in whole.run()]
    last = kept[-1][0].step
    bad, value = int(random.integers(1, last + 1)), random.choice([math.inf, math.nan])
    broken = new_session(prepared, CPU)
    before = [(epoch, weights) for epoch, weights in kept if epoch.step < bad]
    step = f"epoch {len(before) + 1}, step {bad}; {REMEDY}"
    with _losing(bad, float(value)):
        try:
            list(broken.run())
        except ConfigError as error:
            return None if not before and step in str(error) else f"{step}: {error}"
    if not before:
        return f"{step}: a model that was never trained is kept"
    if step not in broken.reasons[0]:
        return f"{step}: {broken.reasons[0]}"
    return None if same(broken.weights[0], before[-1][1]) else f"{step}: other weights are kept"


def _copied(session: Session) -> dict[str, Tensor]:
    return {
        name: weight.clone() for name, weight in session.learner.eval_model.state_dict().items()
    }


@contextlib.contextmanager
def _losing(step: int, value: float) -> Iterator[None]:
    """Training in which the loss of one step, and its gradients, are no numbers."""
    taken: list[Tensor] = []
    real = steps.set_gradient

    def set_gradient(learner: Learner, *arguments: Any) -> Tensor:
        taken.append(real(learner, *arguments))
        if len(taken) == step:
            for weight in learner.model.parameters():
                weight.grad = torch.full_like(weight, value)
            return taken[-1] * value
        return taken[-1]

    with mock.patch.object(steps, "set_gradient", set_gradient):
        yield


def check_memory(number: int, material: Material, scratch: Path) -> str | None:  # noqa: ARG001
    """Train for very many epochs, saving after each; memory must stay what it was."""
    random = random_of(120, number)
    epochs = LONG if number else BRIEF
    brief = {"batch_size": 32, "epoch_windows": 32}  # a step an epoch
    config = configuration(random, epochs=epochs, ensemble=1, early_stopping=None, **brief)
    session = new_session(prepare(config, table(random)), CPU, new_run(scratch / f"long{number}"))
    sizes = []
    with mock.patch.object(sessions, "SAVE_EVERY", 1.0):
        for progress in session.run():
            if progress.epoch.number in (WARM, epochs):
                sizes.append(_megabytes())
    grown = sizes[1] - sizes[0]
    return f"{grown:.2f} MB more after {epochs} epochs than after {WARM}" if grown > NOISE else None


def _megabytes() -> float:
    """What this process holds in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
