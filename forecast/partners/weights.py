"""Weights of a combination, from forecasts of windows that no method was fitted on."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from forecast.errors import named

Weights = Mapping[str, Mapping[str, float]]
"""Target -> method -> what it counts in the combination; those of a target add up to one."""

STEPS = 10
"""Parts into which the weights are cut: they are tenths."""
FEWEST_UNITS = 10
"""Series, or origins that do not overlap, below which the errors do not decide."""
VALUES_AT_ONCE = 2**20
PRETRAINED, RIDGE, SMOOTHING = "pretrained", "ridge", ("theta", "ets")
SHORT_SEASON = 4
FEWEST_STRETCHES = 3
"""Of time, a horizon long, for their errors to speak for what was learned from all series."""
WORTH = 0.1
"""Share of the error that a gain must come to where all errors are of one stretch of time."""


@dataclass(frozen=True)
class HeldOut:
    """What several methods forecast of some windows, and what came."""

    forecasts: Float[np.ndarray, "M B H K"]
    """In the user's units."""
    actual: Float[np.ndarray, "B H K"]
    """NaN where nothing was observed."""
    scale: Float[np.ndarray, "S K"]
    """What the errors of each series are divided by; NaN: it does not count."""
    series: Int[np.ndarray, " B"]
    times: Int[np.ndarray, " B"]
    """Position of each origin on the time axis."""

    @property
    def units(self) -> Int[np.ndarray, " B"]:
        """What errors are averaged over first: series or, of few, origins that do not overlap."""
        if len(np.unique(self.series)) >= FEWEST_UNITS:
            return self.series
        blocks = self.times // self.actual.shape[1]
        return np.asarray(self.series * (int(blocks.max(initial=0)) + 1) + blocks)

    @property
    def stretches(self) -> int:
        """Of time, a horizon long, in which there are origins."""
        return len(np.unique(self.times // self.actual.shape[1]))

    def of_target(self, number: int) -> HeldOut:
        """The same of one target alone."""
        only = slice(number, number + 1)
        return replace(
            self,
            forecasts=self.forecasts[..., only],
            actual=self.actual[..., only],
            scale=self.scale[:, only],
        )


def prior_weights(
    methods: Sequence[str], season: int, is_pretrained: bool = False
) -> Float[np.ndarray, " M"]:
    """What methods count as long as no errors speak for other weights: equal weights.

    Beside a pretrained network, networks count twice what smoothing does; and smoothing counts only
    for yearly and quarterly rows and others with short seasons: elsewhere a fixed share of it cost
    more than it gained (benchmarks/RESULTS.md, "Weights of the pretrained network and both
    partners"). Ridge regression is far better on some tables and far worse on others: errors must
    speak for it.

    Args:
        methods: by name; what is no partner is the model.
        season: rows.
        is_pretrained: whether the model is a pretrained network too.
    """
    if not is_pretrained and PRETRAINED not in methods:
        return np.full(len(methods), 1 / len(methods))
    counts_of = dict.fromkeys(SMOOTHING, 1.0 if season <= SHORT_SEASON else 0.0) | {RIDGE: 0.0}
    counts = np.array([counts_of.get(method, 2.0) for method in methods])
    return np.asarray(counts / counts.sum())


def weighted(
    forecasts: Float[np.ndarray, "M B H K"] | Sequence[Float[np.ndarray, "B H K"]],
    weights: Float[np.ndarray, "K M"],
) -> Float[np.ndarray, "B H K"]:
    """The weighted mean of several forecasts; what does not count may be no number.

    Args:
        forecasts: of each method.
        weights: of each target and method.
    """
    total = np.zeros_like(forecasts[0])
    for each, shares in zip(forecasts, weights.T, strict=True):
        counts = shares > 0
        total[..., counts] += shares[counts] * each[..., counts]
    return total


def weights_by_name(
    targets: Sequence[str], methods: Sequence[str], weights: Sequence[Sequence[float]]
) -> Weights:
    """The weights of each target and method, by their names."""
    return {
        target: dict(zip(methods, shares, strict=True))
        for target, shares in zip(targets, weights, strict=True)
    }


def weights_in_words(weights: Weights, most: int | None = None) -> str:
    """What each method counts, by target where that differs between them.

    Args:
        weights: of a combination.
        most: targets that are named; None: all.
    """
    every = {tuple(shares.items()) for shares in weights.values()}
    if len(every) == 1:
        return _shares_in_words(dict(every.pop()))
    told = []
    for target, shares in itertools.islice(weights.items(), most):
        counting = {name: share for name, share in shares.items() if share}
        told.append(f"{named(target)}: {_shares_in_words(counting)}")
    return "; ".join([*told, *(["..."] if len(told) < len(weights) else [])])


def _shares_in_words(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.2f}" for name, share in shares.items())


def chosen_weights(
    held_out: HeldOut, prior: Float[np.ndarray, " M"], pooled: Sequence[int] = ()
) -> Float[np.ndarray, "K M"]:
    """The weights nearest to the prior that are not worse than the best beyond chance, by target.

    Targets differ in what suits them: a count may follow weeks that ridge regression has learned,
    while a temperature beside it is smooth.

    Of all weights on a coarse grid, those count whose mean scaled error lies within one standard
    error of the least one; the standard error is that of the paired differences over series, or
    over origins that do not overlap where the series are few. So dozens of windows leave the prior,
    and thousands may move to one method. Series of a table share their fate, which the standard
    error does not know: the fewer stretches of time the errors come from, the larger a gain must be
    to leave the prior; and fewer than `FEWEST_STRETCHES` say nothing of a method that has learned
    from all series together, and may have learned that fate.

    Args:
        held_out: forecasts and truth.
        prior: weights that hold as long as nothing speaks against them.
        pooled: numbers of the methods that have learned from all series together.

    Source: Breiman et al. 1984, "Classification and regression trees" (the rule of one standard
    error); Hyndman and Koehler 2006 (the scaled error).
    """
    targets = range(held_out.actual.shape[2])
    return np.stack([_chosen(held_out.of_target(number), prior, pooled) for number in targets])


def _chosen(
    held_out: HeldOut, prior: Float[np.ndarray, " M"], pooled: Sequence[int]
) -> Float[np.ndarray, " M"]:
    """The weights of one target; see `chosen_weights`."""
    grid = np.concatenate([prior[None], _simplex(len(prior))])  # (G, M)
    if held_out.stretches < FEWEST_STRETCHES:
        grid = grid[np.isclose(grid[:, [*pooled]], prior[[*pooled]]).all(axis=1)]
    errors = _errors_of_units(held_out, grid)  # (G, U)
    units = errors.shape[1]
    if units < FEWEST_UNITS:
        return prior
    means = errors.mean(axis=1)
    differences = errors - errors[means.argmin()]
    spread = differences.std(axis=1, ddof=1) / np.sqrt(units)
    distance = np.square(grid - prior).sum(axis=1)
    worth = WORTH / np.sqrt(held_out.stretches) * means.min()
    good = differences.mean(axis=1) <= np.maximum(spread, worth)
    return np.asarray(grid[np.where(good, distance, np.inf).argmin()])


def _simplex(methods: int) -> Float[np.ndarray, "G M"]:
    """All weights in tenths that add up to one."""
    parts = itertools.product(range(STEPS + 1), repeat=methods)
    return np.array([each for each in parts if sum(each) == STEPS]) / STEPS


def _errors_of_units(held_out: HeldOut, grid: Float[np.ndarray, "G M"]) -> Float[np.ndarray, "G U"]:
    """Mean scaled error of each unit under each weights; a unit without a known one is left out.

    A value that a method forecasts as no finite number does not count, for nobody.
    """
    names, place = np.unique(held_out.units, return_inverse=True)
    scale = held_out.scale[held_out.series][:, None]  # (B, 1, K)
    sums, counts = np.zeros((len(grid), len(names))), np.zeros(len(names))
    size = max(VALUES_AT_ONCE // (len(grid) * int(np.prod(held_out.actual.shape[1:]))), 1)
    for first in range(0, len(place), size):
        part = slice(first, first + size)
        # An error is linear in the weights, so that the methods' signed errors are enough.
        signed = (held_out.forecasts[:, part] - held_out.actual[part]) / scale[part]
        judged = np.isfinite(signed).all(axis=0)  # (B, H, K)
        combined = np.tensordot(grid, np.where(judged, signed, 0.0), axes=1)  # (G, B, H, K)
        np.add.at(sums.T, place[part], np.abs(combined).sum(axis=(2, 3)).T)
        np.add.at(counts, place[part], judged.sum(axis=(1, 2)))
    return sums[:, counts > 0] / counts[counts > 0]
