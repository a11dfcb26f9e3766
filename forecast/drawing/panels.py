"""What a picture shows of each series and target: its last rows, and what was forecast of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from forecast.data.panel import Panel, looked_up

Forecast = Float[np.ndarray, "H K _"]
"""Of one series, in the user's units; the last axis: quantiles, the median in the middle."""
Draw = Callable[[int, Forecast], tuple[Any, ...]]
"""(position of the first step, what is forecast) -> what is drawn."""
MOST_PANELS = 6
"""In one picture, one of each series and target."""
CONTEXT = 3
"""Horizons of history that are drawn before a forecast; at least two seasons, and `FEWEST_ROWS`."""
FEWEST_ROWS = 30
LONGEST = 20
"""Letters of a name above a panel."""


@dataclass(frozen=True, eq=False)
class Shown:
    """Some series of a table, and forecasts of rows that the table has."""

    panel: Panel
    """Their last rows, no more than are drawn."""
    tested: Mapping[str, Mapping[int, Forecast]] = field(default_factory=dict)
    """Series id -> rows from its end back to the first that is forecast -> the forecast."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Series id -> what is said of it."""


def rows_drawn(horizon: int, season: int, windows: int = 0) -> int:
    """Rows of a series that a picture shows.

    Args:
        horizon: steps of a forecast.
        season: rows.
        windows: test windows, one before the other.
    """
    return max(CONTEXT * horizon, 2 * season, FEWEST_ROWS) + windows * horizon


def evenly(count: int, most: int) -> list[int]:
    """Numbers from 0 to count - 1: all, or so many of them from the first to the last."""
    return sorted({*np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()})


def panels_of(shown: Shown, ahead: Mapping[str, Forecast]) -> list[dict[str, Any]]:
    """What `plots.forecasts` draws: of each series as many targets as there is room for.

    Args:
        shown: series, and test forecasts.
        ahead: series id -> forecast after its last row, where that is known.
    """
    ids = shown.panel.ids
    return [_panel(shown, ahead.get(ids[n]), n, target) for n, target in _chosen(shown.panel)]


def label_panels_of(
    shown: Shown, ahead: Mapping[str, Forecast], classes: Sequence[Sequence[str]]
) -> list[dict[str, Any]]:
    """What `label_plots.label_strips` draws: as many series and targets as there is room for.

    Args:
        shown: series, and probabilities on the test part.
        ahead: series id -> probabilities after its last row, where these are known.
        classes: of each target, in the order of the probabilities.
    """
    ids = shown.panel.ids
    return [
        _strip(shown, ahead.get(ids[n]), n, target, classes[target])
        for n, target in _chosen(shown.panel)
    ]


def _chosen(panel: Panel) -> Iterator[tuple[int, int]]:
    """Numbers of all series, each with as many targets as there is room for."""
    targets = min(panel.num_targets, max(1, MOST_PANELS // panel.num_series))
    return itertools.product(range(panel.num_series), range(targets))


def title_of(quantiles: Sequence[float], panel: Panel, drawn: int) -> str:
    """What a picture is called.

    Args:
        quantiles: that are forecast, rising, from 0 to 1.
        panel: all series.
        drawn: panels of them that are drawn.
    """
    level, left_out = 100 * (quantiles[-1] - quantiles[0]), panel.num_series * panel.num_targets
    left_out -= drawn
    shaded = f", {level:.4g} % interval shaded" if level else ""
    return f"Forecast{shaded}{f' ({left_out} more not shown)' if left_out else ''}"


def _panel(shown: Shown, ahead: Forecast | None, series: int, target: int) -> dict[str, Any]:
    """The end of one series and target, with what was forecast of it."""
    panel = shown.panel
    last = float(panel.values[panel.offsets[series + 1] - 1, target])

    def line(first: int, values: Forecast) -> tuple[Any, ...]:
        return _line(panel, first + np.arange(len(values)), values[:, target])

    def joined(first: int, values: Forecast) -> tuple[Any, ...]:
        return _joined(panel, first - 1, last, values[:, target])

    return _end_of(shown, ahead, series, target, (line, joined))


def _strip(
    shown: Shown, ahead: Forecast | None, series: int, target: int, classes: Sequence[str]
) -> dict[str, Any]:
    """The end of one series and target: rows of the labels that came, and probabilities."""
    panel, place = shown.panel, {label: float(row) for row, label in enumerate(classes)}

    def steps(first: int, values: Forecast) -> tuple[Any, ...]:
        times = panel.axis.column(first + np.arange(len(values)))
        return times, values[:, target, : len(classes)]

    drawn = _end_of(shown, ahead, series, target, (steps, steps))
    labels = panel.categories[panel.targets[target]]
    table = np.array([*(place.get(each, np.nan) for each in labels), np.nan])
    return {**drawn, "actual": looked_up(table, drawn["actual"]), "rows": [*classes]}


def _end_of(
    shown: Shown, ahead: Forecast | None, series: int, target: int, draw: tuple[Draw, Draw]
) -> dict[str, Any]:
    """The end of one series and target; `draw` says how a test forecast, and the next steps."""
    panel, series_id = shown.panel, shown.panel.ids[series]
    rows = np.arange(panel.offsets[series], panel.offsets[series + 1])
    positions = panel.positions(rows)
    tested = [
        draw[0](int(positions[len(rows) - back]), values)
        for back, values in sorted(shown.tested.get(series_id, {}).items(), reverse=True)
    ]
    lines = {"test forecast": tested} if tested else {}
    if ahead is not None:
        lines["next steps"] = [draw[1](int(positions[-1]) + 1, ahead)]
    names = (series_id if panel.has_ids else None, panel.targets[target])
    return {
        "name": _title(*names, shown.notes.get(series_id)),
        "times": panel.axis.column(positions),
        "actual": panel.values[rows, target],
        "forecasts": lines,
    }


def _title(series: str | None, target: str, note: str | None) -> str:
    """What stands above a panel; long names are cut, so that the note can be read."""
    names = [each for each in (series, target) if each is not None]
    cut = [each if len(each) <= LONGEST else f"{each[: LONGEST - 1]}…" for each in names]
    return ", ".join(cut) + (f" ({note})" if note else "")


def _joined(
    panel: Panel, position: int, last: float, values: Float[np.ndarray, "H Q"]
) -> tuple[Any, ...]:
    """The line of the steps ahead, which begins at the last value where that is known."""
    if np.isnan(last):
        return _line(panel, position + 1 + np.arange(len(values)), values)
    values = np.concatenate([np.full((1, values.shape[1]), last), values])
    return _line(panel, position + np.arange(len(values)), values)


def _line(panel: Panel, positions: Any, values: Float[np.ndarray, "H Q"]) -> tuple[Any, ...]:
    """Times, median, and the outermost quantiles if there are any."""
    quantiles = values.shape[-1]
    bounds = (values[:, 0], values[:, -1]) if quantiles > 1 else (None, None)
    return (panel.axis.column(np.asarray(positions)), values[:, quantiles // 2], *bounds)
