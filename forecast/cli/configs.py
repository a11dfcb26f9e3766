"""`forecast config show` and `config schema`, which need neither torch nor pandas."""

from __future__ import annotations

import json

from forecast.cli.arguments import SchemaOptions, ShowOptions
from forecast.cli.output import print_result
from forecast.config.tree import json_schema, read_config, write_config


def show(options: ShowOptions) -> int:
    """Print a configuration with all defaults."""
    config = read_config(options.config, options.overrides)
    text = write_config(config).rstrip("\n")
    print_result(options.json, config.model_dump(mode="json"), text)
    return 0


def schema(_: SchemaOptions) -> int:
    """Print the JSON Schema of configurations."""
    print(json.dumps(json_schema(), indent=2))
    return 0
