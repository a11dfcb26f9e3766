"""The pictures of a study: its trials one after the other, what matters, and each option alone."""

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
    bars,
    count_axis,
    drawable,
    finished,
    log_scale,
    short,
    single,
)

COLUMNS = 3
"""Options side by side."""
LARGEST_RATIO = 8.0
"""Ratio of scores from which the axis is logarithmic."""
MOST_SHOWN_RATIO = 30.0
"""Scores beyond so many times the best are drawn at the edge: they would press the others flat."""
LONGEST_CHOICE = 30
"""Letters of a choice below an axis; a longer one is cut."""


@own_style()
def history(
    numbers: Sequence[int],
    scores: Float[np.ndarray, " trials"],
    pruned: Sequence[bool],
    metric: str,
) -> Figure:
    """The score of each trial, and the best so far.

    Args:
        numbers: of the trials, rising.
        scores: of what each kept, or of the epoch in which it was pruned.
        pruned: whether it was.
        metric: what is scored.
    """
    figure, axes = single()
    places, is_pruned = np.asarray(numbers), np.asarray(pruned, dtype=bool)
    shown = _within_reach(scores)
    complete = np.where(is_pruned, np.inf, shown)
    best = np.minimum.accumulate(complete)
    if np.isfinite(best).any():
        first = int(np.argmax(np.isfinite(best)))
        style: dict[str, Any] = {"where": "post", "color": FORECAST, "linewidth": 1.6}
        axes.step(places[first:], best[first:], **style, label="best so far")
    _dots(axes, places, shown, is_pruned)
    axes.set_ylabel(f"validation {metric}", parse_math=False)
    axes.set(title="Trials of the study")
    _score_axis(axes, shown)
    count_axis(axes, "trial")
    return finished(figure, axes)


@own_style()
def importance(shares: Mapping[str, float]) -> Figure:
    """How much of the difference between scores each option explains.

    Args:
        shares: key of the option -> share, from 0 to 1.
    """
    ordered = dict(sorted(shares.items(), key=lambda item: -item[1]))
    figure, axes = single(1.6 + 0.32 * len(ordered))
    bars(axes, [*ordered], [100 * share for share in ordered.values()], [BASELINE] * len(ordered))
    axes.set(xlabel="share in the difference between scores (%)", title="Which options matter")
    axes.set_xlim(0, None)
    return finished(figure)


@own_style()
def slices(
    options: Mapping[str, Sequence[Any]],
    choices: Mapping[str, Sequence[str]],
    scores: Float[np.ndarray, " trials"],
    pruned: Sequence[bool],
    on_log: Sequence[str],
    metric: str,
) -> Figure:
    """The scores over the values of each option, whatever the others were.

    Args:
        options: key -> value in each trial; a number, or one of its choices.
        choices: key -> all that it may be, of keys whose values are not numbers.
        scores: of what each kept, or of the epoch in which it was pruned.
        pruned: whether it was.
        on_log: keys whose values are spread over powers of ten.
        metric: what is scored.
    """
    columns = min(COLUMNS, len(options))
    rows = -(-len(options) // columns)
    figure = Figure(figsize=(0.6 + 3.1 * columns, 0.9 + 2.6 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    shown, is_pruned = _within_reach(scores), np.asarray(pruned, dtype=bool)
    for axes, (key, values) in zip(grid, options.items(), strict=False):
        _dots(axes, _places(axes, values, choices.get(key)), shown, is_pruned)
        axes.set_title(short(key, 34), fontsize=9, loc="left", parse_math=False)
        if key in on_log:
            axes.set_xscale("log")
        _score_axis(axes, shown)
    for axes in grid[len(options) :]:
        axes.set_axis_off()
    for axes in grid[::columns]:
        axes.set_ylabel(f"validation {metric}", fontsize=9, parse_math=False)
    figure.suptitle("Scores by option")
    return finished(figure, grid[0])


def _dots(axes: Axes, places: Any, scores: Any, is_pruned: Any) -> None:
    """A full dot for each trial that was complete, an empty one for each that was pruned."""
    for mask, face, label in ((~is_pruned, ACTUAL, "complete"), (is_pruned, "none", "pruned")):
        if mask.any():
            edge = ACTUAL if label == "complete" else NEUTRAL
            x, y = np.asarray(places)[mask], scores[mask]
            axes.scatter(x, y, s=22, facecolors=face, edgecolors=edge, label=label, zorder=3)


def _places(axes: Axes, values: Sequence[Any], choices: Sequence[str] | None) -> Any:
    """Where the values of an option are on its axis; choices stand side by side."""
    if choices is None:
        return drawable(values)
    labels = [short(choice, LONGEST_CHOICE) for choice in choices]
    turned: dict[str, Any] = {"rotation": 30, "ha": "right", "fontsize": 7, "parse_math": False}
    axes.set_xticks(range(len(choices)), labels, **turned)
    axes.set_xlim(-0.5, len(choices) - 0.5)
    return np.array([choices.index(value) for value in values])


def _within_reach(scores: Float[np.ndarray, " trials"]) -> Float[np.ndarray, " trials"]:
    lowest = float(scores.min(initial=np.inf))
    return np.minimum(scores, MOST_SHOWN_RATIO * lowest) if lowest > 0 else drawable(scores)


def _score_axis(axes: Axes, scores: Float[np.ndarray, " trials"]) -> None:
    if scores.min(initial=np.inf) > 0 and scores.max() > LARGEST_RATIO * scores.min():
        log_scale(axes)
