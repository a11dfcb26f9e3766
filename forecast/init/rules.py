"""What a table of a given size and season gets: the rules of `config init`.

Small tables get a small network on differenced values; tables with thousands of windows one that
reads segments of a season from normalised windows. Every rule was chosen on validation parts
(benchmarks/RESULTS.md), and the configurations of the benchmarks follow from them.
"""

from __future__ import annotations

from dataclasses import dataclass

from forecast.pretrained.season import longer_season, most_rows

HOURS = 24
"""Rows of a day of hours."""
MANY_SERIES = 30
"""From here on series are alike enough to pool them: levels are divided out, samples abound."""
FEWEST_SEASONS = 6
"""In the training rows of a series, for a network that reads segments."""
LARGE = 5_000
"""Training samples (windows times targets) from which the large network pays."""
FEW_SAMPLES = 10_000
"""Of pooled series: below, mini-batches are a quarter as large."""
LONGEST_SEGMENT, LONGEST_LARGE_SEGMENT = 24, 96
"""Steps read as one at most: by any network, and by a large one of few series."""
ENOUGH_SEASONS = 14
"""Half a lookback that holds so many, and the horizon, is read by a member of its own; else twice
a lookback is."""
LEAST_ROWS = 5
"""Lookbacks that a member needs at least: the windows of all members begin as late as its own."""
LONGEST_SMALL_LOOKBACK, LONGEST_LOOKBACK = 336, 720
"""Steps that a small and a large network read."""
MOST_SEASONS = 30
"""Seasons that a lookback holds at most."""
FAR_AHEAD = 4
"""Segments ahead up to which the network alone does better than with a linear map beside it."""
STEPS, MEMBER_STEPS = 1_200, 400
"""Optimiser steps that a training takes, roughly; and a member of those that differ."""
BATCH_SAMPLES = 512
"""Samples in a mini-batch, roughly: windows times targets."""
EPOCH_SAMPLES = 51_200
"""Samples after which validation is looked at, where there are many more."""


@dataclass(frozen=True)
class TableShape:
    """The sizes of a table that the rules look at."""

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
        """Whether there are enough series to learn from all of them together."""
        return self.num_series >= MANY_SERIES

    def samples(self, lookback: int) -> int:
        """Training windows times targets."""
        windows = max(0, self.rows - self.lag - lookback - self.horizon + 1)
        return windows * self.num_series * self.num_targets


def is_large(shape: TableShape) -> bool:
    """Whether there are samples enough for the large network, and seasons for its segments."""
    samples = shape.samples(large_lookback(shape))
    is_known = shape.rows >= FEWEST_SEASONS * shape.season
    return is_known and large_segment(shape) > 1 and samples >= LARGE


def is_pooled(shape: TableShape) -> bool:
    """Whether a network learns from many series together what one of them is too short to tell."""
    return shape.has_many_series and not is_large(shape)


def pooled_lookback(shape: TableShape) -> int:
    """Two seasons or horizons, at most what the median series has to train on."""
    wanted = max(2 * shape.season if shape.season > 1 else 0, 2 * shape.horizon)
    return max(1, min(wanted, LONGEST_SMALL_LOOKBACK, shape.rows))


def pooled_model(shape: TableShape) -> dict[str, object]:
    """The section `model` of many short series: every window is read relative to its own level."""
    chosen: dict[str, object] = {"hidden_size": 64, "window_norm": "mean", "dropout": 0.1}
    return chosen | ({"channels": "independent"} if shape.num_targets > 1 else {})


def pooled_training(shape: TableShape) -> dict[str, object]:
    """The section `training` of many short series: that of many long ones, in smaller batches."""
    samples = shape.samples(1)  # nearly: windows are padded
    size = batch_size(shape.num_targets) // (4 if samples < FEW_SAMPLES else 1)
    return {**_scheduled(shape, samples, size), "ensemble": 3, "refit": True}


def pretrained_lookback(shape: TableShape, longest: int) -> int:
    """All rows that the pretrained network reads, as far as the longest series has them."""
    return min(most_rows(shape.season, longer_season(shape.season)), longest - shape.horizon)


def pretrained_training(shape: TableShape) -> dict[str, object]:
    """The section `training` of a network that is fine-tuned: small steps, and not many of them."""
    chosen: dict[str, object] = {
        "loss": "mae",
        "learning_rate": 0.0003,
        "schedule": "cosine",
        "batch_size": 64,
        "epochs": 10,
        "early_stopping": {"patience": 3},
        "averaging": "ema",
        "clip_norm": 1,
        "refit": True,
    }
    if shape.num_series > 1 and shape.rows > shape.season:
        chosen["series_weights"] = "mase"
    return chosen


def partners_of(shape: TableShape, is_pretrained: bool, has_covariates: bool) -> tuple[str, ...]:
    """Methods beside the network.

    For few long series it is better without smoothing. Where their rows are hours and nothing but
    their own past is read, ridge regression over two weeks errs less in months unlike the last.
    """
    if is_large(shape) and not shape.has_many_series and not is_pretrained:
        return ("ridge",) if shape.season == HOURS and not has_covariates else ()
    return ("theta", "ets") if is_pretrained else ("pretrained", "theta", "ets")


def small_lookback(shape: TableShape) -> int:
    """Two seasons (a week of hours), at least the horizon, in whole segments."""
    length = small_segment(shape)
    return _small_steps(shape) // length * length


def small_segment(shape: TableShape) -> int:
    """Steps read as one: those of a season, where a seasonal difference shows how strong it is."""
    length = segment(shape.season) if shape.lag == shape.season else 1
    return length if length <= _small_steps(shape) else 1


def _small_steps(shape: TableShape) -> int:
    """The lookback before it is cut into segments; windows to train on must be left."""
    usual = min(2 * shape.season, LONGEST_SMALL_LOOKBACK)
    wanted = {24: 168, 1: 2 * shape.horizon}.get(shape.season, usual)
    most = (shape.rows - shape.lag - shape.horizon) // 2
    return max(1, min(max(wanted, shape.horizon), most))


def small_model(shape: TableShape) -> dict[str, object]:
    """The section `model` of a small table; a difference takes the level away, else the window."""
    chosen: dict[str, object] = {"hidden_size": "auto"}
    length = small_segment(shape)
    if length > 1:
        chosen |= {"segment": length, "head": "parallel"}
    if not shape.lag:
        chosen["window_norm"] = "last"
    return chosen | ({"channels": "independent"} if shape.num_targets > 1 else {})


def small_training(shape: TableShape) -> dict[str, object]:
    """The section `training` of a small table."""
    chosen: dict[str, object] = {
        "learning_rate": 0.003,
        "epochs": 100,
        "early_stopping": {"patience": 20},
        "ensemble": 3,
    }
    if shape.samples(small_lookback(shape)) > EPOCH_SAMPLES:  # a long table without a season
        windows = EPOCH_SAMPLES // shape.num_targets
        chosen |= {"batch_size": batch_size(shape.num_targets), "epoch_windows": windows}
    return chosen


def segment(season: int) -> int:
    """Steps read as one: a season, or the longest part of one that divides it."""
    return max(n for n in range(1, LONGEST_SEGMENT + 1) if season % n == 0)


def large_segment(shape: TableShape) -> int:
    """Steps read as one by the large network: of few series a whole season."""
    is_known = not shape.has_many_series and shape.rows >= FEWEST_SEASONS * shape.season
    is_whole = is_known and shape.season <= LONGEST_LARGE_SEGMENT
    return shape.season if is_whole else segment(shape.season)


def large_lookback(shape: TableShape) -> int:
    """Whole segments: up to 30 seasons and 720 steps, and a third of the rows."""
    length = large_segment(shape)
    longest = max(LONGEST_LOOKBACK, shape.season)
    most = min(MOST_SEASONS * shape.season, longest, (shape.rows - shape.horizon) // 3)
    unit = shape.season if most >= shape.season else length
    return max(unit, most // unit * unit)


def large_model(shape: TableShape) -> dict[str, object]:
    """The section `model` of a large table."""
    many = shape.has_many_series
    length = large_segment(shape)
    is_huge = many and shape.samples(large_lookback(shape)) >= 50_000
    units = 256 if is_huge else 128
    chosen: dict[str, object] = {
        "hidden_size": units,
        "embedding_size": units if many else 256,
        "segment": length,
        "window_norm": "mean" if many else "last",
        "linear_skip": _linear_skip(shape),
        "head": "direct" if shape.horizon <= 2 * length else "parallel",
        "dropout": 0.1 if many else 0.3,
    }
    return chosen | ({"channels": "independent"} if shape.num_targets > 1 else {})


def _linear_skip(shape: TableShape) -> str:
    """Far ahead, segments carry a pattern on."""
    return "segment" if shape.horizon > FAR_AHEAD * large_segment(shape) else "none"


def large_training(shape: TableShape) -> dict[str, object]:
    """The section `training` of a large table: of few series three members that differ."""
    samples = shape.samples(large_lookback(shape))
    chosen = _scheduled(shape, samples, batch_size(shape.num_targets))
    return chosen if shape.has_many_series else chosen | {"ensemble": large_members(shape)}


def large_members(shape: TableShape) -> list[dict[str, object]]:
    """What members change: how far back they look, and whether a linear map stands beside them."""
    lookback, unit = large_lookback(shape), max(shape.season, large_segment(shape))
    other = lookback // 2 // unit * unit
    if other < max(ENOUGH_SEASONS * shape.season, shape.horizon):
        other = 2 * lookback
    skip = "none" if _linear_skip(shape) == "segment" else "segment"
    changes: list[dict[str, object]] = [{}, {"model.linear_skip": skip}]
    if other <= (shape.rows - shape.horizon) // LEAST_ROWS:
        changes.insert(1, {"window.lookback": other})
    return changes


def _scheduled(shape: TableShape, samples: int, size: int) -> dict[str, object]:
    """A training of some thousand steps.

    Args:
        shape: of the table.
        samples: windows times targets.
        size: of a batch.
    """
    many = shape.has_many_series
    epochs = _epochs(shape, samples, size)
    chosen: dict[str, object] = {
        "loss": "mae",
        "learning_rate": 0.003 if many else 0.002,
        "schedule": "cosine",
        "batch_size": size,
        "epochs": epochs,
        "early_stopping": {"patience": max(3, epochs // 5)},
        "averaging": "ema",
        "clip_norm": 1,
    }
    if many:
        chosen |= {"series_weights": "mixed", "sampling": "uniform"}
    if samples > 2 * EPOCH_SAMPLES:
        chosen["epoch_windows"] = EPOCH_SAMPLES // shape.num_targets
    return chosen


def _epochs(shape: TableShape, samples: int, size: int) -> int:
    """Passes that come to some hundred steps or a thousand, at most 100 passes."""
    steps = max(1, min(samples, EPOCH_SAMPLES) / (shape.num_targets * size))
    few, fewest = (STEPS, 10) if shape.has_many_series else (MEMBER_STEPS, 3)
    return int(min(100, max(fewest, few / steps)))


def batch_size(num_targets: int) -> int:
    """Windows in a mini-batch: a power of two from 16 to 256."""
    size = 16
    while size < 256 and 2 * size * num_targets <= BATCH_SAMPLES:
        size *= 2
    return size
