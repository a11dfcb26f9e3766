"""A training between its epochs: members, records, best weights, and how it is resumed."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from forecast.data.windows import Windows
from forecast.errors import ConfigError, DataError, ForecastError
from forecast.runs.folder import CONFIG_FILE, RESUME_FILE, RunFolder
from forecast.training.agreement import first_difference, refuse_other_config
from forecast.training.device import on_device_if_it_fits
from forecast.training.learner import Learner
from forecast.training.loop import Epoch, EpochProgress, evaluate, fit, total_steps
from forecast.training.progress import Progress, member_name, progress_of, so_far
from forecast.training.ranks import Ranks
from forecast.training.resuming import (
    MemberState,
    ResumeRecord,
    copied,
    laid_out_for_its_length,
    load_state,
    record_of,
    require_sense,
    state_of,
    states_in,
    tensors_of,
)
from forecast.training.stopping import (
    kept_epoch,
    seconds_of,
    seconds_of_member,
    stop_reason,
    symptoms,
    time_over,
)

log = logging.getLogger("forecast")

SAVE_EVERY = 30.0
"""Seconds of training between two writings of the resume file."""


@dataclass(frozen=True)
class Member:
    """A member of an ensemble at its beginning."""

    learner: Learner
    windows: Mapping[str, Windows]
    """Of the parts train and validation, on the CPU."""


class Session:
    """The state of a training between steps: finished members, the current one, its records.

    Args:
        build: the member of a number, from 0.
        folder: where it is saved; None: nowhere.
        source: names the data in a message.
        digest: of the data, to be found again when training goes on.
        is_judged: whether validation may replace pretrained weights by trained ones.
        is_again: whether it is a second training, on all rows.
        whole_config: as JSON has it; training goes on with no other.
        show_every: seconds between two reports from within an epoch.
        ranks: the processes that share the work; rank 0 alone has a folder.
    """

    def __init__(
        self,
        build: Callable[[int], Member],
        *,
        folder: RunFolder | None,
        source: str,
        digest: str,
        is_judged: bool,
        is_again: bool,
        whole_config: dict[str, Any],
        show_every: float,
        ranks: Ranks,
    ) -> None:
        self.build, self.folder = build, folder
        self.source, self.digest, self.is_judged = source, digest, is_judged
        self.is_again = is_again
        self.whole_config = whole_config
        self.show_every, self.ranks = show_every, ranks
        self.finished: list[MemberState] = []
        """Members that are done."""
        self.pending: list[MemberState] = []
        """Members that were trained before, and go on when their turn comes."""
        self.kept: list[Epoch] = []
        """The epochs whose weights the finished members keep."""
        self.histories: list[list[Epoch]] = []
        self.reasons: list[str] = []
        self.within: EpochProgress | None = None
        self.snapshot: tuple[dict[str, Tensor], ResumeRecord] | None = None
        """What is saved when training is interrupted in the middle of a step."""
        self.saved_at = time.monotonic()
        self.start: Epoch | None = None
        """Of weights that are good before the first step; None: they are not."""
        self._begin_member()
        self.device = self.learner.device

    @property
    def weights(self) -> list[dict[str, Tensor]]:
        """Of the finished members; those that are kept."""
        return [dict(state.best) for state in self.finished]

    def run(self) -> Iterator[Progress]:
        """Train all members that are left.

        Raises:
            ConfigError: if the weights of a member were never numbers.
        """
        while len(self.finished) < self.config.members:
            parts = on_device_if_it_fits(self.windows, self.device)
            history = self.histories[-1]
            most_seconds = seconds_of_member(self.histories[:-1], self.config)
            reason = self._stop_reason(history, most_seconds) if history else None
            records = fit(
                self.learner,
                parts["train"],
                parts["validation"],
                history,
                self.within,
                pause_every=min(self.show_every, math.inf if self.folder is None else SAVE_EVERY),
                most_seconds=most_seconds,
                ranks=self.ranks,
            )
            while reason is None and (record := next(records, None)) is not None:
                if isinstance(record, EpochProgress):
                    if self._is_due():
                        self._pause(record)
                    if self.show_every < math.inf:
                        yield self._progress(so_far(record, history), is_done=False)
                    continue
                history.append(record)
                reason = self._stop_reason(history, most_seconds)
                self._after_epoch(record)
                yield self._progress(record)
            self._finish_member(reason or self._all_done(history[-1]))

    def save(self) -> None:
        """Write what a resumed training needs, as of the last snapshot."""
        if self.folder is None or self.snapshot is None:
            return
        tensors, record = self.snapshot
        with self.learner.profile.part("writing"):
            try:
                self.folder.save_progress(tensors, asdict(record))
            except KeyboardInterrupt:  # the signal to save came while saving
                self.folder.save_progress(tensors, asdict(record))
                raise
        self.saved_at = time.monotonic()

    def restore(self) -> None:
        """Go on from the folder's resume file, if there is one.

        Raises:
            DataError: if the data have changed since it was written, or it does not fit.
            ConfigError: if the configuration has changed.
        """
        assert self.folder is not None
        found = self.folder.load_progress()
        if found is None:
            log.info("nothing was saved: training begins anew")
            self.folder.rewrite_epochs([])
            return
        tensors, content = found
        try:
            record = record_of(content)
            place = str(self.folder.home / CONFIG_FILE)
            refuse_other_config(record.config, self.whole_config, place)
            if record.data != self.digest:
                raise DataError(
                    f"{self.source}: the data have changed since the run began; train anew"
                )
            self._take(tensors, record)
        except ForecastError:
            raise
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            raise DataError(
                f"{self.folder.path / RESUME_FILE}: does not fit {CONFIG_FILE}; train anew"
            ) from error
        self.snapshot = self._snapshot()
        self.folder.rewrite_epochs([list(map(asdict, each)) for each in self.histories])
        if self.folder.replaces:  # who is killed now goes on from here
            self.folder.take_over()
            self.save()

    def go_on(self, tensors: Mapping[str, Tensor], content: Any) -> None:
        """Go on from what another process of the training has restored."""
        self._take(tensors, record_of(content))

    @property
    def share_done(self) -> float:
        """Share of the steps, or of the time of all members, that is over; 0 at the beginning."""
        history, most = self.histories[-1], self.config.max_minutes or math.inf
        steps = history[-1].step / self._most_steps if history else 0
        done = (len(self.finished) + steps) / self.config.members
        return min(1.0, max(done, seconds_of(self.histories) / (60 * most)))

    def _begin_member(self) -> None:
        member = self.build(len(self.finished))
        self.learner, self.windows = member.learner, member.windows
        self.config = self.learner.config
        self.best = copied(self.learner.eval_model.state_dict())
        self.histories.append([])
        if self.start is None and self.learner.is_trained:
            self.start = self._before_training()
        if self.pending:
            self._go_on_from(self.pending.pop(0))

    def _before_training(self) -> Epoch:
        """What validation says of weights that are good already; all members begin with them."""
        validation = self.windows["validation"]
        is_judged = self.is_judged and len(validation)
        loss = evaluate(self.learner, validation) if is_judged else None
        return Epoch(0, 0, math.nan, loss, self.learner.learning_rate, 0.0)

    def _stop_reason(self, history: list[Epoch], most_seconds: float) -> str | None:
        """Why the current member should stop after its last epoch; None: go on."""
        if self.start is not None and self.start.validation_loss is None:
            return "the validation part is too short to judge trained weights by"
        return stop_reason(history, self.config, most_seconds)

    def _pause(self, within: EpochProgress) -> None:
        self.within = within
        self.snapshot = self._snapshot()
        self.save()

    def _after_epoch(self, epoch: Epoch) -> None:
        history, self.within = self.histories[-1], None
        if kept_epoch(history, self.config, self.start) is epoch:
            self.best = copied(self.learner.eval_model.state_dict())
        before = symptoms(history[:-1]) if len(history) > 1 else []
        for symptom in symptoms(history):
            if symptom not in before:
                log.warning("%sepoch %d: %s", self._member_name(), epoch.number, symptom)
        if self.folder is None:
            return
        self.folder.append_epoch(len(self.finished), asdict(epoch))
        self.snapshot = self._snapshot()
        if time.monotonic() - self.saved_at > SAVE_EVERY:
            self.save()

    def _finish_member(self, reason: str) -> None:
        history = self.histories[-1]
        kept = kept_epoch(history, self.config, self.start)
        if kept is None:
            raise ConfigError(f"{self._member_name()}{reason}")
        level = logging.INFO if history[-1].is_finite else logging.WARNING
        what = f"epoch {kept.number}" if kept.number else "the weights that it began with"
        log.log(level, "%sstopped: %s; kept %s", self._member_name(), reason, what)
        self._end_member(reason, kept)
        if self.folder is not None and len(self.finished) < self.config.members:
            for epoch in self.histories[-1]:  # of a member that was trained before
                self.folder.append_epoch(len(self.finished), asdict(epoch))

    def _end_member(self, reason: str, kept: Epoch) -> None:
        """Keep the current member as it is, and begin the next one if there is one."""
        self.reasons.append(reason)
        self.kept.append(kept)
        self.finished.append(self._current())
        if len(self.finished) < self.config.members:
            self._begin_member()

    def _current(self) -> MemberState:
        return state_of(self.learner, self.best, self.histories[-1], self.within)

    def _snapshot(self) -> tuple[dict[str, Tensor], ResumeRecord]:
        states = [*self.finished, self._current(), *self.pending]
        record = ResumeRecord(
            done=len(self.finished),
            epochs=[state.history for state in states],
            reasons=[*self.reasons],
            within=[state.within for state in states],
            data=self.digest,
            config=self.whole_config,
        )
        return tensors_of(states), record

    def _take(self, tensors: Mapping[str, Tensor], saved: ResumeRecord) -> None:
        """Become what was saved; if it belongs to another training, raises whatever goes wrong.

        If the training is now to be longer or shorter, finished members may have to go on: the
        first one becomes the current one again.
        """
        require_sense(saved, len(self.windows["validation"]) > 0, self.config.members)
        is_as_long = first_difference(saved.config, self.whole_config) is None
        self.pending = states_in(tensors, saved)
        self._go_on_from(self.pending.pop(0))
        for reason in saved.reasons if is_as_long else ():
            kept = kept_epoch(self.histories[-1], self.config, self.start)
            if kept is None:
                raise ValueError("a finished member has no epoch to keep")
            self._end_member(reason, kept)
        what = "" if is_as_long else laid_out_for_its_length(self.config)
        if what:
            log.warning(
                "%s was planned for the former length of the training; the result will differ from"
                " that of a training which had the new length from its start",
                what,
            )

    def _go_on_from(self, state: MemberState) -> None:
        """Give the current member, which is fresh, the state that it was left in."""
        load_state(self.learner, state)
        self.best, self.within = dict(state.best), state.within
        self.histories[-1] = [*state.history]

    def _member_name(self) -> str:
        return member_name(len(self.finished), self.config.members)

    def _is_due(self) -> bool:
        """Whether it is time to save in the middle of an epoch."""
        if self.folder is None:
            return False
        return max(self.show_every, time.monotonic() - self.saved_at) >= SAVE_EVERY

    def _progress(self, epoch: Epoch, is_done: bool = True) -> Progress:
        steps = self._most_steps
        return progress_of(self.config, self.histories, steps, epoch, is_done, self.is_again)

    @property
    def _most_steps(self) -> int:
        """Of the current member."""
        return total_steps(len(self.windows["train"]), self.config)

    def _all_done(self, last: Epoch) -> str:
        """Why a member ended although nothing stopped it."""
        most = self.config.max_steps
        if last.step == most:
            return f"{most} steps are done"
        if last.step < self._most_steps:
            return time_over(self.config)
        return f"{last.number} epochs are done"
