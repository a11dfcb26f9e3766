"""The model beside its opponents on the same windows, and a verdict in a sentence or two."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forecast.data.scale import Scale
from forecast.evaluation.baselines import BASELINES, History
from forecast.evaluation.metrics import ErrorSums, owa, point_errors, point_metrics

MODEL = "model"
REFERENCE = "seasonal_naive"
"""The opponent that every verdict names, and that OWA divides by."""

VALUES_AT_ONCE = 2**17
"""Of a forecast: what is made of so many stays in the cache, which halves the time."""

Opponent = Callable[[np.ndarray], np.ndarray]
"""Origins (B,) -> forecasts (B, H, K) in the user's units."""


@dataclass(frozen=True)
class Actuals:
    """What really happened, for the windows that are scored."""

    values: np.ndarray
    """(N, K) observed values in the user's units; NaN where there is none."""
    filled: np.ndarray
    """(N, K) the same with missing ones filled, for the baselines to start from."""
    offsets: np.ndarray
    scale: Scale
    """What MASE, RMSSE and R2 compare errors with."""
    season: int

    @property
    def num_series(self) -> int:
        """Series."""
        return len(self.offsets) - 1

    @cached_property
    def history(self) -> History:
        """What the baselines forecast from."""
        return History(self.filled, self.offsets, self.season)

    def after(self, origins: np.ndarray, horizon: int) -> np.ndarray:
        """(B, H, K) observed values after some origins (B,)."""
        return np.asarray(self.values[origins[:, None] + 1 + np.arange(horizon)])


def score(
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    actuals: Actuals,
    opponents: Mapping[str, Opponent] | None = None,
) -> dict[str, ErrorSums]:
    """Errors of the model, of every baseline and of further opponents.

    Args:
        batches: pairs of window origins (B,) and point forecasts (B, H, K), as they come.
        actuals: the truth.
        opponents: name -> forecasts from given origins.

    Returns:
        Name of the method -> its errors; `model` first. Empty without windows.
    """
    scores: dict[str, ErrorSums] = {}
    for origins, forecast in batches:
        scores = with_batch(scores, origins, forecast, actuals, opponents or {})
    return scores


def with_batch(
    scores: Mapping[str, ErrorSums],
    origins: np.ndarray,
    forecast: np.ndarray,
    actuals: Actuals,
    opponents: Mapping[str, Opponent],
) -> dict[str, ErrorSums]:
    """Scores with one batch added; arguments and result as for `score`."""
    found = dict(scores)
    rows = max(VALUES_AT_ONCE // (forecast.shape[1] * forecast.shape[2]), 1)
    for first in range(0, len(origins), rows):
        part = slice(first, first + rows)
        found = _added(found, origins[part], forecast[part], actuals, opponents)
    return found


def _added(
    scores: Mapping[str, ErrorSums],
    origins: np.ndarray,
    forecast: np.ndarray,
    actuals: Actuals,
    opponents: Mapping[str, Opponent],
) -> dict[str, ErrorSums]:
    horizon, history = forecast.shape[1], actuals.history
    series, truth = history.series_of(origins), actuals.after(origins, horizon)
    methods = {MODEL: forecast}
    methods |= {name: each(history, origins, horizon) for name, each in BASELINES.items()}
    methods |= {name: each(origins) for name, each in opponents.items()}
    empty = ErrorSums(point_metrics, actuals.num_series)
    return {
        name: scores.get(name, empty).add(
            point_errors(truth, values, actuals.scale, series), series
        )
        for name, values in methods.items()
    }


def overall(scores: Mapping[str, ErrorSums]) -> dict[str, dict[str, float]]:
    """Method -> metric -> value over all windows, OWA relative to seasonal naive among them."""
    metrics = {name: sums.overall() for name, sums in scores.items()}
    return {name: {**each, "OWA": owa(each, metrics[REFERENCE])} for name, each in metrics.items()}


def best_opponent(metrics: Mapping[str, Mapping[str, float]], model: str) -> str:
    """The method with the lowest MAE but the model; seasonal naive where none is known."""
    others = {name: each["MAE"] for name, each in metrics.items() if name != model}
    known = {name: error for name, error in others.items() if math.isfinite(error)}
    return min(known, key=lambda name: known[name], default=REFERENCE)


def in_words(method: str) -> str:
    """What a method is called in a sentence."""
    articled = ("mean", "moving_average", "linear_model")
    return f"{'the ' if method in articled else ''}{method.replace('_', ' ')}"


def verdict(metrics: Mapping[str, Mapping[str, float]], model: str, num_windows: int) -> str:
    """One or two honest sentences: better or worse than the best opponent, and by how much.

    Args:
        metrics: method -> metric -> value, with the MAE of the model and of seasonal naive.
        model: what the model is called.
        num_windows: test windows.
    """
    best, ours = best_opponent(metrics, model), metrics[model]["MAE"]
    theirs, naive = metrics[best]["MAE"], metrics[REFERENCE]["MAE"]
    if math.isnan(theirs):
        return f"The test part holds no observed values, so {model} cannot be judged."
    several = f", the best of {len(metrics) - 1} opponents" if len(metrics) > 2 else ""
    facts = f"MAE {ours:.4g} against {theirs:.4g} on {num_windows} test window"
    first = f"{_compared(ours, theirs, model, in_words(best))}{several}: {facts}"
    sentence = f"{first}{'' if num_windows == 1 else 's'}."
    if best == REFERENCE or not math.isfinite(ours):
        return sentence
    return f"{sentence} {_compared(ours, naive, 'It', in_words(REFERENCE))} ({naive:.4g})."


def _compared(ours: float, theirs: float, model: str, opponent: str) -> str:
    if not math.isfinite(ours):
        return f"{model} forecasts no finite numbers, which is worse than {opponent}"
    if theirs == 0 < ours:
        return f"{model} is worse than {opponent}, which is perfect here"
    change = 100 * (1 - ours / theirs) if theirs else 0.0
    if abs(change) < 0.05:
        return f"{model} is as good as {opponent}"
    return f"{model} is {abs(change):.1f} % {'better' if change > 0 else 'worse'} than {opponent}"
