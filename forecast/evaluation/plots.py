"""Pictures: learning curve, forecast, learning-rate range; the only file that knows matplotlib."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

ACTUAL, FORECAST, BASELINE, NEUTRAL = "#1f2933", "#d1495b", "#3d7ea6", "#7b8794"
MAX_PANELS = 6


def png(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def learning_curve(histories: Sequence[Sequence[Any]], best: Sequence[int]) -> Figure:
    """Training and validation loss by epoch, of each member; a dot at the epoch that was kept."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for member, history in enumerate(histories):
        epochs = [epoch.number for epoch in history]
        alpha = 1.0 if member == 0 else 0.4
        label = "training" if member == 0 else None
        axes.plot(epochs, [e.train_loss for e in history], color=NEUTRAL, alpha=alpha, label=label)
        if history[0].validation_loss is None:
            continue
        label = "validation" if member == 0 else None
        losses = [e.validation_loss for e in history]
        axes.plot(epochs, losses, color=FORECAST, alpha=alpha, label=label)
        kept = best[member]
        axes.plot(kept, losses[kept - 1], "o", color=FORECAST, alpha=alpha)
        if member == 0:
            axes.annotate(f"kept: {kept}", (kept, losses[kept - 1]), (0, 8), **_offset())
    axes.set(xlabel="epoch", ylabel="loss (model's scale)", title="Learning curve")
    if _all_positive(histories):
        axes.set_yscale("log")
    axes.legend(frameon=False)
    return _tidy(figure)


def forecasts(panels: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Actual values with forecasts, one panel a series and target.

    Args:
        panels: mappings with `name`, `times`, `actual`, and `forecasts`: label -> (times, values,
            lower, upper); lower and upper may be None.
        title: above all.
    """
    shown = panels[:MAX_PANELS]
    figure = Figure(figsize=(9, 1.0 + 2.6 * len(shown)), layout="constrained")
    grid = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    colors = (FORECAST, BASELINE, "#6b4c9a")
    for axes, panel in zip(grid, shown, strict=True):
        axes.plot(panel["times"], panel["actual"], color=ACTUAL, linewidth=1.2, label="actual")
        for color, (label, line) in zip(colors, panel["forecasts"].items(), strict=False):
            times, values, lower, upper = line
            axes.plot(times, values, color=color, linewidth=1.6, label=label)
            if lower is not None:
                axes.fill_between(times, lower, upper, color=color, alpha=0.2, linewidth=0)
        axes.set_title(panel["name"], loc="left", fontsize=10)
    grid[0].legend(frameon=False, ncols=4, loc="upper left", fontsize=9)
    left_out = len(panels) - len(shown)
    figure.suptitle(f"{title} ({left_out} more not shown)" if left_out > 0 else title)
    return _tidy(figure)


def lr_range(sweeps: Sequence[Any], rates: Mapping[str, float | None], rule: str) -> Figure:
    """Smoothed loss against the rate, of each sweep, and the rates that the rules suggest."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for number, sweep in enumerate(sweeps):
        label = "smoothed loss" if number == 0 else None
        points = sweep.points
        axes.plot(
            [point.rate for point in points],
            [point.smoothed for point in points],
            color=ACTUAL,
            alpha=0.75,
            linewidth=1.2,
            label=label,
        )
    colors = dict(zip(rates, (BASELINE, "#6b4c9a", "#2a9d8f", "#e09f3e"), strict=False))
    for name, rate in rates.items():
        if rate is not None:
            chosen = name == rule
            axes.axvline(
                rate,
                color=FORECAST if chosen else colors[name],
                linewidth=2.2 if chosen else 1.2,
                linestyle="-" if chosen else "--",
                label=f"{name.replace('_', ' ')}: {rate:.2g}",
            )
    losses = np.array([point.smoothed for sweep in sweeps for point in sweep.points])
    if len(losses):
        axes.set_ylim(losses.min() * 0.9, 1.6 * np.median(losses))
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss", title="Learning-rate range test")
    axes.legend(frameon=False)
    return _tidy(figure)


def _all_positive(histories: Sequence[Sequence[Any]]) -> bool:
    return all(epoch.train_loss > 0 for history in histories for epoch in history)


def _offset() -> dict[str, Any]:
    return {"textcoords": "offset points", "ha": "center", "fontsize": 9, "color": FORECAST}


def _tidy(figure: Figure) -> Figure:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    return figure
