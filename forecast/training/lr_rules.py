"""Rules that read a learning rate off the curves of a range test."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Curve = Float[np.ndarray, " P"]
"""A number for each point of a sweep, from the lowest rate to the highest."""

DIVERGED_AT = 4.0
"""Times its lowest value: a smoothed loss above it ends the sweep."""
SETTLING = 10
"""Points at the start that no rule reads, because the moving average has not settled."""
MUST_FALL_BY_SHARE = 0.05
"""A curve that falls by less than this share of its first loss is flat."""
MUST_FALL_BY_ERRORS = 3.0
"""A curve that falls by fewer standard errors of its noise is flat."""
USUAL_RATE = 3e-3
"""The rate where none stands out: small networks train well with it."""


@dataclass(frozen=True)
class Point:
    """One mini-batch of a sweep."""

    rate: float
    loss: float
    smoothed: float


@dataclass(frozen=True)
class Sweep:
    """One sweep from one seed, and the rate that each rule reads off it."""

    seed: int
    points: tuple[Point, ...]
    suggestions: Mapping[str, float]
    """Rule: rate; empty where the curve is flat."""


def suggest(points: Sequence[Point], last: float) -> dict[str, float]:
    """Rates that the rules read off a curve; none where it is flat.

    Args:
        points: the curve.
        last: rate at which the sweep would have ended without divergence.

    Returns:
        Rule: rate; `half_divergence` only where the loss diverged.
    """
    if is_flat(points):
        return {}
    rates = np.array([point.rate for point in points[SETTLING:]])
    losses = np.array([point.smoothed for point in points[SETTLING:]])
    diverged = rates[-1] < last * (1 - 1e-9) or losses[-1] > DIVERGED_AT * losses.min()
    found = {rule: read(rates, losses) for rule, read in RULES.items()}
    if diverged:
        found["half_divergence"] = float(rates[-1]) / 2
    return found


def is_flat(points: Sequence[Point]) -> bool:
    """Whether the loss falls no further than it would by chance.

    The mean of the first quarter is compared with the lowest mean of any later eighth, both before
    smoothing: the noise of single mini-batches tells how far two such means differ by chance.
    """
    if len(points) < 2 * SETTLING:
        return True
    losses = np.array([point.loss for point in points])
    head, width = losses[: max(SETTLING, len(losses) // 4)], max(5, len(losses) // 8)
    later = np.convolve(losses[len(head) // 2 :], np.full(width, 1 / width), mode="valid")
    # Standard error of the difference of two means, of len(head) and of `width` losses.
    error = head.std(ddof=1) * math.sqrt(1 / len(head) + 1 / width)
    least = max(MUST_FALL_BY_SHARE * abs(head.mean()), MUST_FALL_BY_ERRORS * error)
    return bool(head.mean() - later.min() <= least)


def _steepest(rates: Curve, losses: Curve) -> float:
    """Where the loss falls fastest against the logarithm of the rate.

    It is looked for between the last point in the upper fifth of the fall and the minimum, because
    noise before the fall is steep as well. A slope spans a fifteenth of the curve.
    """
    lowest, span = int(np.argmin(losses)), max(1, len(losses) // 30)
    top = np.median(losses[: len(losses) // 10 + 1])
    high = np.flatnonzero(losses[:lowest] >= top - 0.2 * (top - losses[lowest]))
    fall = np.arange(high[-1] if len(high) else 0, lowest + 1)
    left, right = np.maximum(fall - span, 0), np.minimum(fall + span, len(losses) - 1)
    slope = (losses[right] - losses[left]) / np.log(rates[right] / rates[left])
    return float(rates[fall[int(np.argmin(slope))]])


def _valley(rates: Curve, losses: Curve) -> float:
    """Two thirds down the longest run of falling losses, bumps left out (as fastai's `valley`)."""
    run = _longest_decreasing(losses)
    return float(rates[run[(2 * len(run)) // 3]])


def _minimum_tenth(rates: Curve, losses: Curve) -> float:
    """A tenth of the rate where the loss is lowest."""
    return float(rates[int(np.argmin(losses))]) / 10


RULES: Mapping[str, Callable[[Curve, Curve], float]] = {
    "steepest": _steepest,
    "valley": _valley,
    "minimum_tenth": _minimum_tenth,
}
"""Rules that need a curve only; `half_divergence` needs to know that it diverged."""
LR_RULES = ("half_divergence", *RULES)


def _longest_decreasing(values: Curve) -> list[int]:
    """Indices of the longest strictly decreasing subsequence (patience sorting)."""
    tops: list[float] = []
    top_index: list[int] = []
    before: list[int] = []
    for index, value in enumerate(values):
        pile = bisect.bisect_left(tops, -float(value))
        before.append(top_index[pile - 1] if pile else -1)
        tops[pile : pile + 1] = [-float(value)]
        top_index[pile : pile + 1] = [index]
    run = [top_index[-1]]
    while before[run[-1]] >= 0:
        run.append(before[run[-1]])
    return run[::-1]


def suggested(sweeps: Sequence[Sweep], last: float) -> dict[str, float | None]:
    """Each rule's rate: the median over the sweeps or, where most of them are flat, of their mean.

    The mean of several curves has less noise, so that it shows a fall which each of them hides.

    Args:
        sweeps: from several seeds.
        last: rate at which a sweep would have ended without divergence.
    """
    medians = {rule: median_rate(sweeps, rule) for rule in LR_RULES}
    if any(medians.values()) or len(sweeps) < 2:
        return medians
    found = suggest(mean_curve(sweeps), last)
    return {rule: found.get(rule) for rule in LR_RULES}


def mean_curve(sweeps: Sequence[Sweep]) -> list[Point]:
    """The mean of several curves, as far as all of them go."""
    together = zip(*(each.points for each in sweeps), strict=False)
    return [
        Point(
            points[0].rate,
            float(np.mean([point.loss for point in points])),
            float(np.mean([point.smoothed for point in points])),
        )
        for points in together
    ]


def median_rate(sweeps: Sequence[Sweep], rule: str) -> float | None:
    """The median of a rule's rates, on the logarithmic scale; None unless most sweeps give one."""
    rates = [s.suggestions[rule] for s in sweeps if rule in s.suggestions]
    if 2 * len(rates) <= len(sweeps):
        return None
    return float(np.exp(np.median(np.log(rates))))


@dataclass(frozen=True, eq=False, repr=False)
class LrFound:
    """The result of the learning-rate range test."""

    sweeps: list[Sweep]
    rates: dict[str, float | None]
    """Rule: rate over the seeds, to three digits; None where the rule suggests nothing."""
    rule: str
    kept: float = USUAL_RATE
    """The rate to keep where none stands out."""

    @property
    def rate(self) -> float | None:
        """The rate of the configured rule."""
        return self.rates[self.rule]

    def __repr__(self) -> str:
        rates = (f"{rule} {rate or 'none'}" for rule, rate in self.rates.items())
        taken = self.why_none if self.rate is None else f"{self.rate:g}, by rule {self.rule}"
        return f"LrFound: {taken}\nrates    {', '.join(rates)}; {len(self.sweeps)} sweeps"

    @property
    def why_none(self) -> str:
        """Why the configured rule suggests nothing, and what to do about it."""
        if any(self.rates.values()):
            return (
                f"rule {self.rule} suggests nothing, for the loss did not diverge; raise"
                " training.lr_range.last, take another training.lr_range.rule, or set a rate"
            )
        count = len(self.sweeps)
        over = f"even the mean of {count} curves" if count > 1 else "the curve"
        return (
            f"no rate stands out: {over} falls by no more than its noise; keep"
            f" training.learning_rate: {self.kept:g}"
        )


def lr_found(sweeps: list[Sweep], rule: str, last: float, kept: float = USUAL_RATE) -> LrFound:
    """What sweeps come to: each rule's rate, to three digits.

    Args:
        sweeps: from several seeds.
        rule: that was asked for.
        last: rate at which a sweep would have ended without divergence.
        kept: the rate to keep where none stands out.
    """
    found = suggested(sweeps, last)
    rates = {rule: rate and float(f"{rate:.3g}") for rule, rate in found.items()}
    return LrFound(sweeps, rates, rule, kept)
