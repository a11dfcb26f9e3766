"""Time-series forecasting with stacked LSTMs: `quick`, `propose`, `train`, `lr_find`, `tune`,
`backtest`, `report`, `load`.

The legend, which holds in every file. Axes, one letter each, in shapes such as (B, L, C):

    S  series                                H  horizon: steps that are forecast
    N  rows of all series, end to end        C  channels in: targets, then covariates
    W  all windows of a part                 K  targets
    B  some windows: a batch                 Q  quantiles
    L  lookback: steps that the model sees   I  intervals, one a level; in models/, inputs
    T  steps inside the network              O  outputs of a layer
    M  segments of the lookback or horizon   F, D  future-known and static columns

Words:

    panel      one or more series with the same columns, end to end in one table
    position   whole number of a row's time on the panel's time axis
    origin     the last known row of a window
    part       train, validation or test; a window belongs to the part that holds all its targets
    target     a column to forecast; a covariate (past, future-known or static) helps
    segment    consecutive steps that are fed to the network as one input
    quantile   from 0 to 1; the levels of intervals are in percent
    scale      the model's scale is what the transforms make of the user's units
    member     one of the models of an ensemble; their median (mean, if they differ) is forecast
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

TYPE_CHECKING = False
"""Not from typing: `python -m forecast` would take the typing.py of the working folder."""

if TYPE_CHECKING:
    from forecast.api import backtest, lr_find, propose, quick, report, train, tune
    from forecast.backtesting.tables import Backtest
    from forecast.config.tree import Config, read_config
    from forecast.errors import ConfigError, DataError, DeviceError, ForecastError
    from forecast.forecasting.model_file import load
    from forecast.forecasting.trained import TrainedModel
    from forecast.zero_shot.result import QuickForecast

__all__ = [
    "Backtest",
    "Config",
    "ConfigError",
    "DataError",
    "DeviceError",
    "ForecastError",
    "QuickForecast",
    "TrainedModel",
    "backtest",
    "load",
    "lr_find",
    "propose",
    "quick",
    "read_config",
    "report",
    "train",
    "tune",
]

_HOMES = {
    "train": "forecast.api",
    "tune": "forecast.api",
    "backtest": "forecast.api",
    "Backtest": "forecast.backtesting.tables",
    "lr_find": "forecast.api",
    "propose": "forecast.api",
    "quick": "forecast.api",
    "report": "forecast.api",
    "load": "forecast.forecasting.model_file",
    "QuickForecast": "forecast.zero_shot.result",
    "TrainedModel": "forecast.forecasting.trained",
    "Config": "forecast.config.tree",
    "read_config": "forecast.config.tree",
    **dict.fromkeys(
        ("ConfigError", "DataError", "DeviceError", "ForecastError"), "forecast.errors"
    ),
}


if not TYPE_CHECKING:  # a checker would take every misspelt name for one of ours

    def __getattr__(name: str) -> object:
        """Import a public name when it is first asked for: `import forecast` costs nothing."""
        if name not in _HOMES:
            raise AttributeError(f"module 'forecast' has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
