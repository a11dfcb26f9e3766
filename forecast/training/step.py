"""One step of training: the gradient of some windows, in chunks side by side, and the move."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Int
from torch import Tensor, nn

from forecast.data.windows import Batch, Windows
from forecast.models.dropout import DropoutGenerator
from forecast.training.averaging import update_average
from forecast.training.device import gathered, mixed_precision
from forecast.training.learner import Learner
from forecast.training.losses import penalty
from forecast.training.optimizers import set_rate
from forecast.training.schedules import Position, rate_factor
from forecast.training.seeds import mixed_seed
from forecast.training.workers import ALONE, Workers

Chunk = Callable[[], Batch]
"""Gathers some windows when it is called, by who computes them."""


@dataclass(frozen=True)
class StepResult:
    """What a step was taken on."""

    loss: Tensor
    """Of its windows before it, penalties included."""
    norms: Sequence[Tensor]
    """Of the gradient of every weight, before clipping, in the order of `named_parameters`."""
    rate: float


def take_step(
    learner: Learner,
    windows: Windows,
    index: Int[Tensor, " B"],
    position: Position,
    seeds: Sequence[int],
    workers: Workers = ALONE,
) -> StepResult:
    """Take one step on the windows of the given numbers at the scheduled rate.

    Args:
        learner: changed in place; its model must be in training mode.
        windows: on the learner's device, or on the CPU.
        index: numbers of the windows, on the device of the windows.
        position: of the step, for the schedule.
        seeds: dropout follows from them.
        workers: who computes; the result is the same for any number of them.
    """
    rate, profile = scheduled_rate(learner, position), learner.profile
    with profile.part("kernel"):
        loss = set_gradient(learner, chunks_of(learner, windows, index), seeds, workers)
    with profile.part("optimizer"):
        norms = gradient_norms(learner)
        step_at(learner, rate)
        average(learner, position)
    return StepResult(loss, norms, rate)


def chunks_of(learner: Learner, windows: Windows, index: Int[Tensor, " B"]) -> Iterator[Chunk]:
    """Windows in chunks that are computed side by side; they are not gathered all at once."""
    for some in index.split(learner.chunk):
        yield partial(gathered, windows, some, learner.device)


def set_gradient(
    learner: Learner,
    chunks: Iterable[Chunk],
    seeds: Sequence[int] = (0,),
    workers: Workers = ALONE,
    noise: DropoutGenerator = None,
) -> Tensor:
    """Set the gradient of the mean loss over the windows of all chunks on the learner's weights.

    Args:
        learner: its model must be in training mode; nothing but the gradients changes.
        chunks: of windows; what they gather is on the learner's device.
        seeds: dropout follows from them and from the number of the chunk.
        workers: who computes; the result is the same for any number of them.
        noise: draw dropout from this generator instead.

    Returns:
        The loss, penalties included, without its graph.
    """
    if learner.has_batch_norm:  # whose running statistics know an order
        workers = ALONE
    parts = workers.map(partial(_part, learner, seeds, noise), enumerate(chunks))
    first = next(parts)
    total, weight, gradients = first.total, first.weight, first.gradients
    for part in parts:
        total, weight = total + part.total, weight + part.weight
        gradients = torch._foreach_add(gradients, part.gradients)
    weight = weight.clamp_min(torch.finfo(weight.dtype).tiny)
    gradients = torch._foreach_div(gradients, weight)
    for parameter, gradient in zip(learner.weights, gradients, strict=True):
        parameter.grad = gradient
    return total / weight + _penalised(learner)


@dataclass(frozen=True)
class _Part:
    """What a chunk adds to the loss of its batch and to the gradient."""

    total: Tensor
    weight: Tensor
    gradients: tuple[Tensor, ...]


def _part(
    learner: Learner, seeds: Sequence[int], noise: DropoutGenerator, chunk: tuple[int, Chunk]
) -> _Part:
    number, gather = chunk
    batch, model, noise = gather(), learner.model, noise or _noise(learner, (*seeds, number))
    with mixed_precision(learner.device, learner.config.precision):
        forecast = model(batch.past, batch.future, batch.static, batch.target, noise)
    total, weight = learner.loss.sums(forecast, batch.target, batch.weight, batch.has_no_gaps)
    gradients = torch.autograd.grad(total, learner.weights, materialize_grads=True)
    return _Part(total.detach(), weight, gradients)


def _noise(learner: Learner, seeds: Sequence[int]) -> DropoutGenerator:
    """A generator for dropout; None where nothing is dropped."""
    if not learner.model.config.dropout:
        return None
    return torch.Generator(learner.device).manual_seed(mixed_seed(*seeds))


def _penalised(learner: Learner) -> Tensor | float:
    """Add the gradient of the penalties on the weights; what they come to."""
    config = learner.config
    if not config.l1 and not config.l2:
        return 0.0
    named = dict(learner.model.named_parameters())
    added = penalty(named.items(), config.l1, config.l2)
    if not isinstance(added, Tensor):
        return added
    gradients = torch.autograd.grad(added, [*named.values()], materialize_grads=True)
    torch._foreach_add_(
        [weight.grad for weight in named.values() if weight.grad is not None], gradients
    )
    return added.detach()


def gradient_norms(learner: Learner) -> Sequence[Tensor]:
    """Norm of each weight's gradient, in the order of `named_parameters`."""
    gradients = [weight.grad for weight in learner.weights if weight.grad is not None]
    return torch._foreach_norm(gradients)


def scheduled_rate(learner: Learner, position: Position) -> float:
    """The learning rate of the next step."""
    config = learner.config
    return learner.learning_rate * rate_factor(config.schedule, position, config.warmup)


def step_at(learner: Learner, rate: float) -> None:
    """Clip the gradient and take one step at a rate."""
    clip(learner)
    set_rate(learner.optimizer, rate)
    learner.optimizer.step()


def clip(learner: Learner) -> None:
    """Limit the entries of the gradient, then its norm, as configured."""
    config = learner.config
    if config.clip_value is not None:
        nn.utils.clip_grad_value_(learner.model.parameters(), config.clip_value)
    if config.clip_norm is not None:
        nn.utils.clip_grad_norm_(learner.model.parameters(), config.clip_norm)


def average(learner: Learner, position: Position) -> None:
    """Mix the weights after a step into their average, if there is one."""
    if learner.average is not None:
        update_average(learner.average, learner.model, learner.config.averaging, position)
