"""The model beside the baselines on the same windows, and what that comes to in one sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from forecast.evaluation.baselines import BASELINES
from forecast.evaluation.metrics import ErrorSums

MODEL = "model"


@dataclass(frozen=True)
class Actuals:
    """What really happened, for the windows that are scored."""

    values: np.ndarray
    """(N, K) observed values in the user's units; NaN where there is none."""
    filled: np.ndarray
    """(N, K) the same with missing ones filled, for the baselines to start from."""
    offsets: np.ndarray
    scale: np.ndarray
    """(S, K) what MASE divides by."""
    season: int


def score(
    batches: Iterable[tuple[np.ndarray, np.ndarray]], actuals: Actuals
) -> dict[str, ErrorSums]:
    """Errors of the model and of every baseline.

    Args:
        batches: pairs of window origins (B,) and point forecasts (B, H, K), as they come.
        actuals: the truth.

    Returns:
        Name of the method -> its errors; `model` first.
    """
    sums: dict[str, ErrorSums] = {}
    for rows, forecast in batches:
        horizon = forecast.shape[1]
        series = np.searchsorted(actuals.offsets, rows, side="right") - 1
        truth = actuals.values[rows[:, None] + 1 + np.arange(horizon)]
        methods = {MODEL: forecast}
        first = actuals.offsets[series]
        for name, baseline in BASELINES.items():
            methods[name] = baseline(actuals.filled, rows, first, horizon, actuals.season)
        for name, values in methods.items():
            empty = ErrorSums.empty(horizon, len(actuals.offsets) - 1, truth.shape[2])
            sums[name] = sums.get(name, empty).add(truth, values, actuals.scale, series)
    return sums


def verdict(metrics: Mapping[str, Mapping[str, float]], model: str, num_windows: int) -> str:
    """One honest sentence: better or worse than seasonal naive, and by how much.

    Args:
        metrics: method -> metric -> value, with `model`'s and seasonal naive's MAE.
        model: what the model is called.
        num_windows: test windows.
    """
    ours, theirs = metrics[model]["MAE"], metrics["seasonal_naive"]["MAE"]
    on = f"on {num_windows} test window{'' if num_windows == 1 else 's'}"
    if math.isnan(theirs):
        return f"The test part holds no observed values, so {model} cannot be judged."
    facts = f"MAE {ours:.4g} against {theirs:.4g} {on}"
    if not math.isfinite(ours):
        return f"{model} is worse than seasonal naive: it forecasts no finite numbers: {facts}."
    if theirs == 0 < ours:
        return f"Seasonal naive is perfect here, {model} is not: {facts}."
    change = 100 * (1 - ours / theirs) if theirs else 0.0
    if abs(change) < 0.05:
        return f"{model} and seasonal naive are equally good: {facts}."
    word = "better" if change > 0 else "worse"
    naive = metrics.get("naive", {}).get("MAE", math.inf)
    still = f"; the last value as forecast does better, {naive:.4g}" if naive < ours else ""
    return f"{model} is {abs(change):.1f} % {word} than seasonal naive: {facts}{still}."
