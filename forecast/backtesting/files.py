"""What a backtest reads and writes: the configuration or run that it tests, and its folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from forecast.backtesting.tables import Backtest
from forecast.config.tree import Config, config_from, read_config
from forecast.errors import ConfigError
from forecast.forecasting.model_file import load
from forecast.forecasting.trained import TrainedModel
from forecast.refit import REFIT
from forecast.runs.folder import SUMMARY_FILE, RunFolder
from forecast.tables.csv_text import to_csv
from forecast.tables.write import for_spreadsheets
from forecast.training.device import choose_device

log = logging.getLogger("forecast")

FORECASTS_FILE = "backtest.csv"
BACKTEST_FILES = (FORECASTS_FILE, "scores.csv", "backtest.png", SUMMARY_FILE)


def open_source(
    path: str | Path,
    overrides: Sequence[str] = (),
    refit: bool = False,
    device: str | None = None,
    table: str | None = None,
) -> tuple[Config, TrainedModel | None]:
    """The configuration to train, or that of a finished run with its model.

    Args:
        path: a configuration, a run folder, or its model file.
        overrides: `section.key=value`, for what is to be trained.
        refit: a run is trained anew, so its model is not wanted; nor is one that was trained again
            on all rows, for it has learned from those that would test it.
        device: where to train or forecast; None: as configured, or the CPU for a finished run.
        table: file of the data; None: as configured.

    Raises:
        ConfigError: for a configuration that is not allowed, or overrides of a finished run.
        DataError: if a run holds no model, or a damaged one.
        DeviceError: if the device is not there.
    """
    path, words = Path(path), [*overrides, *([f"device={device}"] if device else [])]
    if table is not None:
        words.append(f"data.path={json.dumps(table)}")
    if not path.is_dir() and path.suffix != ".safetensors":
        return read_config(path, words), None
    trained = load(path, choose_device(device or "cpu"))
    if REFIT in trained.summary and not refit:
        log.info("%s was trained on all rows: it is trained anew, to be tested", path)
    if refit or REFIT in trained.summary:
        return config_from(trained.config.model_dump(mode="json"), words), None
    other = [word for word in overrides if word.partition("=")[0].strip() != "data.path"]
    if other:
        raise ConfigError(
            f"{path}: a finished run is tested as it is; leave {other[0]} out, or add --refit"
        )
    return config_from(trained.config.model_dump(mode="json"), words), trained


def write_backtest(result: Backtest, folder: RunFolder, safe: bool) -> None:
    """The files of `BACKTEST_FILES`; the summary last, for it says that the others are there.

    Args:
        result, folder: what to write where.
        safe: guard texts against spreadsheets, see `for_spreadsheets`.
    """
    from forecast.drawing import plots

    folder.path.mkdir(parents=True, exist_ok=True)
    for name, table in ((FORECASTS_FILE, result.forecasts), ("scores.csv", result.scores)):
        folder.write(name, to_csv(for_spreadsheets(table) if safe else table))
    folder.write("backtest.png", plots.png(result.plot()))
    folder.write_json(SUMMARY_FILE, result.summary)
