"""`forecast config init`: proposes a configuration for a table."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from forecast.cli.options import InitOptions
from forecast.cli.output import refuse_replacing
from forecast.cli.streams import echo, write_stdout
from forecast.config.paths import seen_from
from forecast.init.hints import Hints, Wishes, require_minutes
from forecast.init.propose import propose
from forecast.init.unconfigured import as_flag, options_named
from forecast.runs.clock import duration_in_words
from forecast.runs.files import write_atomically
from forecast.runs.log import stderr_log

if TYPE_CHECKING:
    from forecast.config.tree import Config
    from forecast.data.panel import Panel

CLEARLY = 1.1
"""Times the minutes, from which on a training takes longer than they are."""


def init(options: InitOptions) -> int:
    """Print or write a configuration that is fitted to a table, and to the time it may take."""
    began = time.perf_counter()
    require_minutes(options.minutes, "--minutes")
    if options.output != "-":
        refuse_replacing("--output", options.output, {"the table": options.table}, options.force)
    seconds = 0.0

    def affordable(config: Config, panel: Panel) -> Mapping[str, object]:
        from forecast.budget import fitted  # torch, after the table was found good

        nonlocal seconds
        found = fitted(config, panel, options.minutes, began)
        seconds = found.seconds
        return found.changes

    with stderr_log(quiet=True), options_named(as_flag):
        text = propose(
            options.table,
            _hints(options),
            Wishes(options.horizon, options.season, options.holidays),
            None if options.output == "-" else seen_from(options.output, options.table),
            affordable,
        )
    if options.output == "-":
        write_stdout(text)
    else:
        write_atomically(Path(options.output), text, is_new=not options.force)
        takes = f"trains in at most {duration_in_words(seconds)}"
        if seconds > CLEARLY * 60 * options.minutes:
            takes += f" (--minutes {options.minutes:g} is too short to read and test so much)"
        echo(f"{options.output}: {takes}; now run `forecast check {options.output}`\n")
    return 0


def _hints(options: InitOptions) -> Hints:
    """What is said of the table; empty roles are none."""
    return Hints(
        time=options.time,
        ids=options.id,
        targets=options.target,
        helping={"past": options.past, "future": options.future, "static": options.static},
        labels=options.labels,
        timezone=options.timezone,
        time_format=options.time_format,
        frequency=options.frequency,
        duplicates=options.duplicates,
    )
