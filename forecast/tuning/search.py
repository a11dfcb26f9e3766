"""The search: ask for trials, have them carried out, record their results, until all are done."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

from forecast.errors import ConfigError
from forecast.tuning.objective import Failed, Reported, Scored
from forecast.tuning.runners import Runner, TrialEvent, WorkerLost
from forecast.tuning.study import Row, Study

USUAL_TRIALS = 20
"""Where neither trials nor minutes are given."""
MOST_TRIALS = 100_000
LOOK_EVERY = 1.0
"""Seconds between two looks at the clock while nothing happens."""


@dataclass(frozen=True)
class SearchProgress:
    """Where a search is."""

    ended: int
    """Trials that count."""
    trials: int | None
    """All that are wanted; None: as many as there is time for."""
    best: Row | None
    metric: str
    seconds_left: float
    """At most; infinite: nothing is known."""
    has_ended: bool
    """Whether a trial has just ended."""


@dataclass(frozen=True)
class Limits:
    """When a search ends; one of them is given."""

    trials: int | None
    """In all, those before it was resumed included."""
    until: float = math.inf
    """By `time.monotonic`."""


def limits_of(
    trials: int | None, minutes: float | None, began: float, named: Callable[[str], str]
) -> Limits:
    """When a search that was asked for ends.

    Args:
        trials: in all; None: as many as there is time for, 20 where that is not limited either.
        minutes: since `began`; None: no limit.
        began: by `time.monotonic`.
        named: how the user writes an option of this name, before its value.

    Raises:
        ConfigError: for numbers that are not possible.
    """
    if trials is not None and not 1 <= trials <= MOST_TRIALS:
        raise ConfigError(f"{named('trials')}{trials} is not allowed; give 1 to {MOST_TRIALS}")
    if minutes is None:
        return Limits(trials or USUAL_TRIALS)
    if not 0 < minutes < math.inf:
        raise ConfigError(f"{named('minutes')}{minutes:g} is not allowed; give a time above 0")
    return Limits(trials, began + 60 * minutes)


def search(study: Study, runner: Runner, limits: Limits) -> Generator[SearchProgress, None, None]:
    """Carry out trials until so many have ended, or the time is over.

    A trial that runs when the time is over, or when the generator is closed, is ended and does not
    count: the next search makes up for it.

    Args:
        study: is asked and told.
        runner: carries the trials out.
        limits: when it ends.

    Yields:
        Where it is, each time something happens, and every second at least.
    """
    pace = _Pace(study.ended())
    with contextlib.closing(runner), _interrupting(study):
        while True:
            has_ended = _fill(study, runner, limits)
            if not study.live or time.monotonic() >= limits.until:
                break
            happened = runner.next(LOOK_EVERY)
            has_ended |= happened is not None and _take(study, runner, happened)
            yield _progress(study, limits, pace, has_ended)
    yield _progress(study, limits, pace, has_ended=True)


@contextlib.contextmanager
def _interrupting(study: Study) -> Generator[None, None, None]:
    """What still runs at the end is written down as interrupted."""
    try:
        yield
    finally:
        study.interrupt("the study was ended before it")


def _fill(study: Study, runner: Runner, limits: Limits) -> bool:
    """Begin as many trials as there is room for; whether one failed at once."""
    has_failed, most = False, limits.trials or math.inf
    while len(study.live) < runner.slots and study.ended() + len(study.live) < most:
        if time.monotonic() >= limits.until:
            break
        number, config = study.ask()
        if config is None:
            has_failed = True
        else:
            runner.start(number, config)
    return has_failed


def _take(study: Study, runner: Runner, happened: TrialEvent) -> bool:
    """Write down what happened; whether the trial has ended by it."""
    number, event = happened
    if isinstance(event, Reported):
        goes_on = study.report(number, event.epoch, event.score)
        runner.answer(number, goes_on)
        return not goes_on
    if isinstance(event, Scored):
        study.complete(number, event)
    elif isinstance(event, Failed):
        study.fail(number, event.reason)
    elif isinstance(event, WorkerLost):
        study.lose(number, event.reason)
    return True


@dataclass
class _Pace:
    """How fast trials end."""

    before: int
    """Trials that had ended when the search began."""
    began: float = 0.0

    def __post_init__(self) -> None:
        self.began = time.monotonic()

    def seconds_left(self, ended: int, limits: Limits) -> float:
        """By the trials so far, and by the clock."""
        now = time.monotonic()
        done, by_trials = ended - self.before, math.inf
        if limits.trials is not None and done:
            by_trials = (now - self.began) / done * (limits.trials - ended)
        return max(0.0, min(by_trials, limits.until - now))


def _progress(study: Study, limits: Limits, pace: _Pace, has_ended: bool) -> SearchProgress:
    ended = study.ended()
    left = pace.seconds_left(ended, limits)
    return SearchProgress(ended, limits.trials, study.best(), study.basis.metric, left, has_ended)
