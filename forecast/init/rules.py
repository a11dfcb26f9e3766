"""What a table of a given size and season gets: the rules of `config init`.

Small tables get a small network on differenced values; tables with thousands of windows one that
reads segments of a season from normalised windows. Every rule was chosen on validation parts
(benchmarks/RESULTS.md), and the configurations of the benchmarks follow from them.
"""

from __future__ import annotations

from dataclasses import dataclass

MANY_SERIES = 30
"""From here on series are alike enough to pool them: levels are divided out, samples abound."""
LARGE = 5_000
"""Training samples (windows times targets) from which the large network pays."""
LONGEST_SEGMENT = 24
LONGEST_SMALL_LOOKBACK, LONGEST_LOOKBACK = 336, 720
"""Steps that a small and a large network read."""
MOST_SEASONS = 30
"""Seasons that a lookback holds at most."""
FAR_AHEAD = 4
"""Segments ahead up to which the network alone does better than with a linear map beside it."""
STEPS = 1_200
"""Optimiser steps of a training, in about."""
BATCH_SAMPLES = 512
"""Samples in a mini-batch, in about: windows times targets."""
EPOCH_SAMPLES = 51_200
"""Samples after which validation is looked at, where there are many more."""


@dataclass(frozen=True)
class Facts:
    """What the rules look at."""

    rows: int
    """Training rows of a series, in the median."""
    num_series: int
    num_targets: int
    season: int
    horizon: int
    lag: int = 0
    """Rows that a difference takes; 0: the values are not differenced."""

    @property
    def has_many_series(self) -> bool:
        """Whether the series are a crowd."""
        return self.num_series >= MANY_SERIES

    def samples(self, lookback: int) -> int:
        """Training windows times targets."""
        windows = max(0, self.rows - self.lag - lookback - self.horizon + 1)
        return windows * self.num_series * self.num_targets


def is_large(facts: Facts) -> bool:
    """Whether there are samples enough for the large network, and seasons for its segments."""
    length = segment(facts.season)
    samples = facts.samples(large_lookback(facts))
    return length > 1 and facts.rows >= 6 * facts.season and samples >= LARGE


def small_lookback(facts: Facts) -> int:
    """Two seasons (a week of hours), at least the horizon, in whole segments."""
    length = small_segment(facts)
    return _small_steps(facts) // length * length


def small_segment(facts: Facts) -> int:
    """Steps read as one: those of a season, where a seasonal difference shows how strong it is."""
    length = segment(facts.season) if facts.lag == facts.season else 1
    return length if length <= _small_steps(facts) else 1


def _small_steps(facts: Facts) -> int:
    """The lookback before it is cut into segments; windows to train on must be left."""
    usual = min(2 * facts.season, LONGEST_SMALL_LOOKBACK)
    wanted = {24: 168, 1: 2 * facts.horizon}.get(facts.season, usual)
    most = (facts.rows - facts.lag - facts.horizon) // 2
    return max(1, min(max(wanted, facts.horizon), most))


def small_model(facts: Facts) -> dict[str, object]:
    """The section `model` of a small table; a difference takes the level away, else the window."""
    chosen: dict[str, object] = {"hidden_size": "auto"}
    length = small_segment(facts)
    if length > 1:
        chosen |= {"segment": length, "head": "parallel"}
    if not facts.lag:
        chosen["window_norm"] = "last"
    return chosen | ({"channels": "independent"} if facts.num_targets > 1 else {})


def small_training() -> dict[str, object]:
    """The section `training` of a small table."""
    return {
        "learning_rate": 0.003,
        "epochs": 100,
        "early_stopping": {"patience": 20},
        "ensemble": 3,
    }


def segment(season: int) -> int:
    """Steps read as one: a season, or the longest part of one that divides it."""
    return max(n for n in range(1, LONGEST_SEGMENT + 1) if season % n == 0)


def large_lookback(facts: Facts) -> int:
    """Whole segments: up to 30 seasons and 720 steps, and a third of the rows."""
    length = segment(facts.season)
    longest = max(LONGEST_LOOKBACK, facts.season)
    most = min(MOST_SEASONS * facts.season, longest, (facts.rows - facts.horizon) // 3)
    unit = facts.season if most >= facts.season else length
    return max(unit, most // unit * unit)


def large_model(facts: Facts) -> dict[str, object]:
    """The section `model` of a large table."""
    many = facts.has_many_series
    length = segment(facts.season)
    units = 256 if facts.samples(large_lookback(facts)) >= 50_000 else 128
    chosen: dict[str, object] = {
        "hidden_size": units,
        "embedding_size": units,
        "segment": length,
        "window_norm": "mean" if many else "last",
        "linear_skip": _linear_skip(facts),
        "head": "direct" if facts.horizon <= 2 * length else "parallel",
        "dropout": 0.1 if many else 0.5,
    }
    return chosen | ({"channels": "independent"} if facts.num_targets > 1 else {})


def _linear_skip(facts: Facts) -> str:
    """Far ahead, segments carry a pattern on."""
    return "segment" if facts.horizon > FAR_AHEAD * segment(facts.season) else "none"


def large_training(facts: Facts) -> dict[str, object]:
    """The section `training` of a large table."""
    many = facts.has_many_series
    epochs = _epochs(facts)
    chosen: dict[str, object] = {
        "loss": "mae",
        "learning_rate": 0.003 if many else 0.001,
        "schedule": "cosine",
        "batch_size": batch_size(facts.num_targets),
        "epochs": epochs,
        "early_stopping": {"patience": max(3, epochs // 5)},
        "averaging": "ema",
        "clip_norm": 1,
    }
    if many:
        chosen |= {"series_weights": "mixed", "sampling": "uniform"}
    if facts.samples(large_lookback(facts)) > 2 * EPOCH_SAMPLES:
        chosen["epoch_windows"] = EPOCH_SAMPLES // facts.num_targets
    return chosen


def _epochs(facts: Facts) -> int:
    """Passes that come to some thousand steps, between 10 and 100."""
    samples = min(facts.samples(large_lookback(facts)), EPOCH_SAMPLES)
    steps = samples / (facts.num_targets * batch_size(facts.num_targets))
    return int(min(100, max(10, STEPS / steps)))


def batch_size(num_targets: int) -> int:
    """Windows in a mini-batch: a power of two from 16 to 256."""
    size = 16
    while size < 256 and 2 * size * num_targets <= BATCH_SAMPLES:
        size *= 2
    return size
