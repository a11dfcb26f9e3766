"""A trained model out of the tensors and the content of its file, as far as they fit together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from forecast.config.count_rules import distribution_of, lowest
from forecast.config.covariates import Covariate
from forecast.config.data import DataConfig
from forecast.config.tree import Config, config_from
from forecast.data.chain import FittedChain
from forecast.data.covariates import FittedCovariate, FittedCovariates
from forecast.data.labels import FittedLabels
from forecast.data.panel import Panel
from forecast.data.pipeline import Pipeline
from forecast.evaluation.conformal import Calibration
from forecast.evaluation.copula import Copula
from forecast.forecasting.file_content import Content, Role
from forecast.forecasting.kept_ahead import with_ahead
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
from forecast.models.forecaster import Model
from forecast.partners.combination import Combination
from forecast.partners.ridge import MOST_LAGS, Ridge
from forecast.partners.weights import RIDGE
from forecast.runs.checkpoint import with_prefix
from forecast.times.axis import TimeAxis

Arrays = Mapping[str, np.ndarray]
"""Tensors of a file by name, but for the weights of networks."""


def restored(tensors: Mapping[str, torch.Tensor], content: Content) -> TrainedModel:
    """The model that a file describes.

    Args:
        tensors: by name, as `tensors_of` gives them.
        content: all that is beside them.

    Raises:
        LookupError, TypeError, ValueError, ArithmeticError, RuntimeError: where they do not fit.
    """
    config = config_from(content.config)
    arrays = {
        name: tensor.numpy() for name, tensor in tensors.items() if not name.startswith("model.")
    }
    _require_arrays(arrays, content, config)
    pipeline, tail = _pipeline(config, arrays, content), _tail(config, arrays, content)
    _require_sound(config, pipeline, tail, content.num_models)
    future = tuple(column.name for column in config.data.future)
    return TrainedModel(
        config=config,
        pipeline=pipeline,
        models=_models(config, pipeline, tensors, content.num_models),
        tail=with_ahead(tail, arrays, content.ahead_ids, future, config.window.horizon),
        summary=content.summary,
        calibration=_calibration(arrays, content),
        copula=None if content.trajectories is None else Copula(arrays["copula.ranks"]),
        combination=_combination(config, arrays, content.weights),
        digest=content.digest,
    )


def _pipeline(config: Config, arrays: Arrays, content: Content) -> Pipeline:
    """The way from the user's units to the network's scale, with what was fitted."""
    states = tuple(arrays[f"chain.{number}"] for number in range(len(config.transforms)))
    return Pipeline(
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


def _tail(config: Config, arrays: Arrays, content: Content) -> Panel:
    """The end of the training table, without what it knew ahead."""
    return Panel(
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


def _models(
    config: Config, pipeline: Pipeline, tensors: Mapping[str, torch.Tensor], count: int
) -> tuple[Model, ...]:
    """The network of each member, with its weights."""
    members = [_sized(config.member(number)) for number in range(count)]
    return tuple(
        restored_model(member, pipeline, with_prefix(tensors, f"model.{number}."))
        for number, member in enumerate(members)
    )


def _calibration(arrays: Arrays, content: Content) -> Calibration | None:
    """The widths of the intervals; None where the model has none of its own."""
    known = content.calibration
    if known is None:
        return None
    radii, sizes = arrays["calibration.radii"], arrays["calibration.sizes"]
    found = Calibration(known.levels, radii, sizes, known.count)
    require_calibration(found)
    return found


def _sized(member: Config) -> Config:
    """The configuration of a member, whose network has a size."""
    is_open = member.model.hidden_size == "auto" and member.model.start == "random"
    require(not is_open, "model.hidden_size is auto, but a trained model has a size")
    return member


def _combination(
    config: Config, arrays: Arrays, weights: tuple[tuple[float, ...], ...] | None
) -> Combination | None:
    """The combination of a configuration with the weights of a file."""
    methods = (config.model.cell, *config.partners)
    if weights is None and not config.partners:
        return None

    def adds_up(shares: tuple[float, ...]) -> bool:
        return len(shares) == len(methods) and abs(sum(shares) - 1) <= 1e-6

    targets = len(config.data.targets)
    if weights is None or len(weights) != targets or not all(map(adds_up, weights)):
        raise ValueError(f"weights are not {len(methods)} for each target that add up to 1")
    ridge = Ridge(arrays["ridge.weights"]) if RIDGE in config.partners else None
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


def _require_arrays(arrays: Arrays, content: Content, config: Config) -> None:
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
    named_by = len(data.ids) if tail.has_ids else 0
    is_named = len(tail.id_values) == named_by and (tail.has_ids or tail.num_series == 1)
    require(is_named, "ids are not those of the configuration")
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
