"""A training between its epochs: members, records, best weights, and how it is resumed."""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from pydantic import TypeAdapter

from forecast.errors import ConfigError, DataError
from forecast.prepare import Prepared, new_learner
from forecast.runs.checkpoint import with_prefix
from forecast.runs.folder import CONFIG_FILE, RESUME_FILE, RunFolder
from forecast.training.device import on_device_if_it_fits
from forecast.training.learner import Learner
from forecast.training.loop import Epoch, EpochProgress, fit_with_pauses
from forecast.training.profile import Profile
from forecast.training.stopping import best_epoch, stop_reason, symptoms

log = logging.getLogger("forecast")

SAVE_EVERY = 30.0
"""Seconds of training between two writings of the resume file."""


@dataclass(frozen=True)
class Progress:
    """One epoch of one member, as training goes on."""

    member: int
    members: int
    epoch: Epoch
    epochs: int


@dataclass(frozen=True)
class Snapshot:
    """A training between two steps: what is saved when it is interrupted."""

    done: tuple[dict[str, torch.Tensor], ...] = ()
    histories: tuple[tuple[Epoch, ...], ...] = ()
    reasons: tuple[str, ...] = ()
    within: EpochProgress | None = None
    """Where in an epoch; None: at its end."""
    current: Mapping[str, torch.Tensor] = field(default_factory=dict)
    """The current member's `model.`, `average.`, `best.` and `optimizer.` tensors."""

    def tensors(self) -> dict[str, torch.Tensor]:
        """What is saved as tensors."""
        finished = {
            f"done.{number}.{name}": weight
            for number, weights in enumerate(self.done)
            for name, weight in weights.items()
        }
        return {**self.current, **finished}

    def content(self) -> dict[str, Any]:
        """What is saved as JSON."""
        return {
            "done": len(self.done),
            "epochs": [[asdict(epoch) for epoch in history] for history in self.histories],
            "reasons": list(self.reasons),
            "within": None if self.within is None else asdict(self.within),
        }


@dataclass(frozen=True)
class Saved:
    """What a resume file holds as JSON: a snapshot's content, and the digest of the data."""

    done: int
    epochs: list[list[Epoch]]
    reasons: list[str]
    within: EpochProgress | None
    data: str


class Session:
    """The state of a training between steps: finished members, the current one, its records."""

    def __init__(
        self,
        prepared: Prepared,
        device: torch.device,
        folder: RunFolder | None,
        profile: Profile | None = None,
    ) -> None:
        self.prepared, self.device, self.folder = prepared, device, folder
        self.profile = profile or Profile()
        self.config = prepared.config
        self.done: list[dict[str, torch.Tensor]] = []
        """Weights of the finished members."""
        self.histories: list[list[Epoch]] = [[]]
        self.reasons: list[str] = []
        self.learner = self._next_learner()
        self.best = _copied(self.learner.eval_model.state_dict())
        self.within: EpochProgress | None = None
        self.snapshot: Snapshot | None = None
        self.saved_at = time.monotonic()

    def run(self) -> Iterator[Progress]:
        """Train all members that are left."""
        parts = on_device_if_it_fits(self.prepared.windows, self.device)
        training, validation = parts["train"], parts["validation"]
        members = self.config.training.ensemble
        while len(self.done) < members:
            history = self.histories[-1]
            reason = stop_reason(history, self.config.training) if history else None
            records = fit_with_pauses(
                self.learner,
                training,
                validation if len(validation) else None,
                history,
                self.within,
                math.inf if self.folder is None else SAVE_EVERY,
            )
            while reason is None and (record := next(records, None)) is not None:
                if isinstance(record, EpochProgress):
                    self._pause(record)
                    continue
                history.append(record)
                reason = stop_reason(history, self.config.training)
                self._after_epoch(record)
                yield Progress(len(self.done), members, record, self.config.training.epochs)
            self._finish_member(reason or self._all_done(history[-1]))

    def save(self) -> None:
        """Write what a resumed training needs, as of the last snapshot."""
        if self.folder is None or self.snapshot is None:
            return
        content = {**self.snapshot.content(), "data": _data_digest(self.prepared)}
        tensors = self.snapshot.tensors()
        with self.profile.part("writing"):
            try:
                self.folder.save_progress(tensors, content)
            except KeyboardInterrupt:  # the signal to save came while saving
                self.folder.save_progress(tensors, content)
                raise
        self.saved_at = time.monotonic()

    def restore(self) -> None:
        """Go on from the folder's resume file, if there is one.

        Raises:
            DataError: if the data have changed since it was written, or the configuration so that
                it no longer fits.
        """
        assert self.folder is not None
        found = self.folder.load_progress()
        if found is None:
            log.info("nothing was saved: training begins anew")
            self.folder.rewrite_epochs([])
            return
        tensors, content = found
        if isinstance(content, dict) and content.get("data") != _data_digest(self.prepared):
            raise DataError(
                f"{self.config.data.path}: the data have changed since the run was interrupted;"
                " train anew"
            )
        try:
            self._take(tensors, TypeAdapter(Saved).validate_python(content))
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            raise DataError(
                f"{self.folder.path / RESUME_FILE}: does not fit {CONFIG_FILE}; train anew"
            ) from error
        self.snapshot = self._snapshot()
        self.folder.rewrite_epochs([list(map(asdict, each)) for each in self.histories])

    def _take(self, tensors: Mapping[str, torch.Tensor], saved: Saved) -> None:
        """Become what was saved; raises whatever goes wrong where it is not of this training."""
        _require_sense(saved, len(self.prepared.windows["validation"]) > 0)
        self.done = [with_prefix(tensors, f"done.{n}.") for n in range(saved.done)]
        self.histories, self.reasons, self.within = saved.epochs, saved.reasons, saved.within
        self.learner = self._next_learner()
        self.learner.model.load_state_dict(with_prefix(tensors, "model."))
        if self.learner.average is not None:
            self.learner.average.load_state_dict(with_prefix(tensors, "average."))
        _load_optimizer(self.learner, with_prefix(tensors, "optimizer."))
        self.best = with_prefix(tensors, "best.")
        for weights in (*self.done, self.best):
            _require_alike(weights, self.learner.eval_model.state_dict())

    def _next_learner(self) -> Learner:
        seed = self.config.seed + len(self.done)
        rate = self.config.training.learning_rate
        assert isinstance(rate, float)
        return new_learner(self.prepared, self.device, rate, seed, self.profile)

    def _pause(self, within: EpochProgress) -> None:
        self.within = within
        self.snapshot = self._snapshot()
        self.save()

    def _after_epoch(self, epoch: Epoch) -> None:
        history, self.within = self.histories[-1], None
        if self._kept(history) is epoch:
            self.best = _copied(self.learner.eval_model.state_dict())
        before = symptoms(history[:-1]) if len(history) > 1 else []
        for symptom in symptoms(history):
            if symptom not in before:
                log.warning("%sepoch %d: %s", self._member_name(), epoch.number, symptom)
        if self.folder is None:
            return
        self.folder.append_epoch(len(self.done), asdict(epoch))
        self.snapshot = self._snapshot()
        if time.monotonic() - self.saved_at > SAVE_EVERY:
            self.save()

    def _kept(self, history: list[Epoch]) -> Epoch | None:
        """The epoch whose weights are kept; None where no weights were numbers."""
        finite = [epoch for epoch in history if epoch.is_finite]
        stopping = self.config.training.early_stopping
        if not finite or stopping is None or finite[-1].validation_loss is None:
            return finite[-1] if finite else None
        return best_epoch(finite, stopping)

    def _finish_member(self, reason: str) -> None:
        history = self.histories[-1]
        kept = self._kept(history)
        if kept is None:
            raise ConfigError(f"{self._member_name()}{reason}")
        level = logging.INFO if history[-1].is_finite else logging.WARNING
        line = "%sstopped: %s; kept epoch %d"
        log.log(level, line, self._member_name(), reason, kept.number)
        self.reasons.append(reason)
        self.done.append(self.best)
        if len(self.done) < self.config.training.ensemble:
            self.histories.append([])
            self.learner = self._next_learner()
            self.best = _copied(self.learner.eval_model.state_dict())

    def kept_epochs(self) -> list[Epoch]:
        """The epoch of each member whose weights are kept."""
        kept = (self._kept(history) for history in self.histories)
        return [epoch for epoch in kept if epoch is not None]

    def _snapshot(self) -> Snapshot:
        model = _copied(self.learner.model.state_dict())
        tensors = {f"model.{name}": weight for name, weight in model.items()}
        if self.learner.average is not None:
            average = _copied(self.learner.average.state_dict())
            tensors |= {f"average.{name}": weight for name, weight in average.items()}
        tensors |= {f"best.{name}": weight for name, weight in self.best.items()}
        tensors |= {f"optimizer.{k}": v for k, v in _optimizer_tensors(self.learner).items()}
        histories = tuple(tuple(history) for history in self.histories)
        return Snapshot(tuple(self.done), histories, tuple(self.reasons), self.within, tensors)

    def _member_name(self) -> str:
        return member_name(len(self.done), self.config.training.ensemble)

    def _all_done(self, last: Epoch) -> str:
        steps = self.config.training.max_steps
        return f"{steps} steps are done" if last.step == steps else f"{last.number} epochs are done"


def member_name(member: int, members: int) -> str:
    """Start of a line about one of several models; nothing where there is only one."""
    return f"model {member + 1}/{members}, " if members > 1 else ""


def _data_digest(prepared: Prepared) -> str:
    """Of all that the table said: values, times, series, columns and categories."""
    panel = prepared.panel
    names = (panel.ids, panel.axis, panel.columns, panel.static_columns, panel.categories)
    digest = hashlib.sha256(repr(names).encode())
    for array in (panel.values, panel.offsets, panel.starts, panel.static):
        digest.update(array.tobytes())
    return digest.hexdigest()


def _require_sense(saved: Saved, is_validated: bool) -> None:
    """What a resume file says of members, epochs and steps must add up."""
    losses = [epoch.validation_loss for history in saved.epochs for epoch in history]
    if any((loss is not None) != is_validated for loss in losses):
        raise ValueError("validation losses are missing, or of another split")
    *before, current = saved.epochs
    steps = current[-1].step if current else 0
    passed = saved.within.step - steps if saved.within else 0
    if not len(saved.reasons) == saved.done == len(before) or not all(before):
        raise ValueError("the members do not add up")
    if not (current or passed) or (saved.within and len(saved.within.losses) != passed):
        raise ValueError("the steps do not add up")


def _require_alike(state: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> None:
    """Two sets of weights are alike in names, shapes and types."""
    left, right = ({k: (v.shape, v.dtype) for k, v in each.items()} for each in (state, other))
    if left != right:
        raise ValueError("weights of another model")


def _copied(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in state.items()}


def _optimizer_tensors(learner: Learner) -> dict[str, torch.Tensor]:
    """The optimiser's state as `<parameter number>.<name>`."""
    state = learner.optimizer.state_dict()["state"]
    return {
        f"{number}.{name}": value.detach().clone()
        for number, values in state.items()
        for name, value in values.items()
        if value is not None
    }


def _load_optimizer(learner: Learner, tensors: Mapping[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = tensor
    groups = learner.optimizer.state_dict()["param_groups"]
    parameters = [
        parameter for group in learner.optimizer.param_groups for parameter in group["params"]
    ]
    for index, values in state.items():
        if any(value.shape not in ((), parameters[index].shape) for value in values.values()):
            raise ValueError("an optimiser's state of another model")
    learner.optimizer.load_state_dict({"state": state, "param_groups": groups})
