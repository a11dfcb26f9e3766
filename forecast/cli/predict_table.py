"""`forecast predict` of one table: only a trained model is imported, not what training needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forecast.cli.options import PredictOptions
from forecast.cli.output import require_outputs, write_picture, write_result
from forecast.cli.streams import write_stdout
from forecast.forecasting.compare import two_futures
from forecast.forecasting.display import forecast_with_figure
from forecast.forecasting.model_file import load, model_path
from forecast.runs.foreign import refuse_input
from forecast.runs.log import stderr_log
from forecast.tables.csv_text import to_csv
from forecast.tables.write import for_spreadsheets, to_json
from forecast.training.device import choose_device

if TYPE_CHECKING:
    import pandas as pd

    from forecast.forecasting.trained import TrainedModel


def predict_table(options: PredictOptions) -> int:
    """Print or write what a trained model forecasts of a table."""
    given = {f"given as --{name}": getattr(options, name) for name in ("data", "future", "compare")}
    require_outputs(options, {**given, "the model": str(model_path(options.run))})
    with stderr_log(options.quiet):
        trained = load(options.run, choose_device(options.device or "cpu"))
        trained = trained.without_partners() if options.without_partners else trained
        for option, path in (("--output", options.output), ("--plot", options.plot or "")):
            remedy = f"give another {option}"
            refuse_input(path, trained.config.data.path, "the training table", remedy)
        if options.samples is not None:
            future, seed = options.future, options.seed or 0
            table = trained.sample(
                options.data, options.samples, seed, future, options.horizon
            ).table
        elif options.compare is None:
            table = _forecast(trained, options)
        else:
            asked = (options.data, options.horizon, options.level)
            table = two_futures(trained, options.future, options.compare, *asked)
    table = for_spreadsheets(table) if options.safe_csv else table
    if options.output != "-":
        write_result(table, options, {})
    else:
        write_stdout(f"{to_json(table)}\n" if options.json else to_csv(table))
    return 0


def _forecast(trained: TrainedModel, options: PredictOptions) -> pd.DataFrame:
    """The forecast, and its picture if one is asked for."""
    asked = (options.data, options.future, options.horizon, options.level)
    if options.plot is None:
        return trained.forecast(*asked)
    table, figure = forecast_with_figure(trained, *asked)
    write_picture(figure, options.plot, options.force)
    return table
