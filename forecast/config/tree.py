"""The configuration as a tree of frozen sections: read, overridden, checked, and written."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator, model_validator

from forecast.config.changes import with_changes, with_override, with_tuples
from forecast.config.count_rules import require_count_rules, with_count_defaults
from forecast.config.data import DataConfig
from forecast.config.intervals import IntervalConfig
from forecast.config.labels import require_label_rules, with_label_defaults
from forecast.config.members import (
    listed_members,
    member_window,
    refuse_member,
    require_member_keys,
    require_same_output,
    with_member,
)
from forecast.config.messages import message
from forecast.config.model import ModelConfig
from forecast.config.options import IncompatibleKeysError, Section, device_name, require
from forecast.config.partners import Combine, Partners
from forecast.config.paths import beside
from forecast.config.pretrained_rules import require_pretrained_rules
from forecast.config.training import TrainingConfig
from forecast.config.transforms import Standardize, Transforms
from forecast.config.tune import MOST_PAIRS, Space, candidates, refuse_key
from forecast.config.windows import SplitConfig, WindowConfig
from forecast.config.yaml import MAX_BYTES, Document, KeyPath, read_yaml, write_yaml
from forecast.errors import ConfigError, as_path, shown

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet", ".pq")
"""Of files that are taken for a configuration by mistake."""
SCHEMA_KEY = "$schema"
"""At the head of a configuration tells an editor where its schema is; nothing else reads it."""
FILES = ("data.path", "data.terms", "training.start_from")
"""Keys that hold paths."""


class Config(Section):
    """Everything that decides a run."""

    data: DataConfig
    """The table: where it is and what its columns mean."""
    transforms: Transforms = (Standardize(),)
    """Invertible steps from the user's units to the model's scale, in order."""
    split: SplitConfig = SplitConfig()
    """Which rows of each series are for training, validation and test."""
    window: WindowConfig = WindowConfig()
    """What the model sees and what it forecasts."""
    model: ModelConfig = ModelConfig()
    """The stacked recurrent network."""
    training: TrainingConfig = TrainingConfig()
    """Loss, optimiser, rate, and when to stop."""
    partners: Partners = ()
    """Methods beside the model: theta, ets, pretrained; their combination is the forecast."""
    combine: Combine = "weights"
    """weights (equal unless validation tells otherwise), mean or median of model and partners."""
    intervals: IntervalConfig = IntervalConfig()
    """Conformal intervals around the forecasts of a point model."""
    device: str = "auto"
    """auto (CUDA with most free memory, else CPU), cpu, cuda, cuda:N, xpu, xpu:N, mps."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Seed of weights and order; the caller's own random state is left alone."""
    tune: Space = Field(default_factory=dict)
    """What `forecast tune` searches: keys, and their choices or ranges; {}: by size of table."""
    note: Annotated[str, Field(max_length=2000)] | None = None
    """Where the configuration comes from, for the report; `forecast tune` writes one."""

    @model_validator(mode="before")
    @classmethod
    def _labels_and_counts_have_defaults_of_their_own(cls, values: Any) -> Any:
        return with_count_defaults(with_label_defaults(values))

    @model_validator(mode="after")
    def _labels_counts_and_pretrained_have_what_fits(self) -> Config:
        require_label_rules(self)
        require_count_rules(self)
        require_pretrained_rules(self)
        return self

    @field_validator("device")
    @classmethod
    def _device_is_known(cls, value: str) -> str:
        return device_name(value)

    @model_validator(mode="after")
    def _segments_fit_the_lookback(self) -> Config:
        segment, lookback = self.model.segment, self.window.lookback
        below = lookback - lookback % segment
        near = f"{below} or {below + segment}" if below else f"{segment}"
        require(
            lookback == below,
            f"window.lookback {lookback} is no multiple of model.segment {segment}; set"
            f" window.lookback to {near}, or change model.segment",
            "model.segment",
            "window.lookback",
        )
        return self

    @model_validator(mode="after")
    def _weights_fit_the_horizon(self) -> Config:
        weights, horizon = self.training.step_weights, self.window.horizon
        require(
            weights is None or len(weights) == horizon,
            f"training.step_weights has {len(weights or ())} weights, window.horizon is {horizon};"
            " give each step of the horizon one weight",
            "training.step_weights",
        )
        return self

    @model_validator(mode="after")
    def _search_is_possible(self) -> Config:
        for key, dimension in self.tune.items():
            refuse_key(key, self.tune)
            for value in candidates(dimension):
                if why := _refusal(self, key, value):
                    text = f"{shown(value)} cannot be tried: {why}"
                    raise IncompatibleKeysError(text, ("tune", key))
        return self

    @model_validator(mode="after")
    def _members_are_possible(self) -> Config:
        for number, changes in enumerate(listed_members(self.training)):
            require_member_keys(number, changes, self.model.start)
            try:
                member = Config.model_validate(values := with_member(self, changes))
            except ValidationError as error:
                refuse_member(number, changes, _explained(error, values))
            require_same_output(number, changes, self.training.loss, member.training.loss)
        return self

    def updated(self, section: str, **values: Any) -> Config:
        """The same with other values of a section, which are not checked."""
        options = getattr(self, section).model_copy(update=values)
        return self.model_copy(update={section: options})

    @property
    def widest(self) -> WindowConfig:
        """The window that holds what every member reads: it decides which origins there are."""
        windows = (member_window(self.window, each) for each in listed_members(self.training))
        return max(windows, key=lambda window: window.reach, default=self.window)

    @property
    def listed(self) -> tuple[Config, ...]:
        """The configuration of each member that is listed; none where they differ by seed alone."""
        return tuple(self.member(number) for number in range(len(listed_members(self.training))))

    def member(self, number: int) -> Config:
        """The configuration of a member: that of an ensemble of as many that are all like it.

        Args:
            number: from 0.
        """
        listed = listed_members(self.training)
        if not listed:
            return self
        return Config.model_validate(with_member(self, listed[number]))

    @model_validator(mode="after")
    def _quantiles_stay_quantiles(self) -> Config:
        """Neither sums of quantiles nor quantiles along one path are quantiles of the forecast."""
        if len(getattr(self.training.loss, "levels", (0.5,))) == 1:
            return self
        require(
            self.model.head != "recursive",
            "head recursive feeds the median back, so its quantiles would be too narrow; use"
            " head: direct or parallel, or another loss",
            "training.loss",
            "model.head",
        )
        require(
            all(option.key() != "difference" for option in self.transforms),
            "a difference is undone by summing, and sums of quantiles are no quantiles; use"
            " model.window_norm: last in place of the difference, or another loss",
            "training.loss",
            "transforms",
        )
        return self


def read_config(path: str | Path, overrides: Iterable[str] = ()) -> Config:
    """Read a configuration file.

    Args:
        path: a YAML file of at most 256 KiB.
        overrides: such as `training.epochs=5`; a later one wins over an earlier one.

    Returns:
        The checked configuration, with the path of the data as the working folder sees it: in the
        file it is relative to the file, in an override to the working folder.

    Raises:
        ConfigError: one line with file, line, key, value and remedy.
    """
    overrides = [overrides] if isinstance(overrides, str) else [*overrides]
    document = read_yaml(_text_of(path), str(path))
    config = build_config(document, str(path), overrides)
    overridden = {override.partition("=")[0].strip() for override in overrides}
    kept = [key for key in FILES if not {key, key.split(".")[0]} & overridden]
    return with_files(config, lambda file: beside(path, file), kept)


def _text_of(path: str | Path) -> str:
    """The text of a file; no more of it is read than a configuration may have."""
    remedy = "give the path of a YAML configuration"
    path = as_path(path)
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        own = path / "config.yaml"  # of a run
        remedy = f"give {own}" if os.path.isfile(own) else remedy
        raise ConfigError(f"{path}: {error.strerror}; {remedy}") from None
    if path.suffix.lower() in TABLE_SUFFIXES:
        raise ConfigError(
            f"{path} is a table, no configuration; forecast config init {path} proposes one"
        )
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_BYTES} bytes; {remedy}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from None


def with_files(
    config: Config, path_of: Callable[[str], str], keys: Sequence[str] = FILES
) -> Config:
    """A configuration with other paths of the files that it names.

    Args:
        config: names a table, and perhaps other files.
        path_of: from a path to another.
        keys: those of `FILES` that are changed.
    """
    for section, key in (name.split(".") for name in keys):
        if (path := getattr(getattr(config, section), key)) is not None:
            config = config.updated(section, **{key: path_of(path)})
    return config


def without_start(config: Config) -> Config:
    """A configuration that begins with fresh weights."""
    return config.updated("training", start_from=None)


def config_from(values: Mapping[str, Any], overrides: Iterable[str] = ()) -> Config:
    """Check a configuration given as nested mappings.

    Args:
        values: as a YAML file would hold them; lists, paths and sections may stand among them.
        overrides: such as `training.epochs=5`.

    Raises:
        ConfigError: one line with key, value and remedy.
    """
    return build_config(Document(with_tuples(values)), "configuration", overrides)


def build_config(document: Document, source: str, overrides: Iterable[str] = ()) -> Config:
    """Check the values of a document, after the overrides are put in.

    Args:
        document: values and lines, as `read_yaml` gives them.
        source: name of the document in error messages.
        overrides: such as `training.epochs=5`.

    Raises:
        ConfigError: one line with source, line, key, value and remedy.
    """
    values = document.value
    if not isinstance(values, Mapping):
        raise ConfigError(f"{source}: holds no keys; begin with `data: {{path: ...}}`")
    overridden: dict[KeyPath, str] = {}
    if isinstance(values.get(SCHEMA_KEY), str):
        values = {key: value for key, value in values.items() if key != SCHEMA_KEY}
    for override in overrides:
        values = with_override(Config, values, override, overridden)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise ConfigError(message(Config, details, values, document, source, overridden)) from None


def changed(config: Config, changes: Mapping[str, Any]) -> Config:
    """A configuration with other values, which are no longer searched.

    Args:
        config: what is changed.
        changes: dotted keys and their values, plain as YAML has them.

    Raises:
        ConfigError: one line with key, value and remedy, if they do not go together.
    """
    values = with_changes(config, changes)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explained(error, values)) from None


def _explained(error: ValidationError, values: Any) -> str:
    """Key, value and remedy."""
    details = error.errors(include_url=False)
    return message(Config, details, values, Document(values), "", {}).removeprefix(": ")


def _refusal(config: Config, key: str, value: Any) -> str | None:
    """Why a value of a search is refused, whatever else is searched; None: it may be tried."""
    try:
        Config.model_validate(values := with_changes(config, {key: value}))
    except ValidationError as error:
        causes = [each.get("ctx", {}).get("error") for each in error.errors(include_url=False)]
        are_keys_at_odds = all(isinstance(cause, IncompatibleKeysError) for cause in causes)
        if are_keys_at_odds and _fits_another(config, key, value):
            return None
        return _explained(error, values)
    return None


def _fits_another(config: Config, key: str, value: Any) -> bool:
    """Whether a value goes with one of another key that is searched, as far as was looked."""
    others = ((k, v) for k, each in config.tune.items() if k != key for v in candidates(each))
    for other, its_value in itertools.islice(others, MOST_PAIRS):
        with contextlib.suppress(ValidationError):
            Config.model_validate(with_changes(config, {key: value, other: its_value}))
            return True
    return False


def write_config(config: Config) -> str:
    """The configuration as YAML that reads back equal."""
    return write_yaml(config.model_dump(mode="json"))
