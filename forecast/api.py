"""The functions for Python users: a configuration and DataFrames in, a model out."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast import experiment
from forecast.config import Config, config_from, read_config
from forecast.runs import new_run
from forecast.trained import TrainedModel

if TYPE_CHECKING:
    import pandas as pd

AnyConfig = Config | Mapping[str, Any] | str | Path


def train(
    config: AnyConfig,
    data: pd.DataFrame | None = None,
    run: Path | str | None = None,
    force: bool = False,
) -> TrainedModel:
    """Train a model and score it on the test part.

    Args:
        config: a path, nested mappings, or a `Config`.
        data: a DataFrame in place of the file at `data.path`.
        run: folder to write to, as `forecast train` does; None writes nothing. Its `log.txt` gets
            what the logger "forecast" lets through: warnings, unless its level is set to INFO.
        force: replace what is in the folder.

    Returns:
        The model; `.summary` holds the scores, `.forecast()` the next steps, `.save(path)` a file.

    Raises:
        ForecastError: one line with place, value and remedy.
    """
    config = _config(config, data)
    if run is None:
        return _result(experiment.train(config, data))
    folder = new_run(Path(run), force)
    try:
        return _result(experiment.train(config, data, folder))
    finally:
        folder.remove_if_empty()


def lr_find(config: AnyConfig, data: pd.DataFrame | None = None) -> experiment.LrFound:
    """Run the learning-rate range test; nothing is trained for keeps.

    Args:
        config: a path, nested mappings, or a `Config`.
        data: a DataFrame in place of the file at `data.path`.

    Returns:
        The curves, and the rate of each rule (None where the curve is flat).
    """
    return experiment.lr_find(_config(config, data), data)


def _result(steps: Generator[Any, None, TrainedModel]) -> TrainedModel:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            trained: TrainedModel = stop.value
            return trained


def _config(config: AnyConfig, data: pd.DataFrame | None) -> Config:
    if isinstance(config, Config):
        return config
    if isinstance(config, str | Path):
        return read_config(config)
    section = config.get("data", {})
    if data is not None and isinstance(section, Mapping):
        config = {**config, "data": {"path": "data", **section}}
    return config_from(config)
