"""The model beside its opponents on the same windows, and a verdict in a sentence or two."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from forecast.data.scale import Scale
from forecast.evaluation.baselines import INTERMITTENT, Forecast, History, baseline_forecasts
from forecast.evaluation.metrics import PERFECT, ErrorSums, owa, point_errors, point_metrics

REFERENCE = "seasonal_naive"
"""The opponent that every verdict names, and that OWA divides by."""

COMBINATION = "combination"
"""What the combination of a model with its partners is called among the methods."""
VALUES_AT_ONCE = 2**17
"""A forecast is scored in pieces of so many values: these stay in the cache, which halves the
time."""

Opponent = Callable[[Int[np.ndarray, " B"]], Forecast]
"""Origins -> forecasts in the user's units."""


@dataclass(frozen=True)
class Actuals:
    """What really happened, for the windows that are scored."""

    values: Float[np.ndarray, "N K"]
    """Observed values in the user's units; NaN where there is none."""
    history: History
    """The same with missing ones filled, from which the baselines forecast."""
    scale: Scale
    """What MASE, RMSSE and R2 compare errors with."""
    starts: Int[np.ndarray, " S"] | None = None
    """Position of each series' first row on the time axis; None: all begin at the same time."""

    def times(self, rows: Int[np.ndarray, " B"]) -> Int[np.ndarray, " B"]:
        """Positions of some rows on the time axis."""
        series = self.history.series_of(rows)
        since = rows - self.history.offsets[series]
        return np.asarray(since if self.starts is None else self.starts[series] + since)

    def after(self, origins: Int[np.ndarray, " B"], horizon: int) -> Forecast:
        """Observed values after some origins."""
        return np.asarray(self.values[origins[:, None] + 1 + np.arange(horizon)])


def with_batch(
    sums: Mapping[str, ErrorSums],
    origins: Int[np.ndarray, " B"],
    forecasts: Mapping[str, Forecast],
    actuals: Actuals,
    opponents: Mapping[str, Opponent],
) -> dict[str, ErrorSums]:
    """Errors with those of one batch added: of forecasts, of every baseline and of opponents.

    Args:
        sums: method -> its errors so far; none at first.
        origins: last known rows of the windows.
        forecasts: those that are there already, by method.
        actuals: the truth.
        opponents: further methods, by name.
    """
    _, horizon, targets = next(iter(forecasts.values())).shape
    windows = max(VALUES_AT_ONCE // (horizon * targets), 1)
    for first in range(0, len(origins), windows):
        part = slice(first, first + windows)
        methods = {name: values[part] for name, values in forecasts.items()}
        methods |= baseline_forecasts(actuals.history, origins[part], horizon)
        methods |= {name: opponent(origins[part]) for name, opponent in opponents.items()}
        sums = with_errors(sums, origins[part], methods, actuals)
    return dict(sums)


def with_errors(
    sums: Mapping[str, ErrorSums],
    origins: Int[np.ndarray, " B"],
    forecasts: Mapping[str, Forecast],
    actuals: Actuals,
) -> dict[str, ErrorSums]:
    """Errors with those of several methods on the same windows added.

    Args:
        sums: method -> its errors so far; one that lacks begins at zero.
        origins: last known rows of the windows.
        forecasts: method -> what it forecast, in the user's units.
        actuals: the truth.
    """
    series = actuals.history.series_of(origins)
    truth = actuals.after(origins, next(iter(forecasts.values())).shape[1])
    empty = ErrorSums(point_metrics, len(actuals.scale.absolute))
    times = actuals.times(origins)
    added = {}
    for name, values in forecasts.items():
        errors = point_errors(truth, values, actuals.scale, series)
        added[name] = sums.get(name, empty).add(errors, series, times)
    return added


def overall(scores: Mapping[str, ErrorSums]) -> dict[str, dict[str, float]]:
    """Method -> metric -> value over all windows, OWA relative to seasonal naive among them."""
    metrics = {name: sums.overall() for name, sums in scores.items()}
    return {name: {**each, "OWA": owa(each, metrics[REFERENCE])} for name, each in metrics.items()}


def best_opponent(metrics: Mapping[str, Mapping[str, float]], model: str) -> str:
    """The opponent with the lowest MAE; seasonal naive where none is known."""
    others = {name: metrics[name]["MAE"] for name in opponents(metrics, model)}
    known = {name: error for name, error in others.items() if math.isfinite(error)}
    return min(known, key=lambda name: known[name], default=REFERENCE)


def opponents(metrics: Mapping[str, Mapping[str, float]], model: str) -> list[str]:
    """All methods but the model, and but one that is the whole of a combination."""
    others = [name for name in metrics if name != model]
    if model != COMBINATION:
        return others
    return [name for name in others if not _alike(metrics[name], metrics[model])]


def _alike(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    pairs = zip(one.values(), other.values(), strict=True)
    return all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in pairs)


def extreme_series(
    errors: ErrorSums, ids: Sequence[str], most: int, worst: bool = True
) -> dict[str, float]:
    """MASE of the series that are forecast worst or best, the most extreme first.

    Args:
        errors: of one method.
        ids: names of all series.
        most: how many to name.
        worst: whether the worst ones are meant, or the best.
    """
    mase = errors.per_series()["MASE"]
    known = np.flatnonzero(~np.isnan(mase))
    order = known[np.argsort(-mase[known] if worst else mase[known], kind="stable")][:most]
    return {ids[number]: float(mase[number]) for number in order}


def median_series(errors: ErrorSums, ids: Sequence[str]) -> dict[str, float]:
    """MASE of the series in the middle between the worst and the best; none where none is known.

    Args:
        errors: of one method.
        ids: names of all series.
    """
    ranked = [*extreme_series(errors, ids, len(ids)).items()]
    return dict(ranked[len(ranked) // 2 : len(ranked) // 2 + 1])


def method_in_words(method: str) -> str:
    """What a method is called in a sentence."""
    articled = ("mean", "moving_average", "linear_model")
    if method in INTERMITTENT:
        return {"croston": "Croston's method"}.get(method, method.upper())
    return f"{'the ' if method in articled else ''}{method.replace('_', ' ')}"


def verdict(
    metrics: Mapping[str, Mapping[str, float]],
    model: str,
    num_windows: int,
    combined: Sequence[str] = (),
) -> str:
    """One or two honest sentences: better or worse than the best opponent, and by how much.

    Args:
        metrics: method -> metric -> value, with the MAE of the model and of seasonal naive.
        model: what the model is called.
        num_windows: test windows.
        combined: methods that the model is a combination of, if it is one; each is named.
    """
    best, ours = best_opponent(metrics, model), metrics[model]["MAE"]
    alone = [f"{name} {metrics[name]['MAE']:.4g}" for name in combined if name != model]
    members = f" Alone: {', '.join(alone)}." if alone else ""
    theirs, naive = metrics[best]["MAE"], metrics[REFERENCE]["MAE"]
    if math.isnan(theirs):
        article = "the " if alone else ""
        return f"The test part holds no observed values, so {article}{model} cannot be judged."
    number = len(opponents(metrics, model))
    several = f", the best of {number} opponents" if number > 1 else ""
    model = f"The {model}" if alone else model
    facts = f"MAE {ours:.4g} against {theirs:.4g} on {num_windows} test window"
    first = f"{_compared(ours, theirs, model, method_in_words(best))}{several}: {facts}"
    sentence = f"{first}{'' if num_windows == 1 else 's'}."
    if best == REFERENCE or not math.isfinite(ours):
        return f"{sentence}{members}"
    reference = _compared(ours, naive, "It", method_in_words(REFERENCE))
    return f"{sentence} {reference} ({naive:.4g}).{members}"


def _compared(ours: float, theirs: float, model: str, opponent: str) -> str:
    if not math.isfinite(ours):
        return f"{model} forecasts no finite numbers, which is worse than {opponent}"
    if theirs <= PERFECT * ours and ours > 0:
        return f"{model} is worse than {opponent}, which is perfect here"
    change = 100 * (1 - ours / theirs) if theirs else 0.0
    if abs(change) < 0.05:
        return f"{model} is as good as {opponent}"
    return f"{model} is {abs(change):.1f} % {'better' if change > 0 else 'worse'} than {opponent}"
