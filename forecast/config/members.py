"""Members of an ensemble that differ: each is the configuration with some values of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from forecast.config.changes import is_within, with_changes, with_tuples
from forecast.config.counts import Distribution
from forecast.config.losses import LossOption
from forecast.config.options import IncompatibleKeysError
from forecast.config.training import Changes, TrainingConfig
from forecast.config.windows import WindowConfig
from forecast.errors import named, shown

if TYPE_CHECKING:
    from forecast.config.tree import Config

MAY_DIFFER = ("window.lookback", "window.lags", "model", "training")
"""What leaves alone which steps are forecast, of which rows, and what stands in a window."""
IN_COMMON = {
    "model": "name the options of the section, e.g. model.hidden_size",
    "training": "name the options of the section, e.g. training.loss",
    "model.start": "it decides what a window holds; set it for all",
    "training.ensemble": "a member is one model; list it as another",
    "training.max_minutes": "the minutes are those of all members together; set it for all",
    "training.refit": "all members are trained again, or none; set it for all",
    "training.start_from": "members begin with those of that run, by turns; set it for all",
}
WITH_PRETRAINED = "the pretrained network is one; its members may differ in options of training"


def listed_members(training: TrainingConfig) -> tuple[Changes, ...]:
    """What each member changes, where members are listed; none where they differ by seed alone."""
    return () if isinstance(training.ensemble, int) else training.ensemble


def with_member(config: Config, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of a member's configuration, as that of one among as many by seed alone.

    Args:
        config: that of the whole ensemble.
        changes: of the member.
    """
    return with_changes(config, {"training.ensemble": config.training.members, **changes})


def with_own(config: Config, key: str, own: Sequence[Any]) -> Config:
    """A configuration whose listed members are told a value that was found for each of them.

    Args:
        config: its members are listed, or differ by seed alone.
        key: of a section, dotted.
        own: of each listed member; where it is that of the configuration, it is left out.
    """
    section, _, name = key.partition(".")
    usual = getattr(getattr(config, section), name)
    members = tuple(
        {**changes, **({key: value} if key in changes or value != usual else {})}
        for changes, value in zip(listed_members(config.training), own, strict=True)
    )
    return config.updated("training", ensemble=members) if members else config


def changes_in_words(training: TrainingConfig, number: int) -> str:
    """What a listed member changes, as it is written.

    Args:
        training: of all members.
        number: of the member, from 0.
    """
    changes = listed_members(training)[number]
    told = ((k, named(v) if isinstance(v, str) else shown(v)) for k, v in changes.items())
    return ", ".join(f"{key} {value}" for key, value in told) or "as configured"


def member_window(window: WindowConfig, changes: Changes) -> WindowConfig:
    """The window of a member whose changes are good already."""
    own = {key.removeprefix("window."): value for key, value in changes.items()}
    fields = WindowConfig.model_fields
    return window.model_copy(update={k: with_tuples(v) for k, v in own.items() if k in fields})


def require_member_keys(number: int, changes: Changes, start: str) -> None:
    """Refuse keys that members have in common.

    Args:
        number: of the member, from 0.
        changes: of the member.
        start: `model.start` of all members.

    Raises:
        IncompatibleKeysError: for such a key.
    """
    for key in changes:
        place = ("training", "ensemble", number, key)
        above = (each for each in IN_COMMON if "." in each and key.startswith(f"{each}."))
        if why := IN_COMMON.get(key) or IN_COMMON.get(next(above, "")):
            raise IncompatibleKeysError(f"members cannot differ in it; {why}", place)
        if start == "pretrained" and not key.startswith("training."):
            raise IncompatibleKeysError(f"members cannot differ in it; {WITH_PRETRAINED}", place)
        if not is_within(key, MAY_DIFFER):
            raise IncompatibleKeysError(
                "members cannot differ in it, for their forecasts are combined; let them differ in"
                " window.lookback, window.lags, or options of model and training",
                place,
            )


def refuse_member(number: int, changes: Changes, why: str) -> NoReturn:
    """Raise an error for a member whose configuration is refused.

    Args:
        number: of the member, from 0.
        changes: of the member.
        why: key, value and remedy.
    """
    key = next((key for key in changes if why.startswith(f"{key}: ")), None)
    blamed = [key] if key else [*changes]
    places = [("training", "ensemble", number, each) for each in blamed]
    raise IncompatibleKeysError(why.removeprefix(f"{key}: "), *places)


def require_same_output(number: int, changes: Changes, usual: LossOption, own: LossOption) -> None:
    """Refuse a member whose numbers are of another kind than those that they are combined with.

    Args:
        number: of the member, from 0.
        changes: of the member.
        usual: the loss of the configuration.
        own: the loss of the member.
    """
    if (isinstance(own, Distribution) or isinstance(usual, Distribution)) and own != usual:
        refuse_member(
            number,
            changes,
            f"training.loss: {own.key()} beside {usual.key()}: parameters of a distribution go with"
            " none of another; give all members the same loss",
        )
    ours, theirs = (getattr(loss, "levels", None) for loss in (own, usual))
    if ours != theirs:
        refuse_member(
            number,
            changes,
            f"training.loss: forecasts {_in_words(ours)}, the configuration {_in_words(theirs)};"
            " give all members losses of one kind",
        )


def _in_words(levels: tuple[float, ...] | None) -> str:
    return "a point" if levels is None else f"the quantiles {[*levels]}"
