"""The file of a trained model: written whole, and checked when it is read."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from forecast.errors import DataError, as_path
from forecast.forecasting.file_content import content_of, tensors_of, typed
from forecast.forecasting.restored import restored
from forecast.forecasting.trained import TrainedModel
from forecast.given import plain_arguments_checked
from forecast.runs.checkpoint import load_checkpoint, save_checkpoint
from forecast.runs.folder import CONFIG_FILE, MODEL_FILE
from forecast.runs.host import own_state
from forecast.training.device import choose_device


def save(trained: TrainedModel, path: Path) -> None:
    """Write a trained model, whole or not at all."""
    save_checkpoint(path, "model", tensors_of(trained), asdict(content_of(trained)))


@plain_arguments_checked
@own_state()
def load(run: Path | str, device: torch.device | str = "cpu") -> TrainedModel:
    """Load a trained model.

    Args:
        run: a run folder, or the model file in it.
        device: where its models go: cpu, cuda, cuda:0, mps or auto.

    Raises:
        DataError: if there is no model, or its file is damaged or newer than this program.
        ConfigError: for a name that no device has.
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
        trained = restored(tensors, typed(content))
        _try_out(trained)
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: not a model of this program: {reason}") from None
    return trained.to(chosen)


def model_path(run: Path | str) -> Path:
    """The model file of a run, or the file itself that is given."""
    path = as_path(run)
    return path / MODEL_FILE if path.is_dir() or not (path.suffix or path.is_file()) else path


@np.errstate(all="ignore")  # what is not finite is refused
def _try_out(trained: TrainedModel) -> None:
    """Take one series to the model's scale and back: what fails is the file's fault, not ours."""
    first = trained.tail.select(np.array([0]))
    pipeline = trained.pipeline.with_series_of(first)
    filled, width = pipeline.filled(first, first.offsets), first.num_targets
    inputs, *_ = pipeline.tensors(first, filled)
    if pipeline.labels:
        return
    scaled = inputs[None, -1:, :width, None].numpy()
    pipeline.invert(scaled, first, filled[:, :width], np.array([len(filled) - 1]))
