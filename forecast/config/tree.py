"""The configuration tree, its strict reader and writer, and errors that name file, line and key."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from forecast.config.data import DataConfig, SplitConfig, Standardize, Transforms, WindowConfig
from forecast.config.intervals import IntervalConfig
from forecast.config.model import ModelConfig
from forecast.config.options import MisfitError, Option, Section, sections_at
from forecast.config.training import TrainingConfig
from forecast.config.yaml import MAX_BYTES, Document, read_yaml, scalar, write_yaml
from forecast.config.yaml import Path as KeyPath
from forecast.errors import ConfigError, did_you_mean, shown


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
        if lookback % segment:
            below, above = lookback - lookback % segment, lookback + segment - lookback % segment
            near = f"{below} or {above}" if below else f"{above}"
            raise MisfitError(
                f"window.lookback {lookback} is no multiple of model.segment {segment}; set"
                f" window.lookback to {near}, or change model.segment",
                "model.segment",
                "window.lookback",
            )
        return self

    @model_validator(mode="after")
    def _weights_fit_the_horizon(self) -> Config:
        weights, horizon = self.training.step_weights, self.window.horizon
        if weights is not None and len(weights) != horizon:
            raise MisfitError(
                f"training.step_weights has {len(weights)} weights, window.horizon is {horizon};"
                " give each step of the horizon one weight",
                "training.step_weights",
            )
        return self

    @model_validator(mode="after")
    def _quantiles_stay_quantiles(self) -> Config:
        """Neither sums of quantiles nor quantiles along one path are quantiles of the forecast."""
        if len(getattr(self.training.loss, "levels", (0.5,))) == 1:
            return self
        if self.model.head == "recursive":
            raise MisfitError(
                "head recursive feeds the median back, so its quantiles would be too narrow; use"
                " head: direct or parallel, or another loss",
                "training.loss",
                "model.head",
            )
        if any(option.key() == "difference" for option in self.transforms):
            raise MisfitError(
                "a difference is undone by summing, and sums of quantiles are no quantiles; use"
                " model.window_norm: last in place of the difference, or another loss",
                "training.loss",
                "transforms",
            )
        return self


def read_config(path: str | Path, overrides: Iterable[str] = ()) -> Config:
    """Read a configuration file, with overrides such as `training.epochs=5`.

    Raises:
        ConfigError: one line with file, line, key, value and remedy.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}; give the path of a YAML configuration"
        ) from None
    if len(start) > MAX_BYTES:
        raise ConfigError(
            f"{path}: larger than {MAX_BYTES} bytes; give the path of a YAML configuration"
        )
    try:
        text = start.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = start.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from None
    config = build_config(read_yaml(text, str(path)), str(path), overrides)
    return _with_data_beside(config, Path(path).parent)


def _with_data_beside(config: Config, folder: Path) -> Config:
    """A data path that leads nowhere from the working folder is tried from the configuration's."""
    beside = folder / config.data.path
    if os.path.exists(config.data.path) or not os.path.exists(beside):  # no error if too long
        return config
    return config.model_copy(update={"data": config.data.model_copy(update={"path": str(beside)})})


def config_from(values: Mapping[str, Any], overrides: Iterable[str] = ()) -> Config:
    """Check a configuration given as nested mappings."""
    return build_config(Document(_with_tuples(values)), "configuration", overrides)


def build_config(document: Document, source: str, overrides: Iterable[str] = ()) -> Config:
    """Validate a document, after the overrides are put in."""
    values = document.value
    if not isinstance(values, Mapping):
        raise ConfigError(f"{source}: holds no keys; begin with `data: {{path: ...}}`")
    overridden: dict[KeyPath, str] = {}
    for override in overrides:
        values = _override(values, override, overridden)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise ConfigError(_message(details, values, document, source, overridden)) from None


def write_config(config: Config) -> str:
    """The configuration as YAML that reads back equal."""
    return write_yaml(config.model_dump(mode="json"))


def json_schema() -> dict[str, Any]:
    """JSON Schema of the configuration, for completion in an editor."""
    schema = Config.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _with_tuples(value: Any) -> Any:
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
    """Put one override in; `overridden` keeps those still in force, the latest one last."""
    dotted, equals, text = (part.strip() for part in override.partition("="))
    keys = tuple(dotted.split("."))
    if not equals or not all(keys):
        raise ConfigError(f"{shown(override)} is no override; write section.key=value")
    for earlier in [k for k in overridden if k[: len(keys)] == keys]:
        del overridden[earlier]
    overridden[keys] = override
    if text.startswith(("[", "{", "'", '"')):
        return _put(values, keys, read_yaml(text, f"override {shown(override)}").value)
    return _put(values, keys, scalar(text))


def _put(values: Any, keys: KeyPath, value: Any, above: KeyPath = ()) -> dict[str, Any]:
    """A copy of nested mappings with one entry replaced; a new choice takes the old one's place."""
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


def _message(
    errors: list[ErrorDetails],
    values: Any,
    document: Document,
    source: str,
    overridden: Mapping[KeyPath, str],
) -> str:
    """One line about the first error; a misspelt key comes first, for others may follow from it."""
    located = [(_written_path(details, values), details) for details in errors]
    path, chosen = min(located, key=lambda pair: pair[1]["type"] != "extra_forbidden")
    path = max((p for p, _ in located if p[: len(path)] == path), key=len)
    together = [details for p, details in located if p == path]
    misfits = getattr(chosen.get("ctx", {}).get("error"), "keys", ())
    blamed = [(*path, *key.split(".")) for key in misfits] or [path]
    written = [keys for keys in blamed if _holds(values, keys)] or blamed
    path = next((keys for keys in written if _override_of(keys, overridden)), written[0])
    key = ".".join(_plain(part) for part in path)
    place = _override_of(path, overridden) or _line_of(path, document, source)
    return f"{place}: {f'{key}: ' if key else ''}{_explain(together)}"


def _override_of(path: KeyPath, overridden: Mapping[KeyPath, str]) -> str | None:
    """The latest override that wrote a key, something above it, or something under it."""
    for keys, override in reversed(list(overridden.items())):
        if path and all(a == b for a, b in zip(keys, path, strict=False)):
            return f"override {shown(override)}"
    return None


def _line_of(path: KeyPath, document: Document, source: str) -> str:
    parents = (path[:length] for length in range(len(path), 0, -1))
    line = next((document.lines[keys] for keys in parents if keys in document.lines), None)
    return source if line is None else f"{source}:{line}"


def _holds(values: Any, path: KeyPath) -> bool:
    for part in path:
        if not isinstance(values, Mapping) or part not in values:
            return False
        values = values[part]
    return True


def _written_path(details: ErrorDetails, values: Any) -> KeyPath:
    """The error's location without the parts that pydantic adds for the members of a union.

    A covariate's options stand under its name, of which pydantic knows nothing.
    """
    path: list[str | int] = []
    for part in details["loc"]:
        if isinstance(values, tuple) and isinstance(part, int):
            values = values[part]
            path.append(part)
        elif isinstance(values, Mapping):
            lone = next(iter(values.items())) if len(values) == 1 else None
            if part in values:
                values = values[part]
                path.append(part)
            elif lone and isinstance(lone[1], Mapping) and part in lone[1]:
                values = lone[1][part]
                path += [lone[0], part]
            elif details["type"] == "missing":
                path.append(part)
    return tuple(path)


def _explain(errors: list[ErrorDetails]) -> str:
    details = errors[0]
    kind, value = details["type"], details.get("input")
    context = details.get("ctx", {})
    if kind == "extra_forbidden":
        *parents, last = details["loc"]
        return f"unknown key; {did_you_mean(str(last), _known_keys(tuple(parents)))}"
    if kind == "union_tag_invalid":
        known = context["expected_tags"].replace("'", "").split(", ")
        return f"unknown name {shown(context['tag'])}; {did_you_mean(context['tag'], known)}"
    if kind == "missing":
        return "is missing; add it"
    if kind == "value_error":
        return str(context["error"])
    if value is None:
        return "has no value; give one, or leave the key out"
    return _wrong_value(value, errors)


_WANTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "a section such as {{{first_key}: ...}}",
    "model_attributes_type": "a name, or a name with its options under it",
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "string_too_short": "text of at least {min_length} character",
    "string_too_long": "text of at most {max_length} character",
    "literal_error": "{expected}",
}


def _wrong_value(value: Any, errors: list[ErrorDetails]) -> str:
    """What a value is not, what it must be, and how to write it."""
    wanted = [_wanted(details) for details in errors]
    must = " or ".join(dict.fromkeys(wanted)).replace("'", "")
    names = [name for e, text in zip(errors, wanted, strict=True) for name in _literals(e, text)]
    remedy = ""
    if isinstance(value, str) and names and did_you_mean(value, names).startswith("did"):
        remedy = f"; {did_you_mean(value, names)}"
    elif isinstance(value, str) and "number" in must and not isinstance(scalar(value), str):
        remedy = "; take the quotes off"
    elif wanted == ["text"] and not isinstance(value, Mapping | tuple):
        remedy = "; put it in quotes"
    elif wanted == ["a list"]:
        remedy = "; put it in [ ]"
    return f"{shown(value)} is not allowed: must be {must}{remedy}"


def _wanted(details: ErrorDetails) -> str:
    template = _WANTED.get(details["type"])
    if template is None:
        return details["msg"]
    section, *_ = [*sections_at(Config, details["loc"]), Config]
    context = {"first_key": next(iter(section.model_fields)), **details.get("ctx", {})}
    is_whole = {k: isinstance(v, float) and v.is_integer() for k, v in context.items()}
    return template.format(**{k: int(v) if is_whole[k] else v for k, v in context.items()})


def _literals(details: ErrorDetails, expected: str) -> list[str]:
    is_literal = details["type"] == "literal_error"
    return expected.replace("'", "").replace(" or ", ", ").split(", ") if is_literal else []


def _plain(part: str | int) -> str:
    """A part of a key, kept to one short line."""
    text = str(part)
    return text if text.isprintable() and len(text) <= 60 else shown(text)


def _known_keys(path: KeyPath) -> list[str]:
    """Names of the keys that the section or option at `path` knows."""
    sections = sections_at(Config, path)
    return sorted({name for section in sections for name in section.model_fields} - {"name"})
