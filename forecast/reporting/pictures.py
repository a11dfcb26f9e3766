"""The pictures and the table of the forecast that a run leaves behind."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from forecast.drawing.panels import Forecast
from forecast.errors import DataError
from forecast.forecasting.display import figure_of_run
from forecast.forecasting.trained import TrainedModel
from forecast.runs.folder import LR_RANGE_FILE, LR_RANGE_PICTURE, RunFolder
from forecast.tables.csv_text import to_csv
from forecast.training.loop import Epoch
from forecast.training.lr_rules import LrFound

log = logging.getLogger("forecast")


def write_results(
    trained: TrainedModel,
    histories: Sequence[Sequence[Epoch]],
    kept: Sequence[int],
    folder: RunFolder,
) -> None:
    """Write the learning curve, the table of the forecast and its picture.

    Args:
        trained: the model.
        histories: epochs of each member.
        kept: number of the epoch that each member was taken from.
        folder: the run's.
    """
    from forecast.drawing import plots, training_plots

    folder.write("learning_curve.png", plots.png(training_plots.learning_curve(histories, kept)))
    ahead = _write_forecast(trained, folder)
    folder.write("forecast.png", plots.png(figure_of_run(trained, ahead)))


def write_lr_range(found: LrFound, folder: RunFolder) -> None:
    """Write the curves of the learning-rate range test, `lr_range.csv` and `lr_range.png`."""
    from forecast.drawing import plots, training_plots

    lines = ["seed,step,learning_rate,loss,smoothed_loss"]
    lines += [
        f"{sweep.seed},{step},{point.rate!r},{point.loss!r},{point.smoothed!r}"
        for sweep in found.sweeps
        for step, point in enumerate(sweep.points)
    ]
    folder.write(LR_RANGE_FILE, "\n".join(lines) + "\n")
    figure = training_plots.lr_range(found.sweeps, found.rates, found.rule)
    folder.write(LR_RANGE_PICTURE, plots.png(figure))


def _write_forecast(trained: TrainedModel, folder: RunFolder) -> dict[str, Forecast]:
    """Write `forecast.csv` where that is possible; series id -> forecast after its last row."""
    wanted = ", ".join(covariate.name for covariate in trained.config.data.future)
    if wanted and trained.tail.ahead is None:
        log.warning(
            "forecast.csv is left out: the model needs the future values of %s; give them with"
            " forecast predict %s --future FILE",
            wanted,
            folder.home,
        )
        return {}
    try:
        history, values = trained.forecast_panel(trained.tail)
    except DataError as error:  # the model is good; only these rows cannot be forecast from
        log.warning("forecast.csv is left out: %s", error)
        return {}
    folder.write("forecast.csv", to_csv(trained.table(history, values)))
    return dict(zip(history.ids, values, strict=True))
