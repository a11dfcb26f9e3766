"""The pictures of forecasts and their errors: values in, a figure out; a figure as PNG or SVG."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from forecast.drawing.own_matplotlib import own_style  # isort: split

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from forecast.drawing.plot_style import (
    ACTUAL,
    BAR_STRENGTH,
    BASELINE,
    DASHES,
    FORECAST,
    LONGEST_TITLE,
    NEUTRAL,
    OTHERS,
    bars,
    count_axis,
    finished,
    legend_below,
    line,
    line_style,
    log_scale,
    short,
    single,
    time_axes,
    words,
)

LARGEST_RATIO = 8.0
"""Ratio of errors from which an axis from zero would make one line of the smallest."""
SVG_WIDTH = 5.0
"""Inches; so narrow that its text can still be read at the width of a phone."""
SVG_POINTS = 2000
"""Points of a line in an SVG at most; beyond, each block of them keeps its lowest and highest."""
STEPS_AHEAD = "steps ahead"


@own_style()
def error_by_step(errors: Mapping[str, Float[np.ndarray, " H"]], model: str, unit: str) -> Figure:
    """MAE of each method by horizon step, the model's in front.

    Args:
        errors: method -> error at each step.
        model: the method that is the model.
        unit: what the errors are measured in.
    """
    figure, axes = single(4.6)
    ours = {"color": FORECAST, "linewidth": 2.4, "zorder": 3}
    opponents = [name for name in errors if name != model]
    for name, values in errors.items():
        style = ours if name == model else line_style(opponents.index(name))
        line(axes, np.arange(1, len(values) + 1), values, **style, label=words(name))
    axes.set(title="Mean absolute error by step")
    known = np.concatenate([each[np.isfinite(each)] for each in errors.values()])
    if len(known) and known.min() > 0 and known.max() > LARGEST_RATIO * known.min():
        log_scale(axes)
    else:
        axes.set_ylim(0, None)
    axes.set_ylabel(f"MAE ({short(unit)})", parse_math=False)
    count_axis(axes, STEPS_AHEAD)
    return finished(figure, axes)


@own_style()
def coverage_by_step(coverage: Mapping[str, Mapping[str, Float[np.ndarray, " H"]]]) -> Figure:
    """Share of the test values inside their intervals, by step; dotted: what it should be.

    Args:
        coverage: kind of interval -> level in percent -> share from 0 to 1 at each step.
    """
    figure, axes = single(4.6)
    levels = sorted({level for kind in coverage.values() for level in kind}, key=float)
    colors = dict(zip(levels, itertools.cycle((FORECAST, *OTHERS)), strict=False))
    for dash, (kind, shares) in zip(DASHES, coverage.items(), strict=False):
        for level, values in shares.items():
            style = {"color": colors[level], "linestyle": dash, "label": f"{level} %, {kind}"}
            line(axes, np.arange(1, len(values) + 1), 100 * values, **style)
    for level in levels:
        axes.axhline(float(level), color=colors[level], linestyle=":", linewidth=1)
    axes.set(ylabel="test values inside (%)", title="Interval coverage")
    axes.set_ylim(max(0.0, axes.get_ylim()[0]), 101)
    count_axis(axes, STEPS_AHEAD)
    return finished(figure, axes)


@own_style()
def series_errors(worst: Mapping[str, float], best: Mapping[str, float]) -> Figure:
    """MASE of the series that are forecast worst and best.

    Args:
        worst, best: series -> MASE; a series of both is drawn as one of the worst.
    """
    best = {name: value for name, value in best.items() if name not in worst}
    shown = dict(sorted({**worst, **best}.items(), key=lambda item: -item[1]))
    figure, axes = single(1.6 + 0.28 * len(shown))
    bars(axes, [*shown], [*shown.values()], [FORECAST if n in worst else BASELINE for n in shown])
    axes.axvline(1, color=ACTUAL, linestyle=":", linewidth=1)
    axes.set(xlabel="MASE (1: seasonal naive on the training rows)")
    axes.set(title="Series with the largest and smallest error" if best else "Error by series")
    return finished(figure)


@own_style()
def input_importance(rises: Mapping[str, Float[np.ndarray, " repeats"]]) -> Figure:
    """Rise of the error when an input is shuffled: bar for the mean, a dot for each repeat.

    Args:
        rises: input -> rises in percent.
    """
    ordered = dict(sorted(rises.items(), key=lambda item: -float(item[1].mean())))
    figure, axes = single(1.6 + 0.32 * len(ordered))
    means = [float(values.mean()) for values in ordered.values()]
    bars(axes, [*ordered], means, [BASELINE] * len(ordered))
    for row, values in enumerate(ordered.values()):
        axes.plot(values, [row] * len(values), "o", color=ACTUAL, markersize=3)
    axes.set(xlabel="rise of the error (%)", title="Which inputs the model relies on")
    return finished(figure)


@own_style()
def lookback_importance(edges: Sequence[int], rises: Float[np.ndarray, "blocks repeats"]) -> Figure:
    """Rise of the error when a block of the lookback is shuffled.

    Args:
        edges: first step of each block, counted from the first step of the forecast and so
            negative, and 0 at the end: one more than there are blocks.
        rises: in percent.
    """
    figure, axes = single()
    left, width = np.asarray(edges[:-1]), np.diff(edges)
    style: dict[str, Any] = {"align": "edge", "color": BASELINE, "alpha": BAR_STRENGTH}
    axes.bar(left, rises.mean(axis=1), 0.9 * width, **style)
    middles = np.repeat(left + 0.45 * width, rises.shape[1])
    axes.plot(middles, rises.ravel(), "o", color=ACTUAL, markersize=3)
    axes.set(ylabel="rise of the error (%)", title="Where in the lookback the model looks")
    count_axis(axes, "step of the lookback (-1: the last known)")
    return finished(figure)


@own_style()
def forecasts(panels: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Actual values with forecasts, one panel a series and target.

    Args:
        panels: mappings with `name`, `times`, `actual`, and `forecasts`: label -> lines of (times,
            values, lower, upper); lower and upper may be None.
        title: above all.
    """

    def draw(axes: Axes, found: Mapping[str, Any]) -> dict[str, Any]:
        lines = {}
        for color, (label, each) in zip((FORECAST, *OTHERS), found.items(), strict=False):
            for times, values, lower, upper in each:
                lines[label] = line(axes, times, values, color=color, linewidth=1.6)
                if lower is not None:
                    axes.fill_between(times, lower, upper, color=color, alpha=0.2, linewidth=0)
        return lines

    return stacked(panels, title, draw)


@own_style()
def backtest(panels: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Actual values with the forecasts of all folds, one panel a series and target.

    Args:
        panels: mappings with `name`, `times`, `actual`, and `forecasts`: label -> (times, values)
            of each fold; the model first, then one opponent.
        title: above all.
    """
    in_front = {"color": FORECAST, "linewidth": 1.6, "zorder": 3}
    behind = {"color": BASELINE, "linewidth": 1.2, "zorder": 2.5}

    def draw(axes: Axes, found: Mapping[str, Any]) -> dict[str, Any]:
        lines = {}
        for style, (label, folds) in zip((in_front, behind), found.items(), strict=False):
            for times, values in folds:
                lines[words(label)] = line(axes, times, values, **style)
                axes.axvline(times.iloc[0], color=NEUTRAL, linewidth=0.5, linestyle=":", zorder=0)
        return lines

    return stacked(panels, title, draw)


@own_style()
def sample_paths(panels: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """The end of each series, and thin lines of the samples of its next steps.

    Args:
        panels: mappings with `name`, `times`, `actual`, and `forecasts`: `forecast` is (times,
            values, lower, upper), `sample paths` are lines of (times, values).
        title: above all.
    """

    def draw(axes: Axes, found: Mapping[str, Any]) -> dict[str, Any]:
        times, values, lower, upper = found["forecast"]
        axes.fill_between(times, lower, upper, color=FORECAST, alpha=0.2, linewidth=0)
        lines = {"forecast": line(axes, times, values, color=FORECAST, linewidth=1.8, zorder=3)}
        for each in found["sample paths"]:
            lines["sample paths"] = line(axes, *each, color=NEUTRAL, linewidth=0.6, zorder=2)
        return lines

    return stacked(panels, title, draw)


def stacked(
    panels: Sequence[Mapping[str, Any]],
    title: str,
    draw: Callable[[Axes, Mapping[str, Any]], dict[str, Any]],
) -> Figure:
    """Panels one below the other: actual values, what `draw` adds, and one legend for all.

    Args:
        panels: what is shown in each, from top to bottom.
        title: of the figure.
        draw: adds the lines of a panel to its axes; gives them by their name in the legend.
    """
    figure = Figure(figsize=(9, 1.3 + 2.6 * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    lines: dict[str, Any] = {}
    for axes, panel in zip(grid, panels, strict=True):
        lines["actual"] = line(axes, panel["times"], panel["actual"], color=ACTUAL, linewidth=1.2)
        lines |= draw(axes, panel["forecasts"])
        axes.set_title(
            short(panel["name"], LONGEST_TITLE), loc="left", fontsize=10, parse_math=False
        )
        time_axes(axes)
    legend_below(figure, [*lines.values()], [*lines], columns=4)
    figure.suptitle(title)
    return finished(figure)


@own_style()
def png(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


@own_style()
def svg(figure: Figure) -> str:
    """A figure as an SVG element: text stays text, the background is clear, same figure same text.

    The figure is made as narrow as a page for phones needs it, and its long lines are thinned.
    """
    width, height = figure.get_size_inches()
    figure.set_size_inches(SVG_WIDTH, height * (SVG_WIDTH / width) ** 0.5)
    for each in figure.findobj(Line2D):
        _thin(each)
    FigureCanvasSVG(figure)
    buffer = io.StringIO()
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
    text = buffer.getvalue()
    return re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)


def _thin(line: Line2D) -> None:
    """Keep the lowest and the highest point of every block of a long line, and its ends."""
    times, values = (np.asarray(each) for each in line.get_data(orig=False))
    if len(times) <= SVG_POINTS:
        return
    blocks = np.array_split(np.arange(len(times)), SVG_POINTS // 2)
    ends = [block[0] + end(values[block]) for block in blocks for end in (np.argmin, np.argmax)]
    kept = np.unique([0, *ends, len(times) - 1])
    line.set_data(times[kept], values[kept])
