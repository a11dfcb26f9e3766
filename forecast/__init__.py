"""Time-series forecasting with stacked LSTMs: `train`, `lr_find`, `backtest`, `load`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forecast.api import backtest, lr_find, report, train
    from forecast.backtesting.tables import Backtest
    from forecast.config.tree import Config, read_config
    from forecast.errors import ConfigError, DataError, DeviceError, ForecastError
    from forecast.forecasting.model_file import load
    from forecast.forecasting.trained import TrainedModel

__all__ = [
    "Backtest",
    "Config",
    "ConfigError",
    "DataError",
    "DeviceError",
    "ForecastError",
    "TrainedModel",
    "backtest",
    "load",
    "lr_find",
    "read_config",
    "report",
    "train",
]

_HOMES = {
    "train": "forecast.api",
    "backtest": "forecast.api",
    "Backtest": "forecast.backtesting.tables",
    "lr_find": "forecast.api",
    "report": "forecast.api",
    "load": "forecast.forecasting.model_file",
    "TrainedModel": "forecast.forecasting.trained",
    "Config": "forecast.config.tree",
    "read_config": "forecast.config.tree",
    **dict.fromkeys(
        ("ConfigError", "DataError", "DeviceError", "ForecastError"), "forecast.errors"
    ),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: `import forecast` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'forecast' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
