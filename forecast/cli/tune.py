"""`forecast tune`: a search for a better configuration, resumed by the same command."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.cli.options import TuneOptions
from forecast.cli.output import print_result
from forecast.cli.text import study_text
from forecast.config.tree import Config, read_config
from forecast.errors import ConfigError, extra_missing
from forecast.runs.clock import duration_in_words
from forecast.runs.drain import result_of
from forecast.runs.folder import fresh_run
from forecast.runs.log import progress_bar, stderr_log

if TYPE_CHECKING:
    from forecast.tuning.run import MakeRunner, StudyResult
    from forecast.tuning.search import SearchProgress
    from forecast.tuning.study import Row

MOST_WORKERS = 256


def tune(options: TuneOptions) -> int:
    """Search from the beginning, or where the study of the folder stopped."""
    began = time.monotonic()
    if find_spec("optuna") is None:
        raise extra_missing("forecast tune", "optuna", "tune")
    config = read_config(options.config, options.all_overrides())
    if options.workers is not None and not 1 <= options.workers <= MOST_WORKERS:
        raise ConfigError(f"--workers {options.workers} is not allowed; give 1 to {MOST_WORKERS}")
    from forecast.tuning.run import study_folder, tune
    from forecast.tuning.search import limits_of
    from forecast.tuning.study import pruner_named

    limits = limits_of(options.trials, options.minutes, began, "--{} ".format)
    path, is_fresh = options.output, options.output is None
    path = path or str(fresh_run(options.config, "-tune").path)
    with study_folder(path, options.config, config.data.path, is_fresh) as folder:
        steps = tune(config, folder, limits, pruner_named(options.pruner), _runner(config, options))
        bar = progress_bar("study", options.quiet, _state, _is_news())
        try:
            with stderr_log(options.quiet), bar as show:
                result = result_of(steps, show)
        except (KeyboardInterrupt, OSError) as error:
            error.add_note(f"; the same command with --output {folder} goes on")
            raise
    facts = _facts(result, folder)
    print_result(options.json, facts, study_text(facts))
    return 0


def _runner(config: Config, options: TuneOptions) -> MakeRunner:
    """What carries the trials out: this process, several, or a cluster."""
    from forecast.tuning.runners import InProcess, Processes

    if address := options.ray:
        from forecast.tuning.on_ray import OnRay

        return lambda basis: OnRay(basis, address, options.workers)
    workers = options.workers or 1
    return InProcess if workers == 1 else lambda _: Processes(config, workers)


def _facts(result: StudyResult, folder: Path) -> dict[str, Any]:
    """What is printed, as JSON has it."""
    from forecast.tuning.results import BEST_FILE, TABLE_FILE, counted

    def told(row: Row | None) -> dict[str, Any] | None:
        if row is None:
            return None
        return {"trial": row.number, "score": row.score, "values": dict(row.values)}

    return {
        "folder": str(folder),
        "metric": result.metric,
        "best": told(result.best),
        "start": told(result.start),
        "trials": counted(result.rows),
        "files": [str(folder / name) for name in (TABLE_FILE, BEST_FILE, *result.pictures)],
        "config": str(folder / BEST_FILE),
    }


def _state(progress: SearchProgress) -> tuple[int | None, int, str]:
    return progress.trials, progress.ended, _in_one_line(progress)


def _is_news() -> Callable[[SearchProgress], bool | None]:
    """A function that says whether there is a better score; None: nor has a trial ended."""
    best: int | None = None

    def is_news(progress: SearchProgress) -> bool | None:
        nonlocal best
        before, best = best, progress.best.number if progress.best else None
        return best != before or (False if progress.has_ended else None)

    return is_news


def _in_one_line(progress: SearchProgress) -> str:
    """How many trials are done, the best so far, and the time that it may still take."""
    parts = [f"trial {progress.ended}" + (f"/{progress.trials}" if progress.trials else "")]
    if progress.best is not None:
        parts.append(
            f"best {progress.metric} {progress.best.score:.4g} (trial {progress.best.number})"
        )
    if 0 < progress.seconds_left < math.inf:
        parts.append(f"about {duration_in_words(progress.seconds_left)} left")
    return ", ".join(parts)
