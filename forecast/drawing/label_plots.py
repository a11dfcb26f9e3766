"""The pictures of labels: over time, against one another, and how sure a forecast may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from forecast.drawing.own_matplotlib import own_style  # isort: split

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from forecast.drawing.plot_style import (
    ACTUAL,
    BASELINE,
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
    short,
    single,
    time_axes,
    words,
)

MOST_WRITTEN = 12
"""Classes up to which the cells of a confusion matrix hold their numbers."""
NEVER_SEEN = "(never seen)"
"""Labels that came and are in no training row."""
LEGEND = {"test forecast": FORECAST, "next steps": OTHERS[0]}


@own_style()
def label_strips(panels: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Labels over time, one panel a series and target: a row a class, shaded by its probability.

    Args:
        panels: mappings with `name`, `times`, `actual` (rows of the classes, NaN where unknown),
            `rows` (names of the classes) and `forecasts`: label -> (times, (H, Q) probabilities)
            of each forecast.
        title: above all.
    """
    heights = [1.0 + 0.24 * max(3, len(panel["rows"])) for panel in panels]
    figure = Figure(figsize=(9, 0.9 + sum(heights)), layout="constrained")
    grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    drawn: dict[str, Any] = {}
    for axes, panel in zip(grid, panels, strict=True):
        style: dict[str, Any] = {"linestyle": "", "markersize": 4, "color": ACTUAL}
        (drawn["actual"],) = axes.plot(panel["times"], panel["actual"], marker="o", **style)
        for label, each in panel["forecasts"].items():
            for times, shares in each:
                _shade(axes, times, shares, LEGEND[label])
            drawn[label] = Patch(color=LEGEND[label])
        names = [short(name, 16) for name in panel["rows"]]
        time_axes(axes)
        axes.set_yticks(range(len(names)), labels=names, parse_math=False)
        axes.set_ylim(len(names) - 0.5, -0.5)
        name = short(panel["name"], LONGEST_TITLE)
        axes.set_title(name, loc="left", fontsize=10, parse_math=False)
    names = [name if name == "actual" else f"{name}, darker: more probable" for name in drawn]
    legend_below(figure, [*drawn.values()], names, columns=3)
    figure.suptitle(title)
    return finished(figure)


def _shade(axes: Axes, times: Any, shares: Float[np.ndarray, "H Q"], color: str) -> None:
    """A cell a step and class, the more opaque the more probable."""
    convert: Any = axes.xaxis.convert_units  # dates become numbers
    places = np.asarray(convert(times), dtype=np.float64)
    width = np.median(np.diff(places)) if len(places) > 1 else 1.0
    edges = np.append(places - width / 2, places[-1] + width / 2)
    rows = np.arange(shares.shape[1] + 1) - 0.5
    clear = LinearSegmentedColormap.from_list("clear", [(1, 1, 1, 0), color])
    axes.pcolormesh(edges, rows, shares.T, cmap=clear, vmin=0, vmax=1, zorder=0.5, rasterized=True)


@own_style()
def confusion_matrix(counts: Int[np.ndarray, "T Q"], classes: Sequence[str], name: str) -> Figure:
    """Labels that came, row by row, and the share of each that was forecast as which label.

    Args:
        counts: rows: what came, the last one what no training row has; columns: what was forecast.
        classes: names of the columns.
        name: of the target.
    """
    rows = [*classes, *([NEVER_SEEN] if counts[-1].any() else [])]
    counts = counts[: len(rows)]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 1.8 + 0.42 * max(4, min(len(rows), 30))
    figure = Figure(figsize=(min(8, side + 1.6), side), layout="constrained")
    axes = figure.subplots()
    shade = LinearSegmentedColormap.from_list("share", ["#ffffff", BASELINE])
    axes.pcolormesh(shares, cmap=shade, vmin=0, vmax=1, edgecolors="#e4e7eb", linewidth=0.5)
    if len(rows) <= MOST_WRITTEN:
        for row, column in np.ndindex(*counts.shape):
            color = "white" if shares[row, column] > 0.6 else ACTUAL
            text: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 9, "color": color}
            axes.text(column + 0.5, row + 0.5, f"{counts[row, column]:,}", **text)
    for axis, names, label in ((axes.xaxis, classes, "forecast"), (axes.yaxis, rows, "came")):
        ticks = range(0, len(names), -(-len(names) // 30))  # all, or some 30 of them
        axis.set_ticks(
            [n + 0.5 for n in ticks], labels=[short(names[n], 16) for n in ticks], parse_math=False
        )
        axis.set_label_text(label)
        axis.set_minor_locator(NullLocator())
    if max(map(len, classes)) > 4 or len(classes) > 8:
        axes.tick_params(axis="x", rotation=45)
    axes.invert_yaxis()
    axes.set_title(f"What came and what was forecast: {short(name)}", parse_math=False, fontsize=11)
    finished(figure)
    axes.grid(visible=False)
    return figure


@own_style()
def reliability_curve(bins: Sequence[tuple[int, float, float]]) -> Figure:
    """How often a forecast label was right, by the probability that it was given.

    Args:
        bins: how many, mean probability, and share that was right.
    """
    counts, surest, right = (np.array(each, dtype=np.float64) for each in zip(*bins, strict=True))
    figure = Figure(figsize=(6, 5.4), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 100], [0, 100], color=NEUTRAL, linestyle=":", label="as promised")
    upper.plot(100 * surest, 100 * right, "o-", color=FORECAST, label="forecasts")
    upper.set(ylabel="of these were right (%)", title="Reliability", xlim=(0, 100), ylim=(0, 101))
    lower.bar(100 * surest, counts, width=4, color=BASELINE, alpha=0.6)
    lower.set(ylabel="how many", xlabel="probability of the forecast label (%)")
    return finished(figure, upper)


@own_style()
def series_accuracy(worst: Mapping[str, float], best: Mapping[str, float]) -> Figure:
    """Share of right labels of the series that are forecast worst and best.

    Args:
        worst, best: series -> share; a series of both is drawn as one of the worst.
    """
    shown = dict(sorted({**best, **worst}.items(), key=lambda item: item[1]))
    figure, axes = single(1.6 + 0.28 * len(shown))
    colors = [FORECAST if name in worst else BASELINE for name in shown]
    bars(axes, [*shown], [100 * share for share in shown.values()], colors)
    axes.set(xlabel="labels forecast rightly (%)", title="Series forecast worst and best")
    return finished(figure)


@own_style()
def accuracy_by_step(accuracy: Mapping[str, Float[np.ndarray, " H"]], model: str) -> Figure:
    """Share of the labels that each method forecast rightly, by horizon step.

    Args:
        accuracy: method -> share from 0 to 1 at each step.
        model: the method that is the model.
    """
    figure, axes = single()
    others = [name for name in accuracy if name != model]
    for name, values in accuracy.items():
        is_model = name == model
        style = (
            {"color": FORECAST, "linewidth": 2.2, "zorder": 3}
            if is_model
            else line_style(others.index(name))
        )
        line(axes, np.arange(1, len(values) + 1), 100 * values, **style, label=words(name))
    axes.set(title="Accuracy by step", ylabel="labels forecast rightly (%)")
    count_axis(axes, "steps ahead")
    return finished(figure, axes)
