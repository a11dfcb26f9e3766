"""The sections of a report on the training."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from forecast.drawing import plots, training_plots
from forecast.drawing.plot_style import words
from forecast.reporting.page import Chart, PageSection, PageTable, picture_section
from forecast.reporting.run_files import RunFiles, Summary
from forecast.runs.folder import METRICS_FILE

NO_METRICS = f"Left out, for the run holds no {METRICS_FILE}."


def learning_section(files: RunFiles) -> PageSection:
    """Losses by epoch, and in what members differ."""
    title = "Learning curve"
    if files.histories is None:
        return PageSection(title, NO_METRICS)
    figure = training_plots.learning_curve(files.histories, files.summary.kept_epochs)
    rates = [epoch.learning_rate for history in files.histories for epoch in history]
    low, high = min(rates), max(rates)
    rate = f"{low:.3g} throughout" if low == high else f"from {low:.3g} to {high:.3g}"
    reasons = "; ".join(dict.fromkeys(files.summary.stopped))
    label = f"Training and validation loss of {len(files.histories)} training(s) by epoch"
    told = f"Learning rate {rate}. Stopped: {reasons}."
    if files.summary.refit:
        told += f" Then trained again on all rows, {files.summary.refit['windows']} windows."
    chart = Chart(plots.svg(figure), label, told)
    tables = (_member_table(files.summary),) if files.summary.members else ()
    return PageSection(title, charts=(chart,), tables=tables)


def _member_table(summary: Summary) -> PageTable:
    """In what the members differ, and what came of them."""
    trained = zip(summary.members, summary.epochs, summary.kept_epochs, strict=True)
    rows = tuple(
        (f"model {number}", changes, f"{size:,}", str(epochs), str(kept))
        for number, ((changes, size), epochs, kept) in enumerate(trained, 1)
    )
    return PageTable(("", "differs in", "parameters", "epochs", "kept"), rows)


def gradient_section(files: RunFiles) -> PageSection:
    """Norms of the gradients of each layer."""
    title = "Gradient norms by layer"
    if files.histories is None:
        return PageSection(title, NO_METRICS)
    first = files.histories[0]
    norms = layer_norms([epoch.gradient_norms for epoch in first])
    if not norms:
        return PageSection(title, "The run kept no gradient norms.")
    figure = training_plots.gradient_norms([epoch.number for epoch in first], norms)
    of = " of the first model" if len(files.histories) > 1 else ""
    caption = f"At the last step of each epoch{of}, before clipping. Norms that vanish or explode"
    caption += " towards the first layer tell of a stack that is too deep or a rate too high."
    label = f"Gradient norms of {', '.join(norms)}"
    return picture_section(title, figure, label, caption)


def layer_norms(norms: Sequence[Mapping[str, float]]) -> dict[str, Float[np.ndarray, " epochs"]]:
    """The norm of all weights of a layer together.

    Args:
        norms: of each epoch, weight -> norm of its gradient.
    """
    squares: dict[str, Any] = {}
    for weight in norms[0]:
        layer = _layer_of(weight)
        values = np.array([epoch[weight] for epoch in norms], dtype=np.float64) ** 2
        squares[layer] = squares.get(layer, 0.0) + values
    return {layer: np.sqrt(total) for layer, total in squares.items()}


def _layer_of(weight: str) -> str:
    recurrent = re.fullmatch(r"stack\.layers\.(\d+)\..*_l(\d+)(_reverse)?", weight)
    if recurrent:
        return f"layer {int(recurrent[1]) + int(recurrent[2]) + 1}"
    return words(weight.removeprefix("stack.").split(".")[0])


def sweep_section(files: RunFiles) -> PageSection:
    """The learning-rate range test, and the rate that it suggests."""
    title, found = "Learning-rate range test", files.sweeps
    if found is None:
        return PageSection(title, "The learning rate was set, not searched for.")
    figure = training_plots.lr_range(found.sweeps, found.rates, found.rule)
    rates = [f"{words(rule)} {rate:.3g}" for rule, rate in found.rates.items() if rate]
    taken = "No rate is suggested."
    if found.rate:
        taken = f"Rule {words(found.rule)} suggests {found.rate:.3g}."
    label = f"Smoothed loss against the learning rate; rules: {', '.join(rates) or 'none'}"
    return picture_section(title, figure, label, taken)
