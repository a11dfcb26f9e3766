"""Frozen sections of the configuration, and choices written as `name` or `{name: options}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetJsonSchemaHandler, model_serializer
from pydantic_core import CoreSchema


class Section(BaseModel):
    """A frozen part of the configuration that refuses unknown keys and wrong types."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


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
    def _shortest(self) -> str | dict[str, dict[str, Any]]:
        options = {field: getattr(self, field) for field in self.fields()}
        return {self.key(): options} if options else self.key()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        options = dict(handler.resolve_ref_schema(handler(core_schema)))
        properties = {k: v for k, v in options.get("properties", {}).items() if k != "name"}
        options = {"type": "object", "properties": properties, "additionalProperties": False}
        values = [options, *list(properties.values())[:1], {"type": "null"}]
        long = {
            "type": "object",
            "properties": {cls.key(): {"anyOf": values}},
            "required": [cls.key()],
            "additionalProperties": False,
        }
        return {"anyOf": [{"const": cls.key()}, long], "description": cls.__doc__ or ""}


Table = Mapping[str, type[Option]]


def table(*options: type[Option]) -> Table:
    """The options of one choice, by name."""
    return {option.key(): option for option in options}


def choice(options: Table) -> BeforeValidator:
    """Validator that turns `name`, `{name: {...}}` and `{name: value}` into one tagged mapping.

    A lone value is the first option: `{difference: 12}` is `{difference: {lag: 12}}`.
    """

    def expand(written: object) -> object:
        if isinstance(written, str):
            return {"name": written}
        if not isinstance(written, Mapping) or len(written) != 1:
            return written
        (name, value), *_ = written.items()
        if isinstance(value, Mapping):
            return {"name": name, **value}
        fields = options[name].fields() if name in options else ()
        return {"name": name, fields[0]: value} if fields and value is not None else {"name": name}

    return BeforeValidator(expand)
