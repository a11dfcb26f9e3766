"""Metrics of point and quantile forecasts, out of sums that grow batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Float32, Int

from forecast.data.scale import Scale
from forecast.evaluation.levels import central_intervals

Terms = dict[str, Float[np.ndarray, "B H K"]]
"""What is summed of some windows, by name; 0 where nothing was observed."""
Sums = Mapping[str, Float[np.ndarray, "_ K"]]
"""Sums by name, (G, K) for G steps or series."""
Metrics = Callable[[Sums, bool], dict[str, np.ndarray]]
"""(sums, whether targets are taken together) -> metric -> (G,) if they are, otherwise (G, K)."""


Windows = tuple[Int[np.ndarray, " _"], Float32[np.ndarray, " _"], Float32[np.ndarray, " _"]]
PERFECT = 1e-9
"""A mean absolute error that is a smaller share of another one is none: no percentage tells how far
off the other one is."""
PAIRED = ("absolute", "known")
"""Terms that are kept by window."""


@dataclass(frozen=True)
class ErrorSums:
    """Sums of errors by horizon step and by series; no forecast is kept."""

    metrics: Metrics
    """`point_metrics`, or what `quantile_metrics` makes."""
    num_series: int
    by_step: Mapping[str, Float[np.ndarray, "H K"]] = field(default_factory=dict)
    by_series: Mapping[str, Float[np.ndarray, "S K"]] = field(default_factory=dict)
    of_windows: tuple[Windows, ...] = ()
    """Of windows whose origins are known: time of the origin, absolute error, observed values."""

    def add(
        self,
        terms: Terms,
        series: Int[np.ndarray, " B"],
        times: Int[np.ndarray, " B"] | None = None,
    ) -> ErrorSums:
        """With some windows added.

        Args:
            terms: of these windows, by `point_errors` or `quantile_errors`.
            series: of each window.
            times: of their origins, so that methods can be compared origin by origin; None:
                they are not kept.
        """
        by_step, by_series = dict(self.by_step), dict(self.by_series)
        for name, values in terms.items():
            by_step[name] = by_step.get(name, 0.0) + values.sum(axis=0)
            # (B, K) sums over the steps; a product is four times as fast as `sum(axis=1)`.
            of_windows = np.matmul(np.ones((1, values.shape[1])), values)[:, 0]
            total = np.zeros((self.num_series, values.shape[2]))
            np.add.at(total, series, of_windows)
            by_series[name] = by_series.get(name, 0.0) + total
        windows = self.of_windows
        if times is not None:
            pair = (terms[name].sum(axis=(1, 2), dtype=np.float32) for name in PAIRED)
            windows = (*windows, (times, *pair))
        return replace(self, by_step=by_step, by_series=by_series, of_windows=windows)

    def windows(self) -> Windows:
        """Time of the origin, absolute error and observed values of each window that was kept."""
        if not self.of_windows:
            none = np.zeros(0, dtype=np.float32)
            return np.zeros(0, dtype=np.int64), none, none
        times, absolute, known = zip(*self.of_windows, strict=True)
        return np.concatenate(times), np.concatenate(absolute), np.concatenate(known)

    def mean(self, name: str) -> float:
        """The mean of a term over all observed values; NaN without any."""
        total, known = (float(self._whole()[each].sum()) for each in (name, "known"))
        return total / known if known else float("nan")

    def overall(self) -> dict[str, float]:
        """Each metric over all windows, steps and targets; NaN if nothing was observed."""
        return {name: float(value[0]) for name, value in self.metrics(self._whole(), True).items()}

    def per_step(self) -> dict[str, np.ndarray]:
        """(H,) each metric by horizon step."""
        return self.metrics(self.by_step, True)

    def per_series(self) -> dict[str, np.ndarray]:
        """(S,) each metric by series."""
        return self.metrics(self.by_series, True)

    def per_target(self) -> dict[str, np.ndarray]:
        """(K,) each metric by target."""
        return {name: value[0] for name, value in self.metrics(self._whole(), False).items()}

    def _whole(self) -> dict[str, Float[np.ndarray, "1 K"]]:
        return {name: values.sum(axis=0, keepdims=True) for name, values in self.by_step.items()}


def point_errors(
    actual: Float[np.ndarray, "B H K"],
    forecast: Float[np.ndarray, "B H K"],
    scale: Scale,
    series: Int[np.ndarray, " B"],
) -> Terms:
    """Terms of point forecasts, for `point_metrics`.

    Args:
        actual: in the user's units; NaN where nothing was observed.
        forecast: in the user's units; one that is not a number makes the metrics NaN.
        scale: of all series.
        series: of each window.
    """
    known = ~np.isnan(actual)
    actual = np.where(known, actual, 0.0)
    nonzero = actual != 0
    with np.errstate(invalid="ignore", over="ignore"):  # of forecasts that are not finite
        error = np.where(known, forecast - actual, 0.0)
        absolute, squared, size = np.abs(error), np.square(error), np.abs(actual)
        both = np.where(known, size + np.abs(forecast), 0.0)
        both = np.where(both == 0, 1.0, both)
        by_absolute = _inverse(scale.absolute)[series][:, None]  # (B, 1, K)
        by_squared = _inverse(scale.squared)[series][:, None]
        centered = np.where(known, actual - scale.center[series][:, None], 0.0)
        return {
            "known": known.astype(np.float64),
            "nonzero": nonzero.astype(np.float64),
            "has_scale": known * (by_absolute > 0.0),
            "error": error,
            "size": np.where(known, size, 0.0),
            "absolute": absolute,
            "squared": squared,
            "percentage": np.where(nonzero, absolute / np.where(nonzero, size, 1.0), 0.0),
            "symmetric": absolute / both,
            "scaled": absolute * by_absolute,
            "squared_scaled": squared * by_squared,
            "centered": centered,
            "centered_squared": np.square(centered),
        }


METRICS: Mapping[str, tuple[str, str, Callable[[np.ndarray], np.ndarray]]] = {
    "MAE": ("absolute", "known", lambda mean: mean),
    "MSE": ("squared", "known", lambda mean: mean),
    "RMSE": ("squared", "known", np.sqrt),
    "MAPE": ("percentage", "nonzero", lambda mean: 100 * mean),
    "sMAPE": ("symmetric", "known", lambda mean: 200 * mean),
    "MASE": ("scaled", "has_scale", lambda mean: mean),
    "RMSSE": ("squared_scaled", "has_scale", np.sqrt),
    "bias": ("error", "known", lambda mean: mean),
}
"""Name: (sum, its count, what is made of the mean). Bias is the mean of forecast - actual. MAPE
leaves out actual values of zero; sMAPE is 200 |y - f| / (|y| + |f|); both are in percent. MASE is
Hyndman and Koehler's (2006), RMSSE its square (Makridakis et al., 2022), both over all values."""


def point_metrics(sums: Sums, over_targets: bool) -> dict[str, np.ndarray]:
    """Every metric of `METRICS`, and R2, out of the sums of `point_errors`.

    R2 is 1 - mean squared error / variance of the actual values. Each series is first centred on
    the mean of its training rows, so that differences of level between series do not pass for
    skill. Over several targets it is the mean of theirs; NaN where the actual values do not vary.
    """
    explained = _explained(sums)
    if over_targets:
        varied = ~np.isnan(explained)
        explained = ratio(np.where(varied, explained, 0.0).sum(axis=1), varied.sum(axis=1))
        sums = together(sums)
    values = {
        name: np.asarray(finish(ratio(sums[total], sums[count])))
        for name, (total, count, finish) in METRICS.items()
    }
    return {**values, "R2": explained}


def owa(metrics: Mapping[str, float], reference: Mapping[str, float]) -> float:
    """Overall weighted average of sMAPE and MASE, both relative to a reference; below 1 is better.

    Source: the M4 competition (Makridakis et al., 2020), whose reference is Naive2, a naive
    forecast of seasonally adjusted values. Seasonal naive is the nearest that needs no model of the
    season.
    """
    pairs = [(metrics[name], reference[name]) for name in ("sMAPE", "MASE")]
    if any(theirs == 0 for _, theirs in pairs):
        return float("nan")
    return sum(ours / theirs for ours, theirs in pairs) / 2


def quantile_errors(
    actual: Float[np.ndarray, "B H K"],
    forecast: Float[np.ndarray, "B H K Q"],
    quantiles: Sequence[float],
) -> Terms:
    """Terms of quantile forecasts, for `quantile_metrics`.

    Args:
        actual: in the user's units; NaN where nothing was observed.
        forecast: in the user's units.
        quantiles: that are forecast, rising, from 0 to 1; NaN is the mean.
    """
    known = ~np.isnan(actual)
    pinball = np.zeros_like(actual)
    levels = [(number, each) for number, each in enumerate(quantiles) if not np.isnan(each)]
    for number, quantile in levels:  # the mean is none
        error = np.where(known, actual - forecast[..., number], 0.0)
        pinball += np.maximum(quantile * error, (quantile - 1) * error) / len(levels)
    terms = {
        "known": known.astype(np.float64),
        "size": np.where(known, np.abs(actual), 0.0),
        "pinball": pinball,
    }
    for name, (low, high) in central_intervals(quantiles).items():
        lower, upper = forecast[..., low], forecast[..., high]
        outside = np.maximum(lower - actual, 0.0) + np.maximum(actual - upper, 0.0)
        winkler = upper - lower + outside / quantiles[low]
        terms[f"covered-{name}"] = known * ((lower <= actual) & (actual <= upper))
        terms[f"winkler-{name}"] = np.where(known, winkler, 0.0)
    return terms


def quantile_metrics(quantiles: Sequence[float]) -> Metrics:
    """Metrics of forecasts of these quantiles, out of the sums of `quantile_errors`.

    `pinball` is the mean over the quantiles. `sCRPS` is the scaled CRPS, 2 * pinball / mean
    absolute actual value (Rangapuram et al., 2021). `coverage-80` is the share of values in the
    80 % interval, its ends included; `Winkler-80` is that interval's width, plus 2 / 0.2 times the
    distance by which a value misses it (Winkler, 1972).
    """

    def metrics(sums: Sums, over_targets: bool) -> dict[str, np.ndarray]:
        sums = together(sums) if over_targets else sums
        values = {
            "pinball": ratio(sums["pinball"], sums["known"]),
            "sCRPS": 2 * ratio(sums["pinball"], sums["size"]),
        }
        for name in central_intervals(quantiles):
            values[f"coverage-{name}"] = ratio(sums[f"covered-{name}"], sums["known"])
            values[f"Winkler-{name}"] = ratio(sums[f"winkler-{name}"], sums["known"])
        return values

    return metrics


def _explained(sums: Sums) -> Float[np.ndarray, "G K"]:
    """R2 of each target."""
    count, square = sums["known"], ratio(sums["centered_squared"], sums["known"])
    variance = square - np.square(ratio(sums["centered"], count))
    # Rounding leaves a variance of this order where all values are equal.
    varied = variance > 1e-12 * square
    return 1 - ratio(ratio(sums["squared"], count), np.where(varied, variance, 0.0))


def together(sums: Sums) -> dict[str, np.ndarray]:
    """Sums (G,) over the targets."""
    return {name: values.sum(axis=1) for name, values in sums.items()}


def ratio(
    total: Float[np.ndarray, "*G"], count: Float[np.ndarray, "*G"] | Int[np.ndarray, "*G"]
) -> Float[np.ndarray, "*G"]:
    """NaN where the count is zero."""
    return np.asarray(total / np.where(count > 0, count, np.nan))


def _inverse(scale: Float[np.ndarray, "S K"]) -> Float[np.ndarray, "S K"]:
    """0 where the scale is NaN."""
    return np.nan_to_num(1 / scale)
