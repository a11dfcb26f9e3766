"""When to stop a training and what to warn of: pure functions of the records of its epochs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from forecast.config.training import EarlyStoppingConfig, TrainingConfig
from forecast.training.loop import Epoch

WORRYING_RISE = 1.5
"""A training loss that rises for three epochs to this many times its lowest is warned of."""


def best_epoch(history: Sequence[Epoch], stopping: EarlyStoppingConfig | None) -> Epoch:
    """The epoch whose monitored loss is lowest, smoothed as configured.

    Args:
        history: one epoch at least.
        stopping: its `smoothing`, and the `min_delta` that a fall must exceed to count; None: as
            by default.
    """
    stopping = stopping or EarlyStoppingConfig()
    losses = smoothed([epoch.monitored for epoch in history], stopping.smoothing)
    best = 0
    for number, loss in enumerate(losses):
        if loss < losses[best] - stopping.min_delta or math.isnan(losses[best]):
            best = number
    return history[best]


FINE_TUNED = 0.99
"""Fine-tuned weights must come below this share of the validation loss of those they began with."""


def kept_epoch(
    history: Sequence[Epoch], config: TrainingConfig, start: Epoch | None
) -> Epoch | None:
    """The epoch whose weights are kept: the best one where validation decides, else the last.

    Args:
        history: the epochs.
        config: whether validation decides.
        start: the weights as they were before the first step, where these are good already: they
            are kept unless validation says that an epoch's are better, by a margin; None: they are
            not good.

    Returns:
        None where no weights were numbers.
    """
    finite = [epoch for epoch in history if epoch.is_finite]
    stopping = config.early_stopping
    if start is not None:
        judged = [epoch for epoch in finite if epoch.validation_loss is not None]
        best = best_epoch(judged, stopping) if judged else start
        return best if best.monitored < FINE_TUNED * start.monitored else start
    if not finite or stopping is None or finite[-1].validation_loss is None:
        return finite[-1] if finite else None
    return best_epoch(finite, stopping)


def smoothed(losses: Sequence[float], past: float) -> list[float]:
    """Exponential moving mean of losses, `past` being the weight of those before, unbiased."""
    if not past:  # 0 times a loss that is not finite is not a number
        return list(losses)
    total, weight, means = 0.0, 0.0, []
    for loss in losses:
        total, weight = past * total + loss, past * weight + 1
        means.append(total / weight)
    return means


def seconds_of_member(finished: Sequence[Sequence[Epoch]], config: TrainingConfig) -> float:
    """Seconds that the next member may train: its share of what the finished ones left.

    Args:
        finished: the epochs of each member that is done.
        config: `max_minutes` of all members together, and how many these are.
    """
    if config.max_minutes is None:
        return math.inf
    left = 60 * config.max_minutes - seconds_of(finished)
    return max(1e-3, left) / (config.members - len(finished))  # a step is taken all the same


def seconds_of(histories: Sequence[Sequence[Epoch]]) -> float:
    """Seconds that some members were trained."""
    return math.fsum(history[-1].seconds for history in histories if history)


def stop_reason(
    history: Sequence[Epoch], config: TrainingConfig, most_seconds: float
) -> str | None:
    """Why training should stop after the last epoch; None: go on.

    Args:
        history: one epoch at least.
        config: patience and tolerance.
        most_seconds: that the member may train.
    """
    last = history[-1]
    if not last.is_finite:
        return _what_broke(last)
    stopping = config.early_stopping
    if stopping and last.validation_loss is not None:
        best = best_epoch(history, stopping)
        if last.number - best.number >= stopping.patience:
            return f"no lower validation loss since epoch {best.number}"
    if config.tolerance and len(history) > 1:
        change = abs(last.train_loss - history[-2].train_loss)
        if change < config.tolerance:
            return f"converged: the training loss changed by {change:.2g}"
    return time_over(config) if last.seconds >= most_seconds else None


def time_over(config: TrainingConfig) -> str:
    """Why a training ends that has no time left."""
    minutes = f"{config.max_minutes:g} minutes"
    return f"its share of {minutes} is over" if config.members > 1 else f"{minutes} are over"


def _what_broke(epoch: Epoch) -> str:
    """Where a loss or a weight ceased to be a number, and what to try."""
    what, loss = "the weights are not finite", epoch.train_loss
    if not math.isfinite(loss):
        what = f"the training loss is {loss}"
    elif not math.isfinite(epoch.monitored):
        what = f"the validation loss is {epoch.monitored}"
    step = "" if epoch.bad_step is None else f", step {epoch.bad_step}"
    return (
        f"{what} in epoch {epoch.number}{step}; lower training.learning_rate (forecast lr-find"
        " suggests one), or set training.clip_norm: 1"
    )


def symptoms(history: Sequence[Epoch]) -> list[str]:
    """Warnings of the last epoch: a rising loss, vanishing or exploding gradients."""
    found = []
    losses = [epoch.train_loss for epoch in history[-4:]]
    rising = len(losses) == 4 and all(a < b for a, b in itertools.pairwise(losses))
    lowest = min(epoch.train_loss for epoch in history)
    if rising and losses[-1] > WORRYING_RISE * lowest:
        found.append("the training loss has risen for 3 epochs: learning rate too high?")
    norms = {
        name: math.inf if math.isnan(norm) else norm
        for name, norm in history[-1].gradient_norms.items()
        if name.startswith("stack") and "weight" in name
    }
    if norms:
        smallest, largest = min(norms, key=norms.__getitem__), max(norms, key=norms.__getitem__)
        if norms[largest] > 1e3:
            found.append(
                f"the gradient of {largest} explodes (norm {norms[largest]:.2g}): set"
                " training.clip_norm: 1"
            )
        if math.isfinite(norms[largest]) and norms[smallest] < 1e-6 * norms[largest]:
            found.append(
                f"the gradient of {smallest} vanishes (norm {norms[smallest]:.2g}): a lower"
                " learning rate, model.residual or model.layer_norm may help"
            )
    return found
