"""`forecast quick`: a forecast without configuration and training."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from forecast.cli.loading import imported_meanwhile
from forecast.cli.options import QuickOptions
from forecast.cli.output import (
    refuse_beside_samples,
    require_outputs,
    write_picture,
    write_result,
)
from forecast.cli.streams import write_stdout
from forecast.cli.text import quick_text
from forecast.errors import ConfigError
from forecast.evaluation.levels import in_percent
from forecast.init.hints import Hints
from forecast.init.unconfigured import as_flag, options_named, read_unconfigured
from forecast.runs.files import json_text
from forecast.runs.log import stderr_log
from forecast.tables.csv_text import to_csv
from forecast.tables.write import for_spreadsheets, to_json

if TYPE_CHECKING:
    import pandas as pd

    from forecast.zero_shot.result import QuickForecast

NO_PARTNERS = "none"
LEVELS = (80.0, 95.0)


def quick(options: QuickOptions) -> int:
    """Print or write the forecast of a table, and what it is worth."""
    require_outputs(options, {"the table": options.table})
    refuse_beside_samples(options)
    levels, partners = in_percent(options.level or LEVELS), _partners(options.partners)
    hints = Hints(
        time=options.time,
        ids=options.id,
        targets=options.target,
        timezone=options.timezone,
        time_format=options.time_format,
        frequency=options.frequency,
        duplicates=options.duplicates,
    )
    with stderr_log(options.quiet), options_named(as_flag):
        with imported_meanwhile("torch"):
            found = read_unconfigured(options.table, hints)
        from forecast.zero_shot.quick import quick_forecast

        result = quick_forecast(
            found, options.horizon, options.season, levels, options.folds, partners
        )
        table = result.forecast
        if options.samples is not None:
            table = result.sample(options.samples, options.seed or 0).table
    _write(result, table, options)
    return 0


def _write(result: QuickForecast, table: pd.DataFrame, options: QuickOptions) -> None:
    """The table to a file or to stdout, the picture, and the verdict."""
    if options.plot:
        write_picture(result.plot(), options.plot, options.force)
    if not (options.quiet or options.json):
        print(quick_text(result.facts()), file=sys.stderr)
    table = for_spreadsheets(table) if options.safe_csv else table
    if options.output != "-":
        write_result(table, options, result.facts())
    elif options.json:
        rows = json.loads(to_json(table))
        name = "forecast" if options.samples is None else "samples"
        write_stdout(json_text({**result.facts(), name: rows}) + "\n")
    else:
        write_stdout(to_csv(table))


def _partners(names: list[str] | None) -> Sequence[str] | None:
    if names is None or NO_PARTNERS not in names:
        return names
    if len(names) > 1:
        raise ConfigError(f"--partners {' '.join(names)}: none stands alone; give names, or none")
    return ()
