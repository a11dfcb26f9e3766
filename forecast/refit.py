"""The second training, on all rows: a forecast knows the newest rows too, once it was tested."""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import replace

from forecast.errors import ConfigError
from forecast.evaluate import actuals, trained_models
from forecast.forecasting.start import UNTIL, trained_until
from forecast.forecasting.trained import TrainedModel
from forecast.partners.ridge import fitted_ridge
from forecast.prepare import Prepared, on_all_rows
from forecast.training.progress import Progress
from forecast.training.resuming import laid_out_for_its_length
from forecast.training.session import Session

log = logging.getLogger("forecast")

REFIT = "refit"
"""Key of a summary: windows and epochs of the second training."""


def second_training(prepared: Prepared, session: Session) -> Prepared | None:
    """What the second training learns from and for how long; None: there is to be none.

    Args:
        prepared: of the first training.
        session: the first training, at its end.
    """
    if not prepared.config.training.refit:
        return None
    if not all(epoch.number for epoch in session.kept):
        log.info("not trained again on all rows: weights were kept as they began")
        return None
    whole = on_all_rows(prepared, _epochs(prepared, session))
    if len(whole.windows["train"]) == len(prepared.windows["train"]):
        return None  # nothing was held back
    log.info("trains again, on all rows: %d windows", len(whole.windows["train"]))
    return whole


def _epochs(prepared: Prepared, session: Session) -> tuple[int, ...]:
    """Epochs of each member: those that validation has kept.

    A schedule that was laid out for its length ends in small steps, and is gone through again.
    """
    trainings = [prepared.config.member(number).training for number in range(len(session.kept))]
    return tuple(
        training.epochs if laid_out_for_its_length(training) else epoch.number
        for training, epoch in zip(trainings, session.kept, strict=True)
    )


def refitted(
    trained: TrainedModel, whole: Prepared, training: Generator[Progress, None, Session]
) -> Generator[Progress, None, TrainedModel]:
    """The model after its second training, or as it was tested if that one breaks.

    Args:
        trained: of the first training.
        whole: all rows.
        training: the second training.
    """
    try:
        session = yield from training
    except ConfigError as error:
        broken = [str(error)]
    else:
        ends = zip(session.histories, session.reasons, strict=True)
        broken = [reason for history, reason in ends if not history[-1].is_finite]
    if broken:
        log.warning("not trained again on all rows: %s", broken[0])
        return trained
    return _with_second(trained, whole, session)


def _with_second(trained: TrainedModel, whole: Prepared, session: Session) -> TrainedModel:
    """The model with what the second training has learned; scores and errors are of the first."""
    combination = trained.combination
    if combination and combination.ridge:
        truth = actuals(whole)
        ridge = fitted_ridge(truth.history, whole.windows["train"], truth.scale.absolute)
        combination = replace(combination, ridge=ridge)
    epochs = [len(history) for history in session.histories]
    summary = {
        **trained.summary,
        UNTIL: trained_until(whole.panel, whole.split),
        REFIT: {"windows": len(whole.windows["train"]), "epochs": epochs},
    }
    models = trained_models(whole, session)
    return replace(trained, models=models, combination=combination, summary=summary)
