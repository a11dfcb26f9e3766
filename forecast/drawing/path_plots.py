"""The picture of sample paths over their interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from forecast.drawing.own_matplotlib import own_style  # isort: split

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from forecast.drawing.plot_style import FORECAST, NEUTRAL, line
from forecast.drawing.plots import stacked


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
