"""What the tests of the configuration share: texts read, refused and changed."""

import typing

from jsonschema import Draft202012Validator
from pydantic import BaseModel

from forecast.config.json_schema import json_schema
from forecast.config.tree import Config, build_config
from forecast.config.yaml import read_yaml
from forecast.errors import ConfigError
from tests.helpers import refusal

DATA = "data: {path: a.csv}\n"
SCHEMA = Draft202012Validator(json_schema())


def accepted(text, *overrides) -> Config:
    """The configuration that a text and overrides make."""
    return build_config(read_yaml(text, "c.yaml"), "c.yaml", overrides)


def refused(text, *overrides):
    """The one line with which a configuration is refused."""
    return refusal(accepted, text, *overrides, error=ConfigError)


def plain(value):
    """Tuples as lists, as JSON has them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def renamed(values, path, new):
    """A copy of nested mappings with one key renamed in its place."""
    first, *rest = path
    if not isinstance(values, dict):
        return [renamed(v, rest, new) if i == first else v for i, v in enumerate(values)]
    return {
        (new if key == first and not rest else key): (
            renamed(value, rest, new) if key == first and rest else value
        )
        for key, value in values.items()
    }


def sections(annotation):
    """Every section and option that a type mentions, and those within them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.values()
        return {annotation}.union(*(sections(field.annotation) for field in fields))
    return set().union(*(sections(part) for part in typing.get_args(annotation)))
