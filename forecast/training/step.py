"""One step of training: the gradient of some windows, in chunks side by side, and the update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from forecast.config.schedules import Position
from forecast.data.windows import Batch, Windows
from forecast.models.dropout import DropoutGenerator
from forecast.training.averaging import update_average
from forecast.training.device import gathered, mixed_precision
from forecast.training.learner import Learner
from forecast.training.losses import penalty
from forecast.training.optimizers import set_rate
from forecast.training.seeds import mixed_seed
from forecast.training.workers import ALONE, Workers

Chunk = Callable[[], Batch]
"""Gathers some windows when it is called, by the thread that computes them."""
StepResult = tuple[Tensor, Sequence[Tensor]]
"""Loss of a step's windows before the step, penalties included; and the norm of the gradient of
every weight before clipping, in the order of `named_parameters`."""


def take_step(
    learner: Learner,
    windows: Windows,
    index: Int[Tensor, " B"],
    rate: float,
    seeds: Sequence[int],
    workers: Workers = ALONE,
) -> StepResult:
    """Take one optimiser step on the windows of the given numbers.

    Args:
        learner: changed in place; its model must be in training mode.
        windows: on the learner's device, or on the CPU.
        index: numbers of the windows, on the device of the windows.
        rate: learning rate of the step.
        seeds: dropout follows from them.
        workers: threads and processes; the result does not depend on how many there are.
    """
    with learner.profile.part("kernel"):
        chunks = chunks_of(learner, windows, index, workers.ranks.size)
        loss = set_gradient(learner, chunks, seeds, workers)
    with learner.profile.part("optimizer"):
        norms = gradient_norms(learner)
        clip(learner)
        set_rate(learner.optimizer, rate)
        learner.optimizer.step()
    return loss, norms


def scheduled_rate(learner: Learner, position: Position) -> float:
    """The learning rate of the next step.

    While the rate warms up, it rises linearly; the first step already has a share of it.
    """
    config = learner.config
    rise = config.warmup * position.steps_per_epoch
    share = min(1.0, (position.step + 1) / rise) if rise else 1.0
    return learner.learning_rate * (share * config.schedule.rate_factor(position))


def average_weights(learner: Learner, position: Position) -> None:
    """Mix the weights after a step into their average, if there is one."""
    if learner.average is not None:
        with learner.profile.part("optimizer"):
            weight = learner.config.averaging.weight(position)
            update_average(learner.average, learner.model, weight)


def chunks_of(
    learner: Learner, windows: Windows, index: Int[Tensor, " B"], processes: int = 1
) -> list[Chunk]:
    """Windows in chunks that are computed side by side; they are not gathered all at once.

    Args:
        learner: says how large a chunk is.
        windows: on the learner's device, or on the CPU.
        index: numbers of the windows.
        processes: that share the batch. On a GPU each gets one chunk, so that there, unlike on
            CPUs, the last bits of a result depend on their number.
    """
    size = learner.chunk
    if learner.device.type != "cpu" and not learner.has_batch_norm:
        size = -(-size // processes)
    return [partial(gathered, windows, some, learner.device) for some in index.split(size)]


def set_gradient(
    learner: Learner,
    chunks: Sequence[Chunk],
    seeds: Sequence[int] = (0,),
    workers: Workers = ALONE,
    noise: DropoutGenerator = None,
) -> Float[Tensor, ""]:
    """Set the gradient of the mean loss over the windows of all chunks on the learner's weights.

    Args:
        learner: its model must be in training mode; nothing but the gradients changes.
        chunks: of windows; what they gather is on the learner's device.
        seeds: dropout follows from them and from the number of the chunk.
        workers: threads and processes; the result does not depend on how many there are.
        noise: draw dropout from this generator instead.

    Returns:
        The loss, penalties included, without its graph.
    """
    if learner.has_batch_norm:  # whose running statistics depend on the order of the chunks
        workers = ALONE
    # Sums, not means, are added up over the chunks, as one tree and not in the order in which
    # threads finish: so the bytes of the gradient depend on no number of threads or processes.
    own = [(number, chunks[number]) for number in workers.ranks.share(len(chunks))]
    sums = workers.map(partial(_chunk_gradient, learner, seeds, noise), own)
    like = (torch.zeros(()), torch.zeros(()), *learner.weights)
    total, weight, *gradients = workers.ranks.sum(sums, len(chunks), like)
    weight = weight.clamp_min(torch.finfo(weight.dtype).tiny)  # all targets may be masked
    for parameter, gradient in zip(
        learner.weights, torch._foreach_div(gradients, weight), strict=True
    ):
        parameter.grad = gradient
    return total / weight + _penalised(learner)


def _chunk_gradient(
    learner: Learner, seeds: Sequence[int], noise: DropoutGenerator, chunk: tuple[int, Chunk]
) -> tuple[Tensor, ...]:
    """Sum of the losses, sum of their weights, and gradient of the first, of a chunk's windows."""
    number, gather = chunk
    batch, noise = gather(), noise or _dropout_generator(learner, (*seeds, number))
    with mixed_precision(learner.device, learner.config.precision):
        forecast = learner.model(batch.past, batch.future, batch.static, batch.target, noise)
    forecast = forecast.to(batch.target.dtype)  # some losses have no gradient in bf16
    total, weight = learner.loss.sums(forecast, batch.target, batch.weight, batch.has_no_gaps)
    # Not `backward`, which would let all threads add to the one gradient of each weight.
    gradients = torch.autograd.grad(total, learner.weights, materialize_grads=True)
    return total.detach(), weight, *gradients


def _dropout_generator(learner: Learner, seeds: Sequence[int]) -> DropoutGenerator:
    """What dropout draws from; None where nothing is dropped."""
    if not learner.model.dropout:
        return None
    return torch.Generator(learner.device).manual_seed(mixed_seed(*seeds))


def _penalised(learner: Learner) -> Float[Tensor, ""] | float:
    """Add the gradient of the penalties on the weights; returns their value."""
    config = learner.config
    if not config.l1 and not config.l2:
        return 0.0
    named = dict(learner.model.named_parameters())
    added = penalty(named.items(), config.l1, config.l2)
    gradients = torch.autograd.grad(added, [*named.values()], materialize_grads=True)
    torch._foreach_add_(
        [weight.grad for weight in named.values() if weight.grad is not None], gradients
    )
    return added.detach()


def gradient_norms(learner: Learner) -> Sequence[Tensor]:
    """Norm of each weight's gradient, in the order of `named_parameters`."""
    gradients = [weight.grad for weight in learner.weights if weight.grad is not None]
    return torch._foreach_norm(gradients)


def clip(learner: Learner) -> None:
    """Limit the entries of the gradient, then its norm, as configured."""
    config = learner.config
    if config.clip_value is not None:
        nn.utils.clip_grad_value_(learner.model.parameters(), config.clip_value)
    if config.clip_norm is not None:
        nn.utils.clip_grad_norm_(learner.model.parameters(), config.clip_norm)
