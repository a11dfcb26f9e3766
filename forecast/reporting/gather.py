"""Gathers all that a run folder tells, and what its data and model still tell, into one page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from forecast.check import described
from forecast.config.tree import Config, read_config
from forecast.data.panel import Panel
from forecast.drawing.panels import panels_of
from forecast.errors import ConfigError, DataError, ForecastError
from forecast.forecasting.display import drawn_series
from forecast.forecasting.model_file import load
from forecast.forecasting.trained import TrainedModel
from forecast.prepare import Prepared, prepare
from forecast.reporting.importance import importance
from forecast.reporting.page import Page, render
from forecast.reporting.run_files import read_run_files
from forecast.reporting.sections import Facts, page_of
from forecast.runs.files import write_atomically
from forecast.runs.folder import CONFIG_FILE, REPORT_FILE
from forecast.tested import shown_series


def write_report(run: Path | str, output: Path | str | None = None, force: bool = False) -> Page:
    """Write the report of a finished run.

    Args:
        run: its folder.
        output: the file; None: `report.html` in the folder.
        force: replace the file if it is there.

    Returns:
        What was written.

    Raises:
        DataError: if there is no finished run, or one of its files is damaged.
        ConfigError: if the file exists.
    """
    run = Path(run)
    path = report_path(run, output)
    if path.exists() and not force:
        raise ConfigError(f"{path} exists; give another --output, or --force")
    page = page_of(gather(run))
    write_atomically(path, render(page))
    return page


def report_path(run: Path | str, output: Path | str | None = None) -> Path:
    """Where the report of a run goes."""
    return Path(run) / REPORT_FILE if output is None else Path(output)


def gather(run: Path) -> Facts:
    """All that the report says, read from the run and computed from its data where they are.

    Args:
        run: its folder.

    Returns:
        The facts; those that the run or its table do not tell are None.

    Raises:
        DataError: if there is no finished run, or one of its files is damaged.
    """
    if not (run / CONFIG_FILE).is_file():
        raise DataError(
            f"{run}: no run folder; it holds no {CONFIG_FILE}; give one of forecast train"
        )
    trained = load(run)
    config = read_config(run / CONFIG_FILE)
    quantiles = trained.quantiles()
    facts = Facts(
        run=run.resolve().name,
        targets=trained.pipeline.targets,
        files=read_run_files(run, trained.summary, config.training.lr_range),
        config=(run / CONFIG_FILE).read_text(encoding="utf-8").rstrip(),
        shaded=100 * (quantiles[-1] - quantiles[0]),
    )
    ahead, prepared = _ahead(trained), _prepared(trained, config)
    if isinstance(prepared, str):
        pictures = panels_of(drawn_series(trained), ahead) if ahead else ()
        return replace(facts, pictures=pictures, without_table=prepared)
    return replace(
        facts,
        pictures=panels_of(shown_series(trained, prepared), ahead),
        data=described(prepared.panel),
        importance=importance(trained, prepared),
    )


def _prepared(trained: TrainedModel, config: Config) -> Prepared | str:
    """The data as they were prepared for training, or a sentence why that is not possible."""
    try:
        prepared = prepare(trained.config.model_copy(update={"data": config.data}))
    except ForecastError as error:
        return f"Left out, for the table cannot be read again: {error}."
    if _is_same(prepared.as_history().tail(trained.rows_kept), trained.tail):
        return prepared
    return f"Left out, for {config.data.path} has changed since the run was trained."


def _is_same(now: Panel, then: Panel) -> bool:
    """Whether two tables end alike: series, times and values."""
    return (
        (now.ids, now.axis) == (then.ids, then.axis)
        and np.array_equal(now.starts, then.starts)
        and np.array_equal(now.values, then.values, equal_nan=True)
    )


def _ahead(trained: TrainedModel) -> dict[str, Float[np.ndarray, "H K Q"]]:
    """Series id -> forecast after its last row; empty where covariates of the future are needed."""
    try:
        history, values = trained.forecast_panel(trained.tail)
    except ForecastError:
        return {}
    return dict(zip(history.ids, values, strict=True))
