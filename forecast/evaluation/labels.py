"""Metrics of forecast labels, out of sums that grow batch by batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from forecast.evaluation.metrics import ErrorSums, Sums, Terms, ratio, together

Labels = Float[np.ndarray, "B H K"]
"""Numbers of classes; below 0 for a label never seen in training, NaN where nothing is known."""
Shares = Float[np.ndarray, "B H K Q"]
"""Probability of each class."""
BINS = 10
"""Of the probability of the label that is forecast, in the reliability curve."""
LEAST = float(np.finfo(np.float64).eps)
"""Smallest probability in the log loss, as scikit-learn has it."""


@dataclass(frozen=True)
class LabelSums:
    """What became of forecast labels; no forecast is kept."""

    errors: ErrorSums
    """Misses, log loss and Brier score by step and series; misses by window too."""
    confusion: Int[np.ndarray, "K T Q"]
    """Labels that came (the last: never seen in training) against those that were forecast."""
    reliability: Float[np.ndarray, "K 3 _"]
    """By probability of the label that was forecast: how many, sum of it, how many were right."""

    @staticmethod
    def empty(counts: Sequence[int], num_series: int) -> LabelSums:
        """Of nothing.

        Args:
            counts: classes of each target.
            num_series: of the panel.
        """
        targets, width = len(counts), max(counts)
        return LabelSums(
            ErrorSums(label_metrics, num_series),
            np.zeros((targets, width + 1, width), dtype=np.int64),
            np.zeros((targets, 3, BINS)),
        )

    def add(
        self,
        actual: Labels,
        shares: Shares,
        series: Int[np.ndarray, " B"],
        times: Int[np.ndarray, " B"],
    ) -> LabelSums:
        """With some windows added.

        Args:
            actual: labels that came.
            shares: what was forecast of them.
            series: of each window.
            times: of their origins, so that methods can be compared origin by origin.
        """
        confusion, reliability = self.confusion.copy(), self.reliability.copy()
        width = shares.shape[-1]
        for target in range(actual.shape[2]):
            known = ~np.isnan(actual[..., target])
            came = actual[..., target][known].astype(np.int64)
            of_target = shares[:, :, target][known]  # (R, Q)
            forecast, surest = of_target.argmax(axis=1), of_target.max(axis=1)
            rows = np.where(came < 0, width, came)
            np.add.at(confusion[target], (rows, forecast), 1)
            bins = np.minimum((surest * BINS).astype(np.int64), BINS - 1)
            for number, weight in enumerate((np.ones(len(came)), surest, came == forecast)):
                np.add.at(reliability[target, number], bins, weight)
        terms = label_terms(actual, shares)
        return replace(
            self,
            errors=self.errors.add(terms, series, times),
            confusion=confusion,
            reliability=reliability,
        )

    def overall(self) -> dict[str, float]:
        """Each metric over all windows, steps and targets; NaN if nothing was observed.

        Accuracy, log loss and Brier score are those of all values; the others the mean of the
        targets.
        """
        of_values = self.errors.overall()
        means = {name: _mean(values.tolist()) for name, values in self._by_target().items()}
        return {
            "accuracy": of_values["accuracy"],
            "balanced_accuracy": means["balanced_accuracy"],
            "macro_F1": means["macro_F1"],
            "log_loss": of_values["log_loss"],
            "Brier": of_values["Brier"],
            "calibration_error": means["calibration_error"],
        }

    def per_step(self) -> dict[str, np.ndarray]:
        """(H,) accuracy, log loss and Brier score by horizon step."""
        return self.errors.per_step()

    def per_series(self) -> dict[str, np.ndarray]:
        """(S,) accuracy, log loss and Brier score by series."""
        return self.errors.per_series()

    def per_target(self) -> dict[str, np.ndarray]:
        """(K,) every metric by target."""
        return {**self.errors.per_target(), **self._by_target()}

    def matrix(self, target: int, classes: int) -> list[list[int]]:
        """The confusion matrix of a target with so many classes; the last row: never seen."""
        whole = self.confusion[target, :, :classes]
        return [*whole[:classes].tolist(), whole[-1].tolist()]

    def _by_target(self) -> dict[str, np.ndarray]:
        """(K,) the metrics that are no means over values."""
        count, surest, right = self.reliability.transpose(1, 0, 2)  # (K, bins) each
        off = zip(np.abs(right - surest).sum(axis=1), count.sum(axis=1), strict=True)
        return {
            "balanced_accuracy": np.array([balanced_accuracy(each) for each in self.confusion]),
            "macro_F1": np.array([macro_f1(each) for each in self.confusion]),
            "calibration_error": np.array([_share(float(a), float(b)) for a, b in off]),
        }


def label_terms(actual: Labels, shares: Shares) -> Terms:
    """Terms of forecast labels, for `label_metrics`."""
    known = ~np.isnan(actual)
    came = np.where(known, actual, 0).astype(np.int64)
    is_class = came >= 0
    of_own = np.take_along_axis(shares, np.maximum(came, 0)[..., None], axis=-1)[..., 0]
    of_own = np.where(is_class, of_own, 0.0)
    missed = (shares.argmax(axis=-1) != came) & known
    return {
        "known": known.astype(np.float64),
        "absolute": missed.astype(np.float64),
        "log_loss": np.where(known, -np.log(np.clip(of_own, LEAST, 1.0)), 0.0),
        "brier": np.where(known, np.square(shares).sum(axis=-1) - 2 * of_own + 1, 0.0),
    }


def label_metrics(sums: Sums, over_targets: bool) -> dict[str, np.ndarray]:
    """Accuracy, log loss and Brier score out of the sums of `label_terms`.

    The log loss is minus the mean logarithm of the probability of the label that came, the Brier
    score (1950) the sum over the classes of squared differences from 0 or 1, from 0 to 2.
    """
    sums = together(sums) if over_targets else sums
    means = {name: ratio(values, sums["known"]) for name, values in sums.items()}
    return {
        "accuracy": 1 - means["absolute"],
        "log_loss": means["log_loss"],
        "Brier": means["brier"],
    }


def balanced_accuracy(confusion: Int[np.ndarray, "T Q"]) -> float:
    """Share of each label that came that was forecast, in the mean over the labels.

    Source: Brodersen et al. 2010.
    """
    came = confusion.sum(axis=1)
    right = np.append(np.diagonal(confusion), 0)  # one never seen in training is never forecast
    return _mean([float(r / c) for r, c in zip(right, came, strict=True) if c])


def macro_f1(confusion: Int[np.ndarray, "T Q"]) -> float:
    """Harmonic mean of precision and recall of each label that came or was forecast, and of these
    the mean."""
    came, forecast = confusion.sum(axis=1), np.append(confusion.sum(axis=0), 0)
    right = np.append(np.diagonal(confusion), 0)
    both = came + forecast
    return _mean([float(2 * r / b) for r, b in zip(right, both, strict=True) if b])


def reliability_of(sums: LabelSums) -> list[tuple[int, float, float]]:
    """(how many, mean probability, share that was right) by probability of the forecast label.

    Of all targets together; bins that hold none are left out.
    """
    count, surest, right = sums.reliability.sum(axis=0)
    return [
        (int(n), float(s / n), float(r / n))
        for n, s, r in zip(count, surest, right, strict=True)
        if n
    ]


def best_by_accuracy(metrics: Mapping[str, Mapping[str, float]], model: str) -> str:
    """The opponent that is right most often."""
    others = [name for name in metrics if name != model]
    return max(others, key=lambda name: np.nan_to_num(metrics[name]["accuracy"], nan=-1.0))


def label_verdict(metrics: Mapping[str, Mapping[str, float]], model: str, num_windows: int) -> str:
    """One or two honest sentences: more or less often right than the best opponent.

    Args:
        metrics: method -> metric -> value.
        model: what the model is called.
        num_windows: test windows.
    """
    best = best_by_accuracy(metrics, model)
    ours, theirs = metrics[model]["accuracy"], metrics[best]["accuracy"]
    if np.isnan(ours):
        return f"The test part holds no observed labels, so {model} cannot be judged."
    points = 100 * (ours - theirs)
    how = f"{abs(points):.1f} points more often right than"
    how = how if points > 0 else how.replace("more", "less")
    how = how if abs(points) >= 0.05 else "as often right as"
    surest = min(
        (name for name in metrics if name != model), key=lambda name: metrics[name]["log_loss"]
    )
    return (
        f"{model} is {how} {opponent_in_words(best)}, the best of {len(metrics) - 1} opponents:"
        f" accuracy {100 * ours:.1f} % against {100 * theirs:.1f} % on {num_windows} test"
        f" window{'' if num_windows == 1 else 's'}. Its log loss is"
        f" {metrics[model]['log_loss']:.4g}, the lowest of the others"
        f" {metrics[surest]['log_loss']:.4g} ({opponent_in_words(surest)})."
    )


def opponent_in_words(method: str) -> str:
    """What an opponent is called in a sentence."""
    return {"most_frequent": "the most frequent label", "markov_chain": "the Markov chain"}.get(
        method, f"the {method.replace('_', ' ')}"
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
