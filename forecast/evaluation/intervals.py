"""Conformal intervals of point forecasts: from errors to scores of all series, and back.

Arrays have an axis I for the intervals, one a level, and W for all windows of a part.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from forecast.data.chain import FittedChain
from forecast.data.moments import ROUNDING
from forecast.data.panel import Panel
from forecast.data.pipeline import Pipeline
from forecast.data.scale import mase_scale, running_scale
from forecast.data.transforms import TRANSFORMS, Transform
from forecast.evaluation.conformal import Calibration, ConformalScores
from forecast.evaluation.copula import HeldOutErrors
from forecast.evaluation.scoring import Actuals

MOST_VALUES = 25_000_000
"""So many errors, and as many forecasts, are held at once; of more, those of fewer origins."""
POINTWISE = ("log", "log1p", "power")
NO_ROWS = np.empty(0, dtype=np.int64)
"""Pointwise transforms are handed offsets, and do not read them."""

Batches = Iterable[tuple[Int[np.ndarray, " _"], Float[np.ndarray, "_ H K Q"]]]
"""Origins (B,) and forecasts (B, H, K, Q) in the user's units, as they come."""


@dataclass(frozen=True)
class ErrorScale:
    """Where errors of all series are alike.

    That is after the logarithms and powers that the chain begins with, and in units of the seasonal
    changes of each series.
    """

    steps: tuple[tuple[Transform, Float[np.ndarray, "_ K _"]], ...]
    """Those transforms, with their states (S or 1, K, P)."""
    sizes: Float[np.ndarray, "R K"]
    """Mean absolute seasonal difference of a series up to each of its rows, as MASE has it: an
    origin's errors are expected to be as large as the changes so far. Or one for each series."""
    still: Bool[np.ndarray, "R K"] | None = None
    """Rows up to which a series has not changed: that it goes on so is forecast without an error,
    which says nothing of the errors of the others. None: none."""

    @staticmethod
    def of(chain: FittedChain, sizes: Float[np.ndarray, "R K"]) -> ErrorScale:
        """The scale of a chain."""
        pairs = zip(chain.options, chain.states, strict=True)
        leading = itertools.takewhile(lambda pair: pair[0].key() in POINTWISE, pairs)
        steps = tuple((TRANSFORMS[option.key()](option), state) for option, state in leading)
        return ErrorScale(steps, sizes)

    def forward(
        self, values: Float[np.ndarray, "*I B H K"], series: Int[np.ndarray, " B"]
    ) -> Float[np.ndarray, "*I B H K"]:
        """Values of some series after the transforms; not yet divided by the sizes."""
        shape = values.shape
        for step, state in self.steps:  # a transform wants rows, so windows and steps become rows
            if len(state) > 1:
                of_windows = state[series][:, None]  # (B, 1, K, P)
                state = np.broadcast_to(of_windows, (*shape, state.shape[-1]))
                state = state.reshape(-1, *state.shape[-2:])
            values = step.apply(values.reshape(-1, shape[-1]), NO_ROWS, state).reshape(shape)
        return values

    def scores(
        self,
        actual: Float[np.ndarray, "B H K"],
        forecast: Float[np.ndarray, "B H K"],
        series: Int[np.ndarray, " B"],
        rows: Int[np.ndarray, " B"],
    ) -> Float32[np.ndarray, "B H K"]:
        """Absolute errors on this scale.

        Args:
            actual: in the user's units; NaN where nothing was observed.
            forecast: in the user's units.
            series: of each window.
            rows: of `sizes`: the origins.

        Returns:
            NaN where nothing was observed, or a series stands still; inf where a forecast is not
            finite or has no logarithm.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # of forecasts that are not finite
            truth = self.forward(actual, series)
            error = np.abs(truth - self.forward(forecast, series))
            scores = (error / self.sizes[rows][:, None]).astype(np.float32)
        scores = np.where(np.isnan(scores) & ~np.isnan(actual), np.float32(np.inf), scores)
        if self.still is None:
            return scores
        is_exact = error <= ROUNDING * np.abs(truth)
        return np.where(self.still[rows][:, None] & is_exact, np.float32(np.nan), scores)

    def bounds(
        self,
        forecast: Float[np.ndarray, "B H K"],
        radii: Float[np.ndarray, "I H K"],
        series: Int[np.ndarray, " B"],
        rows: Int[np.ndarray, " B"],
    ) -> tuple[Float[np.ndarray, "I B H K"], Float[np.ndarray, "I B H K"]]:
        """Lower and upper ends in the user's units, within the domain of the transforms.

        Args:
            forecast: the middle of the intervals, in the user's units.
            radii: of the intervals, on this scale.
            series: of each window.
            rows: of `sizes`: the origins.
        """
        center = self.forward(forecast, series)
        reach = radii[:, None] * self.sizes[rows][:, None]  # (I, B, H, K)
        ends = np.concatenate([center - reach, center + reach])  # (2 * I, B, H, K)
        ends = np.moveaxis(ends, 0, -1)  # as if they were quantiles
        no_history = np.empty((len(series), 0, ends.shape[2]))
        for step, state in reversed(self.steps):
            chosen = state if len(state) == 1 else state[series]
            ends = step.invert(ends, no_history, chosen[:, None, :, None])  # (_, 1, K, 1, P)
        lower, upper = np.split(np.moveaxis(ends, -1, 0), 2)
        return lower, upper


def fit_error_scale(
    pipeline: Pipeline, panel: Panel, train: Int[np.ndarray, "S 2"], season: int
) -> ErrorScale:
    """The scale for the rows of a panel, in its order.

    Args:
        pipeline: knows these series.
        panel: what was observed.
        train: first and last row (exclusive) of each series that tell what is usual in the panel.
        season: rows in a season.

    Returns:
        Where the rows of a series do not tell its size, it is the median of the others; 1 where
        none is known.
    """
    images = _images(pipeline, panel)
    sizes, steps = (running_scale(images, panel.offsets, rows) for rows in (season, 1))
    # Of fewer rows than a season: by the change from row to row, as the others have both.
    usual = mase_scale(images, panel.offsets, train, season)
    usual_step = mase_scale(images, panel.offsets, train, 1)
    seasonal = _medians(usual / usual_step)
    others = np.where(np.isnan(usual), usual_step * seasonal, usual)
    sizes = np.where(np.isnan(sizes), steps * seasonal, sizes)
    sizes = np.where(np.isnan(sizes), _medians(others), sizes)
    return replace(ErrorScale.of(pipeline.chain, sizes), still=np.isnan(steps))


def sizes_by_all_rows(
    pipeline: Pipeline, panel: Panel, season: int, others: Float[np.ndarray, "T K"]
) -> Float[np.ndarray, "S K"]:
    """Sizes of new series, by all of their rows; as `fit_error_scale` has them at the last one.

    Args:
        pipeline: knows these series.
        panel: what was observed.
        season: rows in a season.
        others: sizes of other series; their median serves where a series' rows do not tell its
            size.
    """
    rows = np.column_stack([panel.offsets[:-1], panel.offsets[1:]])
    sizes = mase_scale(_images(pipeline, panel), panel.offsets, rows, season)
    return np.where(np.isnan(sizes), _medians(others), sizes)


def _images(pipeline: Pipeline, panel: Panel) -> Float[np.ndarray, "N K"]:
    """What was observed, after the transforms of an `ErrorScale`."""
    bare = ErrorScale.of(pipeline.chain, np.empty((0, panel.num_targets)))
    series = np.repeat(pipeline.series_numbers(panel.ids), panel.lengths)
    return bare.forward(panel.values[:, None, : panel.num_targets], series)[:, 0]  # of one step


def _medians(values: Float[np.ndarray, "S K"]) -> Float[np.ndarray, " K"]:
    """Median over the series that are known; 1 where none is."""
    none = np.isnan(values).all(axis=0)
    return np.asarray(np.nanmedian(np.where(none, 1.0, values), axis=0))


@dataclass(frozen=True)
class HeldOutForecasts:
    """Forecasts of windows that the model was not trained on, in the order of their origins."""

    rows: Int[np.ndarray, " W"]
    """Origins."""
    forecasts: Float[np.ndarray, "W H K"]
    """In the user's units; float32 would blur values far from zero."""
    scores: ConformalScores

    def errors(self, actuals: Actuals) -> HeldOutErrors:
        """The errors with their signs, on the scale of the scores."""
        signs = np.sign(actuals.after(self.rows, self.forecasts.shape[1]) - self.forecasts)
        series = actuals.history.series_of(self.rows)
        return HeldOutErrors(self.scores.times, series, self.scores.values * signs)

    @staticmethod
    def of(
        batches: Batches,
        actuals: Actuals,
        scale: ErrorScale,
        times_of: Callable[[np.ndarray], np.ndarray],
    ) -> HeldOutForecasts | None:
        """The windows of some batches.

        Args:
            batches: origins and forecasts; of several quantiles the median counts.
            actuals: the truth.
            scale: of the errors.
            times_of: position of rows on the time axis.

        Returns:
            None without any window.
        """
        parts = []
        for rows, values in batches:
            if len(rows):
                forecast = values[..., values.shape[-1] // 2]
                series = actuals.history.series_of(rows)
                actual = actuals.after(rows, forecast.shape[1])
                scores = scale.scores(actual, forecast, series, rows)
                parts.append((rows, forecast, scores))
        if not parts:
            return None
        rows, forecasts, scores = (np.concatenate(each) for each in zip(*parts, strict=True))
        # Windows of the same time are shuffled, so that an even choice covers all the series.
        shuffled = np.random.default_rng(0).permutation(len(rows))
        order = np.lexsort((shuffled, times_of(rows)))
        in_order = ConformalScores(times_of(rows)[order], scores[order])
        return HeldOutForecasts(rows[order], forecasts[order], in_order)


def subsample_origins(
    times: Sequence[Int[np.ndarray, " _"]], values: int
) -> list[Int[np.ndarray, " _"]]:
    """Windows to forecast so that no more than `MOST_VALUES` are held: those of every n-th time.

    Args:
        times: positions of the origins of each part.
        values: steps times targets of a window.

    Returns:
        Numbers of windows, of each part.
    """
    distinct = np.unique(np.concatenate(times))
    stride = -(-sum(map(len, times)) * values // MOST_VALUES)
    kept = distinct[::-1][:: max(1, stride)]  # the last origin, which says most, is always kept
    return [np.flatnonzero(np.isin(each, kept)) for each in times]


def with_intervals(
    forecast: Float[np.ndarray, "S H K 1"],
    calibration: Calibration,
    radii: Float[np.ndarray, "I _ K"],
    pipeline: Pipeline,
    panel: Panel,
    season: int,
) -> Float[np.ndarray, "S H K Q"]:
    """Forecasts with the ends of their intervals on both sides.

    Args:
        forecast: in the user's units; steps beyond the calibrated ones have the radii of the last
            of these.
        calibration: what is known of the errors.
        radii: of each level, rising; on the scale of the calibration.
        pipeline: knows the series of the panel.
        panel: the history; a series that is not calibrated takes its size from these rows.
        season: rows in a season.

    Returns:
        The quantiles that `interval_quantiles` names: two for each level, and the forecast.
    """
    numbers = pipeline.series_numbers(panel.ids)
    sizes = calibration.sizes
    new = np.flatnonzero(numbers >= len(sizes))
    if len(new):
        unseen = panel.select(new)
        sizes = np.concatenate([sizes, sizes_by_all_rows(pipeline, unseen, season, sizes)])
    scale = ErrorScale.of(pipeline.chain, sizes)
    return with_ends(forecast, radii, scale, numbers, numbers)


def with_ends(
    forecast: Float[np.ndarray, "B H K 1"],
    radii: Float[np.ndarray, "I _ K"],
    scale: ErrorScale,
    series: Int[np.ndarray, " B"],
    rows: Int[np.ndarray, " B"],
) -> Float[np.ndarray, "B H K Q"]:
    """Forecasts with the ends of their intervals on both sides, as of `with_intervals`.

    Args:
        forecast: in the user's units; steps beyond those of the radii have the last of them.
        radii: of each level, rising.
        scale: that they are on.
        series: of each window.
        rows: of the scale's sizes: the origins.
    """
    radii = radii[:, np.minimum(np.arange(forecast.shape[1]), radii.shape[1] - 1)]
    point = forecast[..., 0]
    lower, upper = scale.bounds(point, radii, series, rows)
    # A transform there and back is off by a rounding: no end may cross the next one within.
    lower = np.minimum.accumulate([point, *lower])[1:]
    upper = np.maximum.accumulate([point, *upper])[1:]
    return np.stack([*lower[::-1], point, *upper], axis=-1)
