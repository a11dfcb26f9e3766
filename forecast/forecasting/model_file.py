"""The file of a trained model: tensors beside one typed content, both checked when read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field, TypeAdapter, ValidationError

from forecast.config.count_rules import distribution_of, lowest
from forecast.config.data import Covariate, DataConfig
from forecast.config.tree import Config, config_from
from forecast.data.chain import FittedChain
from forecast.data.covariates import FittedCovariate, FittedCovariates
from forecast.data.labels import FittedLabels
from forecast.data.panel import Panel
from forecast.data.pipeline import Pipeline
from forecast.data.special_days import SpecialDays
from forecast.data.times import TimeAxis
from forecast.errors import DataError, as_path
from forecast.evaluation.conformal import Calibration
from forecast.evaluation.copula import Copula
from forecast.forecasting.kept_ahead import ahead_arrays, with_ahead
from forecast.forecasting.predict import restored_model
from forecast.forecasting.sound import (
    require,
    require_arrays,
    require_axis,
    require_calibration,
    require_classes,
    require_copula,
    require_covariates,
    require_days,
    require_states,
    require_tail,
)
from forecast.forecasting.trained import TrainedModel
from forecast.partners.combination import Combination
from forecast.partners.ridge import MOST_LAGS, Ridge
from forecast.partners.weights import RIDGE
from forecast.runs.checkpoint import load_checkpoint, save_checkpoint, with_prefix
from forecast.runs.folder import CONFIG_FILE, MODEL_FILE
from forecast.runs.host import own_state
from forecast.training.device import choose_device

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
    integer_ids: bool
    covariates: dict[Role, tuple[CovariateContent, ...]]
    days: tuple[SpecialDays, ...]
    calibration: CalibrationContent | None
    trajectories: Annotated[int, Field(ge=1)] | None
    """Of errors, for sample paths; None: no sample paths."""
    weights: tuple[Weight, ...] | None
    """Of the model and its partners in their combination; None: no partners."""
    num_models: Annotated[int, Field(ge=1)]
    summary: dict[str, Any]
    digest: str
    """Of the training table."""


CONTENT = TypeAdapter(Content)


def save(trained: TrainedModel, path: Path) -> None:
    """Write a trained model, whole or not at all."""
    save_checkpoint(path, "model", _tensors(trained), asdict(_content(trained)))


@own_state()
def load(run: Path | str, device: torch.device | str = "cpu") -> TrainedModel:
    """Load a trained model.

    Args:
        run: a run folder, or the model file in it.
        device: where its models go: cpu, cuda, cuda:0, mps or auto.

    Raises:
        DataError: if there is no model, or its file is damaged or newer than this program.
        DeviceError: if the device is not there.
    """
    path = model_path(run)
    if path.name == MODEL_FILE and not path.exists() and (path.parent / CONFIG_FILE).is_file():
        raise DataError(
            f"{path.parent}: the run is not finished; go on with forecast train --resume"
            f" {path.parent}"
        )
    chosen = choose_device(str(device))
    tensors, content = load_checkpoint(path, "model")
    try:
        trained = _trained_model(tensors, _typed(content))
        _try_out(trained)
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: not a model of this program: {reason}") from None
    return trained.to(chosen)


def model_path(run: Path | str) -> Path:
    """The model file of a run, or the file itself that is given."""
    path = as_path(run)
    return path / MODEL_FILE if path.is_dir() or not (path.suffix or path.is_file()) else path


def _tensors(trained: TrainedModel) -> dict[str, torch.Tensor]:
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


def _content(trained: TrainedModel) -> Content:
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


def _typed(content: Any) -> Content:
    """The JSON of a model file; what is missing or of another type is a ValueError of one line."""
    try:
        return CONTENT.validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _trained_model(tensors: Mapping[str, torch.Tensor], content: Content) -> TrainedModel:
    """The model that tensors and content describe, as far as they fit together."""
    config = config_from(content.config)
    arrays = {
        name: tensor.numpy() for name, tensor in tensors.items() if not name.startswith("model.")
    }
    _require_arrays(arrays, content, config)
    states = tuple(arrays[f"chain.{number}"] for number in range(len(config.transforms)))
    pipeline = Pipeline(
        chain=FittedChain(config.transforms, states),
        covariates=_covariates(config.data, content),
        missing=config.data.missing,
        ids=content.fitted_ids,
        targets=config.data.targets,
        constants=arrays["constants"],
        minimum=lowest(config),
        distribution=distribution_of(config),
        labels=None if content.classes is None else FittedLabels(content.classes),
    )
    tail = Panel(
        values=arrays["tail.values"],
        offsets=arrays["tail.offsets"],
        ids=content.ids,
        starts=arrays["tail.starts"],
        axis=TimeAxis(*content.axis),
        columns=content.columns,
        num_targets=len(config.data.targets),
        static=arrays["tail.static"],
        static_columns=content.static_columns,
        categories=content.levels,
        lines=arrays["tail.lines"],
        source="the checkpoint",
        has_ids=content.has_ids,
        integer_ids=content.integer_ids,
    )
    _require_sound(config, pipeline, tail, content.num_models)
    future = tuple(column.name for column in config.data.future)
    tail = with_ahead(tail, arrays, content.ahead_ids, future, config.window.horizon)
    models = tuple(
        restored_model(
            _sized(config.member(number)), pipeline, with_prefix(tensors, f"model.{number}.")
        )
        for number in range(content.num_models)
    )
    calibration, known = None, content.calibration
    if known is not None:
        radii, sizes = arrays["calibration.radii"], arrays["calibration.sizes"]
        calibration = Calibration(known.levels, radii, sizes, known.count)
        require_calibration(calibration)
    copula = None if content.trajectories is None else Copula(arrays["copula.ranks"])
    ridge = Ridge(arrays["ridge.weights"]) if RIDGE in config.partners else None
    combination = _combination(config, content.weights, ridge)
    return TrainedModel(
        config=config,
        pipeline=pipeline,
        models=models,
        tail=tail,
        summary=content.summary,
        calibration=calibration,
        copula=copula,
        combination=combination,
        digest=content.digest,
    )


def _sized(member: Config) -> Config:
    """The configuration of a member, whose network has a size."""
    is_open = member.model.hidden_size == "auto" and member.model.start == "random"
    require(not is_open, "model.hidden_size is auto, but a trained model has a size")
    return member


def _combination(
    config: Config, weights: tuple[float, ...] | None, ridge: Ridge | None
) -> Combination | None:
    """The combination of a configuration with the weights of a file."""
    methods = (config.model.cell, *config.partners)
    if weights is None and not config.partners:
        return None
    if weights is None or len(weights) != len(methods) or abs(sum(weights) - 1) > 1e-6:
        raise ValueError(f"weights are not {len(methods)} that add up to 1")
    is_median, of_counts = config.combine == "median", distribution_of(config)
    return Combination(methods, weights, is_median, ridge, lowest(config), of_counts)


def _covariates(config: DataConfig, content: Content) -> FittedCovariates:
    """The covariates of the configuration with what was fitted for each."""

    def of(role: Role) -> tuple[FittedCovariate, ...]:
        options: tuple[Covariate, ...] = getattr(config, role)
        return tuple(
            FittedCovariate(option, location, scale, categories)
            for option, (_, location, scale, categories) in zip(
                options, content.covariates[role], strict=True
            )
        )

    days = content.days
    return FittedCovariates(of("past"), of("future"), of("static"), config.calendar, days)


def _require_arrays(arrays: Mapping[str, np.ndarray], content: Content, config: Config) -> None:
    """Check the shapes of the arrays against the content."""
    series, rows, targets = len(content.ids), len(arrays["tail.values"]), len(config.data.targets)
    shapes: dict[str, tuple[int, ...]] = {
        "tail.values": (rows, len(content.columns)),
        "tail.offsets": (series + 1,),
        "tail.starts": (series,),
        "tail.static": (series, len(content.static_columns)),
        "tail.lines": (rows,),
        "constants": (len(content.fitted_ids), targets),
    }
    if content.calibration is not None:
        levels = len(content.calibration.levels)
        shapes["calibration.radii"] = (levels, config.window.horizon, targets)
        shapes["calibration.sizes"] = (len(content.fitted_ids), targets)
    if content.trajectories is not None:
        window = (config.window.horizon, targets)
        require_copula(arrays, content.trajectories, len(content.fitted_ids), window)
    if RIDGE in config.partners:
        lags = min(len(arrays["ridge.weights"]), MOST_LAGS)
        shapes["ridge.weights"] = (lags, config.window.horizon)
    require_arrays(arrays, shapes)
    if RIDGE in config.partners:
        require(np.isfinite(arrays["ridge.weights"]).all(), "ridge.weights are not all numbers")


def _require_sound(config: Config, pipeline: Pipeline, tail: Panel, num_models: int) -> None:
    """Check that the numbers fit together, before the networks and anything large are built.

    Raises:
        ValueError: naming the first that does not.
    """
    data, window, ids = config.data, config.widest, pipeline.ids
    named = [column.name for column in (*data.past, *data.future)]
    require(tail.columns == (*data.targets, *named), "columns are not those of the configuration")
    static = tuple(column.name for column in data.static)
    require(tail.static_columns == static, "static_columns are not those of the configuration")
    require(len(set(ids)) == len(ids), "fitted_ids appear twice")
    require(num_models == config.training.members, "num_models is not training.ensemble")
    chain, covariates = pipeline.chain, pipeline.covariates
    require_states(chain.options, chain.states, len(ids), len(data.targets))
    require_covariates((*covariates.past, *covariates.future, *covariates.static))
    require_days(covariates.days, tail.axis, tuple(filter(None, (data.holidays, data.terms))))
    read = window.reach + chain.rows_lost + window.horizon
    require(not np.isinf(pipeline.constants).any(), "constants are infinite")
    require_tail(tail, read)
    require_classes(pipeline.labels, data.labels, tail)
    require_axis(tail.axis, tail.starts, int(tail.lengths.max()) + window.horizon)


@np.errstate(all="ignore")  # what is not finite is refused
def _try_out(trained: TrainedModel) -> None:
    """Take one series to the model's scale and back: what fails is the file's fault, not ours."""
    assert len(trained.tail.id_values) == trained.tail.num_series
    first = trained.tail.select(np.array([0]))
    pipeline = trained.pipeline.with_series_of(first)
    filled, width = pipeline.filled(first, first.offsets), first.num_targets
    inputs, *_ = pipeline.tensors(first, filled)
    if pipeline.labels:
        return
    scaled = inputs[None, -1:, :width, None].numpy()
    pipeline.invert(scaled, first, filled[:, :width], np.array([len(filled) - 1]))
