"""The keys of a configuration by the last word of each: for whoever does not know its section."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from forecast.config.data import DataConfig
from forecast.config.tree import Config

SHORT = {"lr": "training.learning_rate", "batch": "training.batch_size", "gpu": "device"}
"""Usual words for keys."""


def key_like(word: str) -> str | None:
    """The key that ends with a word, or with one that is like it; None: there is none."""
    if word in SHORT:
        return SHORT[word]
    usual = Config(data=DataConfig(path="table.csv")).model_dump(mode="json")
    keys = {key.rpartition(".")[2]: key for key in reversed([*_keys(usual)])}
    near = difflib.get_close_matches(word, keys, n=1, cutoff=0.8)
    return keys[near[0]] if near else None


def _keys(values: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Dotted keys of the sections, the upper ones first."""
    inner = []
    for key, value in values.items():
        yield f"{above}{key}"
        if isinstance(value, dict):
            inner.append((f"{above}{key}.", value))
    for name, value in inner:
        yield from _keys(value, name)
