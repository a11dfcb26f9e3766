"""JSON Schema of the configuration, and what its options say of themselves.

Each option is described by a docstring below it. These are read here, when someone asks for them:
pydantic would read the source of every section whenever a command begins, which takes 0.2 s.
"""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise
from types import ModuleType
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import ModelSchema

from forecast.config.options import Section
from forecast.config.tree import SCHEMA_KEY, Config


def json_schema() -> dict[str, Any]:
    """JSON Schema of the configuration, for completion in an editor."""
    schema = Config.model_json_schema(schema_generator=Described)
    schema["properties"] |= {SCHEMA_KEY: {"type": "string", "description": "for editors alone"}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def descriptions(section: type[BaseModel]) -> dict[str, str]:
    """The docstring of each option of a section, those that it inherits among them."""
    found: dict[str, str] = {}
    for kind in reversed(section.__mro__):
        if issubclass(kind, Section):
            found |= _by_section(sys.modules[kind.__module__])[kind.__name__]
    return {name: found[name] for name in section.model_fields if name in found}


class Described(GenerateJsonSchema):
    """Writes the docstring of each option into the schema."""

    def model_schema(self, schema: ModelSchema) -> dict[str, Any]:
        """A section; see `GenerateJsonSchema`."""
        written = super().model_schema(schema)
        for name, text in descriptions(schema["cls"]).items():
            written["properties"][name]["description"] = text
        return written


@cache
def _by_section(module: ModuleType) -> dict[str, dict[str, str]]:
    """Docstrings of the options in a module, by section and option."""
    body = ast.parse(inspect.getsource(module)).body
    return {each.name: _by_option(each.body) for each in body if isinstance(each, ast.ClassDef)}


def _by_option(body: list[ast.stmt]) -> dict[str, str]:
    """The texts that stand below the options of a section."""
    found = {}
    for option, below in pairwise(body):
        match option, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = inspect.cleandoc(text)
    return found
