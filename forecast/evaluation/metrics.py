"""Errors of point forecasts in the user's units, summed batch by batch, so that nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(actual (B, H, K), forecast (B, H, K), scale (B, 1, K)) -> (B, H, K); NaN where undefined."""


def _percentage(actual: np.ndarray, forecast: np.ndarray, scale: np.ndarray) -> np.ndarray:  # noqa: ARG001
    size = np.abs(actual)
    return np.asarray(100 * np.abs(actual - forecast) / np.where(size > 0, size, np.nan))


def _symmetric(actual: np.ndarray, forecast: np.ndarray, scale: np.ndarray) -> np.ndarray:  # noqa: ARG001
    size = np.abs(actual) + np.abs(forecast)
    return np.asarray(200 * np.abs(actual - forecast) / np.where(size > 0, size, 1.0))


MEASURES: Mapping[str, Measure] = {
    "absolute": lambda actual, forecast, scale: np.abs(actual - forecast),  # noqa: ARG005
    "squared": lambda actual, forecast, scale: np.square(actual - forecast),  # noqa: ARG005
    "percentage": _percentage,
    "symmetric": _symmetric,
    "scaled": lambda actual, forecast, scale: np.abs(actual - forecast) / scale,
}

METRICS: Mapping[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "MAE": ("absolute", lambda mean: mean),
    "RMSE": ("squared", np.sqrt),
    "MAPE": ("percentage", lambda mean: mean),
    "sMAPE": ("symmetric", lambda mean: mean),
    "MASE": ("scaled", lambda mean: mean),
}
"""Name: (measure whose mean it is, function of the mean). MAPE leaves out actual values of zero,
sMAPE is 200 |y - f| / (|y| + |f|), both in percent; MASE is Hyndman and Koehler's (2006)."""


@dataclass(frozen=True)
class ErrorSums:
    """Sums and counts of every measure, by horizon step and by series."""

    by_step: Mapping[str, np.ndarray]
    """(2, H, K): sum, count."""
    by_series: Mapping[str, np.ndarray]
    """(2, S, K): sum, count."""

    @staticmethod
    def empty(horizon: int, num_series: int, num_targets: int) -> ErrorSums:
        """Nothing summed yet."""
        return ErrorSums(
            {name: np.zeros((2, horizon, num_targets)) for name in MEASURES},
            {name: np.zeros((2, num_series, num_targets)) for name in MEASURES},
        )

    def add(
        self, actual: np.ndarray, forecast: np.ndarray, scale: np.ndarray, series: np.ndarray
    ) -> ErrorSums:
        """With the errors of some windows added.

        Args:
            actual: (B, H, K) in the user's units; NaN where nothing was observed.
            forecast: (B, H, K).
            scale: (S, K) what MASE divides by; NaN where it is undefined.
            series: (B,) series of each window.
        """
        by_step, by_series = dict(self.by_step), dict(self.by_series)
        for name, measure in MEASURES.items():
            errors = measure(actual, forecast, scale[series][:, None])
            # A forecast that is no number must not count as a value that was not observed.
            known = ~np.isnan(measure(actual, actual, scale[series][:, None]))
            pair = np.stack([np.where(known, errors, 0.0), known.astype(np.float64)])
            by_step[name] = by_step[name] + pair.sum(axis=1)
            total = by_series[name].copy()
            for part, sums in zip(total, pair.sum(axis=2), strict=True):
                np.add.at(part, series, sums)
            by_series[name] = total
        return replace(self, by_step=by_step, by_series=by_series)

    def overall(self) -> dict[str, float]:
        """Each metric over all windows, steps and targets; NaN if nothing was observed."""
        return {name: float(value) for name, value in self._read(self.by_step, (1, 2)).items()}

    def per_step(self) -> dict[str, np.ndarray]:
        """(H,) each metric by horizon step."""
        return self._read(self.by_step, 2)

    def per_series(self) -> dict[str, np.ndarray]:
        """(S,) each metric by series."""
        return self._read(self.by_series, 2)

    def per_target(self) -> dict[str, np.ndarray]:
        """(K,) each metric by target."""
        return self._read(self.by_step, 1)

    @staticmethod
    def _read(sums: Mapping[str, np.ndarray], axis: int | tuple[int, ...]) -> dict[str, np.ndarray]:
        values = {}
        for name, (measure, finish) in METRICS.items():
            total, count = sums[measure].sum(axis=axis)
            values[name] = np.asarray(finish(total / np.where(count > 0, count, np.nan)))
        return values


def mase_scale(
    values: np.ndarray, offsets: np.ndarray, train: np.ndarray, season: int
) -> np.ndarray:
    """(S, K) mean absolute seasonal difference of the training rows; NaN where it is zero.

    Args:
        values: (N, K) observed values; NaN where there is none.
        offsets: (S + 1,) series.
        train: (S, 2) training rows of each series.
        season: rows in a season.
    """
    changes = np.full_like(values, np.nan)
    changes[season:] = np.abs(values[season:] - values[:-season])
    rows = np.arange(len(values))
    lengths = np.diff(offsets)
    series = np.repeat(np.arange(len(lengths)), lengths)
    used = (rows >= train[series, 0] + season) & (rows < train[series, 1])
    known = used[:, None] & ~np.isnan(changes)
    sums = np.zeros((len(lengths), values.shape[1]))
    counts = np.zeros_like(sums)
    np.add.at(sums, series, np.where(known, changes, 0.0))
    np.add.at(counts, series, known)
    return np.asarray(np.where(sums > 0, sums / np.maximum(counts, 1), np.nan))
