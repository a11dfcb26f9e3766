"""What a folder of forecasts holds so far: by which model, with which options, of which data.

The first line tells the model and the options, every other one a file whose forecast stands in its
place. A line is added in one write after its file; one that was torn off is cut away.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from forecast.batch.job import Finished, Job, digest_of
from forecast.errors import ConfigError
from forecast.forecasting.model_file import model_path
from forecast.runs.files import append, kind_of, write_within
from forecast.runs.foreign import refuse_foreign
from forecast.runs.lock import LOCK_FILE
from forecast.tables.parts import version_of

MANIFEST = "forecasts.jsonl"
TEMPORARY = re.compile(r"\.(.+)\.[a-z0-9_]{8}\.tmp")
"""A file that was being written when its process was killed."""


@dataclass(frozen=True)
class Manifest:
    """The file that tells it."""

    path: Path

    def begin(self, head: dict[str, Any]) -> None:
        """Write the first line; all others are gone."""
        write_within(self.path, _line(head))

    def add(self, found: Finished) -> None:
        """Add the line of a file whose forecast is in its place."""
        append(self.path, _line(asdict(found)))

    def read(self) -> tuple[dict[str, Any], list[Finished]]:
        """The first line, and the files; a torn line is left out.

        Raises:
            ConfigError: if it is no file of this program.
        """
        try:
            head, *lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
            whole = [json.loads(line) for line in (head, *lines) if line.endswith("\n")]
            return dict(whole[0]), [_finished(each) for each in whole[1:]]
        except (ValueError, TypeError, KeyError, IndexError, RecursionError):
            raise self._foreign() from None

    def targets(self, job: Job, head: dict[str, Any], listed: Iterable[Finished]) -> set[Path]:
        """Where the forecasts of the files are that it lists.

        Args:
            job: whose output holds them.
            head: the first line, which says of which kind they are.
            listed: the files.

        Raises:
            ConfigError: for a file or a kind that can have no such name.
        """
        old = replace(job, suffix=str(head.get("suffix")))
        try:
            found = {old.target(each.file) for each in listed}
            return {target for target in found if os.fsencode(target)}
        except ValueError:
            raise self._foreign() from None

    def _foreign(self) -> ConfigError:
        return ConfigError(
            f"{self.path}: no list of forecasts of this program; give another --output"
        )


def head_of(job: Job) -> dict[str, Any]:
    """The first line of a job's manifest."""
    return {"model": digest_of(model_path(job.run)), **job.options()}


def finished_before(job: Job, files: Sequence[str], force: bool) -> list[Finished]:
    """The files that an earlier command has finished for this model, these options and this data.

    The manifest is there afterwards, and what a killed process left half-written is not.

    Args:
        job: whose output is this process's alone.
        files: of its data.
        force: whether forecasts of another model or with other options are replaced.

    Raises:
        ConfigError: if the folder holds something else.
    """
    output, head = Path(job.output), head_of(job)
    manifest = Manifest(output / MANIFEST)
    targets = {job.target(file) for file in files}
    refuse_foreign(output, [MANIFEST])
    if not manifest.path.exists():
        if {path.name for path in output.iterdir()} - {LOCK_FILE}:
            raise ConfigError(
                f"{output} is not empty and holds no forecasts of a folder; give another --output"
            )
        manifest.begin(head)
        return []
    before, listed = manifest.read()
    if before != head and not force:
        raise ConfigError(
            f"{output} holds forecasts of another model or with other options; give another"
            " --output, or replace them with --force"
        )
    for target in sorted(manifest.targets(job, before, listed) - targets):
        if os.path.lexists(target):
            raise ConfigError(
                f"{target} is the forecast of a file that --data no longer holds; take it away, or"
                " give another --output"
            )
    _remove_leftovers(output, targets)
    kept = [each for each in listed if _still_holds(job, each)] if before == head else []
    manifest.begin(head)
    for each in kept:
        manifest.add(each)
    return kept


def _still_holds(job: Job, found: Finished) -> bool:
    """Whether a forecast is in its place, whole, and its data are what they were."""
    target = job.target(found.file)
    is_there = kind_of(target) == "a file" and os.path.getsize(target) == found.size
    return is_there and version_of(job.data, found.file) == found.data


def _remove_leftovers(output: Path, targets: set[Path]) -> None:
    """Remove what a killed process was writing when it was killed."""
    for place, _, names in os.walk(output):
        for name in names:
            written = TEMPORARY.fullmatch(name)
            path = Path(place) / name
            if written and path.with_name(written[1]) in targets and kind_of(path) == "a file":
                path.unlink(missing_ok=True)


def _finished(line: dict[str, Any]) -> Finished:
    warnings = tuple((str(kind), str(text)) for kind, text in line.pop("warnings"))
    found = Finished(warnings=warnings, **line)
    if not all(isinstance(number, int) for number in (found.size, found.series, found.rows)):
        raise TypeError(f"{found.file} has no numbers")
    return found


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value) + "\n"
