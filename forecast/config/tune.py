"""What a configuration says about a search: options, and the values that they may take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Field, PositiveFloat, PositiveInt, Tag, model_validator

from forecast.config.changes import is_within
from forecast.config.options import IncompatibleKeysError, Section, require
from forecast.errors import shown

MOST_KEYS, MOST_CHOICES = 20, 30
MOST_STEPS = 10**9
"""Of a range."""
MOST_PAIRS = 40
"""Values of other keys beside which a value is tried that does not fit the rest."""
SEARCHED = ("transforms", "window.lookback", "window.stride", "model", "training")
"""What may be searched: all that leaves the rows that are scored and their errors alone."""
NOT_SEARCHED = {
    "model": "name the options of the section, e.g. model.hidden_size",
    "training": "name the options of the section, e.g. training.learning_rate",
    "training.ensemble": "a trial trains one model; set it for the training that follows",
}


class Range(Section):
    """Numbers from `low` to `high`; whole ones where the option takes no others."""

    low: int | float
    """Smallest value that is tried."""
    high: int | float
    """Largest value that is tried."""
    log: bool = False
    """Try as many values between 1 and 10 as between 10 and 100; low must be above 0."""
    step: PositiveInt | PositiveFloat | None = None
    """Distance of the values that are tried, from low on; none: any value between."""

    @model_validator(mode="after")
    def _holds_several_values(self) -> Range:
        require(self.low < self.high, f"low {self.low:g} must be below high {self.high:g}", "low")
        require(
            not self.log or self.low > 0,
            f"a range with log: true begins above 0, not at {self.low:g}",
            "low",
        )
        require(not (self.log and self.step), "step has no meaning with log: true", "step")
        require(
            self.step is None or self.step <= self.high - self.low,
            f"step {self.step or 0:g} is longer than the range; make it shorter",
            "step",
        )
        require(
            self.step is None or self.high - self.low <= MOST_STEPS * self.step,
            f"step {self.step or 0:g} is too short for the range; make it longer, or leave it out",
            "step",
        )
        return self


Choices = Annotated[tuple[Any, ...], Field(min_length=2, max_length=MOST_CHOICES)]
Dimension = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")],
    Discriminator(lambda value: "range" if isinstance(value, Range | Mapping) else "choices"),
]
Space = Annotated[dict[str, Dimension], Field(max_length=MOST_KEYS)]


def candidates(dimension: Range | tuple[Any, ...]) -> tuple[Any, ...]:
    """Values of an option whose being allowed says that all are: the choices, or both ends."""
    if isinstance(dimension, Range):
        return (dimension.low, dimension.high)
    return dimension


def refuse_key(key: str, keys: Iterable[str]) -> None:
    """Refuse a key that no study may change, and one that stands within another.

    Args:
        key: dotted.
        keys: all that are searched.
    """
    place = ("tune", key)
    if why := NOT_SEARCHED.get(key):
        raise IncompatibleKeysError(f"cannot be searched; {why}", place)
    if not is_within(key, SEARCHED):
        raise IncompatibleKeysError(
            "cannot be searched, for scores would not be of the same; search transforms,"
            " window.lookback, or options of model and training",
            place,
        )
    above = next((other for other in keys if key.startswith(f"{other}.")), None)
    if above is not None:
        text = f"stands within {shown(above)}, which is searched too; keep one of them"
        raise IncompatibleKeysError(text, place)
