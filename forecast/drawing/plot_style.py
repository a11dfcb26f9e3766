"""How pictures look: colours, lines, bars, axes and legends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from forecast.errors import printable

ACTUAL, FORECAST, BASELINE, NEUTRAL = "#1f2933", "#d1495b", "#3d7ea6", "#7b8794"
OTHERS = (BASELINE, "#6b4c9a", "#2a9d8f", "#c77700", NEUTRAL, "#8a5a44", "#4f6d2f")
"""Colours of further lines, in this order."""
DASHES = ("-", "--", "-.", ":")
LARGEST_DRAWN = 1e100
"""A larger number is drawn here, because a margin around it would overflow."""
BAR_STRENGTH = 0.6
"""Opacity of bars, so that the dots on them are seen."""
LONGEST_NAME = 24
"""Letters of a name beside a bar; a longer one is cut."""
LONGEST_TITLE = 80
"""Letters of a name above a panel."""


def single(height: float = 4.0) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, so many inches high."""
    figure = Figure(figsize=(8, height), layout="constrained")
    return figure, figure.subplots()


def line(axes: Axes, times: Any, values: Any, **style: Any) -> Line2D:
    """Draw a line; points with none beside them are marked, because they would not be seen.

    Args:
        axes: where.
        times: places on the horizontal axis, as matplotlib takes them.
        values: as many.
        style: options of `Axes.plot`.
    """
    heights = drawable(values)
    is_known = np.pad(np.isfinite(heights), 1)
    alone = np.flatnonzero(is_known[1:-1] & ~is_known[:-2] & ~is_known[2:]).tolist()
    marks = {"marker": "o", "markevery": alone, "markersize": 4} if alone else {}
    (drawn,) = axes.plot(times, heights, **{**marks, **style})
    return drawn


def bars(axes: Axes, names: Sequence[str], values: Sequence[float], colors: Sequence[str]) -> None:
    """Draw horizontal bars from the top down, each with its name.

    Args:
        axes: where.
        names: of the bars.
        values: their lengths.
        colors: of each.
    """
    rows = range(len(names))
    axes.barh(rows, drawable(values), color=colors, alpha=BAR_STRENGTH, height=0.7)
    axes.set_yticks(rows, labels=[short(name) for name in names], parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)


def drawable(values: Any) -> Float[np.ndarray, " points"]:
    """Numbers no larger than axes bear."""
    return np.clip(np.asarray(values, dtype=np.float64), -LARGEST_DRAWN, LARGEST_DRAWN)


def short(name: str, most: int = LONGEST_NAME) -> str:
    """A name that can be drawn and fits: on one line, printable, and cut after so many letters."""
    name = printable(name[: 2 * most])
    return name if len(name) <= most else f"{name[: most - 1]}…"


def words(name: str) -> str:
    """A name from the code as it is written in a text."""
    return name.replace("_", " ")


def line_style(number: int) -> dict[str, Any]:
    """Colour and dashes of one line of several."""
    dash = DASHES[number // len(OTHERS) % len(DASHES)]
    return {"color": OTHERS[number % len(OTHERS)], "linestyle": dash}


def member_alpha(member: int) -> float:
    """Opacity of the lines of a member of an ensemble."""
    return 1.0 if member == 0 else 0.4


def log_scale(axes: Axes) -> None:
    """Make the vertical axis logarithmic, with a few plain numbers on it however short it is."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    few = LogLocator(subs=(1, 2, 5) if high < 50 * low else (1,), numticks=6)
    axes.yaxis.set_major_locator(few if high > 8 * low else MaxNLocator(5))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def count_axis(axes: Axes, label: str) -> None:
    """Put whole numbers on the horizontal axis."""
    axes.set_xlabel(label)
    axes.xaxis.set_major_locator(
        MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10], min_n_ticks=1)
    )


def time_axes(axes: Axes) -> None:
    """Label times with no more than what changes from tick to tick, and values without powers."""
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    locator = axes.xaxis.get_major_locator()
    if isinstance(locator, AutoDateLocator):
        formatter = ConciseDateFormatter(locator, tz=locator.tz)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_formatter(formatter)


def legend_below(figure: Figure, lines: Sequence[Any], labels: Sequence[str], columns: int) -> None:
    """Put the legend below all axes, where it hides no line.

    Args:
        figure: which.
        lines: that are named.
        labels: their names.
        columns: names side by side.
    """
    figure.legend(
        lines, labels, frameon=False, ncols=columns, loc="outside lower center", fontsize=9
    )


def finished(figure: Figure, named: Axes | None = None) -> Figure:
    """A figure with light grids and without boxes.

    Args:
        figure: which.
        named: axes whose labels make the legend; None: there is none, or it is drawn already.
    """
    if named is not None:
        legend_below(figure, *named.get_legend_handles_labels(), columns=3)
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.set_axisbelow(True)
    return figure
