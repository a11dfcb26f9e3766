"""Turns a configuration into parts and runs them; the only module that sees everything."""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from forecast.config.tree import Config, write_config
from forecast.data.split import PARTS
from forecast.errors import ConfigError
from forecast.evaluate import calibrated, last_test_forecasts, summarised, trained_models
from forecast.forecasting.trained import TrainedModel
from forecast.prepare import Prepared, new_learner, prepare
from forecast.reporting.pictures import MOST_PICTURES, write_results
from forecast.runs.folder import (
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    LOG_FILE,
    LR_RANGE_FILE,
    MODEL_FILE,
    PROFILE_FILE,
    SUMMARY_FILE,
    RunFolder,
    environment,
)
from forecast.runs.log import RunLog, run_log
from forecast.training.device import choose_device, describe_device, on_device_if_it_fits
from forecast.training.lr_range import LrFound, lr_found, run_sweeps
from forecast.training.profile import Profile
from forecast.training.session import Progress, Session

if TYPE_CHECKING:
    import pandas as pd


log = logging.getLogger("forecast")


def find_learning_rate(prepared: Prepared, device: torch.device) -> LrFound:
    """The learning-rate range test on the training windows, from several seeds."""
    options = prepared.config.training.lr_range
    train = on_device_if_it_fits(prepared.windows, device)["train"]
    sweeps = run_sweeps(
        lambda seed: new_learner(prepared, device, options.first, seed),
        train,
        options,
        prepared.config.seed,
    )
    return lr_found(sweeps, options.rule)


def lr_find(config: Config, data: pd.DataFrame | None = None) -> LrFound:
    """Read the data and run the learning-rate range test; nothing is trained for keeps."""
    device = choose_device(config.device)
    return find_learning_rate(prepare(config, data), device)


def train(
    config: Config,
    data: pd.DataFrame | None = None,
    folder: RunFolder | None = None,
    resume: bool = False,
    profile: bool = False,
) -> Generator[Progress, None, TrainedModel]:
    """Train a configuration, epoch by epoch.

    Args:
        config: what to train.
        data: a DataFrame in place of the file.
        folder: where to write; None writes nothing.
        resume: go on from the folder's resume file.
        profile: write where the time went to `profile.json`; a GPU is then waited for at every
            step, which costs time itself.

    Yields:
        A record after each epoch.

    Returns:
        The trained model, with its test scores in `summary`.
    """
    with run_log() as lines:
        device = choose_device(config.device)
        log.info("device: %s", describe_device(device))
        counted = Profile(device if profile else None)
        session = _begin(config, data, folder, resume, lines, device, counted)
        try:
            yield from session.run()
        finally:  # whatever ends it, a `break` of the caller too
            session.save()
        return finish(session)


def _begin(
    config: Config,
    data: pd.DataFrame | None,
    folder: RunFolder | None,
    resume: bool,
    lines: RunLog,
    device: torch.device,
    profile: Profile,
) -> Session:
    """A session, new or as it was; the folder is not touched before the data are found good."""
    with profile.part("data"):
        prepared = prepare(config, data)
    _log_data(prepared)
    if folder is not None and not resume:
        folder.clear()
        _record(folder, prepared.config, device, lines)
    prepared = with_learning_rate(prepared, device, folder)
    session = Session(prepared, device, folder, profile)
    if resume:
        session.restore()
    if folder is not None:
        _record(folder, prepared.config, device, lines)
    return session


def _record(folder: RunFolder, config: Config, device: torch.device, lines: RunLog) -> None:
    """What a run is made of: configuration, environment, and the log so far."""
    folder.write(CONFIG_FILE, write_config(config))
    folder.write_json(ENVIRONMENT_FILE, environment(str(device)))
    lines.begin(folder.path / LOG_FILE)


def with_learning_rate(
    prepared: Prepared, device: torch.device, folder: RunFolder | None = None
) -> Prepared:
    """With `learning_rate: auto` replaced by what the range test finds."""
    if isinstance(prepared.config.training.learning_rate, float):
        return prepared
    found = find_learning_rate(prepared, device)
    if folder is not None:
        write_lr_range(found, folder)
    if found.rate is None:
        raise ConfigError(f"training.learning_rate: auto: {found.why_none}")
    log.info("learning rate: %g (rule %s)", found.rate, found.rule)
    return replace(prepared, config=with_rate(prepared.config, found.rate))


def with_rate(config: Config, rate: float) -> Config:
    """The configuration with a fixed learning rate."""
    training = config.training.model_copy(update={"learning_rate": rate})
    return config.model_copy(update={"training": training})


def write_lr_range(found: LrFound, folder: RunFolder) -> None:
    """`lr_range.csv` and `lr_range.png`."""
    from forecast.reporting import plots

    lines = ["seed,step,learning_rate,loss,smoothed_loss"]
    lines += [
        f"{sweep.seed},{step},{point.rate!r},{point.loss!r},{point.smoothed!r}"
        for sweep in found.sweeps
        for step, point in enumerate(sweep.points)
    ]
    folder.write(LR_RANGE_FILE, "\n".join(lines) + "\n")
    picture = plots.lr_range(found.sweeps, found.rates, found.rule)
    folder.write("lr_range.png", plots.png(picture))


def _log_data(prepared: Prepared) -> None:
    panel, windows = prepared.panel, prepared.windows
    counts = ", ".join(f"{len(windows[name])} {name}" for name in PARTS)
    log.info(
        "data: %d series, %d rows, frequency %s, season %d; windows: %s",
        panel.num_series,
        len(panel.values),
        panel.axis.frequency,
        prepared.season,
        counts,
    )


def finish(session: Session) -> TrainedModel:
    """Score on the test part, write the model, the tables and the pictures."""
    prepared, folder, profile = session.prepared, session.folder, session.profile
    models = trained_models(session)
    with profile.part("evaluation"):
        calibration, coverage = calibrated(models, prepared)
        summary = summarised(session, models) | coverage
    trained = TrainedModel(
        config=prepared.config,
        pipeline=prepared.pipeline,
        models=models,
        tail=prepared.as_history(),
        summary=summary,
        calibration=calibration,
    )
    trained = replace(trained, tail=trained.tail.tail(trained.rows_needed))
    if trained.left_out:
        log.warning("%s", trained.left_out)
    if folder is not None:
        with profile.part("writing"):
            trained.save(folder.path / MODEL_FILE)
            tested = last_test_forecasts(models, prepared, MOST_PICTURES)
            kept = [epoch.number for epoch in session.kept_epochs()]
            write_results(trained, prepared.panel, session.histories, kept, tested, folder)
        if profile.is_wanted:
            folder.write_json(PROFILE_FILE, profile.table())
        folder.write_json(SUMMARY_FILE, summary)  # last: it says that the run is finished
    return trained
