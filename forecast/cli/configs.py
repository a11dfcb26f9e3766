"""`forecast config show` and `config schema`, which need neither torch nor pandas."""

from __future__ import annotations

import json

from forecast.cli.options import SchemaOptions, ShowOptions
from forecast.cli.streams import write_stdout
from forecast.config.json_schema import json_schema
from forecast.config.tree import read_config, write_config
from forecast.runs.files import json_text


def show(options: ShowOptions) -> int:
    """Print a configuration with all defaults."""
    config = read_config(options.config, options.overrides)
    write_stdout(
        json_text(config.model_dump(mode="json")) + "\n" if options.json else write_config(config)
    )
    return 0


def schema(_: SchemaOptions) -> int:
    """Print the JSON Schema of configurations."""
    write_stdout(json.dumps(json_schema(), indent=2) + "\n")
    return 0
