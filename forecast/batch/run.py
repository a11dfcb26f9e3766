"""A folder forecast file by file: from what was finished before to a summary."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from forecast.batch.job import Finished, Forecaster, Job
from forecast.batch.manifest import MANIFEST, Manifest, finished_before
from forecast.batch.on_ray import on_ray
from forecast.batch.processes import in_processes
from forecast.batch.threads import in_threads
from forecast.data.spanning import require_series_apart
from forecast.errors import ConfigError, as_path
from forecast.forecasting.trained import TrainedModel
from forecast.runs.cluster import connected
from forecast.runs.lock import locked
from forecast.tables.parts import files_of, parts_of


@dataclass(frozen=True)
class Progress:
    """Where a job is."""

    done: int
    """Files."""
    files: int
    before: int
    """Files that were finished before it began."""


@dataclass(frozen=True)
class Summary:
    """What came of a job."""

    finished: tuple[Finished, ...]
    """Files with a forecast, those finished before among them."""
    before: int
    failed: tuple[Finished, ...]

    @property
    def warnings(self) -> list[str]:
        """Each kind of warning once, and of how many files it was."""
        first: dict[str, str] = {}
        files: Counter[str] = Counter()
        for each in self.finished:
            first = {**dict(reversed(each.warnings)), **first}
            files.update({kind for kind, _ in each.warnings})
        return [
            f"{text}{f' (and so on, in {files[kind]} files)' if files[kind] > 1 else ''}"
            for kind, text in first.items()
        ]


def forecast_files(
    job: Job,
    trained: TrainedModel,
    workers: int | None = None,
    ray: str | None = None,
    force: bool = False,
) -> Generator[Progress, None, Summary]:
    """Forecast every file of a folder, but for those that were finished before.

    Args:
        job: what is forecast.
        trained: its model.
        workers: processes; None: this one alone, with Ray one for each CPU of the cluster.
        ray: address of a cluster, as `ray.init` takes it; `local` starts one here.
        force: replace forecasts of another model, or with other options.

    Yields:
        A record after each file.

    Raises:
        ConfigError: if the output holds something else, another process is at work in it, Ray is
            not installed, or there is no cluster.
        DataError: if there are no files, or a series stands in several of them.
        DeviceError: if a worker process was killed.
    """
    files, output = files_of(job.data), as_path(job.output)
    _refuse_nested(job)
    with parts_of(job.data, files) as parts:
        require_series_apart(parts, trained.config.data)
    cluster = contextlib.nullcontext() if ray is None else connected(ray)
    with cluster, locked(output):  # nothing is written before there is a cluster
        before = finished_before(job, files, force)
        done = {each.file for each in before}
        left = [file for file in files if file not in done]
        manifest, finished = Manifest(output / MANIFEST), [*before]
        failed: list[Finished] = []
        yield Progress(len(before), len(files), len(before))
        for each in _forecasts(job, trained, left, workers, ray):
            if each.error is None:
                manifest.add(each)
            (finished if each.error is None else failed).append(each)
            yield Progress(len(finished) + len(failed), len(files), len(before))
    return Summary(tuple(finished), len(before), tuple(failed))


def _forecasts(
    job: Job, trained: TrainedModel, files: Sequence[str], workers: int | None, ray: str | None
) -> Iterator[Finished]:
    if not files:
        return iter(())
    if ray is not None:
        return on_ray(job, files, workers)
    if (workers or 1) > 1 and len(files) > 1:
        return in_processes(job, files, min(workers or 1, len(files)))
    return in_threads(Forecaster(job, trained), files)


def _refuse_nested(job: Job) -> None:
    """What is written must not be read the next time, nor lie among what is read."""
    if not os.path.isdir(job.data):
        return
    data, output = (os.path.realpath(each) for each in (job.data, job.output))
    if os.path.commonpath([data, output]) in (data, output):
        raise ConfigError(
            f"--output {job.output}: one of the folders of --data and --output lies in the other;"
            " give a folder beside it"
        )
