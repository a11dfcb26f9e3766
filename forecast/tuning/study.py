"""A study: its trials in a journal, what is tried next, and which trials are worth going on."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from forecast.config.tree import Config, changed
from forecast.data.digest import data_digest
from forecast.errors import ConfigError, DataError, ForecastError, shown
from forecast.training.agreement import first_difference
from forecast.training.seeds import mixed_seed
from forecast.tuning.journal import Journal, damaged
from forecast.tuning.objective import Basis, Scored
from forecast.tuning.space import distributions, space_of, start_of, values_of

NAME = "forecast"
"""Of the one study in a journal."""
PrunerName = Literal["median", "hyperband", "none"]
PRUNERS: tuple[PrunerName, ...] = ("median", "hyperband", "none")
WARMUP = 5
"""Epochs in which the median ends no trial; a fifth of all where that is less."""
FEWEST_SCORES = 3
"""Different scores that tell something of importance."""
State = Literal["complete", "pruned", "failed", "interrupted", "running"]
STATES: Mapping[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
UNSOUND = (LookupError, TypeError, ValueError, AttributeError, AssertionError, RuntimeError)
"""What optuna and we raise for entries that no study of ours has."""
ENDED: tuple[State, ...] = ("complete", "pruned", "failed")
"""States that count: a trial that was interrupted is made up for."""


@dataclass(frozen=True)
class Row:
    """One trial, as the results tell of it."""

    number: int
    """From 0."""
    state: State
    score: float | None
    """Of what was kept; of the last epoch where the trial was pruned."""
    values: Mapping[str, Any]
    """Key of the configuration -> what was tried."""
    facts: Mapping[str, Any]
    """epochs, kept_epoch, parameters, seconds and reason, as far as they are known."""


class Study:
    """The trials of a folder; one process at a time has them open."""

    def __init__(self, path: Path, basis: Basis, pruner: PrunerName = "median") -> None:
        """Open the study of a journal, or begin one.

        Args:
            path: of the journal.
            basis: what all trials have in common.
            pruner: ends trials that promise little.

        Raises:
            DataError: if the table has changed since the study began, or the journal is damaged.
            ConfigError: if the configuration has.
        """
        optuna.logging.set_verbosity(optuna.logging.CRITICAL)
        self.basis, self.config = basis, basis.config
        self.space = space_of(basis.prepared, basis.config)
        self.distributions = distributions(self.space, basis.config)
        self.start = start_of(basis.prepared.config, self.space)
        """What the first trial is given; the configuration as it is, if that is all."""
        self.live: dict[int, tuple[Trial, float]] = {}
        """Trials that are running, and when they began."""
        self.journal = Journal(path)
        try:
            self._study = _opened(self.journal, _pruner(pruner, self.config))
            self._agree()
            self._require_sound()
            for row in self.rows():
                if row.state == "running":  # its process held the lock that we hold
                    self.lose(row.number, "the process ended in it")
        except ForecastError:
            self.close()
            raise
        except UNSOUND as error:
            self.close()
            raise damaged(str(path)) from error

    def close(self) -> None:
        """Close the journal."""
        self.journal.close()

    def rows(self) -> list[Row]:
        """All trials, in the order in which they began."""
        begun = (trial for trial in self._trials() if trial.state != TrialState.WAITING)
        return [self._row(trial) for trial in begun]

    def best(self) -> Row | None:
        """The trial with the lowest score; None: none is complete."""
        scored = [(row.score, row.number, row) for row in self.rows() if row.state == "complete"]
        return min(scored)[2] if scored else None

    def start_row(self) -> Row | None:
        """The complete trial that was the configuration as it is; None: there is none."""
        wanted = values_of(self.start, self.space)
        complete = (row for row in self.rows() if row.state == "complete")
        is_whole = {*wanted} == {*self.space}
        return next((row for row in complete if is_whole and row.values == wanted), None)

    def ended(self) -> int:
        """How many trials count."""
        return sum(row.state in ENDED for row in self.rows())

    def ask(self) -> tuple[int, Config | None]:
        """Begin a trial: first the configuration as it is, as far as the space holds it.

        What is tried follows from the seed, the place of the trial in the study, and the trials
        that ended. The first place that is free is taken, that of a trial that was interrupted
        too: so a study that was killed goes on as if it had not been.

        Returns:
            Its number and configuration; None where the values do not go together: then it failed.
        """
        place = self._free_place()
        self._study.sampler = TPESampler(seed=mixed_seed(self.config.seed, place))
        if not place and not self._study.get_trials(states=(TrialState.WAITING,)):
            self._study.enqueue_trial(self.start)
        trial = self._study.ask(self.distributions)
        trial.set_user_attr("place", place)
        self.live[trial.number] = (trial, time.monotonic())
        try:
            return trial.number, changed(self.config, values_of(trial.params, self.space))
        except ConfigError as error:
            self.fail(trial.number, str(error))
            return trial.number, None

    def report(self, number: int, epoch: int, score: float) -> bool:
        """Take the score of an epoch.

        Args:
            number: of the trial.
            epoch: from 1.
            score: by the metric of the study.

        Returns:
            Whether the trial should go on. If not, it has ended.
        """
        if not math.isfinite(score):  # no pruner knows what to do; the training ends by itself
            return True
        trial, _ = self.live[number]
        trial.report(score, epoch)
        if not trial.should_prune():
            return True
        self._end(number, TrialState.PRUNED, None, {"epochs": epoch})
        return False

    def complete(self, number: int, scored: Scored) -> None:
        """Record the result of a trial."""
        facts = {name: getattr(scored, name) for name in ("epochs", "kept_epoch", "parameters")}
        self._end(number, TrialState.COMPLETE, scored.score, facts)

    def fail(self, number: int, reason: str) -> None:
        """Record that a trial failed, and in which way."""
        self._end(number, TrialState.FAIL, None, {"reason": reason})

    def interrupt(self, reason: str) -> None:
        """Take that what is running was ended from outside: it does not count."""
        for number in [*self.live]:
            self._end(number, TrialState.FAIL, None, {"reason": reason, "interrupted": True})

    def lose(self, number: int, reason: str) -> None:
        """Take that the process of a trial is gone: it does not count, unless it is the second one
        in its place, for what takes up too much memory does so every time."""
        trials = [trial.user_attrs for trial in self._trials()]
        place = trials[number].get("place")
        if any(trial.get("lost") and trial.get("place") == place for trial in trials):
            self.fail(number, f"{reason}, for the second time")
        else:
            facts = {"reason": reason, "interrupted": True, "lost": True}
            self._end(number, TrialState.FAIL, None, facts)

    def importances(self) -> dict[str, float]:
        """Key -> its share in what makes scores differ; empty where too few are known."""
        scores = {row.score for row in self.rows() if row.state == "complete"}
        if len(scores) < FEWEST_SCORES:
            return {}
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        return optuna.importance.get_param_importances(self._study, evaluator=evaluator)

    def _free_place(self) -> int:
        """The first place that no trial has that counts or is running."""
        taken = {row.facts.get("place") for row in self.rows() if row.state != "interrupted"}
        return next(place for place in itertools.count() if place not in taken)

    def _trials(self) -> Sequence[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _row(self, trial: FrozenTrial) -> Row:
        state = STATES.get(trial.state, "running")
        if trial.user_attrs.get("interrupted"):
            state = "interrupted"
        values = values_of(trial.params, self.space)
        return Row(trial.number, state, trial.value, values, trial.user_attrs)

    def _end(
        self, number: int, state: TrialState, score: float | None, facts: Mapping[str, Any]
    ) -> None:
        """Write the facts first: whoever is killed in between has a trial that is running."""
        trial = Trial(self._study, self._trials()[number]._trial_id)
        _, began = self.live.pop(number, (None, None))
        seconds = {} if began is None else {"seconds": round(time.monotonic() - began, 3)}
        for name, fact in {**facts, **seconds}.items():
            trial.set_user_attr(name, fact)
        self._study.tell(number, score, state)

    def _agree(self) -> None:
        """Refuse another table or configuration than the study began with."""
        config = self.config.model_dump(mode="json")
        facts = {
            "config": config,
            "data": data_digest(self.basis.panel),
            "metric": self.basis.metric,
        }
        if not (known := self._study.user_attrs):
            self._study.set_user_attr("facts", facts)
            return
        before, folder = known["facts"], self.journal.path.parent
        if found := first_difference(before["config"], config):
            key, then, now = found
            raise ConfigError(
                f"{folder} holds a study of another configuration: {key} is {shown(now)}, it began"
                f" with {shown(then)}; put it back, or give another --output"
            )
        if before["data"] != facts["data"]:
            raise DataError(
                f"{self.config.data.path}: the data have changed since the study of {folder}"
                " began; give another --output"
            )

    def _require_sound(self) -> None:
        """Refuse scores that no trial of ours has: they are errors, and finite."""
        for trial in self._trials():
            is_complete = trial.state == TrialState.COMPLETE
            scores = [*trial.intermediate_values.values(), *([trial.value] if is_complete else [])]
            if not all(isinstance(score, float) and 0 <= score < math.inf for score in scores):
                raise ValueError(f"scores of {scores}")


def _opened(journal: Journal, pruner: BasePruner) -> optuna.Study:
    """The study of a journal, in which nothing is written but the beginning of a new one."""
    storage = JournalStorage(journal)
    if journal.entries:
        return optuna.load_study(storage=storage, pruner=pruner, study_name=NAME)
    return optuna.create_study(
        storage=storage, pruner=pruner, study_name=NAME, direction="minimize"
    )


def pruner_named(name: str) -> PrunerName:
    """The name of a pruner, or a ConfigError."""
    for known in PRUNERS:
        if name == known:
            return known
    raise ConfigError(f"pruner {shown(name)} is not known; give {', '.join(PRUNERS)}")


def _pruner(name: PrunerName, config: Config) -> BasePruner:
    epochs = config.training.epochs
    if name == "median":
        return MedianPruner(n_warmup_steps=min(WARMUP, epochs // 5))
    if name == "hyperband":
        return HyperbandPruner(max_resource=epochs)
    return NopPruner()
