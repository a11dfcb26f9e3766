"""The commands that train or test: train, lr-find, backtest and check."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from forecast import experiment
from forecast.backtesting import run as backtesting
from forecast.backtesting.files import BACKTEST_FILES, open_source, write_backtest
from forecast.check import inspect
from forecast.cli.mlflow import mlflow
from forecast.cli.options import BacktestOptions, CheckOptions, LrFindOptions, TrainOptions
from forecast.cli.output import print_result, require_folder
from forecast.cli.tensorboard import tensorboard
from forecast.cli.text import backtest_text, check_text, lr_range_text, profile_text, training_text
from forecast.config.paths import seen_from
from forecast.config.tree import Config, read_config, with_files, write_config
from forecast.distributed.environment import num_restarts
from forecast.distributed.helper import help_started
from forecast.distributed.team import Team, team_of
from forecast.errors import ConfigError, DataError, ProcessLostError
from forecast.forecasting.trained import TrainedModel
from forecast.learning_rate import with_rate
from forecast.reporting.pictures import write_lr_range
from forecast.runs.drain import result_of
from forecast.runs.files import write_atomically
from forecast.runs.folder import (
    CONFIG_FILE,
    LR_RANGE_FILES,
    PROFILE_FILE,
    RunFolder,
    existing_run,
    fresh_run,
    locked_run,
    new_run,
)
from forecast.runs.foreign import refuse_input
from forecast.runs.log import stderr_log
from forecast.runs.results import results_folder
from forecast.tables.remote import is_named
from forecast.training.agreement import refuse_fixed_options, says_how_long
from forecast.training.profile import profile_rows
from forecast.training.progress import SHOW_EVERY
from forecast.training.watch import epoch_bar


def train(options: TrainOptions) -> int:
    """Train a new run, or go on with an interrupted one."""
    with team_of(options.processes, options.timeout, options.max_restarts) as team:
        if team.place.rank:
            help_started(team.place, options.timeout)
            return 0
        has_begun = options.run and (Path(options.run) / CONFIG_FILE).exists()
        if has_begun and num_restarts() != "0":
            options.resume, options.run = options.run, None
            options.config, options.overrides = None, []
        return _train(options, team)


def _train(options: TrainOptions, team: Team) -> int:
    with _run_to_train(options) as (config, folder):
        try:
            summary = _trained(config, folder, options, team).summary
        except (KeyboardInterrupt, OSError, ProcessLostError) as error:
            if (folder.path / CONFIG_FILE).exists():  # it has begun
                error.add_note(f"; go on with: forecast train --resume {folder.home}")
            raise
    result = {"run": str(folder.home), **summary}
    text = training_text(summary, folder.home)
    if options.profile:
        result["profile"] = json.loads((folder.home / PROFILE_FILE).read_text(encoding="utf-8"))
        text = f"{profile_text(profile_rows(result['profile']))}\n{text}"
    print_result(options.json, result, text)
    return 0


@contextlib.contextmanager
def _run_to_train(options: TrainOptions) -> Iterator[tuple[Config, RunFolder]]:
    """Configuration and folder of a new run, or of the one to go on with, for us alone."""
    if options.resume is None:
        if options.config is None:
            raise ConfigError("nothing to train; give CONFIG, or --resume DIR")
        config = read_config(options.config, options.all_overrides())
        path = Path(options.run) if options.run else fresh_run(options.config).path
        with locked_run(path, is_fresh=options.run is None):
            yield config, new_run(path, options.force)
        return
    if options.config and "=" in options.config:  # it stands where CONFIG would
        options.overrides.insert(0, options.config)
    elif options.config or options.run or options.force or options.start_from:
        raise ConfigError(
            "--resume DIR goes on as the run was configured; leave CONFIG, --run, --force and"
            " --start-from out"
        )
    path, goes_on = Path(options.resume), says_how_long(options.overrides)
    refuse_fixed_options(options.overrides)
    existing_run(path, goes_on)  # before its folder is touched, and again when nobody can end it
    with locked_run(path):
        folder = existing_run(path, goes_on)
        written = [each / CONFIG_FILE for each in (folder.path, folder.home)]
        known = next(config for config in written if config.exists())
        yield read_config(known, options.all_overrides()), folder


def _trained(config: Config, folder: RunFolder, options: TrainOptions, team: Team) -> TrainedModel:
    """Train, with the progress on stderr and, if wanted, in TensorBoard and MLflow."""
    steps = experiment.train(
        config,
        folder=folder,
        resume=options.resume is not None,
        profile=options.profile,
        show_every=SHOW_EVERY,
        team=team,
    )
    with (
        stderr_log(options.quiet),
        mlflow(options.mlflow, folder) as track,
        tensorboard(folder.path if options.tensorboard else None) as record,
        epoch_bar(options.quiet) as show,
    ):
        return result_of(steps, show, record, track)


def lr_find(options: LrFindOptions) -> int:
    """Run the learning-rate range test and write its curve."""
    overrides = options.all_overrides()
    if options.seeds is not None:
        overrides.append(f"training.lr_range.seeds={options.seeds}")
    config = read_config(options.config, overrides)
    if options.write:
        require_folder("--write", options.write)
        if os.path.lexists(options.write):
            raise ConfigError(f"--write {options.write}: exists already; give another file")
    with _results(options.output, LR_RANGE_FILES, "a learning-rate curve", options.force) as folder:
        with stderr_log(options.quiet):
            found = experiment.lr_find(config)
        folder = folder or fresh_run(options.config, "-lr")
        write_lr_range(found, folder)
    if options.write and found.rate is not None:
        found_config = with_rate(config, found.rate)
        written = options.write
        text = write_config(with_files(found_config, lambda path: seen_from(written, path)))
        write_atomically(Path(options.write), text, is_new=True)
    result = {"rate": found.rate, "rule": found.rule, "rates": found.rates}
    result |= {"folder": str(folder.path)}
    print_result(options.json, result, lr_range_text(found, folder.path, options.write))
    return 2 if options.write and found.rate is None else 0


def backtest(options: BacktestOptions) -> int:
    """Test a configuration or a finished run at several origins."""
    with _results(options.output, BACKTEST_FILES, "a backtest", options.force) as folder:
        with stderr_log(options.quiet):
            config, trained = open_source(
                options.source, options.overrides, options.refit, options.device, options.data
            )
            table = config.data.path
            if trained and not (os.path.exists(table) or is_named(table)):
                raise DataError(f"{table}: the table of the run is not there; give --data FILE")
            if folder:
                for name in BACKTEST_FILES:
                    refuse_input(folder.path / name, table, "the table")
            steps = backtesting.backtest(
                config,
                trained,
                folds=options.folds,
                step=options.step,
                refit=options.refit,
                baselines=options.baselines,
            )
            with epoch_bar(options.quiet) as show:
                result = result_of(steps, show)
        folder = folder or fresh_run(_name_of(options.source), "-backtest")
        write_backtest(result, folder, options.safe_csv)
    files = ", ".join(str(folder.path / name) for name in BACKTEST_FILES)
    summary = {"folder": str(folder.path), **result.summary}
    print_result(options.json, summary, f"{backtest_text(result.summary)}\nfiles: {files}")
    return 0


@contextlib.contextmanager
def _results(
    path: str | None, files: Sequence[str], what: str, force: bool
) -> Iterator[RunFolder | None]:
    """The folder of --output, for us alone; None where it is not given."""
    if path is None:
        yield None
        return
    with results_folder(Path(path), files, what, force) as folder:
        yield folder


def _name_of(source: str) -> str:
    """What the results of a configuration or run are called: a model file goes by its run."""
    path = os.path.abspath(source)
    return os.path.dirname(path) if path.endswith(".safetensors") else path


def check(options: CheckOptions) -> int:
    """Read everything that a training would read, and say what is found."""
    with stderr_log(options.quiet):
        result = inspect(read_config(options.config, options.all_overrides()))
    print_result(options.json, result, check_text(result))
    return int(result.get("exit_code", 0))
