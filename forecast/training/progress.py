"""The progress of a training: its latest record, and the time that may be left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from forecast.config.training import TrainingConfig
from forecast.training.loop import Epoch, EpochProgress
from forecast.training.stopping import seconds_of

SHOW_EVERY = 1.0
"""Seconds between two looks at a long epoch, where somebody watches."""


@dataclass(frozen=True)
class Progress:
    """One epoch of one member, as training goes on."""

    member: int
    """From 0."""
    members: int
    epoch: Epoch
    """Its record; of an epoch that is not over, the record so far."""
    epochs: int
    """Most epochs of a member."""
    steps: int
    """Most optimiser steps of a member."""
    best: float
    """Lowest loss that decides what is kept, of the member's epochs so far; infinite: none yet."""
    seconds_left: float = math.inf
    """At most, of all members: by the steps so far, and by `max_minutes`."""
    is_done: bool = True
    """Whether the epoch is over."""
    is_again: bool = False
    """Whether it is of the second training, on all rows."""


def progress_of(
    config: TrainingConfig,
    histories: Sequence[Sequence[Epoch]],
    steps: int,
    epoch: Epoch,
    is_done: bool,
    is_again: bool,
) -> Progress:
    """Where a training is after an epoch, or within one.

    Args:
        config: epochs, members and minutes.
        histories: finished epochs of each member, the current one being the last.
        steps: most of a member.
        epoch: its record, or the record so far.
        is_done: whether it is over.
        is_again: whether it is of the second training.
    """
    *finished, current = histories
    member = len(finished)
    taken = epoch.step + sum(history[-1].step for history in finished)
    spent = seconds_of(finished) + epoch.seconds
    left = spent / taken * (steps * (config.members - member) - epoch.step)
    losses = [each.monitored for each in current if each.is_finite]
    return Progress(
        member=member,
        members=config.members,
        epoch=epoch,
        epochs=config.epochs,
        steps=steps,
        best=min(losses, default=math.inf),
        seconds_left=max(0.0, min(left, 60 * (config.max_minutes or math.inf) - spent)),
        is_done=is_done,
        is_again=is_again,
    )


def so_far(within: EpochProgress, history: Sequence[Epoch]) -> Epoch:
    """What an epoch that is not over has come to."""
    loss = math.fsum(within.losses) / len(within.losses)
    return Epoch(len(history) + 1, within.step, loss, None, math.nan, within.seconds)


def member_name(member: int, members: int) -> str:
    """Start of a line about one of several models; nothing where there is only one."""
    return f"model {member + 1}/{members}, " if members > 1 else ""
