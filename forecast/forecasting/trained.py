"""A trained model: all that a forecast needs, in one value."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float

from forecast.config.intervals import IntervalConfig
from forecast.config.tree import Config
from forecast.data.bounds import require_counts
from forecast.data.future import future_rows, with_categories
from forecast.data.panel import Panel
from forecast.data.pipeline import Pipeline
from forecast.data.special_days import warn_of_unknown_days
from forecast.drawing.html import html_of
from forecast.drawing.panels import Shown
from forecast.errors import ConfigError, DataError
from forecast.evaluation.conformal import Calibration
from forecast.evaluation.copula import Copula
from forecast.evaluation.levels import (
    Levels,
    chosen_quantiles,
    conformal_levels,
    interval_quantiles,
    what_is_left_out,
)
from forecast.forecasting.ahead import forecast_ahead
from forecast.forecasting.display import described, figure_of_run, forecast_with_figure, picture_of
from forecast.forecasting.history import (
    last_rows,
    read_history,
    usable,
    warn_of_series,
    warn_of_values,
)
from forecast.forecasting.horizon import steps_asked
from forecast.forecasting.labels import label_columns
from forecast.forecasting.predict import forecast_table, long_table
from forecast.forecasting.sample import Samples, copula_of, log_repeats, sampled
from forecast.models.forecaster import Model
from forecast.partners.combination import Combination
from forecast.runs.host import own_state
from forecast.tables.frames import TableOrPath
from forecast.training.losses import quantiles_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

log = logging.getLogger("forecast")

TOO_NARROW = (
    "; the intervals of the later steps leave out the error of the forecast they go on from, so"
    " they are too narrow"
)


@dataclass(frozen=True, eq=False, repr=False)
class TrainedModel:
    """Models with the pipeline they were trained behind; see `forecast` and `plot`."""

    config: Config
    """Resolved: nothing in it is `auto` but the device."""
    pipeline: Pipeline
    models: tuple[Model, ...]
    tail: Panel
    """The last rows of the training table, from which the forecast goes on."""
    summary: dict[str, Any] = field(default_factory=dict)
    """Results of training and test, as in `summary.json`."""
    calibration: Calibration | None = None
    """Errors of a point model on windows it was not trained on, for intervals; None: none."""
    copula: Copula | None = None
    """Which errors came together, for sample paths; None: none."""
    combination: Combination | None = None
    """With partners, most of them fitted to the history at hand; None: the models alone."""
    digest: str = ""
    """Of the training table, to know it again."""
    shown: Shown | None = None
    """Series and test forecasts for pictures, after a training; no file keeps them."""

    def __repr__(self) -> str:
        return "\n".join(described(self))

    def _repr_html_(self) -> str:
        return html_of(repr(self), picture_of(self))

    @property
    def rows_needed(self) -> int:
        """Rows of history that a forecast reads."""
        return self.config.widest.reach + self.pipeline.chain.rows_lost

    @property
    def rows_kept(self) -> int:
        """Rows of the training table that are kept: those that the models or partners read."""
        partners = self.combination or Combination((self.config.model.cell,))
        return max(self.rows_needed, partners.rows_read(int(self.config.data.season)))

    @property
    def least_rows(self) -> int:
        """Rows of history without which there is no forecast."""
        return self.config.widest.rows_read + self.pipeline.chain.rows_lost

    def forecast(
        self,
        data: TableOrPath | None = None,
        future: TableOrPath | None = None,
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
            each interval, in the user's units; of labels the most probable one, and p-<label>.

        Raises:
            DataError: for history that is too short or unlike that of training.
            ConfigError: for a horizon below 1, or a level that the model cannot give.
        """
        _, panel, values = self.ahead(data, future, horizon, level)
        return self.table(panel, values, level)

    @own_state()
    def ahead(
        self,
        data: TableOrPath | None,
        future: TableOrPath | None,
        horizon: int | None,
        level: Levels,
    ) -> tuple[Panel, Panel, Float[np.ndarray, "S H K Q"]]:
        """The history and its forecast by `forecast_panel`; logs why intervals are left out."""
        history = self._history(data)
        if level is None and self.left_out:
            log.info("%s", self.left_out)
        return history, *self.forecast_panel(history, future, horizon, level)

    def table(
        self, panel: Panel, values: Float[np.ndarray, "S H K Q"], level: Levels = None
    ) -> pd.DataFrame:
        """A forecast as the table that `forecast` gives.

        Args:
            panel, values: what `forecast_panel` gives.
            level: intervals in percent; None: as configured.
        """
        labels, data = self.pipeline.labels, self.config.data
        if labels is None:
            return forecast_table(data, panel, values, self.quantiles(level))
        return long_table(data, panel, values.shape[1], label_columns(labels, values))

    @own_state()
    def sample(
        self,
        data: TableOrPath | None = None,
        samples: int = 200,
        seed: int = 0,
        future: TableOrPath | None = None,
        horizon: int | None = None,
    ) -> Samples:
        """Sample paths of the steps ahead, so that sums and maxima over them have a distribution.

        The quantiles of each step are those of the intervals. How steps and targets move together
        in a path is taken from the errors on windows that the model was not trained on.

        Args:
            data, future, horizon: as for `forecast`.
            samples: paths of each series, from 2 to 10,000.
            seed: of what is drawn; the same gives the same paths.

        Returns:
            `table`, with the columns id (if the table has one), time, sample and each target, and
            `values`, the same as an array (samples, series, steps, targets).

        Raises:
            DataError: as `forecast`.
            ConfigError: as `forecast`, for labels, and for a model that keeps no errors.
        """
        found = sampled(self, self._history(data), future, horizon, samples, seed)
        log_repeats(copula_of(self), samples)
        return found

    def compare(
        self,
        future: TableOrPath | None,
        other: TableOrPath,
        data: TableOrPath | None = None,
        horizon: int | None = None,
        level: Levels = None,
    ) -> pd.DataFrame:
        """Forecast two futures side by side, as `forecast predict --compare` does.

        Args:
            future, other: covariates known over the horizon; None: those of the table.
            data, horizon, level: as for `forecast`.

        Returns:
            The forecast for `future`, with the columns `compared`, for `other`, and `difference`.

        Raises:
            DataError, ConfigError: as `forecast`, and for a model that reads no future.
        """
        from forecast.forecasting.compare import two_futures  # it knows what a model is

        return two_futures(self, future, other, data, horizon, level)

    def plot(
        self,
        data: TableOrPath | None = None,
        future: TableOrPath | None = None,
        horizon: int | None = None,
        level: Levels = None,
    ) -> Figure:
        """Draw the forecast of some series after their last rows, for `.savefig` or a notebook.

        Args:
            data, future, horizon, level: as for `forecast`.

        Raises:
            DataError, ConfigError: as `forecast`.
        """
        return forecast_with_figure(self, data, future, horizon, level)[1]

    def plot_test(self) -> Figure:
        """Draw test forecasts beside what came: of the worst, the median and the best series.

        Raises:
            DataError: if the model comes from a file, which keeps no test part.
        """
        if self.shown is None:
            raise DataError(
                "a model that was loaded has no test part any more; forecast report draws it"
            )
        return figure_of_run(self, {})

    def _history(self, data: TableOrPath | None) -> Panel:
        """Newer history, or the end of the training table."""
        return self.tail if data is None else read_history(data, self.config.data, self.tail)

    @np.errstate(all="ignore")  # what is not finite is refused in the end
    def forecast_panel(
        self,
        history: Panel,
        future: TableOrPath | None = None,
        horizon: int | None = None,
        level: Levels = None,
    ) -> tuple[Panel, Float[np.ndarray, "S H K Q"]]:
        """The rows that were used, and forecasts of the quantiles that `quantiles` names.

        Args:
            history: all rows that are known.
            future, horizon, level: as for `forecast`.

        Raises:
            DataError, ConfigError: as `forecast`.
        """
        quantiles, trained = self.quantiles(level), self.config.window.horizon
        horizon = trained if horizon is None else steps_asked(horizon, trained)
        if horizon > trained:
            log.warning(
                "horizon %d is beyond the trained %d: the model goes on from its own forecast%s",
                horizon,
                trained,
                "" if len(quantiles) == 1 else TOO_NARROW,
            )
        data, labels = self.config.data, self.pipeline.labels
        if self.pipeline.distribution and history is not self.tail:
            require_counts(history, self.pipeline.distribution)
        if labels:
            history = with_categories(history, labels.of_targets(self.pipeline.targets))
        whole = usable(history, self.least_rows, self.rows_needed, self.pipeline, data)
        warn_of_series(whole, self.pipeline)
        history = last_rows(whole, self.rows_needed, self.pipeline)
        rounds = -(-horizon // trained)  # rounded up
        history, known = future_rows(data, history, future, rounds * trained, horizon)
        warn_of_values(history, known, self.pipeline, self.tail)
        first, last = int(history.starts.min()), int((history.starts + history.lengths).max())
        days = self.pipeline.covariates.days
        warn_of_unknown_days(days, history.axis, first, last + horizon - 1)
        return history, forecast_ahead(self, whole, history, known, horizon, level)

    @property
    def trained_quantiles(self) -> tuple[float, ...]:
        """Quantiles that the models forecast, from 0 to 1; a point model only 0.5."""
        return quantiles_of(self.config.training.loss)

    @property
    def is_quantile_model(self) -> bool:
        """Whether intervals are quantiles of the model's own."""
        return len(self.trained_quantiles) > 1

    def quantiles(self, level: Levels = None) -> tuple[float, ...]:
        """Quantiles, from 0 to 1, of all that is forecast: the point forecast is in the middle.

        Args:
            level: intervals in percent; None: those of the configuration, or all of the model's.

        Raises:
            ConfigError: for a level that the model cannot give.
        """
        if self.pipeline.labels and level:
            raise ConfigError(
                "labels have no intervals: the columns p-<label> tell how probable each is; leave"
                " level out"
            )
        if not self.is_quantile_model:
            return interval_quantiles(self.conformal_levels(level))
        own = self.trained_quantiles
        return tuple(own[number] for number in chosen_quantiles(own, level))

    def conformal_levels(self, level: Levels) -> tuple[float, ...]:
        """The intervals of a point model, in percent."""
        return conformal_levels(level, self.config.intervals.levels, self.calibration)

    @property
    def left_out(self) -> str | None:
        """One line about intervals that are configured, but have too few errors behind them."""
        if self.is_quantile_model:
            return None
        return what_is_left_out(self.config.intervals.levels, self.calibration)

    def without_partners(self) -> TrainedModel:
        """The network alone; its intervals go, for they are made of the combination's errors."""
        if not self.config.partners:
            return self
        config = self.config.model_copy(update={"intervals": IntervalConfig(levels=())})
        return replace(self, config=config, combination=None, calibration=None, copula=None)

    def to(self, device: torch.device) -> TrainedModel:
        """The same with its models on a device."""
        return replace(self, models=tuple(model.to(device) for model in self.models))

    def save(self, path: Path | str) -> None:
        """Write `model.safetensors`, or another file."""
        from forecast.forecasting.model_file import save

        save(self, Path(path))
