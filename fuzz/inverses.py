"""Promise 6: what a chain of transforms has done to values, it undoes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st

from forecast.config.transforms import (
    Difference,
    Log,
    Log1p,
    MinMax,
    Power,
    Robust,
    Scope,
    Standardize,
    Transforms,
)
from forecast.data.chain import OutOfRangeError, fit_chain
from fuzz.material import Material

EXAMPLES = 100
"""Of each attempt."""
RELATIVE = 1e-9
"""To the largest value of the series and column."""
SCOPES: tuple[Scope, ...] = ("per_series", "global")
OPTIONS = (
    Log(),
    Log1p(),
    *(Power(method="box_cox", scope=scope) for scope in SCOPES),
    *(Power(method="yeo_johnson", scope=scope) for scope in SCOPES),
    *(Difference(lag=lag, order=order) for lag in (1, 2, 4) for order in (1, 2)),
    Difference(lag="auto"),
    *(kind(scope=scope) for kind in (Standardize, MinMax, Robust) for scope in SCOPES),
)
CHAINS = st.lists(st.sampled_from(OPTIONS), max_size=4).map(tuple)


def check(number: int, material: Material, scratch: Path) -> str | None:  # noqa: ARG001
    """Chains and panels that hypothesis draws, and the smallest of those that fail."""

    @seed(number)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[*HealthCheck],
    )
    @given(CHAINS, st.integers(0, 2**32 - 1), st.integers(1, 12))
    def undone(options: Transforms, panel: int, horizon: int) -> None:
        error = largest_error(options, panel, horizon)
        assert error <= RELATIVE, f"{options}, panel {panel}, horizon {horizon}: {error:.2g}"

    try:
        undone()
    except AssertionError as error:
        return str(error).splitlines()[0]
    return None


def largest_error(options: Transforms, panel: int, horizon: int) -> float:
    """Of the last rows of every series of a random panel, relative to its largest value."""
    values, offsets, train = random_panel(np.random.default_rng(panel))
    try:
        chain = fit_chain(options, values, train, season=4)
        scaled = chain.apply(values, offsets)
    except OutOfRangeError:  # the log of what a difference left below zero
        assume(False)
    assume(bool((np.diff(offsets) >= chain.rows_lost + horizon).all()))
    first = offsets[1:, None] - horizon
    rows, before = first + np.arange(horizon), first + np.arange(-chain.rows_lost, 0)
    restored = chain.invert(scaled[rows][..., None], values[before], np.arange(len(train)))[..., 0]
    largest = np.array([np.nanmax(np.abs(s), axis=0) for s in np.split(values, offsets[1:-1])])
    error = np.abs(restored - values[rows]) / largest[:, None]
    known = ~np.isnan(values[rows]).any(axis=1) & ~np.isnan(values[before]).any(axis=1)  # (S, K)
    return float(np.where(known[:, None], error, np.fmax(error, 0)).max(initial=0))


def random_panel(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values (N, K) with trend, season and gaps, offsets (S + 1,), and training rows (S, 2)."""
    lengths = random.integers(24, 60, random.integers(1, 5))
    width, level = random.integers(1, 4), 10 ** random.uniform(-3, 6)
    sign, gaps = random.choice([0, 1, 1]), random.choice([0, 0, 0.1])
    parts = []
    for length in lengths:
        time = np.arange(length)[:, None]
        walk = random.uniform(0, 0.1) * random.normal(size=(length, width)).cumsum(axis=0)
        season = random.uniform(0, 0.5) * np.sin(time * np.pi / 2)
        part = level * 10 ** random.uniform(-1, 1, width) * np.exp(season + walk)
        part -= (1 - sign) * part.mean(axis=0)
        part[random.random(part.shape) < gaps] = np.nan
        part[0] = level  # one value at least is known
        parts.append(part)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ends = offsets[:-1] + (lengths * random.uniform(0.4, 0.9, len(lengths))).astype(int)
    return np.concatenate(parts), offsets, np.column_stack([offsets[:-1], ends])
