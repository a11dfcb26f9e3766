"""Gathers what a run folder, its data and its model say into one page."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from forecast.check import described
from forecast.config.tree import Config, read_config, without_start
from forecast.errors import ConfigError, DataError, ForecastError, as_path, shown
from forecast.forecasting.display import drawn_panels, drawn_series
from forecast.forecasting.model_file import load
from forecast.forecasting.trained import TrainedModel
from forecast.forecasting.training_table import training_table
from forecast.prepare import Prepared, prepare
from forecast.reporting.importance import importance
from forecast.reporting.page import Page, render
from forecast.reporting.paths import path_pictures
from forecast.reporting.run_files import read_run_files
from forecast.reporting.sections import Facts, page_of
from forecast.reporting.steps import Show, unseen, within
from forecast.runs.files import write_atomically, write_within
from forecast.runs.folder import CONFIG_FILE, MODEL_FILE, REPORT_FILE, RUN_FILES
from forecast.runs.foreign import refuse_foreign, refuse_input
from forecast.tested import shown_series
from forecast.training.agreement import first_difference


def write_report(
    run: Path | str, output: Path | str | None = None, force: bool = False, show: Show = unseen
) -> Page:
    """Write the report of a finished run.

    Args:
        run: its folder, or its model file.
        output: the file; None: `report.html` in the folder.
        force: replace the file if it is there.
        show: is told what is done.

    Returns:
        What was written.

    Raises:
        DataError: if there is no finished run, or one of its files is damaged.
        ConfigError: if the file exists.
    """
    run, path = _folder_of(run), as_path(report_path(run, output))
    if os.path.lexists(path) and not force:
        raise ConfigError(f"{path} exists; give another --output, or --force")
    for name in RUN_FILES:
        if name != REPORT_FILE:
            refuse_input(path, run / name, "a file of the run")
    page = page_of(gather(run, within(show, 0.0, 0.7)), within(show, 0.7, 1.0))
    table = read_config(run / CONFIG_FILE).data.path
    refuse_input(path, table, "the table")
    if output is None:
        refuse_foreign(run, [REPORT_FILE])
        write_within(path, render(page))
    else:
        write_atomically(path, render(page), is_new=not force)
    return page


def report_path(run: Path | str, output: Path | str | None) -> Path:
    """Where the report of a run goes."""
    return _folder_of(run) / REPORT_FILE if output is None else Path(output)


def _folder_of(run: Path | str) -> Path:
    """Of a run, which may be named by its model file, as elsewhere."""
    path = as_path(run)
    return path.parent if path.name == MODEL_FILE and path.is_file() else path


def gather(run: Path, show: Show = unseen) -> Facts:
    """All that the report says, read from the run and computed from its data where they are.

    Args:
        run: its folder.
        show: is told what is done.

    Returns:
        The facts; those that the run or its table do not tell are None.

    Raises:
        DataError: if there is no finished run, or one of its files is damaged.
    """
    if not (run / CONFIG_FILE).is_file():
        raise DataError(
            f"{run}: no run folder; it holds no {CONFIG_FILE}; give one of forecast train"
        )
    show("the run", 0.0)
    trained = load(run)
    config = read_config(run / CONFIG_FILE)
    _refuse_edited(run / CONFIG_FILE, config, trained.config)
    quantiles = trained.quantiles()
    facts = Facts(
        run=run.resolve().name,
        targets=trained.pipeline.targets,
        files=read_run_files(run, trained.summary, config.training.lr_range),
        note=config.note or "",
        config=(run / CONFIG_FILE).read_text(encoding="utf-8").rstrip(),
        shaded=100 * (quantiles[-1] - quantiles[0]),
        are_labels=trained.pipeline.labels is not None,
        paths=path_pictures(trained),
    )
    show("its table", 0.05)
    ahead, prepared = _ahead(trained), _prepared(trained, config)
    if isinstance(prepared, str):
        pictures = drawn_panels(trained, drawn_series(trained), ahead) if ahead else ()
        return replace(facts, pictures=pictures, without_table=prepared)
    show("test forecasts", 0.2)
    return replace(
        facts,
        pictures=drawn_panels(trained, shown_series(trained, prepared), ahead),
        data=described(prepared.panel),
        importance=importance(trained, prepared, within(show, 0.3, 1.0)),
    )


def _refuse_edited(path: Path, config: Config, trained: Config) -> None:
    """Raise a DataError for a configuration that is not that of the model beside it."""
    found = first_difference(trained.model_dump(mode="json"), config.model_dump(mode="json"))
    if found is not None:
        key, before, after = found
        raise DataError(
            f"{path}: {key} is {shown(after)}, the model was trained with {shown(before)};"
            " put it back, or copy the run again"
        )


def _prepared(trained: TrainedModel, config: Config) -> Prepared | str:
    """The data as they were prepared for training, or a sentence why that is not possible."""
    panel = training_table(trained, config.data)
    if isinstance(panel, str):
        return f"Left out, for {panel}."
    known = without_start(trained.config)
    config = known.model_copy(update={"data": config.data})
    return prepare(config, panel, trained.pipeline.covariates.days)


def _ahead(trained: TrainedModel) -> dict[str, Float[np.ndarray, "H K Q"]]:
    """Series id -> forecast after its last row; empty where covariates of the future are needed."""
    try:
        history, values = trained.forecast_panel(trained.tail)
    except ForecastError:
        return {}
    return dict(zip(history.ids, values, strict=True))
