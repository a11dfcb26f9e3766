"""A training that begins with the weights of a run: whether these fit, and know no test row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from forecast.config.model import ModelConfig
from forecast.config.tree import Config
from forecast.data.panel import Panel
from forecast.data.pipeline import Pipeline
from forecast.data.split import Split
from forecast.errors import ConfigError, listed, shown
from forecast.forecasting.trained import TrainedModel

UNTIL = "trained_until"
"""Key of a summary: the time of the last row that weights were learned from."""
MAY_DIFFER = ("dropout", "init")
"""Options of a network that is the same network nevertheless."""
Weights = Mapping[str, torch.Tensor]


def sized_like(config: ModelConfig, start: TrainedModel, member: int) -> ModelConfig:
    """The network with the units of a run's, where they are left to us.

    Args:
        config: the network.
        start: the run.
        member: number of the network among all; they begin with those of the run in turn.
    """
    if config.hidden_size != "auto":
        return config
    other = start.config.member(member % len(start.models)).model
    return config.model_copy(update={"hidden_size": other.hidden_size})


def first_weights(
    start: TrainedModel, config: Config, pipeline: Pipeline, panel: Panel, parts: Split
) -> tuple[Weights, ...]:
    """The weights of a run's models, for a training to begin with.

    Args:
        start: the run.
        config: of the training, its sizes resolved.
        pipeline: of the training, fitted on its own rows.
        panel, parts: its rows, and which of them are to judge it.

    Raises:
        ConfigError: if the networks see or are other things, or if the run has learned from rows
            by which the training is to be judged.
    """
    place = f"training.start_from: {config.training.start_from}"
    members = config.listed or (config,) * max(1, len(start.config.listed))
    for number, member in enumerate(members):
        other = start.config.member(number % len(start.models))
        _require_alike(place, _facts(member, pipeline), _facts(other, start.pipeline))
    _refuse_known_rows(place, str(start.summary.get(UNTIL)), panel, parts)
    return tuple(model.state_dict() for model in start.models)


def _require_alike(place: str, ours: Mapping[str, object], theirs: Mapping[str, object]) -> None:
    for key, wanted in ours.items():
        if wanted != theirs[key]:
            raise ConfigError(
                f"{place} has {key} {_in_words(theirs[key])}, here it is {_in_words(wanted)}; make"
                " them alike, or leave start_from out"
            )


def trained_until(panel: Panel, parts: Split) -> str:
    """The time of the last training row, for the summary of a run."""
    return panel.axis.text(int(panel.positions(parts.train[:, 1] - 1).max()))


def _facts(config: Config, pipeline: Pipeline) -> dict[str, object]:
    """What two trainings must have in common for weights to mean the same in both."""
    model: dict[str, Any] = config.model.model_dump(mode="json", exclude=set(MAY_DIFFER))
    covariates = pipeline.covariates
    return {
        **{f"model.{key}": value for key, value in model.items()},
        "window.lookback": config.window.lookback,
        "window.lags": config.window.lags,
        "window.horizon": config.window.horizon,
        "transforms": [option.key() for option in config.transforms],
        "training.loss": config.training.loss.key(),
        "quantiles": getattr(config.training.loss, "levels", None),
        "targets": pipeline.targets,
        "labels": _classes(pipeline),
        "past columns": covariates.past_names,
        "future columns": covariates.future_names,
        "static columns": covariates.static_names,
        "embeddings": covariates.embeddings(),
    }


def _classes(pipeline: Pipeline) -> tuple[str, ...]:
    """Every label of every target; none where they are numbers."""
    known = pipeline.labels.of_targets(pipeline.targets) if pipeline.labels else {}
    return tuple(f"{name} {label}" for name, labels in known.items() for label in labels)


def _in_words(value: object) -> str:
    return listed(value, 10) or "none" if isinstance(value, list | tuple) else shown(value)


def _refuse_known_rows(place: str, until: str, panel: Panel, parts: Split) -> None:
    ranges = np.concatenate([parts.validation, parts.test])
    firsts = ranges[ranges[:, 1] > ranges[:, 0], 0]
    if not len(firsts):
        return
    first = int(panel.positions(firsts).min())
    if first > panel.axis.first_at_or_after(until):
        return
    raise ConfigError(
        f"{place} was trained on rows up to {until}, and those from {panel.axis.text(first)} on are"
        " to judge it; lower split.validation and split.test, or leave start_from out"
    )
