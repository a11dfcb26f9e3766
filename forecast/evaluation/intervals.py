"""Conformal intervals of point forecasts: from errors to scores of all series, and back."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.config.intervals import HIGHEST, LOWEST
from forecast.data.chain import FittedChain
from forecast.data.panel import Panel
from forecast.data.pipeline import Pipeline
from forecast.data.scale import training_scale
from forecast.data.transforms import TRANSFORMS, Step
from forecast.errors import ConfigError
from forecast.evaluation.conformal import Calibration, ConformalScores
from forecast.evaluation.metrics import central_intervals
from forecast.evaluation.scoring import Actuals

MOST_VALUES = 25_000_000
"""Errors, and as many forecasts, that are held at once at most; a part of the origins beyond."""
POINTWISE = ("log", "log1p", "power")

Levels = int | float | Sequence[int | float] | None
"""Percent of the values that intervals should hold; None: as configured."""
Batches = Iterable[tuple[np.ndarray, np.ndarray]]
"""Origins (B,) and forecasts (B, H, K, Q) in the user's units, as they come."""


@dataclass(frozen=True)
class ErrorScale:
    """Where errors are alike: after the logarithms and powers that the chain begins with, in units
    of their series."""

    steps: tuple[tuple[Step, np.ndarray], ...]
    """Those transforms, with their states (S or 1, K, P)."""
    sizes: np.ndarray
    """(S, K) mean absolute seasonal difference of the training rows, as MASE has it."""

    @staticmethod
    def of(chain: FittedChain, sizes: np.ndarray) -> ErrorScale:
        """The scale of a chain."""
        pairs = zip(chain.options, chain.states, strict=True)
        leading = itertools.takewhile(lambda pair: pair[0].key() in POINTWISE, pairs)
        steps = tuple((TRANSFORMS[option.key()](option), state) for option, state in leading)
        return ErrorScale(steps, sizes)

    def forward(self, values: np.ndarray, series: np.ndarray) -> np.ndarray:
        """(..., B, H, K) values of series (B,) on this scale, sizes apart."""
        for step, state in self.steps:
            values = step.apply(values, _NO_ROWS, _of_series(state, series))
        return values

    def scores(self, actual: np.ndarray, forecast: np.ndarray, series: np.ndarray) -> np.ndarray:
        """(B, H, K) absolute errors; NaN where nothing was observed.

        Args:
            actual: (B, H, K) in the user's units.
            forecast: (B, H, K); an error is inf where it has no image.
            series: (B,) series of each window.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # of forecasts that are not finite
            error = np.abs(self.forward(actual, series) - self.forward(forecast, series))
            scores = (error / self.sizes[series][:, None]).astype(np.float32)
        return np.where(np.isnan(scores) & ~np.isnan(actual), np.float32(np.inf), scores)

    def bounds(
        self, forecast: np.ndarray, radii: np.ndarray, series: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(L, B, H, K) lower and upper ends in the user's units, within the chain's domain.

        Args:
            forecast: (B, H, K).
            radii: (L, H, K).
            series: (B,) series of each window.
        """
        center = self.forward(forecast, series)
        reach = radii[:, None] * self.sizes[series][:, None]
        lower, upper = center - reach, center + reach
        for step, state in reversed(self.steps):
            chosen = _of_series(state, series)
            lower, upper = (step.invert(end, _NO_ROWS, chosen) for end in (lower, upper))
        return lower, upper


_NO_ROWS = np.empty(0)
"""Pointwise steps ask for offsets or a history, and read neither."""


def _of_series(state: np.ndarray, series: np.ndarray) -> np.ndarray:
    """(B or 1, 1, K, P) states of some series."""
    return (state if len(state) == 1 else state[series])[:, None]


def fit_error_scale(
    pipeline: Pipeline,
    panel: Panel,
    rows: np.ndarray,
    season: int,
    others: np.ndarray | None = None,
) -> ErrorScale:
    """The scale for the series of a panel, in its order.

    Args:
        pipeline: knows these series.
        panel: what was observed.
        rows: (S, 2) rows of each series that its size is taken from.
        season: rows in a season.
        others: (T, K) sizes whose median serves where rows do not tell one; None: those of this
            panel. Without any, 1 does.
    """
    numbers = pipeline.series_numbers(panel.ids)
    bare = ErrorScale.of(pipeline.chain, np.empty((0, panel.num_targets)))
    values = panel.values[:, None, : panel.num_targets]
    images = bare.forward(values, np.repeat(numbers, panel.lengths))[:, 0]
    sizes = training_scale(images, panel.offsets, rows, season).absolute
    return replace(bare, sizes=_filled(sizes, sizes if others is None else others))


def _filled(sizes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Sizes (S, K) with the median of others (T, K) where they are unknown, and 1 without any."""
    medians = np.nanmedian(np.where(np.isnan(others).all(axis=0), 1.0, others), axis=0)
    return np.where(np.isnan(sizes), medians, sizes)


@dataclass(frozen=True)
class HeldOutForecasts:
    """Forecasts of windows that the model was not trained on, in the order of their origins."""

    rows: np.ndarray
    """(W,) origins."""
    forecasts: np.ndarray
    """(W, H, K) in the user's units; float32 would blur those far from zero."""
    scores: ConformalScores

    @staticmethod
    def of(
        batches: Batches,
        actuals: Actuals,
        scale: ErrorScale,
        times_of: Callable[[np.ndarray], np.ndarray],
    ) -> HeldOutForecasts | None:
        """The windows of some batches; None without any.

        Args:
            batches: as they come.
            actuals: the truth.
            scale: of the errors.
            times_of: position of rows on the time axis.
        """
        parts = []
        for rows, values in batches:
            if not len(rows):
                continue
            forecast = values[..., values.shape[-1] // 2]
            series = actuals.history.series_of(rows)
            scores = scale.scores(actuals.after(rows, forecast.shape[1]), forecast, series)
            parts.append((rows, forecast, scores))
        if not parts:
            return None
        rows, forecasts, scores = (np.concatenate(each) for each in zip(*parts, strict=True))
        # Windows of the same origin are shuffled, lest an even choice keep to a few series.
        shuffled = np.random.default_rng(0).permutation(len(rows))
        order = np.lexsort((shuffled, times_of(rows)))
        times = times_of(rows)[order]
        return HeldOutForecasts(
            rows[order], forecasts[order], ConformalScores(times, scores[order])
        )


def subsample_origins(times: Sequence[np.ndarray], values: int) -> list[np.ndarray]:
    """Which windows to try so that not more than `MOST_VALUES` are held: those of every n-th time.

    Args:
        times: (W,) positions of the origins of each part.
        values: steps times targets.

    Returns:
        Numbers of windows, of each part.
    """
    distinct = np.unique(np.concatenate(times))
    stride = -(-sum(map(len, times)) * values // MOST_VALUES)
    kept = distinct[::-1][:: max(1, stride)]
    return [np.flatnonzero(np.isin(each, kept)) for each in times]


def with_intervals(
    forecast: np.ndarray,
    calibration: Calibration,
    levels: Sequence[float],
    pipeline: Pipeline,
    panel: Panel,
    season: int,
) -> np.ndarray:
    """Forecasts with the ends of their intervals on both sides.

    Args:
        forecast: (S, H, K, 1) in the user's units; steps beyond the calibrated ones have the
            radii of the last of these.
        calibration: what is known of the errors.
        levels: (L,) percent, rising.
        pipeline: knows the series of the panel.
        panel: the history; the size of a series that is not calibrated is taken from its rows.
        season: rows in a season.

    Returns:
        (S, H, K, 2L + 1), at the levels that `interval_quantiles` names.
    """
    numbers = pipeline.series_numbers(panel.ids)
    sizes = calibration.sizes
    new = np.flatnonzero(numbers >= len(sizes))
    if len(new):
        unseen = panel.select(new)
        rows = np.column_stack([unseen.offsets[:-1], unseen.offsets[1:]])
        own = fit_error_scale(pipeline, unseen, rows, season, sizes).sizes
        sizes = np.concatenate([sizes, own])
    radii = calibration.at(levels)  # (L, H, K)
    radii = radii[:, np.minimum(np.arange(forecast.shape[1]), radii.shape[1] - 1)]
    lower, upper = ErrorScale.of(pipeline.chain, sizes).bounds(forecast[..., 0], radii, numbers)
    ends = [*lower[::-1], forecast[..., 0], *upper]
    return np.stack(ends, axis=-1)


def interval_quantiles(levels: Sequence[float]) -> tuple[float, ...]:
    """Quantile levels, rising, of the ends of intervals (L,) in percent, and the median."""
    below = [(1 - level / 100) / 2 for level in sorted(levels, reverse=True)]
    return (*below, 0.5, *(1 - level for level in reversed(below)))


def conformal_levels(
    asked: Levels, configured: Sequence[float], calibration: Calibration | None
) -> tuple[float, ...]:
    """Levels in percent, rising, for which a point model has intervals.

    Args:
        asked: levels that must be there; None: those configured, as far as they are there.
        configured: levels.
        calibration: what is known of the errors.

    Raises:
        ConfigError: for a level that is no percentage, or has too few errors behind it.
    """
    wanted = configured if asked is None else _percent(asked)
    reached = [each for each in wanted if calibration is not None and calibration.reaches(each)]
    lacking = next((each for each in wanted if each not in reached), None)
    if asked is not None and lacking is not None:
        raise ConfigError(f"level {lacking:g}: {_lack(lacking, calibration)}")
    return tuple(reached)


def what_is_left_out(configured: Sequence[float], calibration: Calibration | None) -> str | None:
    """One line about configured levels without intervals; None if there are no such levels."""
    reached = conformal_levels(None, configured, calibration)
    lacking = next((each for each in configured if each not in reached), None)
    if lacking is None:
        return None
    return f"intervals from {lacking:g} % on are left out: {_lack(lacking, calibration)}"


def _lack(level: float, calibration: Calibration | None) -> str:
    if calibration is None:
        return (
            "the model keeps no errors to make them from; train it with a validation or a test"
            " part, and with intervals.levels"
        )
    return (
        f"such an interval needs {calibration.needed(level)} errors of each step, validation and"
        f" test gave {calibration.count}; raise split.validation or split.test, or take a lower"
        " level"
    )


def chosen_quantiles(quantiles: Sequence[float], asked: Levels) -> list[int]:
    """Numbers of the quantiles of a model that are asked for; the median in the middle.

    Args:
        quantiles: (Q,) levels that the model was trained on, from 0 to 1.
        asked: intervals in percent; None: all quantiles.

    Raises:
        ConfigError: for an interval that the model was not trained on.
    """
    if asked is None:
        return [*range(len(quantiles))]
    pairs = central_intervals(quantiles)
    wanted = [f"{level:.6g}" for level in _percent(asked)]
    lacking = next((name for name in wanted if name not in pairs), None)
    if lacking is not None:
        known = " and ".join(f"{name} %" for name in sorted(pairs, key=float)) or "no interval"
        raise ConfigError(
            f"level {lacking}: the model was trained on the quantiles of {known}; ask for what it"
            " has, or train with other training.loss.quantile.levels"
        )
    ends = {number for name in wanted for number in pairs[name]}
    return sorted({len(quantiles) // 2, *ends})


def _percent(asked: int | float | Sequence[int | float]) -> list[float]:
    """Levels in order, each once."""
    levels = sorted({float(level) for level in np.atleast_1d(asked)})
    for level in levels:
        if not LOWEST <= level <= HIGHEST:
            raise ConfigError(
                f"level {level:g} is not allowed; give percent from {LOWEST} to {HIGHEST}, e.g. 80"
            )
    return levels
