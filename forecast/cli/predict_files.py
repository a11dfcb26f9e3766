"""`forecast predict --data DIR`: a folder of Parquet files, forecast file by file."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from forecast.batch.job import Job
from forecast.batch.run import Progress, Summary, forecast_files
from forecast.cli.options import PredictOptions
from forecast.cli.output import print_result
from forecast.errors import ConfigError, DataError
from forecast.forecasting.horizon import steps_asked
from forecast.forecasting.sample import copula_of, log_repeats, require_paths
from forecast.forecasting.trained import TrainedModel
from forecast.runs.clock import duration_in_words
from forecast.runs.drain import result_of
from forecast.runs.log import progress_bar, stderr_log

log = logging.getLogger("forecast")

GO_ON = "; finished files are kept: give the same command again to go on"


def predict_files(options: PredictOptions) -> int:
    """Write what a trained model forecasts of each file of a folder."""
    _refuse_options(options)
    job = _job(options)
    with stderr_log(options.quiet):
        trained = job.loaded()
        _refuse_impossible(trained, options)
        if options.samples is not None:
            log_repeats(copula_of(trained), options.samples)
        elif options.level is None and trained.left_out:
            log.info("%s", trained.left_out)
        steps = forecast_files(job, trained, options.workers, options.ray, options.force)
        with _bar(options.quiet) as show:
            try:
                summary = result_of(steps, show)
            except KeyboardInterrupt as error:
                error.add_note(GO_ON)
                raise
        for warning in summary.warnings:
            log.warning("%s", warning)
    if summary.failed:
        first = summary.failed[0].error
        raise DataError(
            f"{len(summary.failed)} of {len(summary.failed) + len(summary.finished)} files have no"
            f" forecast, {'this' if len(summary.failed) == 1 else 'the first'} because of: {first}"
        )
    if not any(each.rows for each in summary.finished):
        raise DataError(summary.warnings[0])
    print_result(options.json, _result(options, summary), _text(options, summary))
    return 0


def _job(options: PredictOptions) -> Job:
    return Job(
        run=options.run,
        data=str(options.data),
        output=options.output,
        suffix=f".{options.format or 'parquet'}",
        horizon=options.horizon,
        level=None if options.level is None else tuple(options.level),
        samples=options.samples,
        seed=options.seed or 0,
        future=options.future,
        without_partners=options.without_partners,
        safe_csv=options.safe_csv,
        device=options.device or "cpu",
    )


def _refuse_options(options: PredictOptions) -> None:
    if options.output == "-":
        raise ConfigError(
            f"--data {options.data} is a folder; give a folder for its forecasts with --output"
        )
    if options.compare is not None:
        raise ConfigError("--compare takes one table; give a file with --data")
    if options.workers is not None and options.workers < 1:
        raise ConfigError(f"--workers {options.workers} is not allowed; give 1 or more")


def _refuse_impossible(trained: TrainedModel, options: PredictOptions) -> None:
    """Raise a ConfigError for what no file can have: before the first, not with each."""
    trained.quantiles(options.level)
    if options.samples is not None:
        require_paths(trained, options.samples, options.seed or 0)
    if options.horizon is not None:
        steps_asked(options.horizon, trained.config.window.horizon)


def _result(options: PredictOptions, summary: Summary) -> dict[str, object]:
    return {
        "output": options.output,
        "files": len(summary.finished),
        "before": summary.before,
        "series": sum(each.series for each in summary.finished),
        "rows": sum(each.rows for each in summary.finished),
        "warnings": summary.warnings,
    }


def _text(options: PredictOptions, summary: Summary) -> str:
    found = _result(options, summary)
    before = f" ({summary.before} of them finished before)" if summary.before else ""
    return (
        f"{found['rows']} rows of {found['series']} series in {found['files']} files{before} in"
        f" {options.output}"
    )


def _bar(quiet: bool) -> AbstractContextManager[Callable[[Progress], None]]:
    """A function that shows how many files are done: a bar on a terminal, else lines."""
    began = time.monotonic()

    def state(progress: Progress) -> tuple[int, int, str]:
        return progress.files, progress.done, _line(progress, time.monotonic() - began)

    return progress_bar("forecasting", quiet, state, lambda _: False, is_at_once=False)


def _line(progress: Progress, seconds: float) -> str:
    """How many files are done, and how long the others may take."""
    files = f"files {progress.done}/{progress.files}"
    new = progress.done - progress.before
    left = (progress.files - progress.done) * seconds / max(new, 1)
    return f"{files}, about {duration_in_words(left)} left" if new else files
