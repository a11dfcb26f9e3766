"""`forecast.tune`: a study from Python, and what it gives."""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from forecast.config.tree import Config, changed
from forecast.runs.drain import result_of
from forecast.tables.frames import AnyTable
from forecast.tuning.results import trials_csv
from forecast.tuning.run import StudyResult, study_folder, tune
from forecast.tuning.search import limits_of
from forecast.tuning.study import pruner_named


@dataclass(frozen=True, eq=False)
class Tuned:
    """The best configuration of a study, and all that was tried."""

    best: Config
    """To be trained: `forecast.train(tuned.best, data)`."""
    score: float
    """Its error on validation, in the unit of `metric`."""
    metric: str
    """MASE; MAE where no series changes over a season; of labels log_loss."""
    trials: pd.DataFrame
    """One row a trial, as `study.csv` has it: state, score, seconds, and what was tried."""

    def __repr__(self) -> str:
        """Score, and the number of trials."""
        return f"Tuned({self.metric} {self.score:.4g} on validation, {len(self.trials)} trials)"


def tuned(
    config: Config,
    table: AnyTable | None,
    trials: int | None,
    minutes: float | None,
    folder: Path | str | None,
    pruner: str,
) -> Tuned:
    """Search in this process.

    Args:
        config: what is searched from.
        table: in place of its file; None: none.
        trials, minutes, folder, pruner: as for `forecast.tune`.

    Returns:
        The best configuration, and all trials.
    """
    limits = limits_of(trials, minutes, time.monotonic(), "{}=".format)
    with _folder(folder) as path, study_folder(path, "", config.data.path) as own:
        result = result_of(tune(config, own, limits, pruner_named(pruner), table=table))
    best = result.best
    assert best.score is not None  # it is complete
    return Tuned(changed(config, best.values), best.score, result.metric, _frame(result))


def _frame(result: StudyResult) -> pd.DataFrame:
    text = trials_csv(result.rows, [*result.best.values], result.metric)
    return pd.read_csv(io.StringIO(text))


@contextlib.contextmanager
def _folder(path: Path | str | None) -> Iterator[Path | str]:
    """The one that is given, or one for now."""
    if path is not None:
        yield path
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield temporary
