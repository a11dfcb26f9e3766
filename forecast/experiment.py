"""THE STORY of a training, top to bottom: prepare, find a rate, train members, evaluate, write."""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import partial

import torch

from forecast.backtesting.short import second_look
from forecast.calibrate import calibrated
from forecast.config.tree import FILES, Config, with_files, write_config
from forecast.data.split import PARTS
from forecast.distributed.team import ALONE, Team
from forecast.distributed.work import log_shares, share_state
from forecast.errors import ForecastError, ProcessLostError
from forecast.estimate import measured
from forecast.evaluate import fitted_combination, summarised, trained_models
from forecast.evaluation.remarks import coverage_remarks
from forecast.forecasting.trained import TrainedModel
from forecast.learning_rate import find_learning_rate, with_learning_rate
from forecast.prepare import Prepared, new_session, prepare
from forecast.refit import refitted, second_training
from forecast.reporting.pictures import write_results
from forecast.runs.clock import end_in_words
from forecast.runs.folder import (
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    LOG_FILE,
    MODEL_FILE,
    PROFILE_FILE,
    RUN_FILES,
    SUMMARY_FILE,
    RunFolder,
    environment,
)
from forecast.runs.foreign import refuse_input
from forecast.runs.log import RunLog, run_log
from forecast.tables.frames import AnyTable
from forecast.tables.remote import is_named
from forecast.tested import shown_series
from forecast.training.device import choose_device, describe_device, device_of
from forecast.training.lr_rules import LrFound
from forecast.training.profile import Profile
from forecast.training.progress import Progress
from forecast.training.ranks import Ranks
from forecast.training.session import Session

log = logging.getLogger("forecast")


def train(
    config: Config,
    data: AnyTable | None = None,
    folder: RunFolder | None = None,
    resume: bool = False,
    profile: bool = False,
    show_every: float = math.inf,
    team: Team = ALONE,
) -> Generator[Progress, None, TrainedModel]:
    """Train a configuration, epoch by epoch, and score the model on the test part.

    Args:
        config: what to train.
        data: a table in place of the file.
        folder: where to write; None writes nothing.
        resume: go on from the folder's resume file.
        profile: write where the time went to `profile.json`; a GPU is then waited for at every
            step, which costs time itself.
        show_every: seconds between two reports from within an epoch.
        team: the processes that compute; this one alone writes and decides.

    Yields:
        A record after each epoch, and of one that takes long on the way.

    Returns:
        The trained model, with its test scores in `summary`.

    Raises:
        ConfigError, DataError, DeviceError: if the configuration or the data do not allow it.
    """
    with run_log() as lines:
        device = device_of(config.device, team.place.local_rank, team.place.local_size)
        log.info("device: %s", describe_device(device))
        parts = Profile(device if profile else None)
        prepared = _prepared(config, data, folder, parts)
        if folder is not None and not resume:  # not before the data are found good
            folder.clear()
            _record(folder, prepared.config, device, lines)
        with _given_up_if_refused(None if resume else folder):
            prepared = with_learning_rate(prepared, device, folder)

            def begin(ranks: Ranks, goes_on: bool) -> Session:
                session = new_session(prepared, device, folder, parts, show_every, ranks)
                if goes_on:
                    session.restore()
                if folder is not None:
                    _record(folder, prepared.config, device, lines)
                return session

            session = yield from _trained(prepared, team, begin, resume)
            with parts.part("evaluation"):
                trained = evaluated(prepared, session)
            if whole := second_training(prepared, session):
                again = partial(new_session, whole, device, None, parts, show_every)
                helpers = team if team.goes_on else ALONE
                second = _trained(whole, helpers, lambda ranks, _: again(ranks), False)
                trained = yield from refitted(trained, whole, second)
        if folder is not None:
            write_run(folder, session, trained, parts)
        return trained


def _trained(
    prepared: Prepared, team: Team, begin: Callable[[Ranks, bool], Session], resume: bool
) -> Generator[Progress, None, Session]:
    """The session of a training, at its end; after a process was lost it may begin again."""
    for left in range(team.restarts, -1, -1):
        try:
            with team.joined(prepared) as ranks:
                session = begin(ranks, resume)
                share_state(session, ranks)
                if log.isEnabledFor(logging.INFO):
                    _log_end(prepared, session)
                try:
                    yield from session.run()
                finally:  # whatever ends it, a `break` of the caller too
                    session.save()
                return session
        except ProcessLostError as error:
            if not left:
                raise
            log.warning("%s; goes on from what was saved (restarts left: %d)", error, left - 1)
            resume = True
    raise AssertionError("the last round returns or raises")


@contextlib.contextmanager
def _given_up_if_refused(folder: RunFolder | None) -> Iterator[None]:
    """Take a new run back that will never be whole; one that lost a process can go on."""
    try:
        yield
    except ProcessLostError:
        raise
    except ForecastError:
        if folder is not None:
            folder.give_up()
        raise


# Chapter 1, prepare: see prepare.py; here is what a folder and the log say of it.


def _prepared(
    config: Config, data: AnyTable | None, folder: RunFolder | None, parts: Profile
) -> Prepared:
    """The data, made ready; the run that is written names its files from the root."""
    if folder is not None and data is None:
        for name in RUN_FILES:
            refuse_input(folder.home / name, config.data.path, "the table")
    with parts.part("data"):
        prepared = prepare(config, data)
    keys = FILES if data is None else ("training.start_from",)
    prepared = replace(prepared, config=with_files(prepared.config, _from_root, keys))
    _log_data(prepared)
    return prepared


def _from_root(path: str) -> str:
    """The path of a file from the root, so that a run finds it from anywhere."""
    return path if is_named(path) else os.path.abspath(path)


def _record(folder: RunFolder, config: Config, device: torch.device, lines: RunLog) -> None:
    """What a run is made of: configuration, environment, and the log so far."""
    folder.write_json(ENVIRONMENT_FILE, environment(str(device)))
    folder.write(CONFIG_FILE, write_config(config))  # from now on the folder holds a run
    lines.begin(folder.path / LOG_FILE)


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


def _log_end(prepared: Prepared, session: Session) -> None:
    """When it will end, from a few real steps; early stopping ends it sooner."""
    if session.ranks.size > 1:  # steps of one process alone would tell too long a time
        log_shares(session)
    if session.ranks.size > 1 or prepared.epochs_again:  # whose end was told before
        return
    training, num_windows = prepared.config.training, len(prepared.windows["train"])
    cost = measured(prepared, session.device)
    done = cost.training(training, num_windows) * session.share_done
    log.info("%s, or sooner", end_in_words(cost.whole(training, num_windows) - done))


# Chapter 2, find a rate: see learning_rate.py; only where it is `auto`.


def lr_find(config: Config, data: AnyTable | None = None) -> LrFound:
    """Read the data and run the learning-rate range test; nothing is trained for keeps."""
    device = choose_device(config.device)
    return find_learning_rate(prepare(config, data), device)


# Chapter 3, train members: see training/session.py, which calls training/loop.py for each.

# Chapter 4, evaluate: see evaluate.py; here its parts become one model.


def evaluated(prepared: Prepared, session: Session) -> TrainedModel:
    """The trained model, with its scores on the test part and the calibration of its intervals."""
    models = trained_models(prepared, session)
    combination = fitted_combination(models, prepared)
    if prepared.config.partners:
        log.info("combination: %s", combination.in_words(prepared.pipeline.targets))
    errors = calibrated(models, prepared, combination)
    summary = summarised(prepared, session, models, combination) | errors.summary
    summary["remarks"] = [
        *summary.get("remarks", ()),
        *coverage_remarks(errors.summary.get("coverage", {})),
    ]
    summary |= second_look(prepared, session, summary)
    trained = TrainedModel(
        config=prepared.config,
        pipeline=prepared.pipeline,
        models=models,
        tail=prepared.as_history(),
        summary=summary,
        calibration=errors.calibration,
        copula=errors.copula,
        combination=combination,
        digest=session.digest,
    )
    if trained.left_out:
        log.warning("%s", trained.left_out)
    shown = shown_series(trained, prepared)
    return replace(trained, tail=trained.tail.tail(trained.rows_kept), shown=shown)


# Chapter 5, write: the model, the table of the forecast, the pictures, the summary.


def write_run(folder: RunFolder, session: Session, trained: TrainedModel, parts: Profile) -> None:
    """Write all that a finished run holds.

    Args:
        folder: where to write.
        session: the training, which knows its epochs.
        trained: what came of it.
        parts: where the time went; written if somebody asked for it.
    """
    with parts.part("writing"):
        trained.save(folder.path / MODEL_FILE)
        kept = [epoch.number for epoch in session.kept]
        write_results(trained, session.histories, kept, folder)
    if parts.is_wanted:
        folder.write_json(PROFILE_FILE, parts.table())
    folder.write_json(SUMMARY_FILE, trained.summary)  # last: it says that the run is finished
    folder.commit()
