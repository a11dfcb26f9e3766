"""What a report says of a run: facts in, a page of figures, tables and words out.

One function a section, in the order of the page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from forecast.drawing import label_plots, plots
from forecast.drawing.plot_style import words
from forecast.reporting.importance import Importance
from forecast.reporting.importance_section import importance_section
from forecast.reporting.label_sections import (
    accuracy_section,
    confusion_section,
    reliability_section,
)
from forecast.reporting.page import (
    NO_TEST,
    UNKNOWN,
    Chart,
    Page,
    PageSection,
    PageTable,
    named_rows,
    number_cell,
    picture_section,
)
from forecast.reporting.paths import paths_section
from forecast.reporting.run_files import RunFiles, Summary
from forecast.reporting.steps import Show, unseen
from forecast.reporting.training_sections import gradient_section, learning_section, sweep_section
from forecast.runs.folder import ENVIRONMENT_FILE
from forecast.training.profile import profile_rows

LARGE_IS_GOOD = ("R2", "accuracy", "balanced_accuracy", "macro_F1")
NEAR_ZERO_IS_GOOD = ("bias",)
KINDS = {
    "split": "Split: widths from the errors of the validation part.",
    "rolling": "Rolling: from all errors known at each origin.",
    "quantile": "Quantile: as the model was trained to give them.",
}


@dataclass(frozen=True)
class Facts:
    """All that a report is made of; None stands for what the run or its table do not tell."""

    run: str
    """Name of the run."""
    targets: tuple[str, ...]
    files: RunFiles
    config: str
    """YAML."""
    note: str = ""
    """Where the configuration comes from, such as a study; empty if it does not say."""
    pictures: Sequence[Mapping[str, Any]] = ()
    """As `plots.forecasts` takes them."""
    paths: Sequence[Mapping[str, Any]] = ()
    """As `plots.sample_paths` takes them."""
    shaded: float = 0.0
    """Level of the interval in the pictures, in percent; 0 without one."""
    data: Mapping[str, Any] | None = None
    """`data` and `findings` of `forecast check`."""
    importance: Importance | None = None
    without_table: str = ""
    """Why the table of the run could not be used again; empty if it was."""
    are_labels: bool = False
    """Whether labels are forecast: `pictures` are as `label_plots.label_strips` takes them."""


Section = Callable[[Facts], PageSection]


def page_of(facts: Facts, show: Show = unseen) -> Page:
    """The page, the verdict first; `show` is told what is drawn."""
    names = ", ".join(facts.targets)
    sections = []
    own = OF_LABELS if facts.are_labels else {}
    chosen = [each for section in SECTIONS for each in own.get(section, [section])]
    for number, section in enumerate(chosen):
        show("pictures", number / len(chosen))
        sections.append(section(facts))
    summary = facts.files.summary
    title = f"Forecast of {names}: {facts.run}"
    return Page(title, summary.verdict, tuple(sections), tuple(summary.remarks))


def _scores(facts: Facts) -> PageSection:
    """Every method's errors, the best of each column marked."""
    summary, metrics = facts.files.summary, facts.files.summary.metrics
    text = _sentence_of_training(summary)
    if not metrics:
        return PageSection("Scores", f"{text} {NO_TEST}")
    names = tuple(metrics[summary.model])
    scores = [[each.get(name, math.nan) for name in names] for each in metrics.values()]
    rows = tuple(
        (words(method), *map(number_cell, row)) for method, row in zip(metrics, scores, strict=True)
    )
    best = frozenset(
        (row, column)
        for column, (name, values) in enumerate(
            zip(names, zip(*scores, strict=True), strict=True), 1
        )
        for row in _best_rows(name, values)
    )
    tables = [PageTable(("", *names), rows, best)]
    if quantiles := summary.quantile_metrics.items():
        tables.append(PageTable((), tuple((name, number_cell(value)) for name, value in quantiles)))
    return PageSection("Scores on the test part", text, tables=tuple(tables))


def _sentence_of_training(summary: Summary) -> str:
    windows = summary.windows
    members = f", an ensemble of {summary.ensemble}" if summary.ensemble > 1 else ""
    return (
        f"{summary.combination_in_words}{summary.network} with {summary.parameters:,}"
        f" parameters{members}; windows:"
        f" {windows['train']:,} to train, {windows['validation']:,} to choose,"
        f" {windows['test']:,} to test."
    )


def _best_rows(metric: str, values: Sequence[float]) -> list[int]:
    """Rows of the best value of a metric; several if they are equal."""
    badness = np.array(values)
    if metric in NEAR_ZERO_IS_GOOD:
        badness = np.abs(badness)
    elif metric in LARGE_IS_GOOD:
        badness = -badness
    badness[~np.isfinite(badness)] = np.inf
    return np.flatnonzero((badness == badness.min()) & (badness < np.inf)).tolist()


def _forecast(facts: Facts) -> PageSection:
    title = "Forecast against actual values"
    if not facts.pictures:
        return PageSection(title, facts.without_table)
    shown = ", ".join(picture["name"] for picture in facts.pictures)
    labels = list(dict.fromkeys(name for each in facts.pictures for name in each["forecasts"]))
    draw = label_plots.label_strips if facts.are_labels else plots.forecasts
    figure = draw(facts.pictures, "Forecast")
    label = f"Actual values with {' and '.join(labels)} of {shown}"
    caption = "The end of the series"
    if "test forecast" in labels:
        caption += "; the test forecast was made without the values under it"
    else:
        caption += "; no test forecast, for there is no test part or its table is gone"
    caption += f". {_what_is_shaded(facts)}"
    if "next steps" not in labels:
        caption += " The steps after it need covariates of the future: forecast predict --future."
    return picture_section(title, figure, label, caption)


def _paths(facts: Facts) -> PageSection:
    return paths_section(facts.paths)


def _what_is_shaded(facts: Facts) -> str:
    """A sentence on the areas in the pictures; empty where there are none."""
    if facts.are_labels:
        return "Shaded: the probability of each label."
    drawn = [lines for each in facts.pictures for lines in each["forecasts"].values()]
    has_bounds = any(line[2] is not None for lines in drawn for line in lines)
    return f"Shaded: the {facts.shaded:.6g} % interval." if has_bounds else ""


def _steps(facts: Facts) -> PageSection:
    title, model = "Error by horizon step", facts.files.summary.model
    if not facts.files.summary.mae_by_step:
        return PageSection(title, NO_TEST)
    unit = facts.targets[0] if len(facts.targets) == 1 else "units of the data"
    steps = {name: np.array(errors) for name, errors in facts.files.summary.mae_by_step.items()}
    first, last = steps[model][0], steps[model][-1]
    label = f"Mean absolute error from step 1 to {len(steps[model])}, {model} and its opponents"
    caption = f"{model}: {number_cell(first)} one step ahead, {number_cell(last)} at the last step."
    return picture_section(title, plots.error_by_step(steps, model, unit), label, caption)


def _series(facts: Facts) -> PageSection:
    title = "Series forecast worst and best"
    summary = facts.files.summary
    worst, best = _finite(summary.worst_series), _finite(summary.best_series)
    if not summary.metrics:
        return PageSection(title, NO_TEST)
    if not worst and not best:
        return PageSection(title, "The table holds a single series.")
    if facts.are_labels:
        label = f"Accuracy of {len({**worst, **best})} series, the worst first"
        caption = "Share of the test labels that were forecast rightly."
        return picture_section(title, label_plots.series_accuracy(worst, best), label, caption)
    label = f"MASE of {len({**worst, **best})} series, the worst first"
    caption = "Mean absolute scaled error of the test part; right of the dotted line the forecast"
    caption += " errs more than seasonal naive did on the training rows."
    return picture_section(title, plots.series_errors(worst, best), label, caption)


def _coverage(facts: Facts) -> PageSection:
    title, coverage = "Interval coverage by step", facts.files.summary.coverage_by_step
    if not any(coverage.values()):
        return PageSection(title, "The run has no intervals that a test part has tried.")
    steps = {
        kind: {level: np.array(shares) for level, shares in levels.items()}
        for kind, levels in coverage.items()
    }
    label = "Share of test values inside their intervals by horizon step"
    caption = " ".join(
        ["Dotted: the share that the intervals promise.", *(KINDS.get(k, "") for k in steps)]
    )
    chart = Chart(plots.svg(plots.coverage_by_step(steps)), label, caption)
    return PageSection(title, charts=(chart,), tables=(_interval_table(facts.files.summary),))


def _interval_table(summary: Summary) -> PageTable:
    """Over all steps, and of their sum, by level and kind of interval."""
    steps = (summary.coverage, summary.interval_width, summary.interval_score)
    sums = (summary.sum_coverage, summary.sum_interval_width, summary.sum_interval_score)
    rows = [*_interval_rows(steps), *_interval_rows(sums, "sum over the horizon, ")]
    return PageTable(("interval", "coverage", "mean width", "interval score"), tuple(rows))


def _interval_rows(
    found: tuple[dict[str, dict[str, float]], ...], what: str = ""
) -> Iterator[tuple[str, ...]]:
    """A row for each level of each kind, of shares, widths and scores."""
    coverage, *others = found
    for kind, shares in coverage.items():
        for level, share in shares.items():
            covered = UNKNOWN if math.isnan(share) else f"{100 * share:.1f} %"
            cells = (number_cell(each.get(kind, {}).get(level)) for each in others)
            yield (f"{what}{level} %, {kind}", covered, *cells)


def _data(facts: Facts) -> PageSection:
    title = "Data"
    if facts.data is None:
        return PageSection(title, facts.without_table)
    described, found = facts.data["data"], facts.data["findings"]
    table = PageTable((), named_rows(described))
    if not found:
        text = "No gaps, empty cells, constant columns or outliers."
        return PageSection(title, text, tables=(table,))
    rows = tuple((each["kind"], each["message"]) for each in found)
    return PageSection(title, tables=(table, PageTable((), rows)))


def _environment(facts: Facts) -> PageSection:
    if facts.files.environment is None:
        return PageSection("Environment", f"Left out, for the run holds no {ENVIRONMENT_FILE}.")
    return PageSection(
        "Environment", tables=(PageTable((), named_rows(asdict(facts.files.environment))),)
    )


def _profile(facts: Facts) -> PageSection:
    title = "Where the time went"
    if facts.files.profile is None:
        return PageSection(title, "Not measured: forecast train --profile does.")
    rows = tuple(profile_rows(facts.files.profile))
    return PageSection(title, tables=(PageTable(("", "time", "share", ""), rows),))


SECTIONS = (
    _scores,
    _forecast,
    _paths,
    _steps,
    _series,
    _coverage,
    lambda facts: learning_section(facts.files),
    lambda facts: gradient_section(facts.files),
    lambda facts: sweep_section(facts.files),
    _data,
    lambda facts: importance_section(facts.importance, facts.without_table, facts.are_labels),
    _profile,
    lambda facts: PageSection("Configuration", facts.note, code=facts.config),
    _environment,
)
"""What a report consists of, in this order."""


OF_LABELS: Mapping[Section, Sequence[Section]] = {
    _steps: [lambda facts: accuracy_section(facts.files.summary)],
    _paths: [],
    _coverage: [
        lambda facts: confusion_section(facts.files.summary),
        lambda facts: reliability_section(facts.files.summary),
    ],
}
"""What a report on labels has in place of a section that numbers alone have."""


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if math.isfinite(value)}
