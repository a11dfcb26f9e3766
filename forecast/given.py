"""What a caller of Python gives: a configuration, a table, or both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard, cast

from forecast.config.tree import Config, config_from, read_config
from forecast.data.frames import AnyTable
from forecast.errors import ConfigError

AnyConfig = Config | Mapping[str, Any] | str | Path


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
