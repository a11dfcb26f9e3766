"""What a study leaves behind: a table of its trials, the best configuration, and pictures."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from forecast.config.paths import seen_from
from forecast.config.tree import changed, with_files, write_config
from forecast.config.tune import Range
from forecast.errors import printable
from forecast.runs.files import write_within
from forecast.tuning.space import in_words
from forecast.tuning.study import Row, Study

JOURNAL_FILE = "study.jsonl"
TABLE_FILE = "study.csv"
BEST_FILE = "best.yaml"
HISTORY_FILE, IMPORTANCE_FILE, SLICES_FILE = "history.png", "importance.png", "slices.png"
STUDY_FILES = (JOURNAL_FILE, TABLE_FILE, BEST_FILE, HISTORY_FILE, IMPORTANCE_FILE, SLICES_FILE)
"""All that a study writes; the first marks a folder as one."""
COUNTED = ("complete", "pruned", "failed")
"""States that a paragraph counts."""
MOST_LETTERS = 1_500
"""Of a paragraph; long lists of choices are cut."""
FACTS = ("epochs", "kept_epoch", "parameters", "seconds")


def write_tables(study: Study, folder: Path) -> None:
    """Write the table of the trials, and the best configuration if one is complete."""
    rows = study.rows()
    write_within(folder / TABLE_FILE, trials_csv(rows, [*study.space], study.basis.metric))
    if best := study.best():
        path = folder / BEST_FILE
        write_within(path, best_yaml(study, best, rows, path))


def trials_csv(rows: Sequence[Row], keys: Sequence[str], metric: str) -> str:
    """One row a trial: state, score, what it took, what was tried, and why it failed.

    Args:
        rows: the trials.
        keys: that are searched.
        metric: what the score is.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["trial", "state", metric, *FACTS, *keys, "reason"])
    for row in rows:
        facts = [row.facts.get(name, "") for name in FACTS]
        values = [_cell(row.values[key]) if key in row.values else "" for key in keys]
        score = "" if row.score is None else repr(row.score)
        reason = row.facts.get("reason", "")
        writer.writerow([row.number, row.state, score, *facts, *values, reason])
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    """A value as a configuration would have it on one line."""
    return value if isinstance(value, str | int | float) else json.dumps(value)


def best_yaml(study: Study, best: Row, rows: Sequence[Row], path: Path) -> str:
    """The configuration of the best trial, its score in a comment, to be trained.

    Args:
        study: it is from.
        best: its best trial.
        rows: all trials.
        path: where it will be written; the table's path is relative to it.
    """
    config = changed(study.config, best.values)
    note = paragraph(study, best, rows)
    config = config.model_copy(update={"note": note})
    config = with_files(config, lambda file: seen_from(path, file))
    metric = study.basis.metric
    head = [
        f"validation {metric} {best.score:.6g}, trial {best.number} of a study by forecast tune",
        *(f"{key}: {in_words(value)}" for key, value in best.values.items()),
        "To train it: forecast train with this file; the test part has not been looked at.",
    ]
    return "".join(f"# {printable(line)}\n" for line in head) + write_config(config)


def paragraph(study: Study, best: Row, rows: Sequence[Row]) -> str:
    """What the report of a run says of the study that its configuration comes from.

    Args:
        study: the study.
        best: the trial with the best score.
        rows: all trials.
    """
    metric, start = study.basis.metric, study.start_row()
    told = ", ".join(f"{count} {state}" for state, count in counted(rows).items())
    lines = [
        f"Found by forecast tune: trial {best.number} of a study ({told}), chosen by the validation"
        f" {metric} of the network alone, {best.score:.4g}"
    ]
    if start is not None and start.number != best.number:
        lines[0] += f" against {start.score:.4g} of the configuration that it began with"
    values = ", ".join(f"{key} {in_words(value)}" for key, value in best.values.items())
    lines.append(f"Searched were {values}")
    if shares := study.importances():
        key, share = max(shares.items(), key=lambda item: item[1])
        lines.append(f"What mattered most was {key} ({100 * share:.0f} % of the differences)")
    lines.append("The test part was not looked at, so its scores are not those of a choice")
    text = printable(". ".join(lines)) + "."
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 3]}..."


def counted(rows: Sequence[Row]) -> dict[str, int]:
    """How many trials ended in which way; those that were interrupted are left out."""
    counts = {state: sum(row.state == state for row in rows) for state in COUNTED}
    return {state: count for state, count in counts.items() if count}


def write_pictures(study: Study, folder: Path) -> list[str]:
    """Write the pictures that the trials are enough for.

    Returns:
        Their names.
    """
    from forecast.drawing import plots, study_plots

    scored = [row for row in study.rows() if row.state in ("complete", "pruned")]
    scored = [row for row in scored if row.score is not None and math.isfinite(row.score)]
    if not scored:
        return []
    scores = np.array([row.score for row in scored])
    pruned = [row.state == "pruned" for row in scored]
    metric, options = study.basis.metric, _options(study, scored)
    numbers = [row.number for row in scored]
    figures = {HISTORY_FILE: study_plots.history(numbers, scores, pruned, metric)}
    if shares := study.importances():
        figures[IMPORTANCE_FILE] = study_plots.importance(shares)
    on_log = [key for key, each in study.space.items() if isinstance(each, Range) and each.log]
    figures[SLICES_FILE] = study_plots.slices(
        options, _choices(study), scores, pruned, on_log, metric
    )
    for name, figure in figures.items():
        write_within(folder / name, plots.png(figure))
    return [*figures]


def _options(study: Study, rows: Sequence[Row]) -> Mapping[str, Sequence[Any]]:
    """Key -> its value in each trial: a number of a range, otherwise a text."""
    return {
        key: [
            row.values[key] if isinstance(dimension, Range) else in_words(row.values[key])
            for row in rows
        ]
        for key, dimension in study.space.items()
    }


def _choices(study: Study) -> dict[str, list[str]]:
    """Key -> its choices, in the order of the space."""
    space = study.space.items()
    return {key: [*map(in_words, each)] for key, each in space if not isinstance(each, Range)}
