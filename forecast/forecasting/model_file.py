"""The file of a trained model: tensors and JSON, checked when they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from forecast.config.data import Covariate, DataConfig
from forecast.config.tree import config_from
from forecast.data.chain import FittedChain
from forecast.data.covariates import FittedCovariate, FittedCovariates
from forecast.data.panel import Panel
from forecast.data.pipeline import Pipeline
from forecast.data.times import TimeAxis
from forecast.errors import DataError
from forecast.evaluation.conformal import Calibration
from forecast.forecasting.content import require_shapes, typed
from forecast.forecasting.predict import (
    restored_model,
)
from forecast.forecasting.trained import TrainedModel
from forecast.runs.checkpoint import load_checkpoint, save_checkpoint, with_prefix
from forecast.runs.folder import MODEL_FILE
from forecast.training.device import choose_device


def save(trained: TrainedModel, path: Path) -> None:
    """Write a trained model, whole or not at all."""
    save_checkpoint(path, "model", _tensors(trained), _content(trained))


def load(run: Path | str, device: torch.device | str = "cpu") -> TrainedModel:
    """Load a trained model from its run folder or its file, onto a device.

    Raises:
        DataError: if there is none, or it is damaged or newer than this program.
    """
    path = Path(run)
    path = path / MODEL_FILE if path.is_dir() or not (path.suffix or path.is_file()) else path
    if path.name == MODEL_FILE and not path.exists():
        _refuse_unfinished(path.parent)
    chosen = choose_device(str(device))
    tensors, content = load_checkpoint(path, "model")
    try:
        trained = _from_checkpoint(tensors, content)
        _try_out(trained)
    except (KeyError, TypeError, IndexError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: not a model of this program: {reason}") from None
    return trained.to(chosen)


def _try_out(trained: TrainedModel) -> None:
    """Take one series there and back; what does not fit together is the file's fault, not ours."""
    first = trained.tail.select(np.array([0]))
    pipeline = trained.pipeline.with_series_of(first)
    filled, width = pipeline.filled(first, first.offsets), first.num_targets
    inputs, *_ = pipeline.tensors(first, filled)
    scaled = inputs[None, -1:, :width, None].numpy()
    pipeline.invert(scaled, first, filled[:, :width], np.array([len(filled) - 1]))
    first.axis.column(first.starts)


def _refuse_unfinished(run: Path) -> None:
    if (run / "config.yaml").is_file():
        raise DataError(f"{run}: the run is not finished; go on with forecast train --resume {run}")


def _tensors(trained: TrainedModel) -> dict[str, torch.Tensor]:
    tensors = {
        f"model.{number}.{name}": weight
        for number, model in enumerate(trained.models)
        for name, weight in model.state_dict().items()
    }
    for number, state in enumerate(trained.pipeline.chain.states):
        tensors[f"chain.{number}"] = torch.from_numpy(state)
    tail = trained.tail
    for name in ("values", "offsets", "starts", "static", "lines"):
        tensors[f"tail.{name}"] = torch.from_numpy(getattr(tail, name))
    calibration = trained.calibration
    if calibration is not None:
        tensors["calibration.radii"] = torch.from_numpy(calibration.radii)
        tensors["calibration.sizes"] = torch.from_numpy(calibration.sizes)
    return tensors


def _content(trained: TrainedModel) -> dict[str, Any]:
    tail, covariates = trained.tail, trained.pipeline.covariates
    return {
        "config": trained.config.model_dump(mode="json"),
        "axis": [tail.axis.origin, tail.axis.frequency, tail.axis.timezone],
        "ids": list(tail.ids),
        "fitted_ids": list(trained.pipeline.ids),
        "columns": list(tail.columns),
        "static_columns": list(tail.static_columns),
        "levels": {name: list(own) for name, own in tail.categories.items()},
        "has_ids": tail.has_ids,
        "covariates": {
            role: [
                [c.option.model_dump(mode="json"), c.location, c.scale, list(c.categories)]
                for c in getattr(covariates, role)
            ]
            for role in ("past", "future", "static")
        },
        "calibration": None
        if trained.calibration is None
        else {"levels": trained.calibration.levels, "count": trained.calibration.count},
        "num_models": len(trained.models),
        "summary": trained.summary,
    }


def _from_checkpoint(tensors: dict[str, torch.Tensor], content: dict[str, Any]) -> TrainedModel:
    content = typed(content)
    config = config_from(content["config"])
    if config.model.hidden_size == "auto":
        raise ValueError("model.hidden_size is auto, but a trained model has a size")
    require_shapes(tensors, content, config.window.horizon, len(config.data.target))
    pipeline = Pipeline(
        chain=FittedChain(
            config.transforms,
            tuple(tensors[f"chain.{n}"].numpy() for n in range(len(config.transforms))),
        ),
        covariates=_covariates(config.data, content["covariates"]),
        missing=config.data.missing,
        ids=tuple(content["fitted_ids"]),
        targets=config.data.target,
    )
    tail = Panel(
        values=tensors["tail.values"].numpy(),
        offsets=tensors["tail.offsets"].numpy(),
        ids=tuple(content["ids"]),
        starts=tensors["tail.starts"].numpy(),
        axis=TimeAxis(*content["axis"]),
        columns=tuple(content["columns"]),
        num_targets=len(config.data.target),
        static=tensors["tail.static"].numpy(),
        static_columns=tuple(content["static_columns"]),
        categories={name: tuple(own) for name, own in content["levels"].items()},
        lines=tensors["tail.lines"].numpy(),
        source="the checkpoint",
        has_ids=content["has_ids"],
    )
    models = tuple(
        restored_model(config, pipeline, with_prefix(tensors, f"model.{number}."))
        for number in range(content["num_models"])
    )
    calibration = _calibration(tensors, content["calibration"])
    return TrainedModel(config, pipeline, models, tail, content["summary"], calibration)


def _calibration(
    tensors: dict[str, torch.Tensor], content: dict[str, Any] | None
) -> Calibration | None:
    if content is None:
        return None
    return Calibration(
        levels=tuple(content["levels"]),
        radii=tensors["calibration.radii"].numpy(),
        sizes=tensors["calibration.sizes"].numpy(),
        count=content["count"],
    )


def _covariates(config: DataConfig, content: dict[str, Any]) -> FittedCovariates:
    def of(role: str) -> tuple[FittedCovariate, ...]:
        options: tuple[Covariate, ...] = getattr(config, role)
        return tuple(
            FittedCovariate(option, location, scale, tuple(categories))
            for option, (_, location, scale, categories) in zip(options, content[role], strict=True)
        )

    return FittedCovariates(of("past"), of("future"), of("static"), config.calendar)
