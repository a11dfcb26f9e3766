"""The sections of a report on labels, where these are forecast instead of numbers."""

from __future__ import annotations

import numpy as np

from forecast.drawing import label_plots, plots
from forecast.drawing.plot_style import words
from forecast.reporting.page import NO_TEST, Chart, PageSection, picture_section
from forecast.reporting.run_files import Summary

MOST_MATRICES = 6
"""Targets whose confusion matrix is drawn."""


def accuracy_section(summary: Summary) -> PageSection:
    """Share of the labels that were forecast rightly, by step."""
    title, model = "Accuracy by horizon step", summary.model
    if not summary.accuracy_by_step:
        return PageSection(title, NO_TEST)
    steps = {name: np.array(shares) for name, shares in summary.accuracy_by_step.items()}
    first, last = steps[model][0], steps[model][-1]
    label = f"Share of right labels from step 1 to {len(steps[model])}, {model} and its opponents"
    caption = f"{model}: {100 * first:.1f} % one step ahead, {100 * last:.1f} % at the last step."
    return picture_section(title, label_plots.accuracy_by_step(steps, model), label, caption)


def confusion_section(summary: Summary) -> PageSection:
    """What came against what was forecast, a matrix a target."""
    title = "What came and what was forecast"
    if not summary.confusion:
        return PageSection(title, NO_TEST)
    charts = []
    for name, counts in [*summary.confusion.items()][:MOST_MATRICES]:
        figure = label_plots.confusion_matrix(np.array(counts), summary.classes[name], name)
        label = f"Confusion matrix of {name}: {len(summary.classes[name])} labels"
        caption = "Rows: the labels that came. The darker, the larger the share of a row."
        charts.append(Chart(plots.svg(figure), label, caption))
    more = len(summary.confusion) - len(charts)
    text = f"{more} more targets are not shown." if more else ""
    return PageSection(title, text, charts=tuple(charts))


def reliability_section(summary: Summary) -> PageSection:
    """How often a forecast label was right, by its probability."""
    title, bins = "Reliability of the probabilities", summary.reliability
    if not bins:
        return PageSection(title, NO_TEST)
    error = summary.metrics[summary.model].get("calibration_error", float("nan"))
    label = f"Share of right labels by their probability, {words(summary.model)}"
    caption = "On the dotted line a probability holds what it promises; above it the forecast was"
    caption += f" more often right than it claimed. Mean distance: {100 * error:.1f} points."
    return picture_section(title, label_plots.reliability_curve(bins), label, caption)
