"""Arrays for an exported graph, made of a panel: what a program that runs it has to make."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from forecast.data.covariates import FittedCovariate
from forecast.data.panel import Panel
from forecast.data.pipeline import Pipeline
from forecast.export.days import times_ahead
from forecast.forecasting.trained import TrainedModel
from forecast.times.axis import TimeAxis

Feed = dict[str, np.ndarray]
"""Arrays by the names of a graph's inputs."""


def feed(trained: TrainedModel, panel: Panel, origins: Int[np.ndarray, " B"], rows: int) -> Feed:
    """The inputs of some windows of a panel.

    Args:
        trained: the model.
        panel: of series that the model was trained on, its gaps filled or not.
        origins: last known row of each window; the horizon after it is in the panel, too, where
            the model reads covariates of the future.
        rows: of history; NaN before a series begins.
    """
    pipeline, config = trained.pipeline, trained.config
    covariates, horizon = pipeline.covariates, config.window.horizon
    series = panel.series_of(origins)
    past = origins[:, None] + np.arange(1 - rows, 1)
    ahead = origins[:, None] + np.arange(1, horizon + 1)
    coded = with_codes(pipeline, panel)
    first = panel.offsets[series][:, None]
    history = np.where((past >= first)[..., None], coded[np.maximum(past, first)], np.nan)
    found: Feed = {"history": history}
    if covariates.calendar or covariates.days:
        position = panel.positions(origins)[:, None]
        steps = np.maximum(position + np.arange(1 - rows, times_ahead(trained) + 1), 0)
        seconds = wall_seconds(panel.axis, steps.ravel()).reshape(steps.shape)
        found |= {"history_time": seconds[:, :rows], "future_time": seconds[:, rows:]}
    if covariates.future:
        found["future"] = coded[ahead][..., -len(covariates.future) :]
    if covariates.static:
        found["static"] = _coded(covariates.static, panel.static, panel, panel.static_columns)[
            series
        ]
    if len(pipeline.ids) > 1:
        found["series"] = pipeline.series_numbers([panel.ids[each] for each in series])
    return found


def with_codes(pipeline: Pipeline, panel: Panel) -> Float[np.ndarray, "N C"]:
    """The rows of a panel with codes of the model: of categories from 1, 0 is an unknown one; of
    labels from 0, -1 is an unknown one."""
    fitted = (*pipeline.covariates.past, *pipeline.covariates.future)
    targets = panel.values[:, : panel.num_targets]
    targets = pipeline.labels.encode(targets, panel) if pipeline.labels else targets
    values = panel.values[:, panel.num_targets :]
    names = panel.columns[panel.num_targets :]
    return np.hstack([targets, _coded(fitted, values, panel, names)])


def _coded(
    fitted: Sequence[FittedCovariate],
    values: Float[np.ndarray, "N C"],
    panel: Panel,
    names: Sequence[str],
) -> Float[np.ndarray, "N columns"]:
    columns = []
    for each in fitted:
        column = values[:, names.index(each.option.name)]
        if each.option.is_categorical:
            column = each.codes(column, panel.categories[each.option.name])
        columns.append(column)
    return np.stack(columns, axis=1) if columns else np.empty((len(values), 0))


def wall_seconds(axis: TimeAxis, positions: Int[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
    """Seconds since 1970 on the wall clock of an axis of dates."""
    dates = axis.dates(positions)
    walls = dates.tz_localize(None) if axis.timezone else dates
    return walls.to_numpy().astype("datetime64[s]").astype(np.int64)
