"""Two futures side by side: what a model forecasts if one or the other comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forecast.errors import ConfigError
from forecast.evaluation.levels import Levels
from forecast.forecasting.labels import share_columns
from forecast.forecasting.trained import TrainedModel
from forecast.tables.frames import TableOrPath

if TYPE_CHECKING:
    import pandas as pd


def two_futures(
    trained: TrainedModel,
    future: TableOrPath | None,
    other: TableOrPath,
    data: TableOrPath | None,
    horizon: int | None,
    level: Levels,
) -> pd.DataFrame:
    """The forecast for one future, and beside it that for another.

    Args:
        trained: a model with future covariates.
        future: a table of them, or its file; None: what the rows without a target say.
        other: another table of them, or its file.
        data, horizon, level: as for `TrainedModel.forecast`.

    Returns:
        The forecast for `future`, with `compared`, the forecast for `other`, and `difference`,
        compared - forecast; of labels with `compared` and the probabilities, `compared-p-<label>`.

    Raises:
        ConfigError: for a model that reads no future.
        DataError: as `TrainedModel.forecast`.
    """
    if not trained.config.data.future:
        raise ConfigError(
            "the model reads no covariates of the future, so there is nothing to compare; name some"
            " in data.future and train"
        )
    table = trained.forecast(data, future, horizon, level)
    found = trained.forecast(data, other, horizon, level)
    compared = found["forecast"]
    if trained.pipeline.labels:
        shares = {f"compared-{n}": found[n] for n in share_columns(trained.pipeline.labels)}
        columns = {"compared": compared, **shares}
    else:
        columns = {"compared": compared, "difference": compared - table["forecast"]}
    return table.assign(**{_free(name, table): column for name, column in columns.items()})


def _free(name: str, table: pd.DataFrame) -> str:
    while name in table:  # the table calls its series or times so
        name += "_"
    return name
