"""The pictures of a training: losses, gradients and the range test of the learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from forecast.drawing.own_matplotlib import own_style  # isort: split

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from forecast.drawing.plot_style import (
    ACTUAL,
    BASELINE,
    FORECAST,
    NEUTRAL,
    OTHERS,
    count_axis,
    drawable,
    finished,
    line,
    line_style,
    log_scale,
    member_alpha,
    single,
    words,
)
from forecast.training.loop import Epoch
from forecast.training.lr_rules import Sweep

MOST_LISTED = 6
"""Epochs that a legend lists."""


@own_style()
def learning_curve(histories: Sequence[Sequence[Epoch]], best: Sequence[int]) -> Figure:
    """Losses by epoch of each member, a dot at the epoch that was kept; the rate if it changes.

    Args:
        histories: epochs of each member.
        best: number of the epoch that each was taken from.
    """
    has_rates = len({epoch.learning_rate for history in histories for epoch in history}) > 1
    figure = Figure(figsize=(8, 5.5 if has_rates else 4), layout="constrained")
    ratios = (3, 1) if has_rates else (1,)
    grid = figure.subplots(len(ratios), 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    _draw_losses(grid[0], histories, best)
    for member, history in enumerate(histories if has_rates else ()):
        epochs = [epoch.number for epoch in history]
        rates = [epoch.learning_rate for epoch in history]
        line(grid[1], epochs, rates, color=BASELINE, alpha=member_alpha(member))
        grid[1].set(ylabel="learning rate", ylim=(0, None))
    grid[0].set(ylabel="loss (model's scale)", title="Learning curve")
    count_axis(grid[-1], "epoch")
    if all(epoch.train_loss > 0 for history in histories for epoch in history):
        log_scale(grid[0])
    return finished(figure, grid[0])


def _draw_losses(axes: Axes, histories: Sequence[Sequence[Epoch]], best: Sequence[int]) -> None:
    more = ", ..." if len(best) > MOST_LISTED else ""
    # 0 stands for the weights that training began with, which no epoch shows.
    kept = f"kept: {', '.join(str(n or 'the beginning') for n in best[:MOST_LISTED])}{more}"
    for member, history in enumerate(histories):
        labels = ("training", "validation", kept) if member == 0 else (None,) * 3
        alpha = member_alpha(member)
        epochs = [epoch.number for epoch in history]
        losses = [epoch.train_loss for epoch in history]
        line(axes, epochs, losses, color=NEUTRAL, alpha=alpha, label=labels[0])
        if history[0].validation_loss is None:
            continue
        scored = drawable([epoch.validation_loss for epoch in history])
        line(axes, epochs, scored, color=FORECAST, alpha=alpha, label=labels[1])
        dots = [epochs.index(best[member])] if best[member] else []
        at = [scored[number] for number in dots]
        axes.plot([epochs[n] for n in dots], at, "o", color=FORECAST, alpha=alpha, label=labels[2])


@own_style()
def gradient_norms(
    epochs: Sequence[int], norms: Mapping[str, Float[np.ndarray, " epochs"]]
) -> Figure:
    """Norm of the gradient of each layer, by epoch.

    Args:
        epochs: their numbers.
        norms: layer -> norm in each epoch.
    """
    figure, axes = single()
    for number, (layer, values) in enumerate(norms.items()):
        line(axes, epochs, values, **line_style(number), linewidth=1.4, label=layer)
    axes.set(ylabel="norm (model's scale)", title="Gradient norm by layer")
    count_axis(axes, "epoch")
    if all((values > 0).all() for values in norms.values()):
        log_scale(axes)
    return finished(figure, axes)


@own_style()
def lr_range(sweeps: Sequence[Sweep], rates: Mapping[str, float | None], rule: str) -> Figure:
    """Smoothed loss against the rate, of each sweep, and the rates that the rules suggest.

    Args:
        sweeps: from each seed.
        rates: rule -> rate; None where it suggests nothing.
        rule: whose rate is taken.
    """
    figure, axes = single()
    for number, sweep in enumerate(sweeps):
        curve = [[point.rate for point in sweep.points], [point.smoothed for point in sweep.points]]
        label = "smoothed loss" if number == 0 else None
        axes.plot(*curve, color=ACTUAL, alpha=0.75, linewidth=1.2, label=label)
    for color, (name, rate) in zip(OTHERS, rates.items(), strict=False):
        if rate is not None:
            style: dict[str, Any] = {"color": color, "linewidth": 1.2, "linestyle": "--"}
            if name == rule:
                style = {"color": FORECAST, "linewidth": 2.2, "linestyle": "-"}
            axes.axvline(rate, label=f"{words(name)}: {rate:.2g}", **style)
    losses = [[point.smoothed for point in sweep.points] for sweep in sweeps if sweep.points]
    # The fall is shown whole, the divergence after it is cut.
    top = max((max(each[: 1 + int(np.argmin(each))]) for each in losses), default=0.0)
    if top > 0:
        axes.set_ylim(0.9 * min(map(min, losses)), 1.25 * top)
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss", title="Learning-rate range test")
    return finished(figure, axes)
