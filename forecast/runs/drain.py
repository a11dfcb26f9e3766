"""Runs a generator to its end and gives what it returns."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def result_of(steps: Generator[Item, None, Result], *watchers: Callable[[Item], object]) -> Result:
    """What a generator returns, run to its end; watchers are called with each thing it yields.

    It is closed whatever happens.
    """
    with contextlib.closing(steps):
        while True:
            try:
                item = next(steps)
            except StopIteration as stop:
                result: Result = stop.value
                return result
            for watch in watchers:
                watch(item)
