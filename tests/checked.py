"""Types and shapes, checked at every call: as `jaxtyping.jaxtyped` does, at half of its cost.

It checks arguments twice, binds them a third time, and does so for functions without an array too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
from collections import Counter
from types import CodeType, FunctionType
from typing import Any, get_args, get_type_hints

import jaxtyping
from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray, TypeCheckError, config, install_import_hook

jaxtyped = jaxtyping.jaxtyped
AS_JAXTYPING = BeartypeConf(violation_type=TypeCheckError)  # a TypeError
MOST_TIMES = 5
"""As often is a function within another one checked: to prepare it takes longer than it works."""
CHECKED = Counter[CodeType]()
CALLED = Counter[FunctionType]()
"""Calls of each function in the test that runs. The first, second, fourth, eighth, ... are checked,
for later ones are much like them: to check all takes a quarter of the time of all tests."""


def check(package: str) -> None:
    """Check all functions and dataclasses of a package that is imported from now on."""
    install_import_hook(package, "beartype.beartype")
    jaxtyping.jaxtyped = lambda *_, typechecker: checked  # what the hook decorates with


def begin_test() -> None:
    """From here on calls are counted anew."""
    CALLED.clear()


def checked(thing: Any) -> Any:
    """A function that checks what it is given and returns; of a dataclass, its `__init__`."""
    if inspect.isclass(thing):
        if dataclasses.is_dataclass(thing) and "__init__" in vars(thing):
            thing.__init__ = checked(thing.__init__)
        return thing
    if inspect.iscoroutinefunction(thing):
        return jaxtyped(thing, typechecker=beartype)
    if "<locals>" in thing.__qualname__:
        CHECKED[thing.__code__] += 1
        if CHECKED[thing.__code__] > MOST_TIMES:
            return thing

    @functools.cache
    def prepared() -> tuple[Any, Any]:  # at the first call: most functions are never called here
        if inspect.isgeneratorfunction(thing):  # their bodies run when others do
            return jaxtyped(thing, typechecker=beartype), contextlib.nullcontext
        hints = {name: _resolved(hint, thing) for name, hint in thing.__annotations__.items()}
        context = jaxtyped if any(map(_has_shape, hints.values())) else contextlib.nullcontext
        return beartype(_annotated(thing, hints), conf=AS_JAXTYPING), context

    @functools.wraps(thing)
    def in_context(*arguments: Any, **options: Any) -> Any:
        CALLED[thing] = number = CALLED[thing] + 1
        if number & (number - 1) or config.jaxtyping_disable:  # as where torch traces the code
            return thing(*arguments, **options)
        typed, context = prepared()
        with context("context"):  # letters mean the same size in all arguments and the result
            return typed(*arguments, **options)

    return in_context


def _resolved(hint: Any, function: FunctionType) -> Any:
    """What a hint written as text stands for; of names that are for mypy alone, anything."""
    holder = FunctionType((lambda: None).__code__, function.__globals__)
    holder.__annotations__ = {"hint": hint}
    try:
        return get_type_hints(holder, include_extras=True)["hint"]
    except NameError:
        return Any


def _annotated(function: FunctionType, hints: dict[str, Any]) -> FunctionType:
    """A copy with other hints."""
    copy = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    functools.update_wrapper(copy, function)
    del copy.__wrapped__
    copy.__kwdefaults__, copy.__annotations__ = function.__kwdefaults__, hints
    return copy


def _has_shape(hint: Any) -> bool:
    """Whether it holds an array whose shape is named."""
    if inspect.isclass(hint) and issubclass(hint, AbstractArray):
        return True
    return any(map(_has_shape, hint if isinstance(hint, list) else get_args(hint)))
