"""`forecast config init`: proposes a configuration for a table."""

from __future__ import annotations

import sys
from pathlib import Path

from forecast.cli.arguments import InitOptions
from forecast.cli.output import refuse_existing
from forecast.init.propose import propose
from forecast.runs.files import write_atomically


def init(options: InitOptions) -> int:
    """Print or write a configuration that is fitted to a table."""
    if options.output != "-":
        refuse_existing("--output", options.output)
    text = propose(
        options.table,
        options.time,
        options.id,
        options.target,
        options.horizon,
        options.timezone,
        options.time_format,
        options.season,
        {"past": options.past, "future": options.future, "static": options.static},
    )
    if options.output == "-":
        sys.stdout.write(text)
    else:
        write_atomically(Path(options.output), text)
        print(f"{options.output}: now run `forecast check {options.output}`")
    return 0
