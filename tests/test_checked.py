"""What checks the types and shapes of all other tests sees what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from jaxtyping import Float

from forecast.evaluation import metrics
from tests.checked import checked

Row = Float[np.ndarray, "L"]
TWO, THREE = np.zeros(2), np.zeros(3)


@checked
def added(a: Row, b: Row | None = None, *, scale: int = 1) -> Row:
    return a if b is None else np.append(a, b)[:: scale + 1]


@checked
def plain(number: int, other: Unknown = None) -> str:  # noqa: F821
    return str(number) if number else number


@checked
def nested(work: Callable[[Row], Row]) -> list[Row]:
    return [work(TWO), work(TWO)]


@checked
def generated(a: Row, b: Row) -> Iterator[Row]:
    yield a


@checked
@dataclass(frozen=True)
class Pair:
    a: Row
    b: Row


def test_what_fits_is_let_through():
    assert added(TWO, TWO).tolist() == [0.0, 0.0]
    assert added(TWO, b=None).tolist() == [0.0, 0.0]
    assert plain(1, object()) == "1"
    assert len(nested(lambda row: row)) == 2
    assert len(list(generated(TWO, TWO))) == 1
    assert Pair(TWO, TWO).b is TWO


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: added([0.0]),
        lambda: added(TWO, THREE),
        lambda: added(TWO, TWO, scale="2"),
        lambda: added(TWO, TWO, scale=0),  # gives four
        lambda: added(np.zeros((2, 2))),
        lambda: added(np.zeros(2, dtype=int)),
        lambda: plain("1"),
        lambda: plain(0),  # gives no text
        lambda: nested(3),
        lambda: generated(TWO, THREE),
        lambda: Pair(TWO, THREE),
    ],
)
def test_what_does_not_fit_is_not(wrong):
    with pytest.raises(TypeError, match=r"violates|Type-check error"):
        wrong()


def test_the_package_is_checked():
    assert metrics._inverse(np.ones((2, 2))).shape == (2, 2)
    with pytest.raises(TypeError, match="violates"):
        metrics._inverse(TWO)
