"""The public names: those of the package, and the members of the classes that they give."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import forecast


def names() -> Iterator[str]:
    """Full names, such as forecast.train and forecast.TrainedModel.plot."""
    for name in forecast.__all__:
        yield f"forecast.{name}"
    for kind in classes():
        yield from (f"{path_of(kind)}.{member}" for member in _members(kind))


def classes() -> list[type]:
    """The classes whose members users call: what the public functions give."""
    from forecast.training.lr_rules import LrFound

    given = (forecast.TrainedModel, forecast.Backtest, forecast.QuickForecast)
    return [*given, LrFound]


def path_of(kind: type) -> str:
    """Its name as the package gives it, or where it is written."""
    own = kind.__name__ in forecast.__all__
    return f"forecast.{kind.__name__}" if own else f"{kind.__module__}.{kind.__name__}"


def _members(kind: type) -> Iterator[str]:
    """Public methods and properties that a class declares."""
    for name, value in vars(kind).items():
        is_method = inspect.isfunction(value) or isinstance(value, property)
        if is_method and not name.startswith("_"):
            yield name
