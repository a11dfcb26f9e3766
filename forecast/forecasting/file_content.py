"""What the file of a trained model holds: its tensors, and beside them one typed content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, TypeAdapter, ValidationError

from forecast.data.special_days import SpecialDays
from forecast.forecasting.kept_ahead import ahead_arrays
from forecast.forecasting.trained import TrainedModel

TAIL_ARRAYS = ("values", "offsets", "starts", "static", "lines")
"""Arrays of the panel at the end of the training table."""

Role = Literal["past", "future", "static"]
ROLES: tuple[Role, ...] = ("past", "future", "static")
Weight = Annotated[float, Field(ge=0, le=1)]
CovariateContent = tuple[str | dict[str, Any], float, float, tuple[str, ...]]
"""Option, location, scale and categories of a covariate."""


@dataclass(frozen=True)
class CalibrationContent:
    """Levels of the intervals in percent, and the number of errors behind them."""

    levels: tuple[float, ...]
    count: Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Content:
    """All that a model file holds beside its tensors; written as JSON with these keys."""

    config: dict[str, Any]
    axis: tuple[int, int | str, str | None, tuple[int, ...]]
    """Origin, frequency, time zone and ticks."""
    ids: tuple[str, ...]
    """Series of the tail."""
    fitted_ids: tuple[str, ...]
    """Series that the pipeline was fitted on."""
    columns: tuple[str, ...]
    static_columns: tuple[str, ...]
    levels: dict[str, tuple[str, ...]]
    """Categories of each categorical column of the tail."""
    classes: tuple[tuple[str, ...], ...] | None
    """Of each target, where they are labels."""
    ahead_ids: tuple[str, ...]
    """Series of which the table knew covariates ahead."""
    has_ids: bool
    integer_ids: tuple[bool, ...]
    covariates: dict[Role, tuple[CovariateContent, ...]]
    days: tuple[SpecialDays, ...]
    calibration: CalibrationContent | None
    trajectories: Annotated[int, Field(ge=1)] | None
    """Of errors, for sample paths; None: no sample paths."""
    weights: tuple[tuple[Weight, ...], ...] | None
    """Of the model and its partners in their combination; None: no partners."""
    num_models: Annotated[int, Field(ge=1)]
    summary: dict[str, Any]
    digest: str
    """Of the training table."""


CONTENT = TypeAdapter(Content)


def tensors_of(trained: TrainedModel) -> dict[str, torch.Tensor]:
    """All arrays of a model: weights, states, the end of its table, errors of its intervals."""
    tensors = {
        f"model.{number}.{name}": weight
        for number, model in enumerate(trained.models)
        for name, weight in model.state_dict().items()
    }
    arrays = {f"chain.{n}": state for n, state in enumerate(trained.pipeline.chain.states)}
    arrays |= {f"tail.{name}": getattr(trained.tail, name) for name in TAIL_ARRAYS}
    arrays |= ahead_arrays(trained.tail)
    arrays["constants"] = trained.pipeline.constants
    if trained.calibration is not None:
        arrays["calibration.radii"] = trained.calibration.radii
        arrays["calibration.sizes"] = trained.calibration.sizes
    if trained.copula is not None:
        arrays["copula.ranks"] = trained.copula.ranks
    if trained.combination is not None and trained.combination.ridge is not None:
        arrays["ridge.weights"] = trained.combination.ridge.weights
    return tensors | {name: torch.from_numpy(array) for name, array in arrays.items()}


def content_of(trained: TrainedModel) -> Content:
    """All that is no array."""
    tail, covariates, known = trained.tail, trained.pipeline.covariates, trained.calibration
    return Content(
        config=trained.config.model_dump(mode="json"),
        axis=(tail.axis.origin, tail.axis.frequency, tail.axis.timezone, tail.axis.ticks),
        ids=tail.ids,
        fitted_ids=trained.pipeline.ids,
        columns=tail.columns,
        static_columns=tail.static_columns,
        levels=dict(tail.categories),
        classes=None if trained.pipeline.labels is None else trained.pipeline.labels.classes,
        ahead_ids=() if tail.ahead is None else tail.ahead.ids,
        has_ids=tail.has_ids,
        integer_ids=tail.integer_ids,
        covariates={
            role: tuple(
                (each.option.model_dump(mode="json"), each.location, each.scale, each.categories)
                for each in getattr(covariates, role)
            )
            for role in ROLES
        },
        days=covariates.days,
        calibration=None if known is None else CalibrationContent(known.levels, known.count),
        trajectories=None if trained.copula is None else len(trained.copula.ranks),
        weights=None if trained.combination is None else trained.combination.weights,
        num_models=len(trained.models),
        summary=trained.summary,
        digest=trained.digest,
    )


def typed(content: Any) -> Content:
    """The JSON of a model file, every key of its type.

    Raises:
        ValueError: of one line, naming what is missing or of another type.
    """
    try:
        return CONTENT.validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
