"""Pictures: learning curve, forecast, learning-rate range; the only file that knows matplotlib."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

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
        labels = ("training", "validation", _kept(best)) if member == 0 else (None,) * 3
        alpha = 1.0 if member == 0 else 0.4
        epochs = [epoch.number for epoch in history]
        losses = [epoch.train_loss for epoch in history]
        _line(axes, epochs, losses, color=NEUTRAL, alpha=alpha, label=labels[0])
        if history[0].validation_loss is None:
            continue
        losses = [epoch.validation_loss for epoch in history]
        _line(axes, epochs, losses, color=FORECAST, alpha=alpha, label=labels[1])
        kept = losses[epochs.index(best[member])]
        axes.plot(best[member], kept, "o", color=FORECAST, alpha=alpha, label=labels[2])
    axes.set(xlabel="epoch", ylabel="loss (model's scale)", title="Learning curve")
    whole = MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10], min_n_ticks=1)
    axes.xaxis.set_major_locator(whole)
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
    figure = Figure(figsize=(9, 1.3 + 2.6 * len(shown)), layout="constrained")
    grid = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    colors = (FORECAST, BASELINE, "#6b4c9a")
    lines: dict[str, Any] = {}
    for axes, panel in zip(grid, shown, strict=True):
        lines["actual"] = _line(axes, panel["times"], panel["actual"], color=ACTUAL, linewidth=1.2)
        for color, (label, line) in zip(colors, panel["forecasts"].items(), strict=False):
            times, values, lower, upper = line
            lines[label] = _line(axes, times, values, color=color, linewidth=1.6)
            if lower is not None:
                axes.fill_between(times, lower, upper, color=color, alpha=0.2, linewidth=0)
        axes.set_title(panel["name"], loc="left", fontsize=10)
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
        _concise_dates(axes)
    figure.legend(
        lines.values(), lines, frameon=False, ncols=4, loc="outside lower center", fontsize=9
    )
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
    losses = [[point.smoothed for point in sweep.points] for sweep in sweeps if sweep.points]
    # The fall is shown whole, the divergence is cut.
    top = max((max(each[: 1 + int(np.argmin(each))]) for each in losses), default=0.0)
    if top > 0:
        axes.set_ylim(0.9 * min(map(min, losses)), 1.25 * top)
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss", title="Learning-rate range test")
    axes.legend(frameon=False)
    return _tidy(figure)


def _line(axes: Axes, times: Any, values: Any, **style: Any) -> Line2D:
    """A line; a lone point is marked, for it would not be seen."""
    (line,) = axes.plot(times, values, marker="o" if len(values) == 1 else None, **style)
    return line


def _kept(best: Sequence[int]) -> str:
    more = ", ..." if len(best) > MAX_PANELS else ""
    return f"kept: {', '.join(map(str, best[:MAX_PANELS]))}{more}"


def _concise_dates(axes: Axes) -> None:
    """Label dates with no more than what changes from tick to tick."""
    locator = axes.xaxis.get_major_locator()
    if isinstance(locator, AutoDateLocator):
        formatter = ConciseDateFormatter(locator, tz=locator.tz)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_formatter(formatter)


def _all_positive(histories: Sequence[Sequence[Any]]) -> bool:
    return all(epoch.train_loss > 0 for history in histories for epoch in history)


def _tidy(figure: Figure) -> Figure:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    return figure
