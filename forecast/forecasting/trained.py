"""A trained model: all that a forecast needs, in one value and one file."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from forecast.config.tree import Config
from forecast.data.assemble import read_panel
from forecast.data.future import future_rows
from forecast.data.panel import Panel, ragged_ranges
from forecast.data.pipeline import Pipeline, require_complete
from forecast.data.windows import Windows
from forecast.errors import ConfigError, DataError
from forecast.evaluation.conformal import Calibration
from forecast.evaluation.intervals import with_intervals
from forecast.evaluation.levels import (
    Levels,
    chosen_quantiles,
    conformal_levels,
    interval_quantiles,
    what_is_left_out,
)
from forecast.forecasting.predict import (
    forecast_table,
    member_forecasts,
    refuse_infinite,
    refuse_unknown,
    to_user_units,
    warn_of_categories,
    warn_of_series,
)
from forecast.models.forecaster import Forecaster
from forecast.training.losses import quantiles_of

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("forecast")

TOO_NARROW = (
    "; the intervals of the later steps leave out the error of the forecast they go on from, so"
    " they are too narrow"
)


@dataclass(frozen=True)
class TrainedModel:
    """Models with the pipeline they were trained behind; see `forecast`."""

    config: Config
    """Resolved: nothing in it is `auto` but the device."""
    pipeline: Pipeline
    models: tuple[Forecaster, ...]
    tail: Panel
    """The last rows of the training table, from which the forecast goes on."""
    summary: dict[str, Any] = field(default_factory=dict)
    """What training and test came to, as in `summary.json`."""
    calibration: Calibration | None = None
    """Errors of a point model on windows it was not trained on, for intervals; None: none."""

    @property
    def trained_quantiles(self) -> tuple[float, ...]:
        """Quantile levels that the models forecast."""
        return quantiles_of(self.config.training.loss)

    def quantiles(self, level: Levels = None) -> tuple[float, ...]:
        """Levels, from 0 to 1, of all that is forecast: the point forecast is in the middle.

        Args:
            level: intervals in percent; None: those of the configuration, or all of the model's.

        Raises:
            ConfigError: for a level that the model cannot give.
        """
        if len(self.trained_quantiles) > 1:
            return tuple(
                self.trained_quantiles[number]
                for number in chosen_quantiles(self.trained_quantiles, level)
            )
        return interval_quantiles(self._conformal(level))

    @property
    def left_out(self) -> str | None:
        """One line about intervals that are configured, but have too few errors behind them."""
        if len(self.trained_quantiles) > 1:
            return None
        return what_is_left_out(self.config.intervals.levels, self.calibration)

    @property
    def rows_needed(self) -> int:
        """Rows of history that a forecast needs."""
        lookback, past = self.config.window.lookback, self.pipeline.chain.rows_lost
        return lookback + past

    def forecast(
        self,
        data: pd.DataFrame | str | Path | None = None,
        future: pd.DataFrame | str | Path | None = None,
        horizon: int | None = None,
        level: Levels = None,
    ) -> pd.DataFrame:
        """Forecast the steps after the last known row of every series.

        Args:
            data: newer history, as a frame or a file with the columns of training; None: the end
                of the training table.
            future: covariates known over the horizon, with time (and id) columns.
            horizon: steps; beyond the trained horizon the model goes on from its own forecast.
            level: intervals in percent, e.g. [80, 95]; a quantile model has those it was trained
                on. None: as configured. []: none.

        Returns:
            Columns id (if the table has one), time, target, forecast, and a pair lo-80, hi-80 for
            each interval, in the user's units.

        Raises:
            DataError: for history that is too short or unlike that of training.
            ConfigError: for a horizon below 1, or a level that the model cannot give.
        """
        history = self.tail if data is None else self._read(data)
        left_out = self.left_out
        if level is None and left_out:
            log.info("%s", left_out)
        panel, values = self.forecast_panel(history, future, horizon, level)
        return forecast_table(self.config.data, panel, values, self.quantiles(level))

    def forecast_panel(
        self,
        history: Panel,
        future: pd.DataFrame | str | Path | None = None,
        horizon: int | None = None,
        level: Levels = None,
    ) -> tuple[Panel, np.ndarray]:
        """The history that was used, and forecasts (S, horizon, K, Q) in the user's units.

        Arguments as for `forecast`; Q are the levels of `quantiles`.
        """
        quantiles = self.quantiles(level)
        trained = self.config.window.horizon
        horizon = trained if horizon is None else horizon
        if horizon < 1:
            raise ConfigError(f"horizon {horizon} is not allowed; ask for 1 step or more")
        if horizon > trained:
            log.warning(
                "horizon %d is beyond the trained %d: the model goes on from its own forecast%s",
                horizon,
                trained,
                "" if len(quantiles) == 1 else TOO_NARROW,
            )
        history = self._long_enough(history)
        warn_of_series(history, self.pipeline)
        pipeline, whole = self.pipeline.with_series_of(history), history
        history = self._last_rows(history)
        rounds = -(-horizon // trained)
        history, known = future_rows(self.config.data, history, future, rounds * trained, horizon)
        warn_of_categories(history, known, pipeline)
        panel, blocks = history, []
        for number in range(rounds):
            ahead = known[:, number * trained : (number + 1) * trained]
            block = self._one_block(pipeline, panel, ahead)  # (S, H, K, Q)
            blocks.append(block)
            panel = panel.extend(self._as_rows(panel, ahead, block))
        values = np.concatenate(blocks, axis=1)[:, :horizon]
        refuse_infinite(values, history)
        return history, self._with_levels(values, level, pipeline, whole)

    def to(self, device: torch.device) -> TrainedModel:
        """The same with its models on a device."""
        return replace(self, models=tuple(model.to(device) for model in self.models))

    def save(self, path: Path | str) -> None:
        """Write `model.safetensors`, or another file."""
        from forecast.forecasting.model_file import save

        save(self, Path(path))

    def _with_levels(
        self, values: np.ndarray, level: Levels, pipeline: Pipeline, history: Panel
    ) -> np.ndarray:
        """(S, H, K, Q) forecasts at the levels of `quantiles`."""
        if len(self.trained_quantiles) > 1:
            return values[..., chosen_quantiles(self.trained_quantiles, level)]
        levels = self._conformal(level)
        if not levels or self.calibration is None:
            return values
        season = int(self.config.data.season)
        return with_intervals(values, self.calibration, levels, pipeline, history, season)

    def _conformal(self, level: Levels) -> tuple[float, ...]:
        """Levels in percent for which a point model has intervals."""
        return conformal_levels(level, self.config.intervals.levels, self.calibration)

    def _read(self, data: pd.DataFrame | str | Path) -> Panel:
        """Newer history on an axis like that of training, local times in its zone."""
        axis, config = self.tail.axis, self.config.data
        config = config.model_copy(update={"timezone": axis.timezone or config.timezone})
        if isinstance(data, str | Path):
            panel = read_panel(config.model_copy(update={"path": str(data)}))
        else:
            panel = read_panel(config, data)
        step = _row_step(panel)
        if step > _row_step(self.tail):
            raise DataError(
                f"{panel.source}: all rows are {step} or more steps of frequency {axis.frequency}"
                " apart; give history of the frequency that the model was trained on"
            )
        return panel

    def _long_enough(self, history: Panel) -> Panel:
        """The series with the rows that a forecast needs; others are skipped as configured."""
        needed = self.rows_needed
        short = history.lengths < needed
        if not short.any():
            return history
        number = int(np.argmax(short))
        name = f" of series {history.ids[number]}" if history.has_ids else ""
        if short.all() or self.config.data.short_series == "error":
            raise DataError(
                f"{history.source}: {int(history.lengths[number])} rows{name} are too few to"
                f" forecast from; the model needs the last {needed}"
            )
        log.warning(
            "%d series are too short to forecast from: %s, ...",
            int(short.sum()),
            history.ids[number],
        )
        return history.select(np.flatnonzero(~short))

    def _last_rows(self, history: Panel) -> Panel:
        """The rows that a forecast needs, filled from those before them."""
        tail = history.tail(self.rows_needed)
        if not np.isnan(tail.values).any():
            return tail
        if self.config.data.missing == "error":
            recent = ragged_ranges(history.offsets[1:] - tail.lengths, tail.lengths)
            values = np.zeros_like(history.values)
            values[recent] = tail.values
            require_complete(replace(history, values=values))
        filled = self.pipeline.filled(history, history.offsets)
        return replace(history, values=filled).tail(self.rows_needed)

    def _as_rows(self, panel: Panel, ahead: np.ndarray, block: np.ndarray) -> np.ndarray:
        """(S, H, C) a forecast as rows of history; past covariates stay as they were last."""
        targets, end = panel.num_targets, panel.num_targets + len(self.config.data.past)
        rows = ahead.copy()
        rows[..., :targets] = block[..., block.shape[-1] // 2]
        rows[..., targets:end] = panel.values[panel.offsets[1:] - 1, None, targets:end]
        return rows

    def _one_block(self, pipeline: Pipeline, panel: Panel, ahead: np.ndarray) -> np.ndarray:
        """(S, H, K, Q) the trained horizon after the panel's last rows."""
        extended = panel.extend(ahead)
        inputs, targets, static = pipeline.tensors(extended, extended.values)
        window = self.config.window
        starts = extended.offsets[1:] - window.horizon - window.lookback
        windows = Windows(
            inputs=inputs,
            targets=targets,
            static=static,
            first_rows=torch.from_numpy(extended.offsets[:-1]),
            starts=torch.from_numpy(starts),
            lookback=window.lookback,
            horizon=window.horizon,
            num_future=pipeline.num_future,
        )
        refuse_unknown(windows, extended, pipeline)
        known, origins = extended.values[:, : panel.num_targets], windows.origins()
        blocks = [
            to_user_units(members, pipeline, extended, known, origins[index])
            for index, members in member_forecasts(self.models, windows)
        ]
        return np.concatenate(blocks)


def _row_step(panel: Panel) -> int:
    """Fewest steps between two rows of a series that the table holds."""
    if (is_row := panel.in_table).all():
        return 1
    rows = np.flatnonzero(is_row)
    steps = np.diff(rows)[np.diff(panel.series_of(rows)) == 0]
    return int(steps.min()) if len(steps) else 1
