"""`forecast runs`: the runs of a folder, with their scores and what they were configured to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from forecast.cli.options import RunsOptions
from forecast.cli.output import print_result
from forecast.config.tree import read_config
from forecast.errors import ConfigError, as_path, named, shown
from forecast.training.agreement import flat

CONFIG_FILE, SUMMARY_FILE = "config.yaml", "summary.json"
"""As in runs/folder.py, which imports torch."""
MOST_BYTES = 2**24
"""Of a summary that is read."""
METRICS = ("MASE", "MAE", "RMSE")
LABEL_METRICS = ("accuracy", "log_loss")
"""Shown beside them where a run has them."""
NO_SCORE = "-"


@dataclass(frozen=True)
class Scored:
    """What is shown of a summary."""

    model: str
    metrics: dict[str, dict[str, float | None]]


SCORED = TypeAdapter(Scored)


@dataclass(frozen=True)
class Run:
    """One run."""

    path: str
    state: str
    """finished, interrupted, or damaged."""
    date: datetime
    """When its last file was written, in UTC."""
    scores: Mapping[str, float | None]
    config: Mapping[str, Any]
    """Dotted keys and their values."""


def runs(options: RunsOptions) -> int:
    """Print the runs of a folder, the latest last, and in what their configurations differ."""
    folder = as_path(options.folder)
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such folder; give one that holds runs")
    found = sorted(map(_read, _folders(folder)), key=lambda run: (run.date, run.path))
    keys = _differing([run.config for run in found])
    rows = [
        {
            "run": run.path,
            "state": run.state,
            "date": run.date.strftime("%Y-%m-%d %H:%M"),
            "scores": run.scores,
            "differs": {key: run.config[key] for key in keys if key in run.config},
        }
        for run in found
    ]
    print_result(options.json, {"folder": str(folder), "runs": rows}, _text(folder, rows))
    return 0


def _folders(folder: Path) -> Iterator[Path]:
    """The folders of runs in a folder, itself too; links are not followed, nor hidden folders."""
    for place, inner, files in os.walk(folder):
        is_file = os.path.isfile(os.path.join(place, CONFIG_FILE))  # and no pipe
        if is_file and ("environment.json" in files or SUMMARY_FILE in files):
            inner.clear()
            yield Path(place)
        inner[:] = sorted(name for name in inner if not name.startswith("."))


def _read(path: Path) -> Run:
    """What is known of a run; one that is damaged is named as such."""
    summary = path / SUMMARY_FILE
    last = summary if summary.is_file() else path / CONFIG_FILE
    date = datetime.fromtimestamp(last.stat().st_mtime, UTC)
    try:
        config = dict(flat(read_config(path / CONFIG_FILE).model_dump(mode="json")))
    except ConfigError:
        return Run(str(path), "damaged", date, {}, {})
    if not summary.is_file():
        return Run(str(path), "interrupted", date, {}, config)
    try:
        with summary.open("rb") as file:
            scored = SCORED.validate_json(file.read(MOST_BYTES))
    except ValidationError:
        return Run(str(path), "damaged", date, {}, config)
    return Run(str(path), "finished", date, scored.metrics.get(scored.model, {}), config)


def _differing(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys that not all configurations set alike, as far as any is known."""
    known = [config for config in configs if config]
    keys = dict.fromkeys(key for config in known for key in config)
    written = {key: {json.dumps(each.get(key), sort_keys=True) for each in known} for key in keys}
    return [key for key, values in written.items() if len(values) > 1]


def _text(folder: Path, rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return f"{folder}: no runs; forecast train CONFIG --run DIR makes one"
    width = max(len("run"), *(len(named(row["run"])) for row in rows))
    names = [n for n in LABEL_METRICS if any(n in row["scores"] for row in rows)]
    names = [*METRICS, *names]
    head = f"{'run':{width}}  {'date (UTC)':16}" + "".join(f"{name:>10}" for name in names)
    lines = [f"{head}  differs in"]
    for row in rows:
        scores = "".join(f"{_score(row['scores'].get(name)):>10}" for name in names)
        if row["state"] != "finished":
            scores = f"{row['state']:>{10 * len(names)}}"
        differs = ", ".join(f"{key}={shown(value)}" for key, value in row["differs"].items())
        lines.append(f"{named(row['run']):{width}}  {row['date']:16}{scores}  {differs}".rstrip())
    return "\n".join(lines)


def _score(value: float | None) -> str:
    return NO_SCORE if value is None else f"{value:.4g}"
