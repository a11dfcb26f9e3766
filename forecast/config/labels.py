"""What a configuration says about labels: targets that are one of several texts."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    model_serializer,
)
from pydantic_core import CoreSchema

from forecast.config.options import (
    Name,
    Option,
    Section,
    listed,
    name_and_options,
    options_schema,
    require,
)
from forecast.errors import shown

if TYPE_CHECKING:
    from forecast.config.tree import Config


class Label(Section):
    """A target that is one of several texts, such as `{state: {encoding: label}}`."""

    name: Name
    """Column of the table."""
    encoding: Literal["label"]
    """label: one of several texts, each of which is forecast with its probability."""

    @model_serializer
    def _as_written(self) -> dict[str, dict[str, str]]:
        return {self.name: {"encoding": self.encoding}}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        options = options_schema(handler.resolve_ref_schema(handler(core_schema)))
        options["required"] = ["encoding"]
        only = {"type": "object", "additionalProperties": options}
        return {**only, "minProperties": 1, "maxProperties": 1, "description": cls.__doc__ or ""}


def _named(value: object) -> object:
    """`{state: {encoding: label}}` is `{name: state, encoding: label}`."""
    if not isinstance(value, Mapping):
        return value
    name, options = name_and_options(value, "label", {"encoding"})
    return {"name": name, **options}


def _kind(value: object) -> str:
    return "label" if isinstance(value, Mapping | Label) else "number"


Target = Annotated[
    Annotated[
        Annotated[Name, Tag("number")] | Annotated[Label, Tag("label")], Discriminator(_kind)
    ],
    BeforeValidator(_named),
]
"""A column of numbers by its name, or a label."""
Targets = Annotated[
    tuple[Target, ...],
    Field(fail_fast=True),
    BeforeValidator(listed, json_schema_input_type=Target | tuple[Target, ...]),
]


def with_label_defaults(values: Any) -> Any:
    """A configuration as it is written, with what labels have by default where it says nothing.

    That is no transforms, the loss cross_entropy, and no intervals.
    """
    data = values.get("data") if isinstance(values, Mapping) else None
    target = data.get("target") if isinstance(data, Mapping) else getattr(data, "target", None)
    if not any(isinstance(each, Mapping | Label) for each in listed(target)):
        return values
    return {
        **values,
        "transforms": values.get("transforms", ()),
        "training": _with(values, "training", "loss", "cross_entropy"),
        "intervals": _with(values, "intervals", "levels", ()),
    }


def _with(values: Mapping[str, Any], section: str, key: str, value: object) -> Any:
    """A section with a key that it lacks; what is no mapping is left to be refused, or is whole."""
    written = values.get(section, {})
    return {key: value, **written} if isinstance(written, Mapping) else written


RULES: tuple[tuple[str, tuple[Any, ...], str], ...] = (
    ("training.loss", ("cross_entropy",), "which the loss {value} cannot judge"),
    ("transforms", ((),), "which no transform can change"),
    ("data.missing", ("error", "forward_fill", "mask"), "and between two labels lies no line"),
    ("data.duplicates", ("error", "first", "last"), "and labels have no {value}"),
    ("model.start", ("random",), "which the pretrained network does not know"),
    ("model.window_norm", ("none",), "and labels have no level"),
    ("model.linear_skip", ("none",), "which no linear map carries on"),
    ("training.series_weights", ("equal",), "and labels have no seasonal difference"),
    ("partners", ((),), "and partners forecast numbers"),
    ("intervals.levels", ((),), "and labels have probabilities in place of intervals"),
    ("data.minimum", (None,), "and labels have no lowest value"),
)
"""Key, its values that fit labels, and why no other does."""


def require_label_rules(config: Config) -> None:
    """Refuse what labels cannot have, and labels beside numbers.

    Raises:
        IncompatibleKeysError: naming the first key that does not fit.
    """
    data, loss = config.data, config.training.loss.key()
    if not data.labels:
        require(
            loss != "cross_entropy",
            f"cross_entropy is for labels; write data.target: {{{data.targets[0]}: {{encoding:"
            " label}}, or take another loss",
            "training.loss",
        )
        return
    numbers = [name for name in data.targets if name not in data.labels]
    first = shown(data.labels[0])
    require(
        not numbers,
        f"{first} is a label and {shown((numbers or [''])[0])} a number: one run forecasts the one"
        " or the other; leave one of them out",
        "data.target",
    )
    for key, fitting, why in RULES:
        value = attrgetter(key)(config)
        value = value.key() if isinstance(value, Option) else value
        others = ["[]" if each == () else each for each in fitting if each != "error"]
        remedy = f"leave {key} out" if None in others else f"set {key}: {' or '.join(others)}"
        why = why.format(value=value)
        require(value in fitting, f"{first} is a label, {why}; {remedy}", key, "data.target")
