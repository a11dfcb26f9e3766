"""What a configuration says about the columns that help to forecast."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema

from forecast.config.options import Count, Name, Section, name_and_options, options_schema
from forecast.errors import did_you_mean


def _named(value: object) -> object:
    """`price` is `{name: price}`; `{shop: {encoding: ...}}` is `{name: shop, encoding: ...}`."""
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Covariate):
        return value
    name, options = name_and_options(value, "...")
    if "name" in options:
        raise ValueError(f"unknown key 'name'; {did_you_mean('name', ('encoding', 'dimension'))}")
    return {"name": name, **options}


class Covariate(Section):
    """A column that helps to forecast: `price`, or `{shop: {encoding: embedding}}`."""

    name: Name
    """Column of the table."""
    encoding: Literal["standardize", "none", "ordinal", "one_hot", "embedding"] = "standardize"
    """Numbers are standardised or left (none); categories become ordinal, one_hot or embedding."""
    dimension: Count | None = None
    """Width of an embedding; none: min(16, 1 + categories / 2)."""

    @property
    def is_categorical(self) -> bool:
        """Whether the column holds categories rather than numbers."""
        return self.encoding in ("ordinal", "one_hot", "embedding")

    @model_validator(mode="after")
    def _only_an_embedding_has_a_dimension(self) -> Covariate:
        if self.dimension is not None and self.encoding != "embedding":
            raise ValueError(
                f"dimension {self.dimension} is of no use to encoding {self.encoding}; set"
                " encoding: embedding, or leave dimension out"
            )
        return self

    @model_serializer
    def _as_written(self) -> str | dict[str, dict[str, Any]]:
        if self == Covariate(name=self.name):
            return self.name
        options: dict[str, Any] = {"encoding": self.encoding}
        if self.dimension is not None:
            options["dimension"] = self.dimension
        return {self.name: options}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        options = options_schema(handler.resolve_ref_schema(handler(core_schema)))
        long = {"type": "object", "additionalProperties": options, "maxProperties": 1}
        short = {"type": "string", "minLength": 1}
        return {"anyOf": [short, {**long, "minProperties": 1}], "description": cls.__doc__ or ""}


Covariates = Annotated[
    tuple[Annotated[Covariate, BeforeValidator(_named)], ...], Field(fail_fast=True)
]
