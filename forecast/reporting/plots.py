"""Pictures: learning curve, forecast, learning-rate range; the only file that knows matplotlib."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

ACTUAL, FORECAST, BASELINE, NEUTRAL = "#1f2933", "#d1495b", "#3d7ea6", "#7b8794"
OTHERS = (BASELINE, "#6b4c9a", "#2a9d8f", "#c77700", NEUTRAL, "#8a5a44", "#4f6d2f")
"""Colours of further lines, in this order."""
DASHES = ("-", "--", "-.", ":")
MOST_LISTED = 6
"""Epochs that a legend lists."""
MOST_LOSS = 1e100
"""A larger loss is drawn here, for a margin around it would be no number."""
SVG_WIDTH = 5.0
"""Inches; so narrow that its text can still be read at the width of a phone."""
BAR_STRENGTH = 0.6
"""Opacity of bars, so that the dots on them are seen."""
LONGEST_NAME = 24
"""Letters of a name beside a bar; a longer one is cut."""
WIDE = 8.0
"""Largest ratio of errors that an axis from zero shows well."""
SVG_POINTS = 2000
"""Points of a line in an SVG at most; beyond, each stretch keeps its lowest and highest."""


def png(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def svg(figure: Figure) -> str:
    """A figure as an SVG element: text stays text, the background is clear, same figure same text.

    The figure is made as narrow as a page for phones needs it, and its long lines are thinned.
    """
    width, height = figure.get_size_inches()
    figure.set_size_inches(SVG_WIDTH, height * (SVG_WIDTH / width) ** 0.5)
    for line in figure.findobj(Line2D):
        _thin(line)
    FigureCanvasSVG(figure)
    buffer = io.StringIO()
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "forecast"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
    text = buffer.getvalue()
    return re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)


def learning_curve(histories: Sequence[Sequence[Any]], best: Sequence[int]) -> Figure:
    """Losses by epoch of each member, a dot at the epoch that was kept; the rate if it changes."""
    has_rates = len({epoch.learning_rate for history in histories for epoch in history}) > 1
    figure = Figure(figsize=(8, 5.5 if has_rates else 4), layout="constrained")
    ratios = (3, 1) if has_rates else (1,)
    grid = figure.subplots(len(ratios), 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    _draw_losses(grid[0], histories, best)
    for member, history in enumerate(histories if has_rates else ()):
        epochs = [epoch.number for epoch in history]
        rates = [epoch.learning_rate for epoch in history]
        _line(grid[1], epochs, rates, color=BASELINE, alpha=_strength(member))
        grid[1].set(ylabel="learning rate", ylim=(0, None))
    grid[0].set(ylabel="loss (model's scale)", title="Learning curve")
    grid[-1].set_xlabel("epoch")
    grid[-1].xaxis.set_major_locator(_whole_numbers())
    if _all_positive(histories):
        _log_scale(grid[0])
    _legend_below(figure, grid[0])
    return _tidy(figure)


def _draw_losses(axes: Axes, histories: Sequence[Sequence[Any]], best: Sequence[int]) -> None:
    for member, history in enumerate(histories):
        labels = ("training", "validation", _kept(best)) if member == 0 else (None,) * 3
        alpha = _strength(member)
        epochs = [epoch.number for epoch in history]
        losses = np.clip([epoch.train_loss for epoch in history], -MOST_LOSS, MOST_LOSS)
        _line(axes, epochs, losses, color=NEUTRAL, alpha=alpha, label=labels[0])
        if history[0].validation_loss is None:
            continue
        losses = np.clip([epoch.validation_loss for epoch in history], -MOST_LOSS, MOST_LOSS)
        _line(axes, epochs, losses, color=FORECAST, alpha=alpha, label=labels[1])
        kept = losses[epochs.index(best[member])]
        axes.plot(best[member], kept, "o", color=FORECAST, alpha=alpha, label=labels[2])


def gradient_norms(epochs: Sequence[int], norms: Mapping[str, np.ndarray]) -> Figure:
    """Norm of the gradient of each layer, by epoch.

    Args:
        epochs: (E,) numbers.
        norms: layer -> (E,).
    """
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for number, (layer, values) in enumerate(norms.items()):
        _line(axes, epochs, values, **_style(number), linewidth=1.4, label=layer)
    axes.set(xlabel="epoch", ylabel="norm (model's scale)", title="Gradient norm by layer")
    axes.xaxis.set_major_locator(_whole_numbers())
    if all((values > 0).all() for values in norms.values()):
        _log_scale(axes)
    _legend_below(figure, axes)
    return _tidy(figure)


def error_by_step(errors: Mapping[str, np.ndarray], model: str, unit: str) -> Figure:
    """MAE of each method by horizon step, the model's in front.

    Args:
        errors: method -> (H,).
        model: the method that is the model.
        unit: what the errors are measured in.
    """
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.subplots()
    ours = {"color": FORECAST, "linewidth": 2.4, "zorder": 3}
    opponents = [name for name in errors if name != model]
    for name, values in errors.items():
        style = ours if name == model else _style(opponents.index(name))
        _line(axes, np.arange(1, len(values) + 1), values, **style, label=_words(name))
    axes.set(xlabel="steps ahead", title="Mean absolute error by step")
    known = np.concatenate([each[np.isfinite(each)] for each in errors.values()])
    if len(known) and known.min() > 0 and known.max() > WIDE * known.min():
        _log_scale(axes)  # else the best methods would be one line at the bottom
    else:
        axes.set_ylim(0, None)
    axes.set_ylabel(f"MAE ({_short(unit)})", parse_math=False)
    axes.xaxis.set_major_locator(_whole_numbers())
    _legend_below(figure, axes)
    return _tidy(figure)


def coverage_by_step(coverage: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Share of the test values inside their intervals, by step; dotted: what it should be.

    Args:
        coverage: kind of interval -> level in percent -> (H,) shares from 0 to 1.
    """
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.subplots()
    levels = sorted({level for kind in coverage.values() for level in kind}, key=float)
    colors = dict(zip(levels, (FORECAST, *OTHERS), strict=False))
    for dash, (kind, shares) in zip(DASHES, coverage.items(), strict=False):
        for level, values in shares.items():
            style = {"color": colors[level], "linestyle": dash, "label": f"{level} %, {kind}"}
            percent = 100 * values
            _line(axes, np.arange(1, len(percent) + 1), percent, **style)
    for level in levels:
        axes.axhline(float(level), color=colors[level], linestyle=":", linewidth=1)
    axes.set(xlabel="steps ahead", ylabel="test values inside (%)", title="Interval coverage")
    axes.set_ylim(max(0.0, axes.get_ylim()[0]), 101)
    axes.xaxis.set_major_locator(_whole_numbers())
    _legend_below(figure, axes)
    return _tidy(figure)


def series_errors(worst: Mapping[str, float], best: Mapping[str, float]) -> Figure:
    """MASE of the series that are forecast worst and best."""
    best = {name: value for name, value in best.items() if name not in worst}
    bars = sorted({**worst, **best}.items(), key=lambda item: -item[1])
    figure = Figure(figsize=(8, 1.6 + 0.28 * len(bars)), layout="constrained")
    axes = figure.subplots()
    colors = [FORECAST if name in worst else BASELINE for name, _ in bars]
    _bars(axes, [name for name, _ in bars], [value for _, value in bars], colors)
    axes.axvline(1, color=ACTUAL, linestyle=":", linewidth=1)
    axes.set(xlabel="MASE (1: seasonal naive on the training rows)")
    axes.set(title="Series with the largest and smallest error" if best else "Error by series")
    return _tidy(figure)


def input_importance(rises: Mapping[str, np.ndarray]) -> Figure:
    """Rise of the error when an input is shuffled: bar for the mean, a dot for each repeat."""
    ordered = sorted(rises.items(), key=lambda item: -float(item[1].mean()))
    figure = Figure(figsize=(8, 1.6 + 0.32 * len(ordered)), layout="constrained")
    axes = figure.subplots()
    means = [float(values.mean()) for _, values in ordered]
    _bars(axes, [name for name, _ in ordered], means, [BASELINE] * len(ordered))
    for row, (_, values) in enumerate(ordered):
        axes.plot(values, [row] * len(values), "o", color=ACTUAL, markersize=3)
    axes.set(xlabel="rise of the error (%)", title="Which inputs the model relies on")
    return _tidy(figure)


def lookback_importance(edges: Sequence[int], rises: np.ndarray) -> Figure:
    """Rise of the error when a stretch of the lookback is shuffled.

    Args:
        edges: (P + 1,) steps from the first forecast step, negative, at which stretches begin; 0.
        rises: (P, repeats) in percent.
    """
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    left, width = np.asarray(edges[:-1]), np.diff(edges)
    axes.bar(
        left, rises.mean(axis=1), 0.9 * width, align="edge", color=BASELINE, alpha=BAR_STRENGTH
    )
    middles = np.repeat(left + 0.45 * width, rises.shape[1])
    axes.plot(middles, rises.ravel(), "o", color=ACTUAL, markersize=3)
    axes.set(xlabel="step of the lookback (-1: the last known)", ylabel="rise of the error (%)")
    axes.set(title="Where in the lookback the model looks")
    axes.xaxis.set_major_locator(_whole_numbers())
    return _tidy(figure)


def forecasts(panels: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Actual values with forecasts, one panel a series and target.

    Args:
        panels: mappings with `name`, `times`, `actual`, and `forecasts`: label -> (times, values,
            lower, upper); lower and upper may be None.
        title: above all.
    """
    figure = Figure(figsize=(9, 1.3 + 2.6 * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    colors = (FORECAST, *OTHERS)
    lines: dict[str, Any] = {}
    for axes, panel in zip(grid, panels, strict=True):
        lines["actual"] = _line(axes, panel["times"], panel["actual"], color=ACTUAL, linewidth=1.2)
        for color, (label, line) in zip(colors, panel["forecasts"].items(), strict=False):
            times, values, lower, upper = line
            lines[label] = _line(axes, times, values, color=color, linewidth=1.6)
            if lower is not None:
                axes.fill_between(times, lower, upper, color=color, alpha=0.2, linewidth=0)
        axes.set_title(panel["name"], loc="left", fontsize=10, parse_math=False)
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
        _concise_dates(axes)
    figure.legend(
        lines.values(), lines, frameon=False, ncols=4, loc="outside lower center", fontsize=9
    )
    figure.suptitle(title)
    return _tidy(figure)


def backtest(panels: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Actual values with the forecasts of all folds, one panel a series and target.

    Args:
        panels: mappings with `name`, `times`, `actual`, and `forecasts`: label -> (times, values)
            of each fold.
        title: above all.
    """
    figure = Figure(figsize=(9, 1.3 + 2.6 * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    lines: dict[str, Any] = {}
    for axes, panel in zip(grid, panels, strict=True):
        lines["actual"] = _line(axes, panel["times"], panel["actual"], color=ACTUAL, linewidth=1.2)
        styles = (
            (FORECAST, 1.6, 3),
            (BASELINE, 1.2, 2.5),
        )  # colour, width, layer: the model on top
        for (color, width, layer), (label, folds) in zip(
            styles, panel["forecasts"].items(), strict=False
        ):
            style = {"color": color, "linewidth": width, "zorder": layer}
            for times, values in folds:
                lines[label.replace("_", " ")] = _line(axes, times, values, **style)
                axes.axvline(times.iloc[0], color=NEUTRAL, linewidth=0.5, linestyle=":", zorder=0)
        axes.set_title(panel["name"], loc="left", fontsize=10)
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
        _concise_dates(axes)
    figure.legend(
        lines.values(), lines, frameon=False, ncols=4, loc="outside lower center", fontsize=9
    )
    figure.suptitle(title)
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
    colors = dict(zip(rates, OTHERS, strict=False))
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
    _legend_below(figure, axes)
    return _tidy(figure)


def _line(axes: Axes, times: Any, values: Any, **style: Any) -> Line2D:
    """A line; a lone known point is marked, for it would not be seen."""
    known = np.isfinite(np.asarray(values, dtype=np.float64)).sum()
    (line,) = axes.plot(times, values, marker="o" if known == 1 else None, **style)
    return line


def _thin(line: Line2D) -> None:
    """Keep the lowest and the highest point of every stretch of a long line, and its ends."""
    times, values = (np.asarray(each) for each in line.get_data(orig=False))
    if len(times) <= SVG_POINTS:
        return
    stretches = np.array_split(np.arange(len(times)), SVG_POINTS // 2)
    extremes = [stretch[0] + f(values[stretch]) for stretch in stretches for f in _EXTREMES]
    kept = np.unique([0, *extremes, len(times) - 1])
    line.set_data(times[kept], values[kept])


_EXTREMES = (np.argmin, np.argmax)


def _bars(axes: Axes, names: Sequence[str], values: Sequence[float], colors: Sequence[str]) -> None:
    """Horizontal bars from the top down, each with its name."""
    rows = range(len(names))
    axes.barh(rows, values, color=colors, alpha=BAR_STRENGTH, height=0.7)
    axes.set_yticks(rows, labels=[_short(name) for name in names], parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _style(number: int) -> dict[str, Any]:
    """Colour and dashes of one line of several."""
    dash = DASHES[number // len(OTHERS) % len(DASHES)]
    return {"color": OTHERS[number % len(OTHERS)], "linestyle": dash}


def _log_scale(axes: Axes) -> None:
    """A logarithmic axis with a few plain numbers on it, be it ever so short."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    few = LogLocator(subs=(1, 2, 5) if high < 50 * low else (1,), numticks=6)
    axes.yaxis.set_major_locator(few if high > 8 * low else MaxNLocator(5))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _strength(member: int) -> float:
    return 1.0 if member == 0 else 0.4


def _whole_numbers() -> MaxNLocator:
    return MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10], min_n_ticks=1)


def _legend_below(figure: Figure, axes: Axes) -> None:
    """A legend that hides no line."""
    figure.legend(
        *axes.get_legend_handles_labels(),
        frameon=False,
        ncols=3,
        loc="outside lower center",
        fontsize=9,
    )


def _kept(best: Sequence[int]) -> str:
    more = ", ..." if len(best) > MOST_LISTED else ""
    return f"kept: {', '.join(map(str, best[:MOST_LISTED]))}{more}"


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
        axes.set_axisbelow(True)
    return figure
