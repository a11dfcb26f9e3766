"""Frozen sections of the configuration, and choices written as `name` or `{name: options}`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from functools import partial
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_serializer,
)
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_before_validator_function

from forecast.errors import did_you_mean, shown

LARGEST = 2**31 - 1
"""Largest count that a configuration may ask for, so that products of counts fit 64 bits."""

MOST_STEPS = 1_000_000
"""Rows of a window or a season at most: a model reads them one by one."""

Steps = Annotated[int, Field(gt=0, le=MOST_STEPS)]
Count = Annotated[int, Field(gt=0, le=LARGEST)]
CountOrZero = Annotated[int, Field(ge=0, le=LARGEST)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Name = Annotated[str, Field(min_length=1)]
Number = TypeVar("Number", int, float)


def listed(value: object) -> tuple[object, ...]:
    """A tuple as it is, any other value as a tuple of it alone."""
    return value if isinstance(value, tuple) else (value,)


def name_and_options(
    value: object, example: str, only: Set[str] | None = None
) -> tuple[object, Mapping[str, object]]:
    """Both of `{name: options}`.

    Args:
        value: as it is written.
        example: an encoding, for the message.
        only: names of the options; None: any.

    Raises:
        ValueError: for anything else.
    """
    items = list(value.items()) if isinstance(value, Mapping) else []
    (name, options), *others = items or [(None, None)]
    if others or not isinstance(options, Mapping) or (only and options.keys() != only):
        raise ValueError(
            f"{shown(value)} is not allowed; write a column, or column: {{encoding: {example}}}"
        )
    return name, options


class Section(BaseModel):
    """A frozen part of the configuration that refuses unknown keys and wrong types."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
    )


class IncompatibleKeysError(ValueError):
    """Keys that do not fit together; the first of them that is written is blamed.

    Each is dotted, or its parts, where one of them holds a dot itself.
    """

    def __init__(self, message: str, *keys: str | tuple[str | int, ...]) -> None:
        super().__init__(message)
        self.keys = keys


def increasing(values: tuple[Number, ...]) -> tuple[Number, ...]:
    """Numbers as they are, each larger than the one before it; else ValueError."""
    if list(values) != sorted(set(values)):
        raise ValueError(f"{[*values]} must increase; write them in order, each once")
    return values


def path_text(value: str) -> str:
    """A text as it is, which may be a path; else ValueError."""
    if "\0" in value:
        raise ValueError(f"{shown(value)} is no path: a NUL stands in it")
    return value


def device_name(value: str) -> str:
    """What may name a device, whether this machine has it or not.

    Raises:
        ValueError: for anything else.
    """
    if not re.fullmatch(r"auto|cpu|(cuda|xpu)(:\d{1,3})?|mps", value):
        known = "auto, cpu, cuda, cuda:N, xpu, xpu:N or mps"
        raise ValueError(f"{shown(value)} is no device; write {known}")
    return value


def require(holds: object, message: str, *keys: str) -> None:
    """Refuse keys that do not fit together.

    Args:
        holds: whether they do.
        message: what does not fit, and what to do.
        keys: their dotted names below the section that is checked.

    Raises:
        IncompatibleKeysError: unless `holds`.
    """
    if not holds:
        raise IncompatibleKeysError(message, *keys)


class Option(Section):
    """An entry of a table: a name with its own options, e.g. `{huber: {delta: 0.5}}`."""

    name: Any

    @classmethod
    def key(cls) -> str:
        """The name under which a configuration asks for this option."""
        return str(get_args(cls.model_fields["name"].annotation)[0])

    @classmethod
    def fields(cls) -> tuple[str, ...]:
        """Names of the options, in the order in which they are declared."""
        return tuple(field for field in cls.model_fields if field != "name")

    @model_serializer
    def _as_written(self) -> str | dict[str, dict[str, Any]]:
        options = {field: getattr(self, field) for field in self.fields()}
        return {self.key(): options} if options else self.key()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        options = options_schema(handler.resolve_ref_schema(handler(core_schema)))
        values = [options, *list(options["properties"].values())[:1], {"type": "null"}]
        long = {
            "type": "object",
            "properties": {cls.key(): {"anyOf": values}},
            "required": [cls.key()],
            "additionalProperties": False,
        }
        return {"anyOf": [{"const": cls.key()}, long], "description": cls.__doc__ or ""}


def options_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema of a section without its `name`, which is written as the key above it instead."""
    properties = {k: v for k, v in schema.get("properties", {}).items() if k != "name"}
    return {"type": "object", "properties": properties, "additionalProperties": False}


OptionTable = Mapping[str, type[Option]]


class Choice:
    """One of several options, written `name`, `{name: {...}}` or `{name: value}`.

    `Annotated[Log | Difference, Choice()]` is a field that takes either option. A lone value is the
    option's first one: `{difference: 12}` is `{difference: {lag: 12}}`.
    """

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        tagged = handler.generate_schema(Annotated[source, Field(discriminator="name")])
        return no_info_before_validator_function(partial(_tagged, options_of(source)), tagged)


def options_of(choice: Any) -> OptionTable:
    """The options of a choice, by name.

    Args:
        choice: a union of options, or such a union annotated with `Choice`.
    """
    union = get_args(choice)[0] if get_origin(choice) is Annotated else choice
    return {option.key(): option for option in get_args(union) or (union,)}


def _tagged(options: OptionTable, written: object) -> object:
    """What is written for a choice, as one mapping with the option's name among its keys."""
    if isinstance(written, str):
        return {"name": written}
    if not isinstance(written, Mapping):
        return written
    if len(written) != 1:
        raise ValueError(f"holds {len(written)} keys; write one name, with its options under it")
    (name, value), *_ = written.items()
    return {"name": name, **(_options(options[name], value) if name in options else {})}


def _options(option: type[Option], value: object) -> Mapping[str, object]:
    """What is written under an option's name, as a mapping of its fields."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        if "name" in value:
            raise ValueError(f"unknown key 'name'; {did_you_mean('name', option.fields())}")
        return value
    if not option.fields():
        raise ValueError(f"{option.key()} takes no options; write {option.key()} alone")
    return {option.fields()[0]: value}


def sections_at(root: type[BaseModel], path: Iterable[str | int]) -> list[type[BaseModel]]:
    """The sections that may stand at a path below another: one, or the options of a choice.

    Args:
        root: the section at the top.
        path: keys and numbers of items below it; numbers of items, and
            keys that a section lets a user choose, are passed over.

    Returns:
        None at all where the path leads to a plain value, or nowhere.
    """
    sections, is_any_key = [root], False
    for part in path:
        if isinstance(part, int) or is_any_key:
            is_any_key = False
            continue
        fields = [s.model_fields[part].annotation for s in sections if part in s.model_fields]
        if fields:
            sections, is_any_key = _sections_in(fields[0]), get_origin(fields[0]) is dict
        else:
            sections = [s for s in sections if part in _tags(s)]
    return sections


def _tags(section: type[BaseModel]) -> tuple[str, ...]:
    """By what pydantic tells a section from others that may stand in its place."""
    return (section.key(),) if issubclass(section, Option) else (section.__name__.lower(),)


def _sections_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for part in get_args(annotation) for section in _sections_in(part)]
