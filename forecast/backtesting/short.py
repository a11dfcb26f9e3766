"""A short backtest after a training of seconds, where the test part is too small to judge by."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from forecast.backtesting.plan import rows_for_folds
from forecast.backtesting.run import backtest
from forecast.errors import ForecastError
from forecast.evaluation.paired import FEWEST_APART, FEWEST_SERIES
from forecast.prepare import Prepared
from forecast.runs.drain import result_of
from forecast.training.session import Session

log = logging.getLogger("forecast")

MOST_SECONDS = 10.0
"""That a training took, for another one like it to be no burden."""
FEWEST_FOLDS, MOST_FOLDS = 3, 5


def second_look(prepared: Prepared, session: Session, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What a short backtest adds to the summary of a training; nothing where there is none.

    It is made where the test part has too few origins to tell skill from chance, or there is no
    such part, and where it costs seconds: one training more, on the rows before the first of its
    folds, of as many epochs as this one took.

    Args:
        prepared: the data and the configuration.
        session: the training, which is over.
        summary: what came of it.

    Returns:
        `backtest`, its summary, and `remarks` with what it says; empty without one.
    """
    seconds = sum(history[-1].seconds for history in session.histories if history)
    folds = _folds(prepared)
    if prepared.first or _tells_enough(prepared) or seconds > MOST_SECONDS or folds < FEWEST_FOLDS:
        return {}
    log.info("short backtest: %d folds, for the test part alone is too small to judge by", folds)
    epochs = max(1, *map(len, session.histories))  # at most those that the training took
    config = prepared.config.updated("training", epochs=epochs)
    began = time.monotonic()
    try:
        found = result_of(backtest(config, data=prepared.panel, folds=folds)).summary
    except ForecastError as error:
        log.warning("no short backtest: %s", error)
        return {}
    log.info("short backtest: %.1f s", time.monotonic() - began)
    first = found["origins"][0]
    kept = [each for each in summary.get("remarks", ()) if "too few to tell" not in each]
    told = " ".join([found["verdict"], *found["remarks"]])
    remark = f"Short backtest, trained anew on what was known at {first}: {told}"
    same = {key: value for key, value in found.items() if key != "seconds"}  # the same bytes
    return {"backtest": same, "remarks": [*kept, remark]}


def _tells_enough(prepared: Prepared) -> bool:
    """Whether the test part has enough origins a horizon apart, or series, to tell chance."""
    windows, panel = prepared.windows["test"], prepared.panel
    times = np.unique(panel.positions(windows.origins()))
    apart = -(-len(times) // windows.horizon)
    return apart >= FEWEST_APART or (bool(apart) and panel.num_series >= FEWEST_SERIES)


def _folds(prepared: Prepared) -> int:
    """Folds a horizon apart that leave half of the training rows to be trained on."""
    config, split = prepared.config, prepared.split
    train, test = (int(np.diff(part).max()) for part in (split.train, split.test))
    if isinstance(config.split.validation, str):
        return 0  # a date, behind which there may be no room
    rows = min(rows_for_folds(config, prepared.panel), test + train // 2)
    return min(MOST_FOLDS, rows // config.window.horizon)
