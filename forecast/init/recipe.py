"""What suits a table: transforms, lookback, model, training, partners, by size and values."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from forecast.data.checks import outlying_rows
from forecast.data.missing import interpolate
from forecast.data.panel import Panel, offsets_of, ragged_ranges
from forecast.data.transforms import difference_orders
from forecast.init.rules import (
    TableShape,
    is_large,
    is_pooled,
    large_lookback,
    large_model,
    large_training,
    partners_of,
    pooled_lookback,
    pooled_model,
    pooled_training,
    pretrained_lookback,
    pretrained_training,
    small_lookback,
    small_model,
    small_training,
)


@dataclass(frozen=True)
class Recipe:
    """The sections that follow from the values of a table."""

    transforms: Sequence[object]
    rows_lost: int
    """Rows at the start of a series that the transforms take."""
    lookback: int
    model: Mapping[str, object]
    training: Mapping[str, object]
    partners: Sequence[str] = ()


def recipe_of(
    panel: Panel, shape: TableShape, train_lengths: Int[np.ndarray, " S"], has_covariates: bool
) -> Recipe:
    """What suits the table: many samples with seasons, many series, or neither.

    Args:
        panel: the table.
        shape: its sizes.
        train_lengths: training rows of each series.
        has_covariates: whether columns help to forecast.
    """
    is_pretrained = not (is_large(shape) or has_covariates)
    recipe = _pretrained(panel, shape) if is_pretrained else _trained(panel, shape, train_lengths)
    return replace(recipe, partners=partners_of(shape, is_pretrained, has_covariates))


def _pretrained(panel: Panel, shape: TableShape) -> Recipe:
    """The network that comes with the package, where a table has too few samples of its own."""
    lookback = pretrained_lookback(shape, int(panel.lengths.max()))
    return Recipe([], 0, lookback, {"start": "pretrained"}, pretrained_training(shape))


def _trained(panel: Panel, shape: TableShape, train_lengths: Int[np.ndarray, " S"]) -> Recipe:
    """A network of the table's own."""
    if is_large(shape):
        return _large(panel, shape)
    if is_pooled(shape):
        steps, model, training = pooled_lookback(shape), pooled_model(shape), pooled_training(shape)
        return Recipe([_scaling(panel, shape)], 0, steps, model, training)
    return _small(panel, shape, train_lengths)


def _small(panel: Panel, shape: TableShape, train_lengths: Int[np.ndarray, " S"]) -> Recipe:
    """A small network on values that were differenced where tests ask for it."""
    affordable = shape.rows - shape.horizon
    transforms, lag = _transforms(panel, shape.season, train_lengths, affordable)
    shape = replace(shape, lag=lag)
    steps, model, training = small_lookback(shape), small_model(shape), small_training(shape)
    return Recipe([*transforms, "standardize"], lag, steps, model, training)


def _large(panel: Panel, shape: TableShape) -> Recipe:
    """A network on normalised windows; of many positive series relative changes count."""
    scaling, steps = _scaling(panel, shape), large_lookback(shape)
    return Recipe([scaling], 0, steps, large_model(shape), large_training(shape))


def _scaling(panel: Panel, shape: TableShape) -> str:
    is_positive = not (panel.values[:, : panel.num_targets] <= 0).any()
    return "log" if shape.has_many_series and is_positive else "standardize"


def _transforms(
    panel: Panel, season: int, train_lengths: Int[np.ndarray, " S"], affordable: int
) -> tuple[list[object], int]:
    """Log where the swings grow with the level, and the difference that tests ask for first.

    Args:
        panel: the table.
        season: rows.
        train_lengths: training rows of each series.
        affordable: rows of which a difference may take a quarter.

    Returns:
        Transforms as YAML has them, and the rows that the difference takes.
    """
    known = panel.values[:, : panel.num_targets].copy()  # (N, K)
    is_positive = not (known <= 0).any()
    for column in range(panel.num_targets):
        known[outlying_rows(panel, column), column] = np.nan  # one alone can hide a season
    filled = interpolate(known, panel.offsets)
    values = filled[ragged_ranges(panel.offsets[:-1], train_lengths)]
    offsets = offsets_of(train_lengths)
    chosen: list[object] = []
    if is_positive and _swings_grow(values, offsets, season):
        chosen.append("log")
        values = np.log(values)
    for lag, _ in difference_orders(values, offsets, season):
        if 4 * lag < affordable:
            return [*chosen, {"difference": {"lag": lag}} if lag > 1 else "difference"], lag
    return chosen, 0


def _swings_grow(
    values: Float[np.ndarray, "N K"], offsets: Int[np.ndarray, " edges"], season: int
) -> bool:
    """Whether the deviation within blocks of a season grows with their mean, in the median.

    One correlation is taken over the blocks of each series and target.

    Args:
        values: of all series.
        offsets: rows at which series begin, and the end of the last.
        season: rows.
    """
    length = max(season, 8)
    slopes = []
    for first, end in itertools.pairwise(offsets):
        count = (end - first) // length
        if count < 4:
            continue
        # (blocks, rows, K)
        blocks = values[first : first + count * length].reshape(count, length, -1)
        mean, deviation = blocks.mean(axis=1), blocks.std(axis=1)
        for column in np.flatnonzero((mean.std(axis=0) > 0) & (deviation.std(axis=0) > 0)):
            slopes.append(np.corrcoef(mean[:, column], deviation[:, column])[0, 1])
    return bool(slopes) and float(np.median(slopes)) > 0.5
