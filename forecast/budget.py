"""What of a training fits into some minutes, from its start to its forecast: for `config init`."""

from __future__ import annotations

import time
from dataclasses import dataclass

from forecast.config.members import listed_members
from forecast.config.training import TrainingConfig
from forecast.config.tree import Config
from forecast.data.panel import Panel
from forecast.estimate import Cost, measured
from forecast.prepare import prepare
from forecast.training.device import choose_device
from forecast.training.sampling import windows_in_epoch

SPARE = 0.1
"""Share of the minutes that is kept for what nobody measures: pictures, a busy machine."""
LEAST = 0.2
"""Share of the minutes that training gets whatever else takes time."""
ENOUGH_STEPS, FEWEST_STEPS = 3_000, 200
"""Members are left out before those that stay would get fewer steps each; and members that differ,
each of which is worth more than longer trainings of the others."""
FEWEST_EPOCHS = 20
"""Where so many do not fit, they become shorter: by epochs the best weights are chosen."""
MOST_VALIDATION = 0.25
"""Share of an epoch that validation takes at most where epochs become shorter."""
FEWEST_PATIENCE = 3


@dataclass(frozen=True)
class Fitted:
    """What a proposal says of its time."""

    changes: dict[str, object]
    """Of the section `training`."""
    seconds: float
    """From start to forecast, at most."""


def fitted(config: Config, panel: Panel, minutes: float, began: float) -> Fitted:
    """What to change in a configuration so that its training ends within some minutes.

    Args:
        config: as it would be without any limit.
        panel: its table, read already.
        minutes: from the start of the command to the forecast.
        began: when reading began, by `time.perf_counter`.

    Raises:
        ForecastError: if the table cannot be trained on so.
    """
    prepared = prepare(config, panel)
    num_windows = len(prepared.windows["train"])
    cost = measured(prepared, choose_device(config.device))
    before = time.perf_counter() - began  # `train` reads and measures too
    seconds = 60 * minutes * (1 - SPARE) - before - cost.evaluation
    if config.training.refit:
        seconds /= 2  # a second training may take as long
    limit = _rounded_down(max(seconds / 60, LEAST * minutes), minutes)
    changes = affordable(config.training, num_windows, cost, 60 * limit) | {"max_minutes": limit}
    changed = TrainingConfig.model_validate({**config.training.model_dump(), **changes})
    return Fitted(changes, before + cost.whole(changed, num_windows))


def affordable(
    training: TrainingConfig, num_windows: int, cost: Cost, seconds: float
) -> dict[str, object]:
    """What to change so that all members are trained within some seconds.

    First members are left out, then epochs, until each step is worth its time; of members that
    differ first epochs. Where only a few epochs would be left, they read a part of the windows.

    Args:
        training: what is asked for: never more than that is proposed.
        num_windows: to train on.
        cost: of its parts.
        seconds: for all members together.

    Returns:
        None of the keys ensemble, epochs, epoch_windows and early_stopping where all fits.
    """
    if cost.training(training, num_windows) <= seconds:
        return {}
    alone = training.model_copy(update={"ensemble": 1})
    listed = listed_members(training)
    stepping = (FEWEST_STEPS if listed else ENOUGH_STEPS) * cost.step
    enough = max(stepping / (1 - MOST_VALIDATION), stepping + cost.validation)
    shortest = min(cost.epoch(alone, num_windows), cost.validation / MOST_VALIDATION)
    enough = max(min(enough, cost.training(alone, num_windows)), shortest)
    members = max(1, min(training.members, int(seconds / enough)))
    epochs, windows = _epochs(training, num_windows, cost, seconds / members)
    changes: dict[str, object] = {"epochs": epochs}
    if members < training.members:
        is_plain = not listed or (members == 1 and not listed[0])
        changes["ensemble"] = members if is_plain else listed[:members]
    if windows is not None:
        changes["epoch_windows"] = windows
    stopping = training.early_stopping
    if stopping is not None and epochs < training.epochs:
        patience = max(FEWEST_PATIENCE, round(stopping.patience * epochs / training.epochs))
        # As YAML has it: what is as by default is left out.
        given = stopping.model_dump(exclude_defaults=True)
        changes["early_stopping"] = given | {"patience": min(stopping.patience, patience)}
    return changes


def _epochs(
    training: TrainingConfig, num_windows: int, cost: Cost, seconds: float
) -> tuple[int, int | None]:
    """How many epochs of a member fit, and of how many windows if not of as many as before."""
    wanted = min(FEWEST_EPOCHS, training.epochs)
    epochs = int(seconds / cost.epoch(training, num_windows))
    if epochs >= wanted:
        return min(epochs, training.epochs), None
    each = max(seconds / wanted, cost.validation / MOST_VALIDATION)
    batches = max(1, int((each - cost.validation) / cost.step))
    epochs = int(seconds / (batches * cost.step + cost.validation))
    windows = batches * training.batch_size
    is_shorter = windows < windows_in_epoch(num_windows, training)
    return max(1, min(epochs, training.epochs)), windows if is_shorter else None


def _rounded_down(minutes: float, budget: float) -> float:
    """In twentieths of the budget, so that a proposal is not another one at every reading."""
    return round(max(1, int(minutes / budget * 20)) * budget / 20, 4)
