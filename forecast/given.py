"""What a caller of Python gives: a configuration, a table, or both."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ParamSpec, TypeGuard, TypeVar, cast

import numpy as np

from forecast.config.tree import Config, config_from, read_config
from forecast.errors import ConfigError, ForecastError, did_you_mean, shown
from forecast.tables.frames import AnyTable
from forecast.tables.streams import in_memory, is_stream

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


FLAG = re.compile(r"(?<![\w-])--([a-z-]+)\b")
COMMAND = re.compile(r"\bforecast (config init|lr-find|train|tune|backtest|report)\b(?! --)")


def plain_arguments_checked(function: Callable[P, R]) -> Callable[P, R]:
    """Refuse numbers, texts and names of another type by a `ConfigError` of one line.

    What is refused within the function is told by the names of its arguments.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            given = signature.bind(*arguments, **options).arguments
        except TypeError as error:
            unknown = [name for name in options if name not in signature.parameters]
            hint = f"; {did_you_mean(unknown[0], [*signature.parameters])}" if unknown else ""
            raise TypeError(f"{function.__name__}() {error}{hint}") from None
        for name, value in given.items():
            kind = str(signature.parameters[name].annotation)
            is_allowed, told = PLAIN.get(kind.removesuffix(" | None"), (None, ""))
            if value is None and kind.endswith(" | None"):
                continue
            if is_allowed and not is_allowed(value):
                raise ConfigError(f"{name} {shown(value)} is not allowed; give {told}")
        try:
            return function(*arguments, **options)
        except ForecastError as error:
            said = told_in_python(str(error), signature)
            if said == str(error):
                raise
            raise type(error)(said) from None

    return checked


def told_in_python(message: str, signature: inspect.Signature) -> str:
    """A message in which options of the command line are the arguments of a function.

    Args:
        message: of an error; options that the function has no argument for stay as they are.
        signature: of the function.
    """

    def argument(flag: re.Match[str]) -> str:
        name = flag[1].replace("-", "_")
        if name not in signature.parameters or name == "data":  # which the line names as well
            return flag[0]
        is_switch = signature.parameters[name].annotation == "bool"
        return f"{name}=True" if is_switch else name

    def call(command: re.Match[str]) -> str:
        name = command[1].replace("config init", "propose").replace("-", "_")
        return f"forecast.{name}"

    if "folder" in signature.parameters:
        message = message.replace("folder with --output", "folder").replace("--output", "folder")
    said = re.sub(r"\bforecast config init (\S+) (?=proposes)", r"forecast.propose('\1') ", message)
    return COMMAND.sub(call, FLAG.sub(argument, said))


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
    if data is not None and is_stream(data):
        data = in_memory(data)  # read as often as trials are
    if config is None or is_table(config):
        if config is not None and data is not None:
            raise ConfigError("two tables are given; the configuration comes first, then the table")
        table = data if config is None else config
        if table is None:
            raise ConfigError("nothing to train on; give a table, or a configuration")
        table = in_memory(table) if is_stream(table) else table
        return propose(table), table
    if isinstance(config, Config):
        return config_from(_plain(dict(config))), data  # anew, for model_copy checks nothing
    if isinstance(config, str | Path):
        return read_config(config), data
    nested = cast("Mapping[str, Any]", config)
    section = nested.get("data", {})
    if data is not None and isinstance(section, Mapping):
        nested = {**nested, "data": {"path": "data", **section}}
    return config_from(_plain(nested)), data


def _plain(value: Any) -> Any:
    """A value of a configuration as YAML has it, without the types of NumPy and pandas."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, date | np.datetime64):
        return str(value)
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


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
