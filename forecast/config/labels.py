"""What a configuration says about labels: targets that are one of several texts."""

from __future__ import annotations

from collections.abc import Mapping
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

from forecast.config.options import Name, Section, listed, options_schema, require
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
    (name, options), *others = [*value.items()] or [(None, None)]
    is_one = isinstance(options, Mapping) and not others
    if is_one and options.keys() == {"encoding"}:
        return {"name": name, **options}
    raise ValueError(
        f"{shown(value)} is not allowed; write a column, or column: {{encoding: label}}"
    )


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
    for holds, what, remedy, key in _rules(config):
        require(holds, f"{first} is a label, {what}; {remedy}", key, "data.target")


def _rules(config: Config) -> list[tuple[object, str, str, str]]:
    """(whether it holds, why it must, what to do, key) of each rule."""
    data, training, model = config.data, config.training, config.model
    return [
        (
            training.loss.key() == "cross_entropy",
            f"which the loss {training.loss.key()} cannot judge",
            "set training.loss: cross_entropy",
            "training.loss",
        ),
        (
            not config.transforms,
            "which no transform can change",
            "set transforms: []",
            "transforms",
        ),
        (
            data.missing != "interpolate",
            "and between two labels lies no line",
            "set data.missing: forward_fill or mask",
            "data.missing",
        ),
        (
            data.duplicates not in ("mean", "sum"),
            f"and labels have no {data.duplicates}",
            "set data.duplicates: first or last",
            "data.duplicates",
        ),
        (
            model.start == "random",
            "which the pretrained network does not know",
            "set model.start: random",
            "model.start",
        ),
        (
            model.window_norm == "none",
            "and labels have no level",
            "set model.window_norm: none",
            "model.window_norm",
        ),
        (
            model.linear_skip == "none",
            "which no linear map carries on",
            "set model.linear_skip: none",
            "model.linear_skip",
        ),
        (
            training.series_weights == "equal",
            "and labels have no seasonal difference",
            "set training.series_weights: equal",
            "training.series_weights",
        ),
        (
            not config.partners,
            "and partners forecast numbers",
            "set partners: []",
            "partners",
        ),
        (
            not config.intervals.levels,
            "and labels have probabilities in place of intervals",
            "set intervals.levels: []",
            "intervals.levels",
        ),
        (
            data.minimum is None,
            "and labels have no lowest value",
            "leave data.minimum out",
            "data.minimum",
        ),
    ]
