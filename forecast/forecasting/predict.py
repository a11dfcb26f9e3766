"""From models and windows to forecasts in the user's units, and to a table of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int

from forecast.config.data import DataConfig
from forecast.config.tree import Config
from forecast.data.panel import Panel
from forecast.data.pipeline import Pipeline
from forecast.data.windows import Windows
from forecast.forecasting.distributions import mean_and_quantiles
from forecast.forecasting.labels import probabilities
from forecast.forecasting.sound import require_weights
from forecast.models.forecaster import Embedded, Forecaster, Model, WindowShape
from forecast.models.initial_weights import shapes_alone
from forecast.pretrained.weights import pretrained_forecaster
from forecast.tables.output_names import free_name, with_own_columns
from forecast.training.device import gathered, on_device_if_it_fits
from forecast.training.learner import forecast_windows
from forecast.training.losses import outputs_of, quantiles_of
from forecast.training.sampling import in_order
from forecast.training.seeds import seeded
from forecast.training.workers import workers_for

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("forecast")

SAMPLE, OTHER_SAMPLE = "sample", "sample_id"
"""The column that numbers samples, and its name where a target is called so."""
FORECAST_BATCH = 1024
"""Windows of a batch at most."""
LEAST_BATCH = 32
"""Windows of a batch at least, on the CPU: smaller products of matrices use another kernel, so that
the last bits of a forecast would depend on how many series are forecast with it."""


def window_shape(config: Config, pipeline: Pipeline) -> WindowShape:
    """Sizes that a model of this configuration needs."""
    covariates = pipeline.covariates
    columns = (*covariates.past_names, *covariates.future_names)
    embedded, static = [], []
    for name, categories, width in covariates.embeddings():
        if name in columns:
            embedded.append(Embedded(columns.index(name), categories, width))
        else:
            static.append(Embedded(covariates.static_names.index(name), categories, width))
    labels = pipeline.labels
    return WindowShape(
        lookback=config.window.lookback,
        horizon=config.window.horizon,
        num_targets=len(pipeline.targets),
        num_past=len(covariates.past_names),
        num_future=len(covariates.future_names),
        num_static=len(covariates.static_names),
        num_quantiles=labels.width if labels else outputs_of(config.training.loss),
        distribution=pipeline.distribution,
        classes=labels.counts if labels else (),
        lags=config.window.lags,
        embedded=tuple(embedded),
        embedded_static=tuple(static),
    )


def new_model(config: Config, pipeline: Pipeline) -> Model:
    """A model at its beginning: fresh weights, or those that come with the package.

    Args:
        config: of the model, its season resolved.
        pipeline: knows the columns that the model reads.
    """
    if config.model.start == "random":
        return Forecaster(config.model, window_shape(config, pipeline))
    is_point = len(quantiles_of(config.training.loss)) == 1
    return pretrained_forecaster(int(config.data.season), is_point)


def restored_model(
    config: Config, pipeline: Pipeline, weights: Mapping[str, torch.Tensor]
) -> Model:
    """A model with given weights, ready to forecast.

    Args:
        config: of the model.
        pipeline: knows the columns that the model reads.
        weights: its `state_dict`.

    Raises:
        ValueError: if the weights are those of another model, or no finite numbers.
    """
    if config.model.start == "random":  # the size of the pretrained network is fixed
        with shapes_alone():  # before memory is taken for it
            require_weights(weights, new_model(config, pipeline).state_dict())
    with seeded(0):  # the caller's random state stays as it is
        model = new_model(config, pipeline)
    require_weights(weights, model.state_dict())
    model.load_state_dict(weights)
    return model.eval()


def member_forecasts(
    models: tuple[Model, ...], windows: Windows, batch_size: int = FORECAST_BATCH
) -> Iterator[tuple[Int[np.ndarray, " B"], list[Float[np.ndarray, "B H K Q"]]]]:
    """Forecast windows batch by batch, on all threads.

    Args:
        models: the members of an ensemble, all on the same device.
        windows: on the CPU.
        batch_size: windows at a time at most.

    Yields:
        Numbers of the windows, and each member's forecast on the model's scale.
    """
    device = next(models[0].parameters()).device
    windows = on_device_if_it_fits({"": windows}, device)[""]
    for model in models:
        model.eval()

    def forecast(index: torch.Tensor) -> tuple[np.ndarray, list[np.ndarray]]:
        with torch.inference_mode():
            filled = index if models[0].reads_raw else _filled_up(index)  # it fills up by itself
            batch = gathered(windows, filled, device)
            members = [model(batch.past, batch.future, batch.static) for model in models]
        return index.cpu().numpy(), [member[: len(index)].cpu().numpy() for member in members]

    at_once = min(forecast_windows(model, batch_size) for model in models)
    with workers_for(device) as workers:
        yield from workers.map(forecast, in_order(windows, at_once))


def _filled_up(index: Int[torch.Tensor, " B"]) -> Int[torch.Tensor, " _"]:
    """Numbers of windows, the last one again until they are `LEAST_BATCH`."""
    if index.device.type != "cpu" or len(index) >= LEAST_BATCH:
        return index
    return torch.cat([index, index[-1:].expand(LEAST_BATCH - len(index))])


def to_user_units(
    members: list[Float[np.ndarray, "B H K P"]],
    pipeline: Pipeline,
    panel: Panel,
    values: Float[np.ndarray, "N K"],
    origins: Int[np.ndarray, " B"],
    combine: Literal["mean", "median"],
) -> Float[np.ndarray, "B H K Q"]:
    """The forecasts of an ensemble's members combined into one, in the user's units.

    Of labels the probabilities are averaged; of a distribution its parameters are combined first.

    Args:
        members: forecast of each, on the model's scale.
        pipeline: undoes the transforms.
        panel: the series forecast.
        values: their targets with missing ones filled.
        origins: last known row of each forecast.
        combine: how several members become one: see `TrainingConfig.combine`.
    """
    if pipeline.labels:
        return probabilities(members)
    combined = np.mean if combine == "mean" else np.median
    if pipeline.distribution:
        members = [mean_and_quantiles(pipeline.distribution, combined(members, axis=0))]
    inverted = [pipeline.invert(member, panel, values, origins) for member in members]
    return inverted[0] if len(inverted) == 1 else combined(inverted, axis=0)


def forecast_table(
    config: DataConfig,
    panel: Panel,
    values: Float[np.ndarray, "S H K Q"],
    quantiles: tuple[float, ...],
) -> pd.DataFrame:
    """The long table of a forecast.

    Args:
        config: names of the id and time columns.
        panel: the history; the forecast begins after its last rows.
        values: in the user's units.
        quantiles: that are forecast, from 0 to 1, rising; the point forecast is in the middle.
    """
    flat = values.transpose(0, 2, 1, 3).reshape(-1, len(quantiles))  # series, target, step
    results = {"forecast": flat[:, len(quantiles) // 2]}
    results |= {name: flat[:, column] for name, column in interval_columns(quantiles).items()}
    return long_table(config, panel, values.shape[1], results)


def long_table(
    config: DataConfig, panel: Panel, horizon: int, results: Mapping[str, Any]
) -> pd.DataFrame:
    """The steps after a panel's last rows, with what is forecast of them.

    Args:
        config: names of the id and time columns.
        panel: the history.
        horizon: steps.
        results: columns in the order series, target, step.
    """
    import pandas as pd

    series, targets = panel.num_series, panel.num_targets
    positions = (panel.starts + panel.lengths)[:, None] + np.arange(horizon)
    if panel.axis.ticks and positions.max() >= len(panel.axis.ticks):
        log.warning("frequency index: dates beyond the table go on by its usual step")
    names = np.tile(np.repeat(np.array(panel.targets, dtype=object), horizon), series)
    return pd.DataFrame(
        with_own_columns(
            config,
            [np.repeat(ids, targets * horizon) for ids in panel.id_values],
            _times_of(panel, np.repeat(positions, targets, axis=0)),
            {"target": names, **results},
        )
    )


def sample_table(
    config: DataConfig, panel: Panel, paths: Float[np.ndarray, "n S H K"]
) -> pd.DataFrame:
    """One row for each series, sample and step after a panel's last rows.

    Args:
        config: names of the id and time columns.
        panel: the history.
        paths: in the user's units.
    """
    import pandas as pd

    num, series, horizon, targets = paths.shape
    positions = (panel.starts + panel.lengths)[:, None] + np.arange(horizon)
    rows = np.moveaxis(paths, 0, 1).reshape(-1, targets)  # series, sample, step
    numbers = np.tile(np.repeat(np.arange(num), horizon), series)
    sample = free_name(SAMPLE, OTHER_SAMPLE, panel.targets)
    return pd.DataFrame(
        with_own_columns(
            config,
            [np.repeat(ids, num * horizon) for ids in panel.id_values],
            _times_of(panel, np.repeat(positions, num, axis=0)),
            {sample: numbers, **dict(zip(panel.targets, rows.T, strict=True))},
        )
    )


def _times_of(panel: Panel, positions: Int[np.ndarray, "R H"]) -> Any:
    """The times of some positions, row by row, as a column of a table."""
    times = panel.axis.column(positions.ravel())
    return times.to_numpy() if panel.axis.timezone is None else times


def interval_columns(quantiles: tuple[float, ...]) -> dict[str, int]:
    """Name of a column -> number of its quantile; the point forecast, median or mean, has none.

    They are called lo-80, hi-80, ... if they lie symmetrically about the median, otherwise q-0.3,
    and a median beside the mean `median`.
    """
    columns, has_mean = {}, np.isnan(quantiles).any()
    for number, quantile in enumerate(quantiles):
        if quantile == 0.5 and has_mean:
            columns["median"] = number
        if quantile == 0.5 or np.isnan(quantile):
            continue
        mirrored = any(abs(quantile + other - 1) < 1e-9 for other in quantiles)
        level, side = f"{100 * abs(1 - 2 * quantile):.6g}", "lo" if quantile < 0.5 else "hi"
        columns[f"{side}-{level}" if mirrored else f"q-{quantile:g}"] = number
    return columns
