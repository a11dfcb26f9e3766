"""What a training is resumed from: every member as it was left, the finished ones too.

A member that has ended keeps its weights, its optimiser and its epochs, so that a training of more
epochs goes on with each of them where it ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from torch import Tensor

from forecast.config.schedules import Cosine, OneCycle, StochasticWeightAverage
from forecast.config.training import TrainingConfig
from forecast.runs.checkpoint import with_prefix
from forecast.training.learner import Learner
from forecast.training.loop import Epoch, EpochProgress
from forecast.training.optimizers import load_optimizer_tensors, optimizer_tensors

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class ResumeRecord:
    """What a resume file holds beside its tensors."""

    done: int
    """Finished members; the next one is the current one."""
    epochs: list[list[Epoch]]
    """Of each member that has begun."""
    reasons: list[str]
    """Why each finished member stopped."""
    within: list[EpochProgress | None]
    """Where in an epoch each of them is; None: between two."""
    data: str
    """Digest of the data."""
    config: dict[str, Any]
    """The whole configuration, as JSON has it."""


@dataclass(frozen=True)
class MemberState:
    """A member between two steps."""

    model: Weights
    average: Weights
    """Of the weights along training; empty: there is none."""
    best: Weights
    """Those that are kept, as far as is known."""
    optimizer: Weights
    history: list[Epoch]
    within: EpochProgress | None


PARTS = ("model", "average", "best", "optimizer")


def state_of(
    learner: Learner, best: Weights, history: Sequence[Epoch], within: EpochProgress | None
) -> MemberState:
    """Copies of all that a member is.

    Args:
        learner: its weights and its optimiser.
        best: the weights that are kept.
        history: its epochs.
        within: where in the next one it is.
    """
    average = {} if learner.average is None else copied(learner.average.state_dict())
    model, optimizer = copied(learner.model.state_dict()), optimizer_tensors(learner.optimizer)
    return MemberState(model, average, best, optimizer, [*history], within)


def load_state(learner: Learner, state: MemberState) -> None:
    """Give a fresh learner the state of its member.

    Raises:
        ValueError, LookupError, RuntimeError: if it is the state of another model.
    """
    learner.model.load_state_dict(dict(state.model))
    if learner.average is not None:
        learner.average.load_state_dict(dict(state.average))
    load_optimizer_tensors(learner.optimizer, state.optimizer)
    left, right = (_kinds(each) for each in (state.best, learner.eval_model.state_dict()))
    if left != right:
        raise ValueError("weights of another model")


def tensors_of(states: Sequence[MemberState]) -> dict[str, Tensor]:
    """The tensors of a resume file."""
    return {
        f"{number}.{part}.{name}": tensor
        for number, state in enumerate(states)
        for part in PARTS
        for name, tensor in getattr(state, part).items()
    }


def states_in(tensors: Weights, record: ResumeRecord) -> list[MemberState]:
    """The members of a resume file."""
    return [
        MemberState(
            **{part: with_prefix(tensors, f"{number}.{part}.") for part in PARTS},
            history=history,
            within=within,
        )
        for number, (history, within) in enumerate(zip(record.epochs, record.within, strict=True))
    ]


def record_of(content: Any) -> ResumeRecord:
    """The JSON of a resume file; what is missing or of another type is a ValueError."""
    return TypeAdapter(ResumeRecord).validate_python(content)


def require_sense(saved: ResumeRecord, is_validated: bool, members: int) -> None:
    """What a resume file says of members, epochs and steps must add up.

    Args:
        saved: what it says.
        is_validated: whether there are validation windows.
        members: of the ensemble.

    Raises:
        ValueError: if they do not.
    """
    losses = [epoch.validation_loss for history in saved.epochs for epoch in history]
    if any((loss is not None) != is_validated for loss in losses):
        raise ValueError("validation losses are missing, or of another split")
    begun = len(saved.epochs)
    if not len(saved.reasons) == saved.done < begun == len(saved.within) <= members:
        raise ValueError("the members do not add up")
    for number, (history, within) in enumerate(zip(saved.epochs, saved.within, strict=True)):
        passed = within.step - (history[-1].step if history else 0) if within else 0
        if not (history or passed) or (within and len(within.losses) != passed):
            raise ValueError("the steps do not add up")
        if number < saved.done and (within or not history):
            raise ValueError("a member is finished within an epoch")


def laid_out_for_its_length(config: TrainingConfig) -> str:
    """What in a training depends on how long it is to be; empty: nothing, so that going on with
    more epochs gives the bytes of a training that had so many from the start."""
    if isinstance(config.schedule, Cosine | OneCycle):
        return f"training.schedule: {config.schedule.key()}"
    if isinstance(config.averaging, StochasticWeightAverage):
        return f"training.averaging: {config.averaging.key()}"
    return ""


def copied(state: Weights) -> dict[str, Tensor]:
    """Copies of weights, that no further step changes."""
    return {name: tensor.detach().clone() for name, tensor in state.items()}


def _kinds(state: Weights) -> dict[str, Any]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in state.items()}
