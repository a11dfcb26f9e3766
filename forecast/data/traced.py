"""Operations that differ for an array without values yet, as in a graph that is being exported.

NumPy lets arrays of other kinds bring their own functions (NEP 13 and 18). So the formulas of the
pretrained network and of the partners are written once, for NumPy, and `forecast export` hands them
arrays that make a graph. What is no function of NumPy stands here, for `register`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import singledispatch
from typing import Any

Step = Callable[[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]], tuple[Any, ...]]
"""(state, a row of each array, numbers) -> state."""


@singledispatch
def concrete(value: Any, otherwise: int) -> int:  # noqa: ARG001
    """A single number as Python has it; something else where it is not known yet.

    Args:
        value: an array of one number.
        otherwise: what is right of any value, if slower.
    """
    return int(value)


@singledispatch
def scan(
    first: Any, step: Step, state: tuple[Any, ...], rows: Sequence[Any], numbers: tuple[Any, ...]
) -> tuple[Any, ...]:
    """The state after all rows.

    Args:
        first: array of rows, by whose kind a graph knows that it is meant.
        step: from one row to the next.
        state: before the first row.
        rows: more arrays that a step reads a row of.
        numbers: what is the same for all rows.
    """
    for row in zip(first, *rows, strict=True):
        state = step(state, row, numbers)
    return state


def is_all_false(mask: Any) -> bool:
    """Whether nothing of a mask is true, and a shortcut may be taken."""
    return not concrete(mask.any(), otherwise=1)
