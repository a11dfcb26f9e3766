"""The configuration tree, its strict reader and writer, and errors that name file, line and key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, NonNegativeInt, ValidationError, model_validator
from pydantic_core import ErrorDetails

from forecast.data.config import DataConfig, SplitConfig, Standardize, Transforms, WindowConfig
from forecast.errors import ConfigError, did_you_mean
from forecast.models.config import ModelConfig
from forecast.section import Option, Section
from forecast.strict_yaml import Document, read_yaml
from forecast.strict_yaml import Path as KeyPath
from forecast.training.config import TrainingConfig


class Config(Section):
    """Everything that decides a run."""

    data: DataConfig
    transforms: Transforms = (Standardize(),)
    """Invertible steps from the user's units to the model's scale, in order."""
    split: SplitConfig = SplitConfig()
    window: WindowConfig = WindowConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    device: str = "auto"
    """auto (the CUDA device with most free memory, else the CPU), cpu, cuda, cuda:N, mps."""
    seed: NonNegativeInt = 0
    """Seed of weights and order; the caller's own random state is left alone."""

    @model_validator(mode="after")
    def _sections_fit_together(self) -> Config:
        segment, lookback, horizon = self.model.segment, self.window.lookback, self.window.horizon
        if lookback % segment:
            raise ValueError(
                f"window.lookback {lookback} is no multiple of model.segment {segment}"
            )
        weights = self.training.step_weights
        if weights is not None and len(weights) != horizon:
            raise ValueError(
                f"training.step_weights has {len(weights)} weights, window.horizon is {horizon}"
            )
        if weights is not None and not any(weights):
            raise ValueError("training.step_weights are all zero")
        return self


def read_config(path: str | Path, overrides: Iterable[str] = ()) -> Config:
    """Read a configuration file, with overrides such as `training.epochs=5`.

    Raises:
        ConfigError: one line with file, line, key, value and remedy.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise ConfigError(f"{path}: {reason}; give the path of a YAML configuration") from None
    return build_config(read_yaml(text, str(path)), str(path), overrides)


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
    import yaml

    values = json.loads(config.model_dump_json())
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


def json_schema() -> dict[str, Any]:
    """JSON Schema of the configuration, for completion in an editor."""
    schema = Config.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _with_tuples(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _with_tuples(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_with_tuples(item) for item in value)
    return str(value) if isinstance(value, Path) else value


def _override(
    values: Mapping[str, Any], override: str, overridden: dict[KeyPath, str]
) -> dict[str, Any]:
    dotted, equals, text = override.partition("=")
    if not equals or not dotted:
        raise ConfigError(f"{override!r} is no override; write section.key=value")
    keys = tuple(dotted.split("."))
    value = read_yaml(text, f"override {override!r}").value
    overridden[keys] = override
    return _put(values, keys, value)


def _put(values: Any, keys: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy of nested mappings with one entry replaced; a bare name gives way to its options."""
    first, *rest = keys
    result = dict(values) if isinstance(values, Mapping) else {}
    result[first] = _put(result.get(first), tuple(rest), value) if rest else value
    return result


def _message(
    errors: list[ErrorDetails],
    values: Any,
    document: Document,
    source: str,
    overridden: Mapping[KeyPath, str],
) -> str:
    path = _written_path(errors[0], values)
    together = [details for details in errors if _written_path(details, values) == path]
    place = source
    for length in range(len(path), -1, -1):
        if path[:length] in overridden:
            place = f"override {overridden[path[:length]]!r}"
            break
        if length and path[:length] in document.lines:
            place = f"{source}:{document.lines[path[:length]]}"
            break
    key = ".".join(str(part) for part in path)
    return f"{place}: {f'{key}: ' if key else ''}{_explain(together)}"


def _written_path(details: ErrorDetails, values: Any) -> KeyPath:
    """The error's location without the parts that pydantic adds for the members of a union."""
    path: list[str | int] = []
    for part in details["loc"]:
        if part in values if isinstance(values, Mapping) else isinstance(values, tuple):
            values = values[part]
        elif details["type"] != "missing":
            break
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
        return f"unknown name {context['tag']!r}; {did_you_mean(context['tag'], known)}"
    if kind == "missing":
        return "is missing; add it"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error" and isinstance(value, str) and len(errors) == 1:
        known = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return f"{value!r} is not allowed; {did_you_mean(value, known)}"
    wanted = dict.fromkeys(e["msg"].replace("Input should be ", "") for e in errors)
    return f"{_short(value)} is not allowed: must be {' or '.join(wanted)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _known_keys(path: tuple[str | int, ...]) -> list[str]:
    """Names of the keys that the section or option at `path` knows."""
    models: list[type[BaseModel]] = [Config]
    for part in path:
        fields = [m.model_fields[part].annotation for m in models if part in m.model_fields]
        if fields:
            models = _models_in(fields[0])
        else:
            models = [m for m in models if not issubclass(m, Option) or m.key() == part]
    return sorted({name for model in models for name in model.model_fields} - {"name"})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
