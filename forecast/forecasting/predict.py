"""From models and windows to forecasts in the user's units, and to a table of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from forecast.config.data import DataConfig
from forecast.config.tree import Config
from forecast.data.panel import Panel
from forecast.data.pipeline import Pipeline
from forecast.data.windows import Windows
from forecast.errors import DataError, shown
from forecast.models.forecaster import Embedded, Forecaster, WindowShape
from forecast.training.device import gathered, on_device_if_it_fits
from forecast.training.learner import forecast_windows
from forecast.training.losses import quantiles_of
from forecast.training.sampling import in_order
from forecast.training.seeds import seeded
from forecast.training.workers import workers_for

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("forecast")

FORECAST_BATCH = 1024
MOST_NAMED = 5
"""Series or categories that a warning names."""


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
    return WindowShape(
        lookback=config.window.lookback,
        horizon=config.window.horizon,
        num_targets=len(pipeline.targets),
        num_past=len(covariates.past_names),
        num_future=len(covariates.future_names),
        num_static=len(covariates.static_names),
        num_quantiles=len(quantiles_of(config.training.loss)),
        embedded=tuple(embedded),
        embedded_static=tuple(static),
    )


def restored_model(
    config: Config, pipeline: Pipeline, weights: Mapping[str, torch.Tensor]
) -> Forecaster:
    """A model of this configuration with given weights, ready to forecast."""
    with seeded(torch.device("cpu"), 0):  # the caller's random state stays as it is
        model = Forecaster(config.model, window_shape(config, pipeline))
    model.load_state_dict(weights)
    return model.eval()


def member_forecasts(
    models: tuple[Forecaster, ...], windows: Windows, batch_size: int = FORECAST_BATCH
) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """Forecast windows batch by batch, on all threads.

    Yields:
        Numbers of the windows, and each member's (B, H, K, Q) on the model's scale.
    """
    device = next(models[0].parameters()).device
    windows = on_device_if_it_fits({"": windows}, device)[""]
    for model in models:
        model.eval()

    def forecast(index: torch.Tensor) -> tuple[np.ndarray, list[np.ndarray]]:
        with torch.inference_mode():
            batch = gathered(windows, index, device)
            members = [model(batch.past, batch.future, batch.static) for model in models]
        return index.cpu().numpy(), [member.cpu().numpy() for member in members]

    with workers_for(device) as workers:
        yield from workers.map(forecast, in_order(windows, forecast_windows(models[0], batch_size)))


def to_user_units(
    members: list[np.ndarray],
    pipeline: Pipeline,
    panel: Panel,
    values: np.ndarray,
    origins: np.ndarray,
) -> np.ndarray:
    """(B, H, K, Q) in the user's units: the median over the members of an ensemble."""
    inverted = [pipeline.invert(member, panel, values, origins) for member in members]
    return inverted[0] if len(inverted) == 1 else np.median(inverted, axis=0)


def forecast_table(
    config: DataConfig, panel: Panel, values: np.ndarray, levels: tuple[float, ...]
) -> pd.DataFrame:
    """The long table of a forecast.

    Args:
        config: names of the id and time columns.
        panel: the history; the forecast begins after its last rows.
        values: (S, H, K, Q) in the user's units.
        levels: the Q quantile levels.
    """
    import pandas as pd

    series, horizon, targets, _ = values.shape
    positions = (panel.starts + panel.lengths)[:, None] + np.arange(horizon)
    flat = values.transpose(0, 2, 1, 3).reshape(-1, len(levels))  # series, target, step
    times = panel.axis.column(np.repeat(positions, targets, axis=0).ravel())
    table = pd.DataFrame()
    if panel.has_ids:
        table[config.id] = np.repeat(np.array(panel.ids, dtype=object), targets * horizon)
    table[config.time] = times.to_numpy() if panel.axis.timezone is None else times
    table["target"] = np.tile(np.repeat(np.array(panel.targets, dtype=object), horizon), series)
    table["forecast"] = flat[:, len(levels) // 2]
    for name, column in interval_columns(levels).items():
        table[name] = flat[:, column]
    return table


def interval_columns(levels: tuple[float, ...]) -> dict[str, int]:
    """lo-80, hi-80, ... for levels that lie alike about the median, q-0.3 for others."""
    columns = {}
    for number, level in enumerate(levels):
        if level == 0.5:
            continue
        mirrored = any(abs(level + other - 1) < 1e-9 for other in levels)
        coverage = f"{100 * abs(1 - 2 * level):.6g}"
        side = "lo" if level < 0.5 else "hi"
        columns[f"{side}-{coverage}" if mirrored else f"q-{level:g}"] = number
    return columns


def refuse_unknown(windows: Windows, panel: Panel, pipeline: Pipeline) -> None:
    """Every input that the model reads must be a number."""
    rows = windows.starts[:, None] + torch.arange(windows.lookback + windows.horizon)
    unknown = windows.inputs.isnan()
    unknown_ahead = unknown[:, unknown.shape[1] - windows.num_future :]
    past = unknown.any(dim=1)[rows[:, : windows.lookback]].any(dim=1)
    ahead = unknown_ahead.any(dim=1)[rows[:, windows.lookback :]].any(dim=1)
    if (past | ahead).any():
        series = int((past | ahead).nonzero()[0])
        name = f" of series {panel.ids[series]}" if panel.has_ids else ""
        needed = windows.lookback + pipeline.chain.rows_lost
        raise DataError(
            f"{panel.source}: the last {needed} rows{name} hold values that are missing and cannot"
            " be filled; give more history"
        )


def warn_of_series(panel: Panel, pipeline: Pipeline) -> None:
    """Name the series that the model was not trained on."""
    new = np.flatnonzero(pipeline.series_numbers(panel.ids) < 0)
    if not len(new):
        return
    names = f" {_first_of([panel.ids[number] for number in new])}" if panel.has_ids else ""
    log.warning(
        "series%s %s not in training: the test scores say nothing of %s",
        names,
        "was" if len(new) == 1 else "were",
        "it" if len(new) == 1 else "them",
    )


def warn_of_categories(panel: Panel, ahead: np.ndarray, pipeline: Pipeline) -> None:
    """Name the categories that the model was not trained on.

    Args:
        panel: the rows that the model reads.
        ahead: (S, H, C) the rows to come.
        pipeline: knows the categories of training.
    """
    values = np.concatenate([panel.values, ahead.reshape(-1, len(panel.columns))])
    columns = {
        **dict(zip(panel.columns, values.T, strict=True)),
        **dict(zip(panel.static_columns, panel.static.T, strict=True)),
    }
    covariates = pipeline.covariates
    new = []
    for fitted in (*covariates.past, *covariates.future, *covariates.static):
        if fitted.option.is_categorical:
            name = fitted.option.name
            used = np.unique(columns[name][~np.isnan(columns[name])]).astype(np.int64)
            names = [panel.categories[name][number] for number in used]
            new += [f"{name} {shown(each)}" for each in names if each not in fitted.categories]
    if new:
        log.warning("not in training, so taken for unknown: %s", _first_of(new))


def _first_of(names: list[str]) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"


def refuse_infinite(values: np.ndarray, panel: Panel) -> None:
    """Raise a DataError if a forecast (S, H, K, Q) is not finite."""
    bad = ~np.isfinite(values).all(axis=(1, 2, 3))
    if bad.any():
        name = f" of series {panel.ids[int(np.argmax(bad))]}" if panel.has_ids else ""
        raise DataError(
            f"{panel.source}: the forecast{name} is not finite; its history is far from what the"
            " model was trained on"
        )
