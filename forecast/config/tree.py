"""The configuration as a tree of frozen sections: read, overridden, checked, and written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from forecast.config.data import DataConfig, SplitConfig, WindowConfig
from forecast.config.intervals import IntervalConfig
from forecast.config.messages import message
from forecast.config.model import PRETRAINED_LEVELS, ModelConfig
from forecast.config.options import Option, Section, require, sections_at
from forecast.config.partners import Combine, Partners
from forecast.config.paths import beside
from forecast.config.training import TrainingConfig
from forecast.config.transforms import Standardize, Transforms
from forecast.config.yaml import MAX_BYTES, Document, KeyPath, read_yaml, scalar, write_yaml
from forecast.errors import ConfigError, as_path, shown

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet", ".pq")
"""Of files that are taken for a configuration by mistake."""
SCHEMA_KEY = "$schema"
"""At the head of a configuration tells an editor where its schema is; nothing else reads it."""
FILES = ("path", "terms")
"""Keys of the section `data` that hold paths."""


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
    """auto (the CUDA device with most free memory, else the CPU), cpu, cuda, cuda:N, mps."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Seed of weights and order; the caller's own random state is left alone."""

    @field_validator("device")
    @classmethod
    def _device_is_known(cls, value: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?|mps", value):
            raise ValueError(f"{shown(value)} is no device; write auto, cpu, cuda, cuda:N or mps")
        return value

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
    def _pretrained_reads_values_alone(self) -> Config:
        if self.model.start == "random":
            return self
        require(
            not self.transforms,
            "model.start: pretrained reads values as they are; set transforms: []",
            "transforms",
        )
        for role in ("past", "future", "static", "calendar", "holidays", "terms"):
            require(
                not getattr(self.data, role),
                f"model.start: pretrained reads no covariates; leave data.{role} out, or set"
                " model.start: random",
                f"data.{role}",
            )
        levels = getattr(self.training.loss, "levels", PRETRAINED_LEVELS)
        require(
            levels == PRETRAINED_LEVELS,
            f"model.start: pretrained forecasts the quantiles {list(PRETRAINED_LEVELS)}; give"
            " these, or another loss",
            "training.loss",
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
    document, overrides = read_yaml(_text_of(path), str(path)), [*overrides]
    config = build_config(document, str(path), overrides)
    overridden = {override.partition("=")[0].strip() for override in overrides}
    if "data" in overridden:
        return config
    kept = [key for key in FILES if f"data.{key}" not in overridden]
    return with_files(config, lambda file: beside(path, file), kept)


def _text_of(path: str | Path) -> str:
    """The text of a file; no more of it is read than a configuration may have."""
    remedy = "give the path of a YAML configuration"
    path = as_path(path)
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
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
        config: names a table, and perhaps one of terms.
        path_of: from a path to another.
        keys: those of the section `data` that are changed.
    """
    paths = {key: getattr(config.data, key) for key in keys}
    changed = {key: path_of(path) for key, path in paths.items() if path is not None}
    return config.model_copy(update={"data": config.data.model_copy(update=changed)})


def config_from(values: Mapping[str, Any], overrides: Iterable[str] = ()) -> Config:
    """Check a configuration given as nested mappings.

    Args:
        values: as a YAML file would hold them; lists, paths and sections may stand among them.
        overrides: such as `training.epochs=5`.

    Raises:
        ConfigError: one line with key, value and remedy.
    """
    return build_config(Document(_with_tuples(values)), "configuration", overrides)


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
        values = _override(values, override, overridden)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise ConfigError(message(Config, details, values, document, source, overridden)) from None


def write_config(config: Config) -> str:
    """The configuration as YAML that reads back equal."""
    return write_yaml(config.model_dump(mode="json"))


def json_schema() -> dict[str, Any]:
    """JSON Schema of the configuration, for completion in an editor."""
    schema = Config.model_json_schema()
    schema["properties"] |= {SCHEMA_KEY: {"type": "string", "description": "for editors alone"}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _with_tuples(value: Any) -> Any:
    """Values from Python as the YAML reader would give them: plain, and with tuples for lists."""
    if isinstance(value, Section):
        return _with_tuples(value.model_dump())
    if isinstance(value, Mapping):
        return {str(key): _with_tuples(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_with_tuples(item) for item in value)
    return str(value) if isinstance(value, Path) else value


def _override(
    values: Mapping[str, Any], override: str, overridden: dict[KeyPath, str]
) -> dict[str, Any]:
    """A copy of the values with one override put in.

    `overridden` is changed: it keeps each override under the key that it wrote, the latest last.
    """
    dotted, equals, text = (part.strip() for part in override.partition("="))
    keys = tuple(dotted.split("."))
    if not equals or not all(keys):
        raise ConfigError(f"{shown(override)} is no override; write section.key=value")
    overridden.pop(keys, None)  # so that it stands last
    overridden[keys] = override
    if text.startswith(("[", "{", "'", '"')):
        return _put(values, keys, read_yaml(text, f"override {shown(override)}").value)
    return _put(values, keys, scalar(text))


def _put(values: Any, keys: KeyPath, value: Any, above: KeyPath = ()) -> dict[str, Any]:
    """A copy of nested mappings with the entry at `keys` replaced.

    `above` are the keys that lead to these values: where they lead to a choice, a name other than
    the one written takes its place, with its options.
    """
    first, *rest = keys
    sections = sections_at(Config, above)
    result = dict(_entries(values, sections))
    if len(sections) > 1 and first not in result:
        result = {}
    below = (*above, first)
    result[str(first)] = _put(result.get(str(first)), tuple(rest), value, below) if rest else value
    return result


def _entries(values: Any, sections: list[type[BaseModel]]) -> Mapping[str, Any]:
    """The entries under a key; a lone value is an option's first one, and a bare name has none."""
    if isinstance(values, Mapping):
        return values
    option = sections[0] if len(sections) == 1 else None
    if values is None or option is None or not issubclass(option, Option) or not option.fields():
        return {}
    return {option.fields()[0]: values}
