"""What a caller of Python gives: a configuration, a table, or both."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ParamSpec, TypeGuard, TypeVar, cast

from forecast.config.tree import Config, config_from, read_config
from forecast.errors import ConfigError, shown
from forecast.tables.frames import AnyTable

AnyConfig = Config | Mapping[str, Any] | str | Path

P = ParamSpec("P")
R = TypeVar("R")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _are_names(value: object) -> bool:
    return isinstance(value, Sequence) and not _is_text(value) and all(map(_is_text, value))


def _is_name_or_names(value: object) -> bool:
    return _is_text(value) or _are_names(value)


PLAIN: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "bool": (lambda value: isinstance(value, bool), "True or False"),
    "int": (_is_whole, "a whole number"),
    "float": (_is_number, "a number"),
    "str": (_is_text, "a text"),
    "str | int": (lambda value: _is_text(value) or _is_whole(value), "a text or a whole number"),
    "Path | str": (lambda value: isinstance(value, Path | str), "a path"),
    "Sequence[str]": (_are_names, "a list of names"),
    "str | Sequence[str]": (_is_name_or_names, "a name or a list of names"),
}
"""Annotation of an argument: what it may be, and how that is called; `| None` may follow."""


def plain_arguments_checked(function: Callable[P, R]) -> Callable[P, R]:
    """Refuse numbers, texts and names of another type by a `ConfigError` of one line."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*arguments: P.args, **options: P.kwargs) -> R:
        for name, value in signature.bind(*arguments, **options).arguments.items():
            kind = str(signature.parameters[name].annotation)
            is_allowed, told = PLAIN.get(kind.removesuffix(" | None"), (None, ""))
            if value is None and kind.endswith(" | None"):
                continue
            if is_allowed and not is_allowed(value):
                raise ConfigError(f"{name} {shown(value)} is not allowed; give {told}")
        return function(*arguments, **options)

    return checked


def config_and_table(
    config: AnyConfig | AnyTable | None,
    data: AnyTable | None,
    propose: Callable[[AnyTable], Config],
) -> tuple[Config, AnyTable | None]:
    """A configuration and the table in place of its file, if there is one.

    Args:
        config: a path, nested mappings, a `Config`; or a table alone.
        data: a table in place of the file; None: none.
        propose: makes a configuration for a table alone.

    Raises:
        ConfigError: for two tables, or none.
    """
    if config is None or is_table(config):
        if config is not None and data is not None:
            raise ConfigError("two tables are given; the configuration comes first, then the table")
        table = data if config is None else config
        if table is None:
            raise ConfigError("nothing to train on; give a table, or a configuration")
        return propose(table), table
    if isinstance(config, Config):
        return config_from(dict(config)), data  # anew, for model_copy checks nothing
    if isinstance(config, str | Path):
        return read_config(config), data
    nested = cast("Mapping[str, Any]", config)
    section = nested.get("data", {})
    if data is not None and isinstance(section, Mapping):
        nested = {**nested, "data": {"path": "data", **section}}
    return config_from(nested), data


def columns_given(names: str | Sequence[str] | None) -> tuple[str, ...]:
    """Names of columns, one or several; None is none."""
    return (names,) if isinstance(names, str) else tuple(names or ())


def is_table(value: AnyConfig | AnyTable) -> TypeGuard[AnyTable]:
    """Whether a value is a table: of mappings, one of columns under names of no configuration."""
    if isinstance(value, Config | str | Path):
        return False
    if not isinstance(value, Mapping):
        return True
    columns = value.values()
    is_of_columns = all(
        hasattr(each, "__len__") and not isinstance(each, str | Mapping) for each in columns
    )
    return len(columns) > 1 and is_of_columns and not value.keys() <= Config.model_fields.keys()
