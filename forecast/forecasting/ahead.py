"""Forecasts of all series at once, block after block: a block is the trained horizon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float

from forecast.config.count_rules import lowest
from forecast.data.panel import Panel
from forecast.data.pipeline import Pipeline
from forecast.data.short import padding_rows
from forecast.data.windows import Windows
from forecast.evaluation.baselines import History
from forecast.evaluation.intervals import with_intervals
from forecast.evaluation.levels import Levels, chosen_quantiles
from forecast.forecasting.history import INFINITE_INTERVALS, refuse_infinite, refuse_unknown
from forecast.forecasting.predict import member_forecasts, to_user_units

if TYPE_CHECKING:
    from forecast.forecasting.trained import TrainedModel


def forecast_ahead(
    model: TrainedModel,
    whole: Panel,
    history: Panel,
    known: Float[np.ndarray, "S steps C"],
    horizon: int,
    level: Levels = None,
) -> Float[np.ndarray, "S H K Q"]:
    """Forecasts of the quantiles that `model.quantiles` names, once the rows to come are known.

    Beyond the trained horizon the model goes on from its own forecast.

    Args:
        model: the networks, their pipeline, and what is combined with them.
        whole: all rows that are known.
        history: the rows of them that the networks read, filled.
        known: rows to come, whole trained horizons of them, with the covariates known ahead.
        horizon: steps of them that are wanted.
        level: intervals in percent; None: as configured.

    Raises:
        DataError: for a forecast that is not finite, or an input that is missing.
    """
    pipeline = model.pipeline.with_series_of(whole)
    rounds = known.shape[1] // model.config.window.horizon
    panel, blocks = history, []
    for ahead in np.split(known, rounds, axis=1):  # (S, trained horizon, C) each
        block = _one_block(model, pipeline, panel, ahead)
        blocks.append(block)
        panel = panel.extend(_as_rows(model, panel, ahead, block))
    values = _combined(model, np.concatenate(blocks, axis=1)[:, :horizon], whole)
    refuse_infinite(values, history)

    if model.is_quantile_model:
        return values[..., chosen_quantiles(model.trained_quantiles, level)]
    levels = model.conformal_levels(level)
    if levels and model.calibration is not None:
        season = int(model.config.data.season)
        radii = model.calibration.at(levels)
        values = with_intervals(values, model.calibration, radii, pipeline, whole, season)
        values = np.maximum(values, lowest(model.config))
        refuse_infinite(values, history, INFINITE_INTERVALS)
    return values


def _combined(
    model: TrainedModel, values: Float[np.ndarray, "S H K Q"], whole: Panel
) -> Float[np.ndarray, "S H K Q"]:
    """The networks' forecasts with those of the partners, which see all rows that are known."""
    if model.combination is None:
        return values
    filled = model.pipeline.filled(whole, whole.offsets)[:, : whole.num_targets]
    history = History(filled, whole.offsets, int(model.config.data.season))
    return model.combination.shifted(values, history, whole.offsets[1:] - 1)


def _one_block(
    model: TrainedModel, pipeline: Pipeline, panel: Panel, ahead: Float[np.ndarray, "S H C"]
) -> Float[np.ndarray, "S H K Q"]:
    """The trained horizon after the panel's last rows; `ahead` holds what is known of it."""
    extended, raw = panel.extend(ahead), model.models[0].reads_raw
    inputs, targets, static = pipeline.tensors(extended, extended.values, raw)
    window = model.config.widest
    starts = extended.offsets[1:] - window.horizon - window.reach
    windows = Windows(
        inputs=inputs,
        targets=targets,
        static=static,
        first_rows=torch.from_numpy(extended.offsets[:-1]),
        starts=torch.from_numpy(starts),
        lookback=window.reach,
        horizon=window.horizon,
        num_future=pipeline.num_future,
        first_known=padding_rows(inputs, extended.offsets, window, starts.dtype),
        nan_padding=raw,
    )
    refuse_unknown(windows, extended, pipeline)
    known, origins = extended.values[:, : panel.num_targets], windows.origins()
    combine = model.config.training.combine
    blocks = [
        to_user_units(members, pipeline, extended, known, origins[index], combine)
        for index, members in member_forecasts(model.models, windows)
    ]
    return np.concatenate(blocks)


def _as_rows(
    model: TrainedModel,
    panel: Panel,
    ahead: Float[np.ndarray, "S H C"],
    block: Float[np.ndarray, "S H K Q"],
) -> Float[np.ndarray, "S H C"]:
    """A forecast as rows of history; past covariates stay as they were last."""
    targets, end = panel.num_targets, panel.num_targets + len(model.config.data.past)
    labels, middle = model.pipeline.labels, block.shape[-1] // 2
    own = labels.decode(block.argmax(axis=-1), panel) if labels else block[..., middle]
    rows = ahead.copy()
    rows[..., :targets] = own
    rows[..., targets:end] = panel.values[panel.offsets[1:] - 1, None, targets:end]
    return rows
