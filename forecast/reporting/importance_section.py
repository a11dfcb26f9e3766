"""The section of a report on what the model looks at."""

from __future__ import annotations

import math

import numpy as np

from forecast.drawing import plots
from forecast.reporting.importance import Importance
from forecast.reporting.page import Chart, PageSection, number_cell

MOST_INPUTS = 24
"""Inputs shown by their importance; others are left out."""
TOO_FEW_WINDOWS = "Left out, for neither validation nor test part holds two windows."


def importance_section(
    found: Importance | None, without_table: str, are_labels: bool
) -> PageSection:
    """What the error rises by when a part of the input is exchanged.

    Args:
        found: the rises; None: they are not known.
        without_table: why the table could not be used; empty if it was.
        are_labels: whether labels are forecast.
    """
    title = "What the model looks at"
    if found is None:
        return PageSection(title, without_table or TOO_FEW_WINDOWS)
    repeats, error = found.lookback_rises.shape[1], number_cell(found.error)
    what = f"mean absolute error ({error} on the model's scale)"
    what = f"log loss ({error})" if are_labels else what
    text = (
        f"One part of the input at a time was exchanged between {found.windows} {found.part}"
        f" windows, {repeats} times over; the rise of the {what} tells how much the model relies on"
        " it. A part that repeats what another says counts for little."
    )
    percent = 100 / found.error if found.error else math.nan
    inputs = (_inputs_chart(found, percent),) if len(found.inputs) > 1 else ()
    return PageSection(title, text, (*inputs, _lookback_chart(found, percent)))


def _lookback_chart(found: Importance, percent: float) -> Chart:
    end = found.lookback[-1].end or 0
    edges = [*(part.first - end for part in found.lookback), 0]
    most = found.lookback[int(np.argmax(found.lookback_rises.mean(axis=1)))].name
    where = f"the steps {most}" if " " in most else f"step {most}"
    label = f"Rise of the error by stretch of the lookback, largest at {where}"
    caption = f"The most is lost without {where}. All columns together; a dot a repeat."
    figure = plots.lookback_importance(edges, percent * found.lookback_rises)
    return Chart(plots.svg(figure), label, caption)


def _inputs_chart(found: Importance, percent: float) -> Chart:
    ordered = sorted(found.inputs.items(), key=lambda item: -float(item[1].mean()))
    shown = {name: percent * rises for name, rises in ordered[:MOST_INPUTS]}
    more = len(ordered) - len(shown)
    caption = f"The first: {ordered[0][0]}. A dot a repeat."
    caption += f" {more} inputs that matter less are not shown." if more else ""
    label = f"Rise of the error by input: {', '.join(shown)}"
    return Chart(plots.svg(plots.input_importance(shown)), label, caption)
