"""The table that a model was trained on, found again."""

from __future__ import annotations

import os

from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.data.digest import data_digest
from forecast.data.panel import Panel
from forecast.errors import ForecastError
from forecast.forecasting.trained import TrainedModel


def training_table(trained: TrainedModel, data: DataConfig) -> Panel | str:
    """The rows that a model was trained on, or in words why they cannot be had.

    Whatever stands in the file is told to nobody before it is known to be that table. A table that
    was given in memory has no file; what lies under its name is another one.

    Args:
        trained: knows what its table said.
        data: where to look for it, and how to read it.
    """
    path = data.path
    try:
        panel = read_panel(data)
    except ForecastError:
        why = "cannot be read as the table of the run" if os.path.exists(path) else "is not there"
        return f"{path} {why}"
    if data_digest(panel, trained.pipeline.covariates.days) != trained.digest:
        return f"{path} has changed since the run was trained"
    return panel
