"""What a model file must hold: the types of its JSON, and the shapes of its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field, ValidationError
from torch import Tensor

Role = Literal["past", "future", "static"]
Fitted = tuple[str | dict[str, Any], float, float, tuple[str, ...]]
"""Option, location, scale and categories of a covariate."""


class CalibrationContent(BaseModel):
    """Levels and number of the errors behind the intervals."""

    levels: tuple[float, ...]
    count: int


class Content(BaseModel):
    """The JSON of a model file."""

    config: dict[str, Any]
    axis: tuple[int, int | str, str | None]
    ids: tuple[str, ...]
    fitted_ids: tuple[str, ...]
    columns: tuple[str, ...]
    static_columns: tuple[str, ...]
    levels: dict[str, tuple[str, ...]]
    has_ids: bool
    covariates: dict[Role, tuple[Fitted, ...]]
    calibration: CalibrationContent | None
    num_models: int = Field(ge=1)
    summary: dict[str, Any]


def typed(content: Any) -> dict[str, Any]:
    """The JSON of a model file, with tuples for lists.

    Raises:
        ValueError: in one line, for something missing or of another type.
    """
    try:
        return Content.model_validate(content).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def require_shapes(
    tensors: Mapping[str, Tensor], content: Mapping[str, Any], horizon: int, num_targets: int
) -> None:
    """Check the tensors of a model file against its JSON, but for those of the networks.

    Raises:
        ValueError: naming a tensor that is not what it must be.
    """
    series, rows = len(content["ids"]), len(tensors["tail.values"])
    shapes: dict[str, tuple[tuple[int, ...], str]] = {
        "tail.values": ((rows, len(content["columns"])), "f"),
        "tail.offsets": ((series + 1,), "i"),
        "tail.starts": ((series,), "i"),
        "tail.static": ((series, len(content["static_columns"])), "f"),
        "tail.lines": ((rows,), "i"),
    }
    if content["calibration"] is not None:
        levels, fitted = len(content["calibration"]["levels"]), len(content["fitted_ids"])
        shapes["calibration.radii"] = ((levels, horizon, num_targets), "f")
        shapes["calibration.sizes"] = ((fitted, num_targets), "f")
    for name, expected in shapes.items():
        array = tensors[name].numpy()
        if (array.shape, array.dtype.kind) != expected:
            raise ValueError(f"{name} is {array.dtype.name} {array.shape}")
    offsets = tensors["tail.offsets"].numpy()
    if offsets[0] != 0 or offsets[-1] != rows or np.any(np.diff(offsets) < 1):
        raise ValueError("tail.offsets do not divide the rows into series")
