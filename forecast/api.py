"""The functions for Python users: a table or a configuration in, a model out."""

from __future__ import annotations

import functools
import random
import time as clock
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar

from forecast import experiment
from forecast.backtesting import run as backtesting
from forecast.backtesting.files import open_source
from forecast.backtesting.tables import Backtest
from forecast.budget import fitted
from forecast.config.tree import Config, build_config
from forecast.config.yaml import read_yaml
from forecast.errors import extra_missing
from forecast.evaluation.levels import Levels, in_percent
from forecast.forecasting.trained import TrainedModel
from forecast.given import AnyConfig, columns_given, config_and_table, plain_arguments_checked
from forecast.init.hints import Hints, Wishes, require_minutes
from forecast.init.propose import propose as proposal
from forecast.init.unconfigured import as_argument, options_named, read_unconfigured
from forecast.runs.drain import result_of
from forecast.runs.folder import locked_run, new_run
from forecast.runs.host import one_training, own_state
from forecast.tables.frames import AnyTable, TableOrPath
from forecast.training.lr_rules import LrFound
from forecast.training.progress import SHOW_EVERY
from forecast.training.watch import Show, is_notebook, notebook_bar
from forecast.zero_shot.quick import quick_forecast
from forecast.zero_shot.result import QuickForecast

if TYPE_CHECKING:
    from forecast.tuning.tuned import Tuned

MINUTES = 5.0
"""What a proposed training may take."""


P = ParamSpec("P")
R = TypeVar("R")


def _entry_point(function: Callable[P, R]) -> Callable[P, R]:
    """Check plain arguments; then call by our own settings of torch.

    What it draws of `random` is given back: rich, which scikit-learn imports, draws on import.
    """

    @plain_arguments_checked
    @functools.wraps(function)
    def guarded(*arguments: P.args, **options: P.kwargs) -> R:
        with own_state():
            state = random.getstate()
            try:
                return function(*arguments, **options)
            finally:
                random.setstate(state)

    return guarded


def _one_at_a_time(function: Callable[P, R]) -> Callable[P, R]:
    """Let calls of several threads follow each other; `quick`, which trains nothing, waits not."""

    @_entry_point
    @functools.wraps(function)
    def alone(*arguments: P.args, **options: P.kwargs) -> R:
        with one_training():
            return function(*arguments, **options)

    return alone


@_one_at_a_time
def propose(
    data: TableOrPath,
    horizon: int | None = None,
    time: str | None = None,
    id: str | Sequence[str] | None = None,
    target: str | Sequence[str] | None = None,
    past: Sequence[str] = (),
    future: Sequence[str] = (),
    static: Sequence[str] = (),
    season: int | None = None,
    timezone: str | None = None,
    time_format: str | None = None,
    minutes: float = MINUTES,
    duplicates: str | None = None,
    holidays: str | None = None,
    labels: bool = False,
    frequency: str | int | None = None,
) -> Config:
    """Propose a configuration for a table, as `forecast config init` does.

    Args:
        data: a table as for `train`, or a CSV or Parquet file.
        horizon: steps to forecast; None: by the season.
        time, id, target: columns, of the last two several too; None: found by names and values.
        past, future, static: columns that help; a future one is known over the horizon.
        season: rows; None: by the frequency, of integer times by the values.
        timezone, time_format, frequency: as in the section `data`; None: found in the times.
        minutes: that the training may take on this machine.
        duplicates: of rows with one time first, last, their mean or sum counts; None: an error.
        holidays: place whose public holidays help, as `DE` or `DE-BY`; None: none.
        labels: whether targets are labels, whole numbers too; texts and truth values always are.

    Returns:
        A configuration for `train(config, data)`; it cannot be changed, but
        `config.model_copy(update=...)` and `config.model_dump()` make others of it.

    Raises:
        ForecastError: one line with place, value and remedy.
    """
    began = clock.perf_counter()
    require_minutes(minutes, "minutes")
    with options_named(as_argument):
        text = proposal(
            data,
            Hints(
                time=time,
                ids=columns_given(id),
                targets=columns_given(target) or None,
                helping={"past": past, "future": future, "static": static},
                labels=labels,
                timezone=timezone,
                time_format=time_format,
                frequency=frequency,
                duplicates=duplicates,
            ),
            Wishes(horizon, season, holidays),
            affordable=lambda config, panel: fitted(config, panel, minutes, began).changes,
        )
    return build_config(read_yaml(text, "proposal"), "proposal")


@_one_at_a_time
def train(
    config: AnyConfig | AnyTable | None = None,
    data: AnyTable | None = None,
    run: Path | str | None = None,
    force: bool = False,
    quiet: bool = False,
) -> TrainedModel:
    """Train a model and score it on the test part.

    Args:
        config: a path, nested mappings, or a `Config`; or a table alone, for which one is proposed.
        data: a table in place of the file at `data.path`: a frame or series of pandas, its times as
            a column or as the index; columns by name; rows by the names of their cells; numbers in
            a row (NumPy); a frame of polars, pyarrow or another library that narwhals knows; or an
            open CSV or Parquet file. It is not changed.
        run: folder to write to, as `forecast train` does; None writes nothing. Its `log.txt` gets
            what the logger "forecast" lets through: warnings, unless its level is set to INFO.
        force: replace what is in the folder.
        quiet: show no bar, as a notebook does otherwise.

    Returns:
        The model; `.summary` holds the scores, `.forecast()` the next steps, `.save(path)` a file.

    Raises:
        ForecastError: one line with place, value and remedy.
    """
    config, data = _config_and_table(config, data)
    watchers = _watchers(quiet)
    if run is None:
        return result_of(experiment.train(config, data, show_every=SHOW_EVERY), *watchers)
    with locked_run(Path(run)):
        folder = new_run(Path(run), force)
        return result_of(experiment.train(config, data, folder, show_every=SHOW_EVERY), *watchers)


@_one_at_a_time
def lr_find(config: AnyConfig | AnyTable | None = None, data: AnyTable | None = None) -> LrFound:
    """Run the learning-rate range test; nothing is trained for keeps.

    Args:
        config, data: as for `train`.

    Returns:
        The curves, and the rate of each rule (None where the curve is flat).
    """
    return experiment.lr_find(*_config_and_table(config, data))


@_one_at_a_time
def backtest(
    config_or_run: AnyConfig | AnyTable | None = None,
    folds: int | None = None,
    step: int | None = None,
    refit: bool = False,
    baselines: Sequence[str] = (),
    data: AnyTable | None = None,
    quiet: bool = False,
) -> Backtest:
    """Test at several origins that roll on through the data; nothing is written.

    Args:
        config_or_run: what to train: a path, nested mappings, a `Config`, or a table alone; or the
            folder of a finished run, to test its model as it is.
        folds: number of origins; the last fold forecasts the last rows of every series. None: 5,
            or fewer where no more fit.
        step: rows between two origins; None: the horizon.
        refit: train anew for each fold on all that lies before its origin; otherwise once, on
            what lies before the first.
        baselines: auto_ets, auto_arima, auto_theta: statsforecast models, fitted at every origin.
        data: a table in place of the file at `data.path`, as for `train`.
        quiet: show no bar, as a notebook does otherwise.

    Returns:
        `.forecasts` and `.scores`, two DataFrames, and `.summary`.

    Raises:
        ForecastError: one line with place, value and remedy.
    """
    if isinstance(config_or_run, str | Path):
        config, trained = open_source(config_or_run, refit=refit)
    else:
        (config, data), trained = _config_and_table(config_or_run, data), None
    steps = backtesting.backtest(config, trained, data, folds, step, refit, baselines)
    return result_of(steps, *_watchers(quiet))


@_entry_point
def quick(
    data: TableOrPath,
    horizon: int | None = None,
    time: str | None = None,
    id: str | Sequence[str] | None = None,
    target: str | Sequence[str] | None = None,
    season: int | None = None,
    timezone: str | None = None,
    time_format: str | None = None,
    level: Levels = (80, 95),
    folds: int | None = None,
    partners: Sequence[str] | None = None,
    duplicates: str | None = None,
    frequency: str | int | None = None,
) -> QuickForecast:
    """Forecast every series of a table at once: no configuration, no training.

    A network that has seen synthetic series alone is combined with classical methods. As it has
    seen no row of the table, it is judged on rows held out at several origins, which also tell the
    weights and how wide the intervals must be. Where a series is never negative, nor is its
    forecast.

    Args:
        data: a table as for `train`, or a CSV or Parquet file.
        horizon: steps; None: by the season.
        time, id, target: columns, of the last two several too; None: found by names and values.
        season: rows; None: by the frequency, of integer times by the values.
        timezone, time_format: of the time column, as in the section `data`; None: as written.
        level: intervals in percent. []: none.
        folds: origins of a series at which the methods are judged; 0: none, None: by the size of
            the table.
        partners: theta, ets, ridge; weights decide what they count. []: none. None: theta and ets,
            where the table is not too large, and ridge where it holds weeks of hours.
        duplicates: of rows with one time first, last, their mean or sum counts; None: an error.
        frequency: of the rows, as in the section `data`; None: told by the times.

    Returns:
        `.forecast`, a DataFrame as `TrainedModel.forecast` gives it; `.scores`, `.weights`,
        `.verdict`.

    Raises:
        ForecastError: one line with place, value and remedy.
    """
    hints = Hints(
        time=time,
        ids=columns_given(id),
        targets=columns_given(target) or None,
        timezone=timezone,
        time_format=time_format,
        frequency=frequency,
        duplicates=duplicates,
    )
    with options_named(as_argument):
        found = read_unconfigured(data, hints)
        levels = in_percent(() if level is None else level)
        return quick_forecast(found, horizon, season, levels, folds, partners)


@_one_at_a_time
def tune(
    config: AnyConfig | AnyTable | None = None,
    data: AnyTable | None = None,
    trials: int | None = None,
    minutes: float | None = None,
    folder: Path | str | None = None,
    pruner: Literal["median", "hyperband", "none"] = "median",
) -> Tuned:
    """Search for a configuration with a smaller validation error, as `forecast tune` does.

    Trials follow each other in this process; the command also runs several, or a cluster's. The
    test part is not looked at.

    Args:
        config, data: as for `train`; the section `tune` says what is searched.
        trials: in all, those that `folder` already holds included; None: 20, or by `minutes`.
        minutes: after which the search ends; None: no limit.
        folder: of the study, which the same call goes on with; None keeps nothing.
        pruner: ends trials that promise little.

    Returns:
        `.best`, a configuration for `train`; `.score`, `.metric`, and `.trials`, a DataFrame.

    Raises:
        ForecastError: one line with place, value and remedy.
    """
    if find_spec("optuna") is None:
        raise extra_missing("forecast.tune", "optuna", "tune")
    from forecast.tuning.tuned import tuned

    config, table = _config_and_table(config, data)
    return tuned(config, table, trials, minutes, folder, pruner)


@_one_at_a_time
def report(run: Path | str, output: Path | str | None = None, force: bool = False) -> Path:
    """Write the report of a finished run: one HTML page with its scores, pictures and data.

    Args:
        run: folder of the run, or its model file.
        output: the file; None: `report.html` in the folder.
        force: replace the file if it is there.

    Returns:
        The file.
    """
    from forecast.reporting.gather import report_path, write_report  # draws: matplotlib is slow

    write_report(run, output, force)
    return report_path(run, output)


def _config_and_table(
    config: AnyConfig | AnyTable | None, data: AnyTable | None
) -> tuple[Config, AnyTable | None]:
    return config_and_table(config, data, propose)


def _watchers(quiet: bool) -> tuple[Show, ...]:
    """Who is shown how a training goes: the reader of a notebook."""
    return (notebook_bar(),) if is_notebook() and not quiet else ()
