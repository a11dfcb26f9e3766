"""What a study searches: the section `tune` of a configuration, or a space by size of the table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from forecast.config.tree import Config, changed
from forecast.config.tune import Range, Space
from forecast.data.chain import known_rows_lost
from forecast.data.split import split
from forecast.errors import ConfigError
from forecast.models.forecaster import hidden_sizes
from forecast.prepare import Prepared

FEW_WINDOWS, MANY_WINDOWS = 1_000, 50_000
"""Training windows below which a table is small, and from which it is large."""


def space_of(prepared: Prepared, config: Config) -> Space:
    """What is searched.

    Args:
        prepared: the table, prepared by the configuration.
        config: as it is written; its own space if it has one.
    """
    return dict(config.tune) or default_space(prepared, config)


def default_space(prepared: Prepared, config: Config) -> Space:
    """A space by the size of the table; every value in it is allowed by the configuration.

    Small tables are searched for how much a model may learn (its size, dropout) and how the values
    are transformed; large ones for its capacity and the size of a batch.
    """
    windows = len(prepared.windows["train"])
    space: Space = {"training.learning_rate": Range(low=3e-4, high=3e-2, log=True)}
    units = max(hidden_sizes(config.model, windows))
    offered: dict[str, Sequence[Any]] = {
        "window.lookback": _lookbacks(prepared),
        "model.hidden_size": sorted({max(4, units // 2), units, 2 * units}),
        "model.num_layers": [1, 2],
        "training.batch_size": [64, 128, 256] if windows >= MANY_WINDOWS else [16, 32, 64],
    }
    if windows < MANY_WINDOWS:
        offered["model.dropout"] = [0.0, 0.1, 0.2, 0.4]
        if prepared.pipeline.distribution is None:
            offered["training.loss"] = ["mse", "mae", "huber"]
    if windows < FEW_WINDOWS:
        offered["transforms"] = [*_chains(prepared)]
        del offered["model.num_layers"]
    for key, values in offered.items():
        if len(allowed := _allowed(config, key, values)) > 1:
            space[key] = allowed
    return space


def _lookbacks(prepared: Prepared) -> list[int]:
    """Half, once and twice the lookback, where the split of the table stays what it is."""
    config, panel = prepared.config, prepared.panel
    usual, horizon = config.window.lookback, config.window.horizon
    lost = known_rows_lost(config.transforms)
    rows = np.median(np.diff(prepared.split.train))
    found = {usual}
    for lookback in (usual // 2, 2 * usual):
        if not 0 < 2 * lookback + horizon <= rows:
            continue
        window = config.window.model_copy(update={"lookback": lookback})
        parts = split(panel, config.split, window.rows_read + horizon + lost, horizon)
        if np.array_equal(parts.train, prepared.split.train):
            found.add(lookback)
    return sorted(found)


def _chains(prepared: Prepared) -> Iterator[Any]:
    """Transforms worth a trial: usual ones, and those of the configuration."""
    known = prepared.panel.values[:, : prepared.panel.num_targets]
    is_positive = bool((known[~np.isnan(known)] > 0).all())
    lags = sorted({1, prepared.season})
    for first in ([], ["log"]) if is_positive else ([],):
        yield [*first, "standardize"]
        for lag in lags:
            yield [*first, {"difference": lag}, "standardize"]
    yield prepared.config.model_dump(mode="json")["transforms"]


def _allowed(config: Config, key: str, values: Sequence[Any]) -> tuple[Any, ...]:
    """Values of an option that the configuration allows, without those that mean the same."""
    found: dict[str, Any] = {}
    for value in values:
        if (meant := _meant(config, key, value)) is not None:
            found.setdefault(meant.model_dump_json(), value)
    return tuple(found.values())


def _meant(config: Config, key: str, value: Any) -> Config | None:
    """The configuration with a value; None where it does not allow that."""
    try:
        return changed(config, {key: value})
    except ConfigError:
        return None


# For optuna: a choice is drawn by its JSON, because it may be a list.


def distributions(space: Space, config: Config) -> dict[str, BaseDistribution]:
    """What optuna draws from, by key."""
    return {key: _distribution(key, each, config) for key, each in space.items()}


def _distribution(key: str, dimension: Range | tuple[Any, ...], config: Config) -> BaseDistribution:
    if not isinstance(dimension, Range):
        return CategoricalDistribution(tuple(dict.fromkeys(map(json.dumps, dimension))))
    low, high, step = dimension.low, dimension.high, dimension.step
    if step:
        high = low + int((high - low) / step * (1 + 1e-9)) * step
    if _is_whole(key, dimension, config):
        return IntDistribution(int(low), int(high), dimension.log, int(step or 1))
    return FloatDistribution(float(low), float(high), dimension.log, step)


def _is_whole(key: str, dimension: Range, config: Config) -> bool:
    """Whether an option takes whole numbers alone, and is given a range of them."""
    ends = (dimension.low, dimension.high, dimension.step or 1)
    is_given = all(isinstance(end, int) for end in ends)
    return is_given and _meant(config, key, dimension.low + 0.5) is None


def values_of(parameters: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """What the configuration gets, of what optuna has drawn."""
    return {
        key: value if isinstance(space[key], Range) else json.loads(value)
        for key, value in parameters.items()
    }


def in_words(value: Any) -> str:
    """A value as people read it: log, difference 12, standardize."""
    if isinstance(value, list | tuple):
        return ", ".join(map(in_words, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {in_words(item)}" for key, item in value.items())
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def start_of(config: Config, space: Space) -> dict[str, Any]:
    """What optuna would have drawn for the configuration as it is, as far as the space holds it.

    Args:
        config: with what is found by the table, such as hidden sizes.
        space: what is searched.
    """
    as_it_is, found = changed(config, {}), dict[str, Any]()  # without the search itself
    for key, dimension in space.items():
        if isinstance(dimension, Range):
            value = _value_at(config, key)
            if isinstance(value, int | float) and dimension.low <= value <= dimension.high:
                found[key] = value
            continue
        for choice in dimension:
            if _meant(config, key, choice) == as_it_is:
                found[key] = json.dumps(choice)
    return found


def _value_at(config: Config, key: str) -> Any:
    """The value of a dotted key; None where there is none."""
    value: Any = config.model_dump(mode="json")
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
