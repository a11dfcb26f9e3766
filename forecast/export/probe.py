"""Windows on which an exported file is run before it is kept: the end of the table, shaken."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from forecast.data.panel import Panel, offsets_of
from forecast.export.feeds import Feed, feed
from forecast.forecasting.ahead import forecast_ahead
from forecast.forecasting.history import are_fillable, last_rows
from forecast.forecasting.trained import TrainedModel

SHAKEN = 0.01
"""Share by which targets differ from those of the table."""


@dataclass(frozen=True)
class Probe:
    """Some windows, each a series of its own."""

    history: Panel
    known: Float[np.ndarray, "S H C"]
    """The rows to come, with the covariates that are known ahead."""
    inputs: Feed

    def forecasts(self, trained: TrainedModel) -> Float[np.ndarray, "S H K Q"]:
        """What the model forecasts, as `forecast predict` does."""
        rows = last_rows(self.history, trained.rows_needed, trained.pipeline)
        return forecast_ahead(trained, self.history, rows, self.known, self.known.shape[1])


def probe(trained: TrainedModel, count: int, rows: int) -> Probe:
    """Windows made of the last rows of the training table.

    Args:
        trained: the model.
        count: of windows.
        rows: of each history; more than the model keeps come again.
    """
    is_filled = are_fillable(trained.tail, trained.rows_needed, trained.pipeline)
    tail = trained.tail.select(np.flatnonzero(is_filled))
    horizon = trained.config.window.horizon
    picked = np.arange(count) % tail.num_series
    # Row r from the end is row r mod length of the tail: short ones are gone through again.
    back = np.arange(rows)[::-1] % tail.lengths[picked][:, None]  # (S, rows)
    values = tail.values[tail.offsets[picked + 1][:, None] - 1 - back]  # (S, rows, C)
    noise = np.random.default_rng(0).uniform(-SHAKEN, SHAKEN, (*values.shape[:2], tail.num_targets))
    if not trained.pipeline.labels:
        values[..., : tail.num_targets] *= 1 + noise
    distribution = trained.pipeline.distribution
    if distribution and distribution.whole_numbers:
        values[..., : tail.num_targets] = np.rint(values[..., : tail.num_targets])
    history = replace(
        tail.select(picked),
        values=values.reshape(-1, values.shape[2]),
        offsets=offsets_of(np.full(count, rows)),
        lines=None,
        ahead=None,
    )
    known = np.full((count, horizon, values.shape[2]), np.nan)
    future = len(trained.config.data.future)
    if future:
        filled = trained.pipeline.filled(history, history.offsets).reshape(values.shape)
        known[..., -future:] = filled[:, -1:, -future:]
    extended = history.extend(known)
    inputs = feed(trained, extended, extended.offsets[1:] - 1 - horizon, rows)
    return Probe(history, known, inputs)
